import type { Command } from 'commander';
import { Option } from 'commander';
import { filePath, text } from '../arguments.ts';
import type { InspectCommandOptions } from '../inspect.ts';
import { CEILINGS_HELP, note, PROFILE_HELP } from './options.ts';

export function declareInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what a plan does with memory and time')
    .argument('<plan>', 'a .plan.json file')
    .option('--all', 'all kernels and tensors, not only the largest')
    .option(
      '--kernels',
      'the kernels of each program by time: how their code is made, and rates; measured ones with --trace',
    )
    .option(
      '--why <tensor>',
      'what becomes of one tensor, by which rule, what that costs and saves',
    )
    .option('--json', 'all of it as JSON')
    .option(
      '--trace <file>',
      'a file of btc run --trace: measured times of the kernels beside the predicted ones; one that is not there is written as by --timeline',
      filePath('--trace'),
    )
    .option(
      '--timeline <file>',
      'write the plan by predicted times, with counters of live bytes, as a trace for Perfetto or chrome://tracing',
      filePath('--timeline'),
    )
    .option(
      '--snapshot <file>',
      "write the plan's allocations over the steps as a memory snapshot of PyTorch, for pytorch.org/memory_viz",
      filePath('--snapshot'),
    )
    .option('--profile <name>', CEILINGS_HELP, text('--profile', PROFILE_HELP))
    .addOption(
      new Option('--dot', 'the graph of steps and tensors for Graphviz').conflicts(['json', 'why']),
    )
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (plan: string, options: InspectCommandOptions) => {
      const { inspectCommand } = await import('../inspect.ts');
      process.exitCode = await inspectCommand(plan, options);
    });
}
