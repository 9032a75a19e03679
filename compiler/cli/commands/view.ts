import type { Command } from 'commander';
import { filePath, text } from '../arguments.ts';
import type { ViewCommandOptions } from '../view.ts';
import { note } from './options.ts';

export function declareView(program: Command): void {
  program
    .command('view')
    .description(
      'write a page that shows what a plan does with memory and time: one file, for any browser',
    )
    .argument('<plan>', 'a .plan.json file')
    .argument('[others...]', 'plans to compare it with, as those of other budgets')
    .option(
      '-o, --output <file>',
      'default: the name of the plan, with .html',
      filePath('--output'),
    )
    .option(
      '--trace <file>',
      'a file of btc run --trace: measured times of the first plan beside the predicted ones',
      text('--trace', 'a file'),
    )
    .option('--no-source', 'leave the text of the model out of the page')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (plan: string, others: readonly string[], options: ViewCommandOptions) => {
      const { viewCommand } = await import('../view.ts');
      process.exitCode = await viewCommand([plan, ...others], options);
    });
}
