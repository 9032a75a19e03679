import type { Command, CommanderError } from 'commander';
import { type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import { didYouMean } from '../nearest.ts';

/** A diagnostic on its way to who prints it. */
export class ReportedError extends Error {
  readonly problem: Diagnostic;

  constructor(problem: Diagnostic) {
    super(problem.message);
    this.problem = problem;
  }
}

/** A mistake in how the command was called. */
export class UsageError extends ReportedError {
  constructor(number: MessageNumber, args: Record<string, string>) {
    super(diagnostic(number, null, args));
  }
}

/** What a command failed with; errors of the runtime are whole sentences for people. */
export function problemOf(error: unknown): Diagnostic {
  if (error instanceof ReportedError) return error.problem;
  const reason = error instanceof Error ? error.message : String(error);
  return diagnostic(6019, null, { reason });
}

/** What commander finds wrong, as a diagnostic. */
export function usageProblem(
  { code, message }: CommanderError,
  program: readonly Command[],
): Diagnostic {
  const commands = program.map((one) => one.name());
  const text = message.replace(/^error: /, '');
  const names = [...text.matchAll(/'([^']*)'/g)].map(([, name]) => name);
  const [first = '', second = ''] = names;
  const command = commands.find((name) => name === process.argv[2]);
  const help = `btc ${command ? `${command} ` : ''}--help`;
  const meant = /\(Did you mean (?:one of )?(.*)\?\)/.exec(text)?.[1];
  const near = meant ? `; did you mean ${meant}?` : `; ${help} lists all`;
  const known: Readonly<Record<string, () => Diagnostic>> = {
    'commander.unknownOption': () =>
      wrongOutput(
        first,
        program.find((one) => one.name() === command),
      ) ?? diagnostic(6012, null, { option: first, near }),
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

/** How commands name what they write: the option, by what it may be mistaken for. */
const OUTPUTS = [
  {
    has: '--outDir',
    given: ['-o', '--output'],
    what: 'several files',
    instead: 'their folder with --outDir',
  },
  { has: '--output', given: ['--outDir'], what: 'one file', instead: 'it with -o' },
] as const;

/** BTC6092 for -o where files go into a folder, and for --outDir where there is one file. */
function wrongOutput(option: string, command: Command | undefined): Diagnostic | null {
  const long = command?.options.map((one) => one.long) ?? [];
  const wrong = OUTPUTS.find(
    ({ has, given }) => long.includes(has) && given.some((one) => one === option),
  );
  if (!command || !wrong) return null;
  const { what, instead } = wrong;
  return diagnostic(6092, null, { option, command: command.name(), what, instead });
}
