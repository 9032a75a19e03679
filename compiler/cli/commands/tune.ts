import type { Command } from 'commander';
import { PROFILE_NAMES } from '../../profile/shipped.ts';
import { filePath, positive, text } from '../arguments.ts';
import type { TuneCommandOptions } from '../tune.ts';
import { note, PROFILE_HELP, setOption } from './options.ts';

export function declareTune(program: Command): void {
  program
    .command('tune')
    .description(
      'measure in which way the kernels of a model are fastest on this GPU, for btc build --profile',
    )
    .argument('<model or plan>', 'a .ts model, which is built for WebGPU, or a .plan.json file')
    .option(
      '-o, --output <file>',
      'the profile that is written; where it exists, what is found is added to it',
      filePath('--output'),
      'webgpu.profile.json',
    )
    .option(
      '--profile <name>',
      `the profile to start from: ${PROFILE_NAMES.join(', ')}, or a file of btc profile (default: the output file, else the nearest)`,
      text('--profile', PROFILE_HELP),
    )
    .option(
      '--limits <limits>',
      'of a model: as in btc build',
      text('--limits', 'default, adapter, the name of a profile, or a file'),
    )
    .addOption(setOption('of a model: an option'))
    .option('--seconds <seconds>', 'for all measurements together', positive('--seconds'), 60)
    .option('--json', 'what was found as JSON')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (file: string, options: TuneCommandOptions) => {
      const { tuneCommand } = await import('../tune.ts');
      process.exitCode = await tuneCommand(file, options);
    });
}
