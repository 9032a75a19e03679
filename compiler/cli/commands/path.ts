import type { Command } from 'commander';
import { byteSize } from '../arguments.ts';
import type { PathCommandOptions } from '../path.ts';
import { note, oneOf } from './options.ts';

export function declarePath(program: Command): void {
  program
    .command('path')
    .description('find the cheapest order of pairwise contractions of an einsum, without a model')
    .argument('<equation>', 'as in: "ab,bc,cd->ad"')
    .requiredOption('--sizes <sizes>', 'extent of every letter: a=8,b=20,c=4,d=16')
    .addOption(
      oneOf(
        '--train <gradients>',
        'count the gradients in: of all operands, or of all but the first',
        ['all', 'no-input'],
      ),
    )
    .option(
      '--budget <bytes>',
      'most memory for operands, intermediates and the result: 64MiB, 1000000',
      byteSize,
    )
    .option('--json', 'figures as JSON')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (equation: string, options: PathCommandOptions) => {
      const { pathCommand } = await import('../path.ts');
      process.exitCode = pathCommand(equation, options);
    });
}
