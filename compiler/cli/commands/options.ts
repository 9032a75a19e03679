import { type AddHelpTextContext, Option } from 'commander';
import { shippedLimits } from '../../profile/limits-option.ts';
import { PROFILE_NAMES } from '../../profile/shipped.ts';
import { assignment, choice, filePath, replacement } from '../arguments.ts';

// What several commands say in the same way.

export const NAMES_WITH_LIMITS = PROFILE_NAMES.filter((name) => shippedLimits(name));

export const PROFILE_HELP = `a file, or one of ${PROFILE_NAMES.join(', ')}`;
export const CEILINGS_HELP = `of --trace: whose ceilings kernels are held against, ${PROFILE_HELP} (default: the plan's, or that of this device)`;

export function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, description).choices(choices);
  return option.argParser(choice(option.long!, choices));
}

export const setOption = (what: string): Option =>
  new Option('--set <name=value>', `${what} (repeatable)`).argParser(assignment);

export const projectOption = (): Option =>
  new Option(
    '-p, --project <tsconfig>',
    'TypeScript configuration to check the model with',
  ).argParser(filePath('--project'));

/** Whose names and layouts a file of weights may have. */
export const LAYOUT_NAMES: readonly string[] = ['btc', 'pytorch'];

export const renameOption = (): Option =>
  new Option(
    '--rename <pattern=replacement>',
    'changes names of the file before they are looked for: ^transformer\\.= (repeatable)',
  ).argParser(replacement);

/** Paragraphs below the options of a command's help, as wide as the terminal. A line break in one is none, unless spaces follow it. */
export const note =
  (...paragraphs: readonly string[]) =>
  ({ command, error }: AddHelpTextContext): string => {
    const { getOutHelpWidth, getErrHelpWidth } = command.configureOutput();
    const help = command.createHelp();
    help.prepareContext({ error, helpWidth: (error ? getErrHelpWidth : getOutHelpWidth)?.() });
    const lines = paragraphs.map((text) => text.trim().replace(/\n(?! )/g, ' '));
    return `\n${lines.map((text) => help.boxWrap(text, help.helpWidth ?? 80)).join('\n')}`;
  };
