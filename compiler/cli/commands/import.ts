import { type Command, Option } from 'commander';
import { assignment, text } from '../arguments.ts';
import type { ImportCommandOptions } from '../import.ts';
import { note, oneOf } from './options.ts';

const IMPORTED = [
  `Build the model file as any other; load(plan, { parameters }) of btc-compiler/runtime takes the weights. What cannot be imported
is refused by node, operator and operator set.`,
  `Exit code: 0 all is well; 1 errors, nothing was written.`,
];

export function declareImport(program: Command): void {
  program
    .command('import')
    .description('write a model of ONNX as a model file of btc, and its weights')
    .argument('<file>', 'a .onnx file')
    .option(
      '--outDir <folder>',
      'folder of the model file and its .safetensors file, which are named after the .onnx file',
      text('--outDir', 'a folder'),
      '.',
    )
    .addOption(
      new Option('-o, --output <folder>', 'the same as --outDir')
        .argParser(text('--output', 'a folder'))
        .hideHelp(),
    )
    .option(
      '--set <name=value>',
      'default of an axis that the file leaves open; it is an option of the model (repeatable)',
      assignment,
    )
    .option(
      '--value <name=numbers>',
      'values of an input that decides shapes, separated by commas; it is no input of the model then (repeatable)',
      assignment,
    )
    .addOption(
      oneOf(
        '--train <loss>',
        "the model trains by this loss of its first output that it takes, with an input 'targets', by AdamW",
        ['crossEntropy', 'mse'],
      ),
    )
    .option('--overwrite', 'files of these names are replaced')
    .option('--json', 'figures as JSON')
    .addHelpText('after', note(...IMPORTED))
    .action(async (file: string, options: ImportCommandOptions) => {
      const { importCommand } = await import('../import.ts');
      process.exitCode = await importCommand(file, options);
    });
}
