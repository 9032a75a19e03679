import { TARGETS } from '../../compiler/targets/index.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { NO_ADAPTER } from './circumstances.ts';
import { commands, type Explanation } from './example.ts';

const floats = (shape: readonly number[]) => ({
  ...({ dtype: 'f32', shape } as const),
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) =>
    Math.sin(12.9898 * (k + 1)),
  ),
});
const integers = (shape: readonly number[]) => ({
  ...({ dtype: 'i32', shape } as const),
  data: new Int32Array(shape.reduce((a, b) => a * b, 1)),
});

/** A file of trained weights with two layers and some indices. */
const WEIGHTS = {
  'w.safetensors': {
    is: 'a file with encoder.weight f32 [12, 8], encoder.bias f32 [8] and ids i32 [4]',
    bytes: () =>
      encodeSafetensors([
        ['encoder.weight', floats([12, 8])],
        ['encoder.bias', floats([8])],
        ['ids', integers([4])],
      ]),
  },
};
const FOREIGN = {
  'w.safetensors': { is: 'the first bytes of a file', bytes: () => Uint8Array.of(1, 2) },
};

const DECOMPOSE = 'decompose w.safetensors --layer encoder --to low-rank --rank 2';
const PLAN = 'out/model.wasm.plan.json';

const profile = (changes: object) =>
  `${JSON.stringify({ ...TARGETS.wasm.profile, name: 'my laptop', ...changes })}\n`;
const PROFILED = 'build model.ts --target wasm --noEmit --profile';

const ONE_ROW = `import { defineModel, linear, tensor } from 'btc-compiler';
export default defineModel({
  name: 'row',
  inputs: { x: tensor([1, 3]) },
  build: ({ x }) => ({ y: linear(3, 2)(x) }),
});
`;

const COUNTING = `import { defineModel, init, state, tensor } from 'btc-compiler';
export default defineModel({
  name: 'counting',
  inputs: { x: tensor([2]) },
  build({ x }) {
    const total = state('total', [2], init.zeros);
    total.assign(total.value.add(x));
    return { total: total.value };
  },
});
`;

const EXPORT = 'export model.ts --format stablehlo';
const shaped = (names: readonly string[], shape: readonly number[]) => ({
  'trained.safetensors': {
    is: `a file with ${names.map((name) => `${name} f32 [${shape.join(', ')}]`).join(' and ')}`,
    bytes: () => encodeSafetensors(names.map((name) => [name, floats(shape)])),
  },
});

