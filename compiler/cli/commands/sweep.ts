import type { Command } from 'commander';
import { TARGET_NAMES } from '../../../ir/targets.ts';
import { count } from '../arguments.ts';
import type { SweepCommandOptions } from '../sweep.ts';
import { note, oneOf } from './options.ts';

/** Options of `build` that say where plans go, which targets they are for, or what the one budget is. */
const NOT_SWEPT = new Set([
  ...['--outDir', '--target', '--budget', '--noEmit', '--watch', '--print-after', '--timings'],
]);

export function declareSweep(program: Command): void {
  const sweep = program
    .command('sweep')
    .description(
      'plan a model for budgets from the smallest feasible one to none: predicted time, and what is recomputed and swapped',
    )
    .argument('<file>', 'a model file, with a default export made by defineModel')
    .addOption(oneOf('--target <target>', 'what to plan for', TARGET_NAMES).default('webgpu'))
    .option(
      '--points <count>',
      'how many budgets',
      count('--points', 'an integer from 1 to 1000', 1000),
    )
    .option('--json', 'figures as JSON')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (file: string, options: SweepCommandOptions) => {
      const { sweepCommand } = await import('../sweep.ts');
      process.exitCode = await sweepCommand(file, options);
    });
  for (const option of program.commands.find((command) => command.name() === 'build')!.options)
    if (!NOT_SWEPT.has(option.long!)) sweep.addOption(option);
}
