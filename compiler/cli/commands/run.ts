import type { Command } from 'commander';
import { assignment, byteSize, count, filePath, seed, text } from '../arguments.ts';
import type { RunCommandOptions } from '../run.ts';
import { CEILINGS_HELP, note, PROFILE_HELP } from './options.ts';

const RANDOM_INPUTS = [
  `Inputs that are not given take their default where they have one. The others are random, the same at every step: indices are in
the range that the plan states, or as many of it as --classes says; other f32 are uniform in [-1, 1), other i32 in [0, classes),
10 where --classes is not given.`,
  `Exit code: 0 all is well; 1 errors.`,
];

export function declareRun(program: Command): void {
  program
    .command('run')
    .description('execute a program of a plan with random or given inputs and time its steps')
    .argument('<plan>', 'a .plan.json file')
    .option(
      '--program <name>',
      "default: 'train' where there is one, else the first",
      text('--program', 'the name of a program'),
    )
    .option('--steps <count>', 'how many times to run it', count('--steps'), 10)
    .option(
      '--spillDirectory <folder>',
      "where values are spilled to (default: the system's temporary files)",
      text('--spillDirectory', 'a folder'),
    )
    .option(
      '--input <name=value>',
      'a number for every element, or a .safetensors file that holds a tensor of that name (repeatable)',
      assignment,
    )
    .option(
      '--classes <count>',
      'how many values random i32 inputs are drawn from (default: those that the plan allows, or 10)',
      count('--classes', 'an integer from 1 to 2147483647', 2 ** 31 - 1),
    )
    .option('--seed <number>', 'of random inputs', seed('--seed'), 1)
    .option(
      '--max-device-bytes <bytes>',
      'refuse a plan that takes more device memory: 512MiB',
      byteSize,
    )
    .option(
      '--max-host-bytes <bytes>',
      'refuse a plan that takes more host memory and spill file together',
      byteSize,
    )
    .option(
      '--threads <count>',
      'wasm: threads that share the work (default: 1); results are the same',
      count('--threads', 'an integer from 1 to 64', 64),
    )
    .option(
      '--relaxed-simd',
      'wasm: multiply-adds that round once, where the engine has them; results depend on the engine',
    )
    .option(
      '--trace <file>',
      'time every step and copy, print the kernels by time, and write a trace for Perfetto or chrome://tracing; the first run warms up',
      filePath('--trace'),
    )
    .option(
      '--log <file>',
      'append each step to a file, as JSON on a line of its own: program, step, its milliseconds, seconds since the begin, outputs that are single numbers',
      filePath('--log'),
    )
    .option(
      '--plot <file>',
      'write a picture (SVG) of the outputs that are single numbers over the steps',
      filePath('--plot'),
    )
    .option('--profile <name>', CEILINGS_HELP, text('--profile', PROFILE_HELP))
    .option('--json', 'figures as JSON')
    .addHelpText('after', note(...RANDOM_INPUTS))
    .action(async (plan: string, options: RunCommandOptions) => {
      const { runCommand } = await import('../run.ts');
      process.exitCode = await runCommand(plan, options);
    });
}