/** 5001 to 5099: plans, weights and profiles. */
export const FILE_PAGES = {
  5001: commands(
    'Not a valid plan',
    'The file is no plan, is cut off, was changed, or is of a version that this btc does not read. The reason names the field. Build the model again.',
    'inspect old.wasm.plan.json',
    `inspect ${PLAN}`,
    { 'old.wasm.plan.json': '{ "format": "btc-plan", "version": "0.1" }\n' },
  ),
  5002: commands(
    'A file cannot be read',
    'It is there, but it is a folder, a pipe or a device, or you may not read it.',
    'inspect out',
    `inspect ${PLAN}`,
  ),
  5003: commands(
    'A file cannot be written',
    'The folder is a file, is not yours, or the file is a source of the model itself. Nothing of the output is written then.',
    `${DECOMPOSE} -o out/model.wasm/compact.safetensors`,
    `${DECOMPOSE} -o compact.safetensors --overwrite`,
    WEIGHTS,
  ),
  5004: commands(
    'Two models with one output',
    'Outputs are named after the source file, so two files of one name would overwrite each other.',
    'build model.ts other/model.ts --target wasm --outDir both',
    'build other/model.ts --target wasm --outDir other',
    { 'other/model.ts': ONE_ROW },
  ),
  5005: commands(
    'An output that is a file of the command itself',
    'The file that an option names is one that the command reads, or one that another option names as well. Nothing was written.',
    'inspect out/model.wasm.plan.json --timeline out/model.wasm.plan.json',
    'inspect out/model.wasm.plan.json --timeline timeline.json',
  ),
  5010: commands(
    'Not a valid safetensors file',
    'The file is cut off, or something else. The reason says what does not fit; files of `torch.save` have to be converted in Python.',
    DECOMPOSE,
    'decompose out/model.safetensors --layer linear1 --to low-rank --rank 1 -o small.safetensors --overwrite',
    FOREIGN,
  ),
  5011: commands(
    'No such layer to decompose',
    'A layer is named as the file names it, without `.weight`. The message lists the matrices of the file.',
    'decompose w.safetensors --layer decoder --to low-rank --rank 2',
    `${DECOMPOSE} --overwrite`,
    WEIGHTS,
  ),
  5012: commands(
    'Not a matrix',
    'Factorisations are of f32 matrices. This tensor is a vector, or of integers.',
    'decompose w.safetensors --layer encoder.bias --to low-rank --rank 2',
    `${DECOMPOSE} --overwrite`,
    WEIGHTS,
  ),
  5013: commands(
    'The matrix cannot be decomposed',
    'What was asked for leaves the size open, or says it twice, or the matrix holds numbers that are not finite. The reason says which.',
    'decompose w.safetensors --layer encoder --to low-rank',
    `${DECOMPOSE} --overwrite`,
    WEIGHTS,
  ),
  5014: commands(
    'No rank is good enough',
    'Every rank that keeps the error has as many numbers as the matrix itself. Such a matrix is not of low rank: allow a larger error, or train the factors.',
    'decompose w.safetensors --layer encoder --to cp --error 1e-9',
    'decompose w.safetensors --layer encoder --to cp --error 0.9 -o cp.safetensors --overwrite',
    WEIGHTS,
  ),
  5015: commands(
    'A file would be overwritten',
    'Commands that write beside what they read replace no file unasked.',
    `${DECOMPOSE} -o w.safetensors`,
    `${DECOMPOSE} -o w.safetensors --overwrite`,
    WEIGHTS,
  ),
  5016: {
    title: 'A core that is there already',
    means:
      'The cores are named after the matrix, as in encoder.weight.left, and the file has a tensor of such a name: it was decomposed before, or comes from elsewhere.',
    wrong: {
      kind: 'command',
      command: `${DECOMPOSE} --overwrite`,
      files: {
        'w.safetensors': {
          is: 'a file with encoder.weight f32 [12, 8] and encoder.weight.left f32 [2]',
          bytes: () =>
            encodeSafetensors([
              ['encoder.weight', floats([12, 8])],
              ['encoder.weight.left', floats([2])],
            ]),
        },
      },
    },
    right: { kind: 'command', command: `${DECOMPOSE} --overwrite`, files: WEIGHTS },
  } satisfies Explanation,
  5020: commands(
    'Not a valid device profile',
    'Profiles are written by `btc profile` and `btc tune`. This file lacks a field, or has one that is not known.',
    `${PROFILED} mine.json`,
    `${PROFILED} wasm`,
    { 'mine.json': '{ "format": "own" }\n' },
  ),
  5021: commands(
    'A number of a profile is absurd',
    'Rates and shares of a profile lie in ranges in which predictions make sense. The message has the range, and a value that would do.',
    `${PROFILED} absurd.json`,
    `${PROFILED} sane.json`,
    { 'absurd.json': profile({ overlap: 7 }), 'sane.json': profile({ overlap: 0 }) },
  ),
  5022: commands(
    'A profile of another target',
    'A profile is of a GPU or of a processor, and plans for the other cannot go by it.',
    'build model.ts --target webgpu --noEmit --profile wasm',
    'build model.ts --target webgpu --noEmit --profile h100',
  ),
  5023: commands(
    'No such profile',
    'A profile is one of the names that come with btc, or a file. A file in this folder that has such a name is `./name`.',
    `${PROFILED} wasn`,
    `${PROFILED} wasm`,
  ),
  5024: commands(
    'Not limits of a device',
    '`--limits` takes a file of limits as WebGPU names them, or of `btc profile`. This one is neither.',
    'build model.ts --target webgpu --noEmit --limits broken.json',
    'build model.ts --target webgpu --noEmit --limits limits.json',
    {
      'broken.json': '{ "metres": 3 }\n',
      'limits.json': '{ "maxStorageBufferBindingSize": 500000000, "maxBufferSize": 700000000 }\n',
    },
  ),
  5025: commands(
    'No such limits',
    'Limits are `default`, `adapter`, the name of a profile, or a file.',
    'build model.ts --target webgpu --noEmit --limits adaptr',
    'build model.ts --target webgpu --noEmit --limits default',
  ),
  5026: {
    title: 'The adapter is not known',
    means:
      '`--limits adapter` asks the GPU of this machine, and there is none that the package `webgpu` finds. Build elsewhere, or take the limits of a file.',
    wrong: {
      kind: 'command',
      command: 'build model.ts --target webgpu --limits adapter',
      where: NO_ADAPTER,
    },
    right: { kind: 'command', command: 'build model.ts --target webgpu --noEmit --limits default' },
  } satisfies Explanation,
  5027: commands(
    'Limits are of WebGPU alone',
    'WebAssembly has no limits of an adapter. Leave `--limits` out, or build for WebGPU.',
    'build model.ts --target wasm --noEmit --limits h100',
    'build model.ts --target webgpu --noEmit --limits h100',
  ),
  5030: commands(
    'A plan is not what it says',
    '`btc verify` makes the code anew from the texts of the kernels, and something differs, or a text touches what it must not. Do not run such a plan.',
    `verify ${PLAN} --module other.wasm`,
    `verify ${PLAN}`,
    {
      'other.wasm': {
        is: 'another module',
        bytes: () => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0),
      },
    },
  ),
  5031: commands(
    'A file of weights is refused',
    'The weights are not those of the model: a name or a shape differs. The sentence says which, and which tensor. `btc weights FILE model.ts` lists all of them.',
    'export model.ts --format onnx --weights out/model.safetensors --layout pytorch',
    'export model.ts --format onnx --weights out/model.safetensors -o net.onnx',
  ),
} as const;

