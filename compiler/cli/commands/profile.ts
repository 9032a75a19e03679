import type { Command } from 'commander';
import { TARGET_NAMES } from '../../../ir/targets.ts';
import { filePath, text } from '../arguments.ts';
import type { ProfileCommandOptions } from '../profile.ts';
import { note, oneOf } from './options.ts';

export function declareProfile(program: Command): void {
  program
    .command('profile')
    .description('measure this machine: rates that btc build --profile chooses and predicts by')
    .addOption(oneOf('--target <target>', 'what to measure', TARGET_NAMES).default('webgpu'))
    .option('-o, --output <file>', 'default: <target>.profile.json', filePath('--output'))
    .option(
      '--folder <folder>',
      'whose disk to measure (default: that of temporary files)',
      text('--folder', 'a folder'),
    )
    .option('--json', 'the profile as JSON on the terminal too')
    .addHelpText('after', note('Exit code: 0 all is well; 1 errors.'))
    .action(async (options: ProfileCommandOptions) => {
      const { profileCommand } = await import('../profile.ts');
      process.exitCode = await profileCommand(options);
    });
}
