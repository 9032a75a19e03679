import type { Command } from 'commander';
import type { VerifyCommandOptions } from '../verify.ts';
import { note } from './options.ts';

const PROVED = [
  `Parses the text of every kernel, checks its addresses against its bindings, regenerates its code and compares the two. Plans
are verified by the version of the compiler that wrote them: another one may generate other code.`,
  `Exit code: 0 all is proved; 1 something is not.`,
];

export function declareVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'prove that the code of a plan does what the plan says, touches nothing else, and ends',
    )
    .argument('<plan>', 'a .plan.json file')
    .option('--module <file>', 'the WebAssembly module (default: beside the plan)')
    .option('--json', 'findings as JSON')
    .addHelpText('after', note(...PROVED))
    .action(async (plan: string, options: VerifyCommandOptions) => {
      const { verifyCommand } = await import('../verify.ts');
      process.exitCode = await verifyCommand(plan, options);
    });
}
