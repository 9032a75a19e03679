import type { Command, CommanderError } from 'commander';
import { type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import { didYouMean, nearest } from '../nearest.ts';
import { calledLikeAModel } from './file-kinds.ts';
import { reasonOf } from './file-reason.ts';

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
  return diagnostic(6019, null, { reason: reasonOf(error) });
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
  const called = program.find((one) => one.name() === command);
  const help = `btc ${command ? `${command} ` : ''}--help`;
  const meant = /\(Did you mean (?:one of )?(.*)\?\)/.exec(text)?.[1];
  const near = meant ? `; did you mean ${meant}?` : `; ${help} lists all`;
  const known: Readonly<Record<string, () => Diagnostic>> = {
    'commander.unknownOption': () =>
      wrongOutput(first, called) ?? diagnostic(6012, null, { option: first, near }),
    'commander.missingArgument': () =>
      diagnostic(6013, null, { name: first, what: `${help} shows the usage` }),
    'commander.unknownCommand': () => unknownCommand(first, commands),
    'commander.excessArguments': () =>
      diagnostic(6015, null, {
        what: text
          .replace(/^[^.]*/, '')
          .replace(/^\. E/, ': e')
          .replace(/\.$/, ''),
      }),
    'commander.conflictingOption': () => diagnostic(6016, null, { option: first, other: second }),
    'commander.optionMissingArgument': () => diagnostic(6017, null, { option: first }),
    // Commander looks for these before it looks for options that there are not.
    'commander.missingMandatoryOptionValue': () =>
      unknownOption(called, help) ??
      diagnostic(6018, null, { option: first, usage: `; ${help} shows the usage` }),
  };
  return known[code]?.() ?? diagnostic(6019, null, { reason: text });
}

/** BTC6014, with the command that is nearest, or the one that takes such a file. */
export function unknownCommand(command: string, commands: readonly string[]): Diagnostic {
  const builds = calledLikeAModel(command) ? `; did you mean 'btc build ${command}'?` : '';
  const near = builds || didYouMean(command, commands) || '; btc --help lists all';
  return diagnostic(6014, null, { command, near });
}

/** BTC6012 or BTC6092 for the first option that a command has not; null where it has them all. */
function unknownOption(command: Command | undefined, help: string): Diagnostic | null {
  const [given] = command?.parseOptions(process.argv.slice(3)).unknown ?? [];
  if (!command || given === undefined) return null;
  const option = given.replace(/=.*$/s, '');
  const near = nearest(
    option,
    command.options.map(({ long }) => long ?? ''),
  );
  return (
    wrongOutput(option, command) ??
    diagnostic(6012, null, {
      option,
      near: near === null ? `; ${help} lists all` : `; did you mean ${near}?`,
    })
  );
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
