import type { Command } from 'commander';
import type { WeightsCommandOptions } from '../weights.ts';
import { LAYOUT_NAMES, note, oneOf, renameOption, setOption } from './options.ts';

const FITTING = [
  `Of the file no more is read than its head. Nothing is run.`,
  `Exit code: 0 all is well; 1 errors, or with a plan something that is missing, does not fit or is left over.`,
];

export function declareWeights(program: Command): void {
  program
    .command('weights')
    .description('list what is in a safetensors file, and what of it fits a plan or a model')
    .argument('<file>', 'a .safetensors file, or the .index.json of several')
    .argument('[plan or model]', 'a .plan.json file, or a model file, which is compiled')
    .addOption(
      oneOf(
        '--layout <layout>',
        'whose names and layouts the file has (default: by which more fits)',
        LAYOUT_NAMES,
      ),
    )
    .addOption(renameOption())
    .addOption(setOption('of a model: an option'))
    .option('--json', 'all of it as JSON')
    .addHelpText('after', note(...FITTING))
    .action(async (file: string, plan: string | undefined, options: WeightsCommandOptions) => {
      const { weightsCommand } = await import('../weights.ts');
      process.exitCode = await weightsCommand(file, plan, options);
    });
}
