import type { Command } from 'commander';
import { FORM_NAMES } from '../../factorised/form-names.ts';
import {
  byteSize,
  count,
  counts,
  filePath,
  integer,
  positive,
  rankLists,
  seed,
  text,
} from '../arguments.ts';
import type { DecomposeCommandOptions } from '../decompose.ts';
import { note, oneOf } from './options.ts';

const SIZES_OF_FORMS = [
  `The size is decided by one of --rank, --ranks, --parameters, --bytes and --error. --ranks takes what the form's function in a
model takes: one per bond (tensor-train, tensor-ring), one per mode (block-term; one list per block as in "4,4;2,2"), those of
the input modes and then of the output modes (tucker). Modes that are not given are chosen.`,
  `Exit code: 0 all is well; 1 errors, nothing was written.`,
];

export function declareDecompose(program: Command): void {
  program
    .command('decompose')
    .description('replace the trained matrix of a layer by the cores of a factorised one')
    .argument('<weights>', 'a .safetensors file: parameters or a checkpoint')
    .requiredOption(
      '--layer <name>',
      'the layer, encoder, or its matrix, encoder.weight',
      text('--layer', 'the name of a layer'),
    )
    .addOption(oneOf('--to <form>', 'form of the factorisation', FORM_NAMES).makeOptionMandatory())
    .option('--inputModes <modes>', 'multiply to the rows: 8,20,20,18', counts('--inputModes'))
    .option(
      '--outputModes <modes>',
      'multiply to the columns of one gate: 4,4,4,4',
      counts('--outputModes'),
    )
    .option('--rank <rank>', 'of all places of the form', count('--rank'))
    .option('--ranks <ranks>', 'one per place', rankLists('--ranks'))
    .option('--blocks <count>', 'of block-term (default: 2)', count('--blocks'))
    .option('--split', 'cp: a factor for each mode on its own')
    .option(
      '--parameters <count>',
      'the largest rank with at most so many numbers',
      count('--parameters'),
    )
    .option('--bytes <bytes>', 'the largest rank whose numbers take at most this: 64KiB', byteSize)
    .option(
      '--error <error>',
      'the smallest rank with at most this relative error: 0.05',
      positive('--error'),
    )
    .option(
      '--gates <count>',
      'side by side in the matrix (default: as hiddenWeight has)',
      count('--gates'),
    )
    .option(
      '--sweeps <count>',
      'most sweeps of iterative methods (default: 200)',
      count('--sweeps'),
    )
    .option(
      '--starts <count>',
      'random starts of alternating least squares (default: 2)',
      integer('--starts', 'an integer from 0 on', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('--seed <number>', 'of random starts (default: 0)', seed('--seed'))
    .option('-o, --output <file>', 'default: <weights>.<form>.safetensors', filePath('--output'))
    .option('--overwrite', 'the output may be the file itself')
    .option('--json', 'figures as JSON')
    .addHelpText('after', note(...SIZES_OF_FORMS))
    .action(async (file: string, options: DecomposeCommandOptions) => {
      const { decomposeCommand } = await import('../decompose.ts');
      process.exitCode = await decomposeCommand(file, options);
    });
}
