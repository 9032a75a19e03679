#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { TARGET_NAMES } from '../../ir/targets.ts';
import { DISPATCHES, SUBGROUPS } from '../driver/dispatches.ts';
import { PASS_NAMES } from '../driver/pass-names.ts';
import { FORM_NAMES } from '../factorised/form-names.ts';
import { PRECISIONS } from '../frontend/precision.ts';
import {
  END_OF_PLAN_SECONDS,
  HALF_CHOICES,
  RECOMPUTE_STRATEGIES,
  SWAP_POLICIES,
  TILE_CHOICES,
} from '../plan-search/actions/choices.ts';
import { shippedLimits } from '../profile/limits-option.ts';
import { PROFILE_NAMES } from '../profile/shipped.ts';
import { VERSION } from '../version.ts';
import {
  assignment,
  byteSize,
  choice,
  count,
  counts,
  filePath,
  integer,
  meshDevices,
  microBatches,
  notNegative,
  positive,
  rankLists,
  replacement,
  seed,
  targetList,
  text,
} from './arguments.ts';
import type { BuildCommandOptions } from './build.ts';
import type { DecomposeCommandOptions } from './decompose.ts';
import { tuneEngine } from './engine.ts';

import type { ExportCommandOptions } from './export.ts';
import { EXPORT_FORMATS } from './export-formats.ts';

import type { ImportCommandOptions } from './import.ts';

import type { InspectCommandOptions } from './inspect.ts';
import type { PathCommandOptions } from './path.ts';
import type { ProfileCommandOptions } from './profile.ts';
import { formatPlain, fromBtc } from './report.ts';
import type { RunCommandOptions } from './run.ts';
import { watchStreams } from './streams.ts';
import type { SweepCommandOptions } from './sweep.ts';
import { guardOutput } from './terminal.ts';
import type { TuneCommandOptions } from './tune.ts';
import { UsageError, usageProblem } from './usage.ts';
import type { VerifyCommandOptions } from './verify.ts';
import type { WeightsCommandOptions } from './weights.ts';

const NAMES_WITH_LIMITS = PROFILE_NAMES.filter((name) => shippedLimits(name));

const EXIT_CODES = `
Exit code: 0 all is well; 1 errors, nothing was written; 2 errors in some of the files, the others were built.`;

const SIZES_OF_FORMS = `
The size is decided by one of --rank, --ranks, --parameters, --bytes and --error. --ranks takes what the form's function in a
model takes: one per bond (tensor-train, tensor-ring), one per mode (block-term; one list per block as in "4,4;2,2"), those of
the input modes and then of the output modes (tucker). Modes that are not given are chosen.
Exit code: 0 all is well; 1 errors, nothing was written.`;

const PROFILE_HELP = `a file, or one of ${PROFILE_NAMES.join(', ')}`;
const CEILINGS_HELP = `of --trace: whose ceilings kernels are held against, ${PROFILE_HELP} (default: the plan's, or that of this device)`;

const RANDOM_INPUTS = `
Inputs that are not given take their default where they have one. The others are random, the same at every step: indices are in
the range that the plan states, or as many of it as --classes says; other f32 are uniform in [-1, 1), other i32 in [0, classes),
10 where --classes is not given.`;

const PROVED = `
Parses the text of every kernel, checks its addresses against its bindings, regenerates its code and compares the two. Plans
are verified by the version of the compiler that wrote them: another one may generate other code.
Exit code: 0 all is proved; 1 something is not.`;

const FITTING = `
Of the file no more is read than its head. Nothing is run.
Exit code: 0 all is well; 1 errors, or with a plan something that is missing, does not fit or is left over.`;

function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, description).choices(choices);
  return option.argParser(choice(option.long!, choices));
}

/** Options of `build` that say where plans go, which targets they are for, or what the one budget is. */
const NOT_SWEPT = new Set([
  ...['--outDir', '--target', '--budget', '--noEmit', '--watch', '--print-after', '--timings'],
]);

const commandOf = (program: Command, name: string): Command =>
  program.commands.find((command) => command.name() === name)!;

