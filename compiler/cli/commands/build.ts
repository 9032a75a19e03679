import type { Command } from 'commander';
import { Option } from 'commander';
import { TARGET_NAMES } from '../../../ir/targets.ts';
import { DISPATCHES, SUBGROUPS } from '../../driver/dispatches.ts';
import { PASS_NAMES } from '../../driver/pass-names.ts';
import { PRECISIONS } from '../../frontend/precision.ts';
import {
  END_OF_PLAN_SECONDS,
  HALF_CHOICES,
  RECOMPUTE_STRATEGIES,
  SWAP_POLICIES,
  TILE_CHOICES,
} from '../../plan-search/actions/choices.ts';
import { PROFILE_NAMES } from '../../profile/shipped.ts';
import {
  byteSize,
  choice,
  integer,
  microBatches,
  notNegative,
  targetList,
  text,
} from '../arguments.ts';
import type { BuildCommandOptions } from '../build.ts';
import {
  NAMES_WITH_LIMITS,
  note,
  oneOf,
  PROFILE_HELP,
  projectOption,
  setOption,
} from './options.ts';

const EXIT_CODES = [
  `Exit code: 0 all is well; 1 errors, nothing was written; 2 errors in some of the files, the others were built.`,
];

/** Names that passes had before: they keep working. */
const FORMER_PASSES: Readonly<Record<string, string>> = { levers: 'actions' };

export function declareBuild(program: Command): void {
  program
    .command('build')
    .description('compile model files into plans, initial parameters and typed loaders')
    .argument('<files...>', 'model files, each with a default export made by defineModel')
    .option('--outDir <folder>', 'folder for the output', text('--outDir', 'a folder'), 'out')
    .addOption(
      new Option('--target <targets>', 'targets to build for, separated by commas')
        .argParser(targetList)
        .default([...TARGET_NAMES], TARGET_NAMES.join(',')),
    )
    .option(
      '--budget <bytes>',
      'limit on the device memory of a plan: 512MiB, 2GB, 1000000',
      byteSize,
    )
    .addOption(
      oneOf(
        '--recompute <strategy>',
        'what may be recomputed: per tensor what is cheapest for the budget, or by a strategy of SuperNeurons whatever the budget',
        RECOMPUTE_STRATEGIES,
      ).default('auto'),
    )
    .addOption(
      oneOf(
        '--swap <policy>',
        'what may be swapped to the host: what is cheapest for the budget, or by a policy of SuperNeurons',
        SWAP_POLICIES,
      ).default('auto'),
    )
    .addOption(
      oneOf(
        '--solve <method>',
        'how recomputations are chosen within a budget: by the search, or improved on by an integer program where the program is small (needs the package highs)',
        ['heuristic', 'exact'],
      ).default('heuristic'),
    )
    .option(
      '--plan-seconds <seconds>',
      'limit on the search for actions within a budget, in nominal seconds: the plan is the same on every machine (default: 10)',
      notNegative('--plan-seconds', END_OF_PLAN_SECONDS),
    )
    .addOption(
      new Option(
        '--micro-batch <parts>',
        'parts into which the batch is cut, one after the other, with gradients that accumulate: none, a number, or what a budget asks for (auto)',
      )
        .argParser(microBatches)
        .default('none'),
    )
    .option(
      '--micro-batch-norm',
      'let batch norm take its statistics from a micro-batch, which changes results',
    )
    .addOption(
      oneOf(
        '--half <choice>',
        'whether a budget may store activations that are kept for gradients as f16, which changes results a little',
        HALF_CHOICES,
      ).default('none'),
    )
    .addOption(
      oneOf(
        '--tiles <choice>',
        'webgpu: whether scores of attention and the like are computed tile by tile, and never in memory',
        TILE_CHOICES,
      ).default('auto'),
    )
    .addOption(
      oneOf(
        '--precision <type>',
        "what activations, gradients and copies of weights are stored in, instead of what the model's training says",
        PRECISIONS,
      ),
    )
    .option('--host-budget <bytes>', 'limit on host memory for swapped tensors: 8GiB', byteSize)
    .option(
      '--spill-budget <bytes>',
      'limit on the spill file, for what the host budget has no room for (default: 0)',
      byteSize,
    )
    .addOption(setOption('value of an option that the model declares'))
    .addOption(
      oneOf(
        '--dispatches <way>',
        'whether steps that do not depend on each other may run in one dispatch on a GPU; results and memory are the same',
        DISPATCHES,
      ).default('shared'),
    )
    .addOption(
      oneOf(
        '--subgroups <choice>',
        'whether kernels use subgroup operations where --limits says how large the subgroups of the device are',
        SUBGROUPS,
      ).default('auto'),
    )
    .option(
      '--subgroup-matrix',
      'contractions may be products of matrices that subgroups compute, where --limits names some (experimental)',
    )
    .addOption(
      oneOf(
        '--contractions <objective>',
        "what the order of contractions minimises: the target's time by a model, or plain multiply-adds",
        ['time', 'macs'],
      ).default('time'),
    )
    .option(
      '--profile <name>',
      `the device that the plan for its target goes by: ${PROFILE_NAMES.join(', ')}, or a file of btc profile (repeatable, one for each target; default: h100, wasm)`,
      (file: string, files: readonly string[] = []) => [
        ...files,
        text('--profile', PROFILE_HELP)(file),
      ],
    )
    .option(
      '--limits <name>',
      `limits of the WebGPU device that the plan is for: default, which every device has, adapter, those of this machine, ${NAMES_WITH_LIMITS.join(', ')}, or a file of limits or of btc profile (default: default)`,
      text('--limits', 'default, adapter, the name of a profile, or a file'),
    )
    .option('--noEmit', 'check only, write nothing')
    .option('-w, --watch', 'rebuild whenever a file of the model changes')
    .option('--view', 'with --watch: show each build in a page on this machine')
    .option(
      '--port <number>',
      'of the page of --view (default: one that is free)',
      integer('--port', 'an integer from 1 to 65535', 1, 65535),
    )
    .option('--pretty', 'colours and code frames (default: on a terminal)')
    .option('--no-pretty', 'plain diagnostics')
    .addOption(projectOption())
    .option(
      '--print-after <pass>',
      `print the program as text after a pass: ${PASS_NAMES.join(', ')}`,
      (given: string) => choice('--print-after', PASS_NAMES)(FORMER_PASSES[given] ?? given),
    )
    .option('--timings', 'print what each pass took, and its verification')
    .addHelpText('after', note(...EXIT_CODES))
    .action(async (files: string[], options: BuildCommandOptions) => {
      const { buildCommand } = await import('../build-command.ts');
      process.exitCode = await buildCommand(files, options);
    });
}
