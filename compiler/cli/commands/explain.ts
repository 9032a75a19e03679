import type { Command } from 'commander';
import type { ExplainCommandOptions } from '../explain.ts';
import { note } from './options.ts';

const NUMBERS_HELP = [
  `Takes BTC2003 and 2003 alike. Without a number it lists all messages.`,
  `Exit code: 0 all are known; 1 one of them is not.`,
];

export function declareExplain(program: Command): void {
  program
    .command('explain')
    .description('say what a message means, with a wrong and a right example')
    .argument('[codes...]', 'numbers of messages: BTC2003, or 2003')
    .option('--json', 'the pages as JSON')
    .addHelpText('after', note(...NUMBERS_HELP))
    .action(async (codes: string[], options: ExplainCommandOptions) => {
      const { explainCommand } = await import('../explain.ts');
      process.exitCode = explainCommand(codes, options);
    });
}
