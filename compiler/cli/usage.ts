import type { CommanderError } from 'commander';
import { type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import { didYouMean } from '../nearest.ts';

/** A mistake in how the command was called. */
export class UsageError extends Error {
  readonly problem: Diagnostic;

  constructor(number: MessageNumber, args: Record<string, string>) {
    const problem = diagnostic(number, null, args);
    super(problem.message);
    this.problem = problem;
  }
}

/** What a command failed with; errors of the runtime are whole sentences for people. */
export function problemOf(error: unknown): Diagnostic {
  if (error instanceof UsageError) return error.problem;
  const reason = error instanceof Error ? error.message : String(error);
  return diagnostic(6019, null, { reason });
}

/** What commander finds wrong, as a diagnostic. `commands` are the names that there are. */
export function usageProblem(
  { code, message }: CommanderError,
  commands: readonly string[],
): Diagnostic {
  const text = message.replace(/^error: /, '');
  const names = [...text.matchAll(/'([^']*)'/g)].map(([, name]) => name);
  const [first = '', second = ''] = names;
  const command = commands.find((name) => name === process.argv[2]);
  const help = `btc ${command ? `${command} ` : ''}--help`;
  const meant = /\(Did you mean (?:one of )?(.*)\?\)/.exec(text)?.[1];
  const near = meant ? `; did you mean ${meant}?` : `; ${help} lists all`;
  const known: Readonly<Record<string, () => Diagnostic>> = {
    'commander.unknownOption': () => diagnostic(6012, null, { option: first, near }),
    'commander.missingArgument': () =>
      diagnostic(6013, null, { name: first, what: `${help} shows the usage` }),
    'commander.unknownCommand': () =>
      diagnostic(6014, null, { command: first, near: didYouMean(first, commands) || near }),
    'commander.excessArguments': () =>
      diagnostic(6015, null, {
        what: text
          .replace(/^[^.]*/, '')
          .replace(/^\. E/, ': e')
          .replace(/\.$/, ''),
      }),
    'commander.conflictingOption': () => diagnostic(6016, null, { option: first, other: second }),
    'commander.optionMissingArgument': () => diagnostic(6017, null, { option: first }),
    'commander.missingMandatoryOptionValue': () => diagnostic(6018, null, { option: first }),
  };
  return known[code]?.() ?? diagnostic(6019, null, { reason: text });
}