/** 5140 to 5148: exports. */
export const EXPORT_PAGES = {
  5140: commands(
    'No such program to export',
    'A model has `predict`, what its trainings make (`train`), and programs of its own. The message lists them.',
    `${EXPORT} --program trian`,
    `${EXPORT} --program train -o made.mlir`,
  ),
  5141: commands(
    'Devices that do not divide the batch',
    'Each device gets the same number of examples.',
    `${EXPORT} --mesh batch=3`,
    `${EXPORT} --mesh batch=2 -o made.mlir`,
  ),
  5142: commands(
    'No batch to split',
    'A mesh splits the first axis of inputs, and none of them has one of 2 or more.',
    'export row.ts --format stablehlo --mesh batch=2',
    'export row.ts --format stablehlo -o made.mlir',
    { 'row.ts': ONE_ROW },
  ),
  5143: commands(
    'Weights of another shape',
    'A tensor of the file has the right name and another shape. Files of PyTorch have matrices the other way round: load and save them first (docs/weights.md).',
    'export model.ts --format onnx --weights trained.safetensors',
    'export model.ts --format onnx --weights out/model.safetensors -o made.onnx',
    shaped(['linear1.weight', 'linear1.bias'], [2, 3]),
  ),
  5144: commands(
    'A weight is missing',
    'The program reads a parameter that the file does not have.',
    'export model.ts --format onnx --weights trained.safetensors',
    'export model.ts --format onnx --weights out/model.safetensors -o made.onnx',
    shaped(['linear1.weight'], [3, 2]),
  ),
  5145: {
    title: 'Weights that are no safetensors file',
    means: 'The bytes are cut off, or of something else.',
    wrong: {
      kind: 'call',
      text: `import { exportOnnx } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await exportOnnx(model, { weights: new Uint8Array(2) });
`,
    },
    right: {
      kind: 'call',
      text: `import { exportOnnx } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await exportOnnx(model);
`,
    },
  } satisfies Explanation,
  5146: commands(
    'ONNX has no training',
    'Files of ONNX hold programs that predict. The training step goes out as StableHLO.',
    'export model.ts --format onnx --program train',
    'export model.ts --format onnx --program predict -o made.onnx',
  ),
  5147: commands(
    'ONNX has no state',
    'The program assigns a state, and a graph of ONNX only computes. Export a program that assigns nothing.',
    'export counting.ts --format onnx',
    'export counting.ts --format stablehlo -o made.mlir',
    { 'counting.ts': COUNTING },
  ),
  5148: {
    title: 'Not a number of devices',
    means: 'The mesh of an export is a number of devices along the batch: an integer from 1 on.',
    wrong: {
      kind: 'call',
      text: `import { exportStableHlo } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await exportStableHlo(model, { mesh: { batch: 1.5 } });
`,
    },
    right: {
      kind: 'call',
      text: `import { exportStableHlo } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await exportStableHlo(model, { mesh: { batch: 2 } });
`,
    },
  } satisfies Explanation,
} as const;