function createProgram(): Command {
  const program = new Command('btc')
    .description(
      'Compiles a neural network written in TypeScript into a memory-planned WebGPU or WebAssembly schedule.',
    )
    .version(VERSION, '-v, --version')
    // Mistakes are reported as all others are.
    .configureOutput({ outputError: () => {} })
    .exitOverride();

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
    .option(
      '--set <name=value>',
      'value of an option that the model declares (repeatable)',
      assignment,
    )
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
    .option('--pretty', 'colours and code frames (default: on a terminal)')
    .option('--no-pretty', 'plain diagnostics')
    .option(
      '-p, --project <tsconfig>',
      'TypeScript configuration to check the model with',
      filePath('--project'),
    )
    .option(
      '--print-after <pass>',
      `print the program as text after a pass: ${PASS_NAMES.join(', ')}`,
      (given: string) => choice('--print-after', PASS_NAMES)(FORMER_PASSES[given] ?? given),
    )
    .option('--timings', 'print what each pass took, and its verification')
    .addHelpText('after', EXIT_CODES)
    .action(async (files: string[], options: BuildCommandOptions) => {
      const { buildCommand } = await import('./build-command.ts');
      process.exitCode = await buildCommand(files, options);
    });

  const sweep = program
    .command('sweep')
    .description(
      'plan a model for budgets from the smallest feasible one to none: predicted time, and what is recomputed and swapped',
    )
    .argument('<file>', 'a model file, with a default export made by defineModel')
    .addOption(oneOf('--target <target>', 'what to plan for', TARGET_NAMES).default('webgpu'))
    .option(
      '--points <count>',
      'how many budgets',
      count('--points', 'an integer from 1 to 1000', 1000),
    )
    .option('--json', 'figures as JSON')
    .addHelpText('after', '\nExit code: 0 all is well; 1 errors.')
    .action(async (file: string, options: SweepCommandOptions) => {
      const { sweepCommand } = await import('./sweep.ts');
      process.exitCode = await sweepCommand(file, options);
    });
  for (const option of commandOf(program, 'build').options)
    if (!NOT_SWEPT.has(option.long!)) sweep.addOption(option);

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
      'a .safetensors file, of parameters or a checkpoint (default: initial values)',
      text('--weights', 'a file'),
    )
    .option(
      '-o, --output <file>',
      'default: <model>.<program>.mlir, with .json and .safetensors beside it, or <model>.onnx',
      filePath('--output'),
    )
    .option(
      '--set <name=value>',
      'value of an option that the model declares (repeatable)',
      assignment,
    )
    .addOption(
      oneOf(
        '--precision <type>',
        "what values are rounded to, instead of what the model's training says",
        PRECISIONS,
      ),
    )
    .option(
      '-p, --project <tsconfig>',
      'TypeScript configuration to check the model with',
      filePath('--project'),
    )
    .option('--pretty', 'colours and code frames (default: on a terminal)')
    .option('--no-pretty', 'plain diagnostics')
    .addHelpText('after', '\nExit code: 0 all is well; 1 errors, nothing was written.')
    .action(async (file: string, options: ExportCommandOptions) => {
      const { exportCommand } = await import('./export.ts');
      process.exitCode = await exportCommand(file, options);
    });

  program
    .command('inspect')
    .description('show what a plan does with memory and time')
    .argument('<plan>', 'a .plan.json file')
    .option('--all', 'all kernels and tensors, not only the largest')
    .option(
      '--kernels',
      'the kernels of each program by time: how their code is made, and rates; measured ones with --trace',
    )
    .option(
      '--why <tensor>',
      'what becomes of one tensor, by which rule, what that costs and saves',
    )
    .option('--json', 'all of it as JSON')
    .option(
      '--trace <file>',
      'a file of btc run --trace: measured times of the kernels beside the predicted ones',
      text('--trace', 'a file'),
    )
    .option('--profile <name>', CEILINGS_HELP, text('--profile', PROFILE_HELP))
    .addOption(
      new Option('--dot', 'the graph of steps and tensors for Graphviz').conflicts(['json', 'why']),
    )
    .action(async (plan: string, options: InspectCommandOptions) => {
      const { inspectCommand } = await import('./inspect.ts');
      process.exitCode = await inspectCommand(plan, options);
    });

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
    .option('--profile <name>', CEILINGS_HELP, text('--profile', PROFILE_HELP))
    .option('--json', 'figures as JSON')
    .addHelpText('after', RANDOM_INPUTS)
    .action(async (plan: string, options: RunCommandOptions) => {
      const { runCommand } = await import('./run.ts');
      process.exitCode = await runCommand(plan, options);
    });

  program
    .command('verify')
    .description(
      'prove that the code of a plan does what the plan says, touches nothing else, and ends',
    )
    .argument('<plan>', 'a .plan.json file')
    .option('--module <file>', 'the WebAssembly module (default: beside the plan)')
    .option('--json', 'findings as JSON')
    .addHelpText('after', PROVED)
    .action(async (plan: string, options: VerifyCommandOptions) => {
      const { verifyCommand } = await import('./verify.ts');
      process.exitCode = await verifyCommand(plan, options);
    });

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
    .action(async (options: ProfileCommandOptions) => {
      const { profileCommand } = await import('./profile.ts');
      process.exitCode = await profileCommand(options);
    });

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
    .option('--set <name=value>', 'of a model: an option (repeatable)', assignment)
    .option('--seconds <seconds>', 'for all measurements together', positive('--seconds'), 60)
    .option('--json', 'what was found as JSON')
    .action(async (file: string, options: TuneCommandOptions) => {
      const { tuneCommand } = await import('./tune.ts');
      process.exitCode = await tuneCommand(file, options);
    });

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
    .action(async (equation: string, options: PathCommandOptions) => {
      const { pathCommand } = await import('./path.ts');
      process.exitCode = pathCommand(equation, options);
    });

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
    .addHelpText('after', SIZES_OF_FORMS)
    .action(async (file: string, options: DecomposeCommandOptions) => {
      const { decomposeCommand } = await import('./decompose.ts');
      process.exitCode = await decomposeCommand(file, options);
    });

  program
    .command('weights')
    .description('list what is in a safetensors file, and what of it fits a plan or a model')
    .argument('<file>', 'a .safetensors file, or the .index.json of several')
    .argument('[plan or model]', 'a .plan.json file, or a model file, which is compiled')
    .addOption(
      oneOf(
        '--layout <layout>',
        'whose names and layouts the file has (default: by which more fits)',
        ['btc', 'pytorch'],
      ),
    )
    .option(
      '--rename <pattern=replacement>',
      'changes names of the file before they are looked for: ^transformer\\.= (repeatable)',
      replacement,
    )
    .option('--set <name=value>', 'of a model: an option (repeatable)', assignment)
    .option('--json', 'all of it as JSON')
    .addHelpText('after', FITTING)
    .action(async (file: string, plan: string | undefined, options: WeightsCommandOptions) => {
      const { weightsCommand } = await import('./weights.ts');
      process.exitCode = await weightsCommand(file, plan, options);
    });

  program
    .command('import')
    .description('write a model of ONNX as a model file of btc, and its weights')
    .argument('<file>', 'a .onnx file')
    .option(
      '-o, --output <folder>',
      'folder of the model file and its .safetensors file, which are named after the .onnx file',
      text('--output', 'a folder'),
      '.',
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
    .option('--overwrite', 'files of these names are replaced')
    .option('--json', 'figures as JSON')
    .addHelpText('after', IMPORTED)
    .action(async (file: string, options: ImportCommandOptions) => {
      const { importCommand } = await import('./import.ts');
      process.exitCode = await importCommand(file, options);
    });
  return program;
}

const IMPORTED = `
Build the model file as any other; load(plan, { parameters }) of btc-compiler/runtime takes the weights. What cannot be imported
is refused by node, operator and operator set. Exit code: 0 all is well; 1 errors, nothing was written.`;

/** Names that passes had before: they keep working. */
const FORMER_PASSES: Readonly<Record<string, string>> = { levers: 'actions' };

tuneEngine();
const program = createProgram();
watchStreams();
guardOutput();
try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
} catch (error) {
  const names = program.commands.map((command) => command.name());
  const problem =
    error instanceof UsageError
      ? error.problem
      : error instanceof CommanderError && error.exitCode !== 0
        ? usageProblem(error, names)
        : null;
  if (problem) {
    console.error(formatPlain(fromBtc(problem)));
    process.exitCode = 1;
  } else if (!(error instanceof CommanderError)) {
    console.error('error: btc itself failed; please report this with the model that it failed on');
    console.error(error);
    process.exitCode = 1;
  }
}
