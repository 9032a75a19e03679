import type { Command } from 'commander';
import { PRECISIONS } from '../../frontend/precision.ts';
import { count, filePath, meshDevices, text } from '../arguments.ts';
import type { ExportCommandOptions } from '../export.ts';
import { EXPORT_FORMATS } from '../export-formats.ts';
import { LAYOUT_NAMES, note, oneOf, projectOption, renameOption, setOption } from './options.ts';

export function declareExport(program: Command): void {
  program
    .command('export')
    .description(
      'write a program of a model for other compilers: the training step as StableHLO, for JAX and XLA, or a prediction as ONNX',
    )
    .argument('<file>', 'a model file, with a default export made by defineModel')
    .addOption(oneOf('--format <format>', 'what is written', EXPORT_FORMATS).makeOptionMandatory())
    .option(
      '--program <name>',
      "default: of stablehlo 'train' where there is one, of onnx 'predict'",
      text('--program', 'the name of a program'),
    )
    .option(
      '--mesh <batch=devices>',
      'stablehlo: split the batch over so many devices; parameters are whole on each',
      meshDevices,
    )
    .option(
      '--weights <file>',
      'a .safetensors file of parameters or a checkpoint, or the .index.json of several files (default: initial values)',
      text('--weights', 'a file'),
    )
    .addOption(
      oneOf(
        '--layout <layout>',
        'whose names and layouts the weights have (default: btc)',
        LAYOUT_NAMES,
      ),
    )
    .addOption(renameOption())
    .option(
      '--check <runs>',
      'stablehlo: write random inputs of so many runs and what they give, from btc on WebAssembly, beside it',
      count('--check'),
    )
    .option(
      '-o, --output <file>',
      'default: <model>.<program>.mlir, with .json and .safetensors beside it, or <model>.onnx',
      filePath('--output'),
    )
    .addOption(setOption('value of an option that the model declares'))
    .addOption(
      oneOf(
        '--precision <type>',
        "what values are rounded to, instead of what the model's training says",
        PRECISIONS,
      ),
    )
    .addOption(projectOption())
    .option('--pretty', 'colours and code frames (default: on a terminal)')
    .option('--no-pretty', 'plain diagnostics')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors, nothing was written.'))
    .action(async (file: string, options: ExportCommandOptions) => {
      const { exportCommand } = await import('../export.ts');
      process.exitCode = await exportCommand(file, options);
    });
}
