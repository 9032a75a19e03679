import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import type { CompileResult } from '../../compiler/driver/result.ts';
import { Tensor } from '../../compiler/frontend/tensor.ts';
import * as btc from '../../compiler/language.ts';
import type { Target } from '../../ir/plan.ts';
import { compileText, define, withOutput } from '../support/compile-text.ts';
import { soaked } from '../support/soak.ts';

/** Stands in arguments for the input of its name, which exists only while the model is built. */
class Input {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Large numbers are longer than any array, so that code that loops over an unchecked one fails and does not fill the memory. */
const number = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(1, 2, 3) },
  fc.constantFrom(0, -0, 4, 6, -1, -2, 1.5, -0.5, 1e-9, 1e39, 2 ** 40, 2 ** 53),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const tensor = fc.constantFrom('a', 'b', 'c', 's', 't', 'v').map((name) => new Input(name));
const shape = fc.array(number, { maxLength: 4 });
const name = fc.constantFrom('w', '', 'a b', 'a.b', 'p', '__proto__', 'constructor', '"', 'é');
const initialiser = fc.constantFrom(
  btc.init.zeros,
  btc.init.glorotNormal,
  btc.init.orthogonal(),
  btc.init.uniform(Number.NaN, 1),
);
const options = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] });
const clipping = {
  clipNorm: number,
  clipValue: number,
  average: fc.constantFrom<unknown>(0.9, 'equal', 2, Number.NaN),
};

const windows = {
  stride: fc.oneof(number, shape),
  padding: fc.oneof(fc.constantFrom('same', 'valid'), number, shape),
  dilation: fc.oneof(number, shape),
};

/** Values of the right TypeScript type, by kind of argument. */
const KINDS = {
  tensor,
  operand: fc.oneof(tensor, number),
  number,
  shape,
  axes: fc.oneof(number, shape),
  dtype: fc.constantFrom('f32', 'i32', 'bool'),
  reduction: options({ keepDims: fc.boolean() }),
  variance: options({ keepDims: fc.boolean(), correction: number }),
  values: fc.oneof(
    number,
    fc.boolean(),
    shape,
    fc.array(shape, { maxLength: 3 }),
    fc.constantFrom(
      new Float32Array([1, Number.NaN, -0]),
      new Int8Array(6),
      new BigInt64Array([1n, -(2n ** 40n)]),
      new DataView(new ArrayBuffer(8)),
    ),
  ),
  tensors: fc.array(tensor, { maxLength: 3 }),
  widths: fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 3 }),
  equation: fc.oneof(
    fc.constantFrom('ij,j->i', 'i,i->', 'ij,ij->ji', 'i,k->ik', 'ii,i->i', 'i,j->k', ',->', ''),
    fc.string({ maxLength: 8 }),
  ),
  name,
  initialiser,
  block: fc.constant(() => btc.param('scoped', [2], btc.init.zeros)),
  product: fc.constant(() => btc.linear(2, 3)(btc.zeros([1, 2]))),
  adapter: fc.record(
    {
      rank: number,
      alpha: number,
      dropout: number,
      storage: fc.constantFrom('f32', 'f16', 'f64'),
      targets: fc.constantFrom(/weight/, /none/),
      weight: fc.constantFrom(
        btc.lowRank({ rank: 1 }),
        btc.tensorTrain({ inputModes: [2], outputModes: [3], rank: 1 }),
      ),
    },
    { requiredKeys: [] },
  ),
  holding: options({ storage: fc.constantFrom('f32', 'f16', 'f64') }),
  default: fc.oneof(number, fc.boolean(), fc.string()),
  layer: options({ name, epsilon: number }),
  batchNorm: options({ name, epsilon: number, momentum: number }),
  responseNorm: options({ size: number, alpha: number, beta: number, k: number }),
  crossEntropy: options({
    ignoreIndex: number,
    labelSmoothing: number,
    weights: fc.oneof(tensor, shape),
    reduction: fc.constantFrom('mean', 'sum', 'none'),
  }),
  attending: options({ causal: fc.boolean(), dropout: number }),
  turning: options({ base: number, offset: number, interleaved: fc.boolean() }),
  attention: options({
    name,
    heads: number,
    keyHeads: number,
    rotary: fc.boolean(),
    causal: fc.boolean(),
    dropout: number,
  }),
  form: fc.constantFrom<btc.FormName>('cp', 'tucker', 'tensor-ring', 'low-rank'),
  budget: options({ parameters: number, bytes: number, macs: number, batch: number }),
  factors: options({
    inputModes: shape,
    outputModes: shape,
    rank: number,
    ranks: shape,
    inputRanks: shape,
    blocks: number,
    split: fc.boolean(),
  }),
  pooling: options({ ...windows, ceilMode: fc.boolean() }),
  averaging: options({ ...windows, ceilMode: fc.boolean(), countIncludePad: fc.boolean() }),
  windows: options(windows),
  transposing: options({ ...windows, groups: number, outputPadding: fc.oneof(number, shape) }),
  padding: fc.oneof(number, fc.constantFrom('reflect', 'replicate', 'circular', 'other')),
  interpolation: options({
    size: fc.oneof(number, shape),
    scale: fc.oneof(number, shape),
    mode: fc.constantFrom('nearest', 'nearest-exact', 'linear', 'cubic', 'other'),
    alignCorners: fc.boolean(),
  }),
  convolving: options({ ...windows, groups: number }),
  kernel: options({
    ...windows,
    kernel: fc.oneof(number, shape),
    groups: number,
    name,
    weight: fc.constantFrom(
      btc.tuckerKernel({ inputRank: 2, outputRank: 1 }),
      btc.cpKernel({ rank: 2 }),
      btc.tensorTrainKernel({ rank: 2 }),
      btc.tensorTrainKernel({ ranks: [2], inputModes: [3], outputModes: [2] }),
    ),
  }),
  kernelRanks: options({
    rank: number,
    ranks: shape,
    inputRank: number,
    outputRank: number,
    inputModes: shape,
    outputModes: shape,
    separable: fc.boolean(),
  }),
  dense: options({ name, bias: fc.boolean(), weightInit: initialiser, biasInit: initialiser }),
  recurrent: options({
    name,
    inputInit: initialiser,
    hiddenInit: initialiser,
    layers: number,
    bidirectional: fc.boolean(),
    dropout: number,
    nonlinearity: fc.constantFrom('tanh', 'relu', 'other'),
  }),
  binary: options({
    weights: fc.oneof(tensor, number),
    positiveWeights: fc.oneof(tensor, number),
    reduction: fc.constantFrom('mean', 'sum', 'none', 'other'),
  }),
  softplus: options({ alpha: number, beta: number }),
  loss: options({
    reduction: fc.constantFrom('mean', 'sum', 'none', 'batchMean', 'other'),
    beta: number,
    delta: number,
    margin: number,
    logTarget: fc.boolean(),
  }),
  ctc: options({
    inputLengths: tensor,
    targetLengths: tensor,
    blank: number,
    reduction: fc.constantFrom('mean', 'sum', 'none', 'other'),
    zeroInfinity: fc.boolean(),
  }),
  distance: options({
    p: number,
    axis: number,
    epsilon: number,
    margin: number,
    swap: fc.boolean(),
    keepDims: fc.boolean(),
    reduction: fc.constantFrom('mean', 'other'),
  }),
  scan: options({ reverse: fc.boolean(), exclusive: fc.boolean() }),
  sorting: options({ descending: fc.boolean(), smallest: fc.boolean(), axis: number }),
  gelu: options({ approximate: fc.constantFrom('none', 'tanh', 'other') }),
  sgd: options({
    learningRate: number,
    momentum: number,
    nesterov: fc.boolean(),
    weightDecay: number,
    ...clipping,
  }),
  rmsprop: options({
    alpha: number,
    momentum: number,
    centered: fc.boolean(),
    epsilon: number,
    ...clipping,
  }),
  adagrad: options({ learningRateDecay: number, initialAccumulator: number, ...clipping }),
  adam: options({
    amsgrad: fc.boolean(),
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    ...clipping,
  }),
};
type Kind = keyof typeof KINDS;

type FunctionName = {
  [Name in keyof typeof btc]: (typeof btc)[Name] extends (...args: never[]) => unknown
    ? Name
    : never;
}[keyof typeof btc];
type Subject = Exclude<FunctionName, 'defineModel'>;

/** Arguments of every function of the language; those after `/` may be left out. A new function needs a row. */
const ARGUMENTS: Readonly<Record<Subject, string>> = {
  einsum: 'equation tensor tensor',
  matmul: 'tensor tensor',
  conv1d: 'tensor tensor / convolving',
  conv2d: 'tensor tensor / convolving',
  conv1dTranspose: 'tensor tensor / transposing',
  conv2dTranspose: 'tensor tensor / transposing',
  conv3dTranspose: 'tensor tensor / transposing',
  transposedConvolution: 'number number kernel',
  transposedConvolution1d: 'number number kernel',
  transposedConvolution3d: 'number number kernel',
  adaptiveAvgPool1d: 'tensor axes',
  adaptiveAvgPool2d: 'tensor axes',
  adaptiveAvgPool3d: 'tensor axes',
  adaptiveMaxPool1d: 'tensor axes',
  adaptiveMaxPool2d: 'tensor axes',
  adaptiveMaxPool3d: 'tensor axes',
  conv3d: 'tensor tensor / convolving',
  convolution1d: 'number number kernel',
  convolution3d: 'number number kernel',
  maxPool1d: 'tensor axes / pooling',
  maxPool3d: 'tensor axes / pooling',
  avgPool1d: 'tensor axes / averaging',
  avgPool3d: 'tensor axes / averaging',
  maxPool2d: 'tensor axes / pooling',
  avgPool2d: 'tensor axes / averaging',
  globalAveragePool: 'tensor',
  convolution: 'number number kernel',
  tuckerKernel: 'kernelRanks',
  cpKernel: 'kernelRanks',
  tensorTrainKernel: 'kernelRanks',
  neg: 'tensor',
  abs: 'tensor',
  sign: 'tensor',
  exp: 'tensor',
  expm1: 'tensor',
  log: 'tensor',
  log1p: 'tensor',
  sqrt: 'tensor',
  tanh: 'tensor',
  sigmoid: 'tensor',
  erf: 'tensor',
  erfc: 'tensor',
  sin: 'tensor',
  cos: 'tensor',
  floor: 'tensor',
  isNan: 'tensor',
  isFinite: 'tensor',
  isInfinite: 'tensor',
  any: 'tensor / axes reduction',
  all: 'tensor / axes reduction',
  maskedFill: 'tensor tensor operand',
  logicalXor: 'operand operand',
  add: 'operand operand',
  sub: 'operand operand',
  mul: 'operand operand',
  div: 'operand operand',
  pow: 'operand operand',
  mod: 'operand operand',
  maximum: 'operand operand',
  minimum: 'operand operand',
  equal: 'operand operand',
  notEqual: 'operand operand',
  less: 'operand operand',
  lessEqual: 'operand operand',
  greater: 'operand operand',
  greaterEqual: 'operand operand',
  logicalAnd: 'operand operand',
  logicalOr: 'operand operand',
  logicalNot: 'tensor',
  select: 'tensor operand operand',
  where: 'tensor operand operand',
  cast: 'tensor dtype',
  square: 'tensor',
  reciprocal: 'tensor',
  rsqrt: 'tensor',
  clip: 'tensor operand operand',
  relu: 'tensor',
  leakyRelu: 'tensor / number',
  silu: 'tensor',
  softplus: 'tensor / softplus',
  logSigmoid: 'tensor',
  gelu: 'tensor / gelu',
  stopGradient: 'tensor',
  crossEntropy: 'tensor tensor / crossEntropy',
  dropout: 'tensor / number',
  batchNorm: 'number / batchNorm',
  localResponseNorm: 'tensor / responseNorm',
  scaledDotProductAttention: 'tensor tensor tensor / attending',
  attention: 'number attention',
  rotary: 'tensor / turning',
  logSoftmax: 'tensor / number',
  softmax: 'tensor / number',
  meanSquaredError: 'tensor operand / loss',
  l1Loss: 'tensor operand / loss',
  smoothL1Loss: 'tensor operand / loss',
  huberLoss: 'tensor operand / loss',
  klDivergence: 'tensor tensor / loss',
  binaryCrossEntropy: 'tensor tensor / binary',
  negativeLogLikelihood: 'tensor tensor / crossEntropy',
  ctcLoss: 'tensor tensor / ctc',
  cosineSimilarity: 'tensor tensor / distance',
  cosineEmbeddingLoss: 'tensor tensor tensor / loss',
  tripletMarginLoss: 'tensor tensor tensor / distance',
  marginRankingLoss: 'tensor tensor operand / loss',
  pairwiseDistance: 'tensor tensor / distance',
  norm: 'tensor / axes distance',
  std: 'tensor / axes variance',
  prod: 'tensor / number reduction',
  cumsum: 'tensor / number scan',
  cumprod: 'tensor / number scan',
  sort: 'tensor / number sorting',
  argsort: 'tensor / number sorting',
  topk: 'tensor number / sorting',
  elu: 'tensor / softplus',
  celu: 'tensor / softplus',
  selu: 'tensor',
  mish: 'tensor',
  hardSwish: 'tensor',
  hardSigmoid: 'tensor',
  hardTanh: 'tensor',
  relu6: 'tensor',
  softsign: 'tensor',
  prelu: 'tensor tensor',
  glu: 'tensor / number',
  take: 'tensor tensor / number',
  takeAlongAxis: 'tensor tensor / number',
  scatterAlongAxis: 'tensor tensor tensor / number',
  scatterAddAlongAxis: 'tensor tensor tensor / number',
  view: 'tensor shape',
  permute: 'tensor shape',
  unsqueeze: 'tensor number',
  flatten: 'tensor / number number',
  flip: 'tensor / axes',
  roll: 'tensor number / number',
  tril: 'tensor / number',
  triu: 'tensor / number',
  randomNormal: 'shape',
  randomInteger: 'shape number number',
  bernoulli: 'tensor',
  categorical: 'tensor / number',
  logSumExp: 'tensor / axes reduction',
  binaryCrossEntropyWithLogits: 'tensor tensor / binary',
  normalise: 'tensor / number',
  randomUniform: 'shape',
  embedding: 'number number / dense',
  blockTerm: 'factors',
  cp: 'factors',
  fitted: 'form budget',
  hierarchicalTucker: 'factors',
  lowRank: 'factors',
  tensorRing: 'factors',
  tensorTrain: 'factors',
  tucker: 'factors',
  factoriseDimension: 'number number',
  layerNorm: 'number / layer',
  groupNorm: 'number number / layer',
  instanceNorm: 'number / layer',
  rmsNorm: 'number / layer',
  linear: 'number number / dense',
  gru: 'number number / recurrent',
  lstm: 'number number / recurrent',
  rnn: 'number number / recurrent',
  tensor: 'shape / dtype',
  adam: '/ adam',
  adamw: '/ adam',
  sgd: '/ sgd',
  rmsprop: '/ rmsprop',
  adagrad: '/ adagrad',
  lion: '/ adam',
  option: 'name default',
  param: 'name shape initialiser',
  state: 'name shape initialiser',
  averaged: 'block',
  frozen: 'block / holding',
  lora: 'product adapter',
  mergedWeights: 'product',
  scope: 'name block',
  argmax: 'tensor / number reduction',
  argmin: 'tensor / number reduction',
  max: 'tensor / axes reduction',
  mean: 'tensor / axes reduction',
  min: 'tensor / axes reduction',
  sum: 'tensor / axes reduction',
  sumOfSquares: 'tensor',
  variance: 'tensor / axes variance',
  arange: 'number',
  broadcastTo: 'tensor shape',
  concat: 'tensors / number',
  globalNorm: 'tensors',
  constant: 'values / shape dtype',
  expandDims: 'tensor number',
  full: 'shape number / dtype',
  gather: 'tensor tensor',
  iota: 'shape number',
  oneHot: 'tensor number',
  ones: 'shape / dtype',
  pad: 'tensor widths / padding',
  fold: 'tensor shape axes / windows',
  unfold: 'tensor axes / windows',
  pixelShuffle: 'tensor number',
  pixelUnshuffle: 'tensor number',
  interpolate: 'tensor interpolation',
  reshape: 'tensor shape',
  slice: 'tensor number number / number number',
  split: 'tensor number / number',
  squeeze: 'tensor / number',
  stack: 'tensors / number',
  transpose: 'tensor / shape',
  zeros: 'shape / dtype',
};
const SUBJECTS = Object.keys(ARGUMENTS) as Subject[];
const FUNCTIONS = btc as unknown as Readonly<Record<Subject, (...args: unknown[]) => unknown>>;

function rightlyTyped(subject: Subject): fc.Arbitrary<unknown[]> {
  const [needed, optional = ''] = ARGUMENTS[subject].split('/');
  const kinds = (text: string) =>
    text.split(' ').flatMap((kind): fc.Arbitrary<unknown>[] => (kind ? [KINDS[kind as Kind]] : []));
  return fc.tuple(
    ...kinds(needed),
    ...kinds(optional).map((kind) => fc.option(kind, { nil: undefined })),
  );
}

const ANYTHING = fc.oneof(
  tensor,
  fc.constantFrom(
    0,
    -1,
    1.5,
    Number.NaN,
    10n,
    true,
    '',
    'x',
    'f64',
    undefined,
    null,
    Symbol.iterator,
  ),
  fc.constantFrom<unknown>([], {}, [1.5], ['2'], [undefined], [null], [[1]], () => 1),
);

/** Options of which one has a value of any type. */
function withWrongOption([options, value, k]: [unknown, unknown, number]): unknown {
  const isPlain =
    typeof options === 'object' &&
    options !== null &&
    Object.getPrototypeOf(options) === Object.prototype;
  const keys = isPlain ? Object.keys(options) : [];
  return keys.length === 0 ? options : { ...(options as object), [keys[k % keys.length]]: value };
}

/** Arguments of which any may be of another type, as from JavaScript or in spite of TypeScript's errors. */
function wronglyTyped(subject: Subject): fc.Arbitrary<unknown[]> {
  const kinds = ARGUMENTS[subject].split(/[ /]+/).filter((kind) => kind !== '') as Kind[];
  return fc.tuple(
    ...kinds.map((kind) => {
      const right = KINDS[kind] as fc.Arbitrary<unknown>;
      return fc.oneof(ANYTHING, right, fc.tuple(right, ANYTHING, fc.nat()).map(withWrongOption));
    }),
  );
}

function insert(argument: unknown, inputs: Readonly<Record<string, Tensor>>): unknown {
  if (argument instanceof Input) return inputs[argument.name] ?? argument;
  return Array.isArray(argument) ? argument.map((item) => insert(item, inputs)) : argument;
}

/** What a layer is applied to, where it is not `a`. */
const SUITED_INPUTS: { readonly [Name in Subject]?: string } = {
  rnn: 't',
  gru: 't',
  lstm: 't',
  attention: 't',
  embedding: 'c',
  convolution: 'v',
  transposedConvolution: 'v',
};

/** The tensors in a result; a layer is applied to the input that suits its kind. */
function tensorsIn(
  result: unknown,
  subject: Subject,
  inputs: Readonly<Record<string, Tensor>>,
): Tensor[] {
  if (result instanceof Tensor) return [result];
  if (Array.isArray(result)) return result.flatMap((item) => tensorsIn(item, subject, inputs));
  if (typeof result === 'object' && result !== null && 'network' in result)
    return [btc.linear(3, 8, { weight: result as btc.Factorisation })(inputs.a)];
  if (typeof result === 'object' && result !== null && 'assign' in result) {
    const state = result as btc.State;
    state.assign(btc.mul(inputs.a, 0.5));
    return [state.value];
  }
  if (typeof result === 'object' && result !== null && 'kernelNetwork' in result) {
    const weight = result as btc.KernelFactorisation;
    return [btc.convolution(3, 2, { kernel: 2, weight })(inputs.v)];
  }
  if (typeof result === 'function') {
    const suited = SUITED_INPUTS[subject] ?? 'a';
    return tensorsIn(result(inputs[suited]), subject, inputs);
  }
  return typeof result === 'object' && result !== null && 'outputs' in result
    ? tensorsIn(result.outputs, subject, inputs)
    : [];
}

/** Compiles a trained model that is right but for one call. */
function compileCall(
  subject: Subject,
  args: readonly unknown[],
  target: Target,
): Promise<CompileResult> {
  const call = (inputs: Readonly<Record<string, Tensor>> = {}) =>
    FUNCTIONS[subject](...args.map((argument) => insert(argument, inputs)));
  const isOptimiser = /^(sgd|adamw?)$/.test(subject);
  const isOutside = isOptimiser || subject === 'tensor' || subject === 'option';
  return compile(
    () => {
      if (subject === 'option') call();
      return btc.defineModel({
        name: 'm',
        inputs: {
          a: btc.tensor([2, 3]),
          b: btc.tensor([3]),
          c: btc.tensor([2], 'i32'),
          s: btc.tensor([]),
          t: btc.tensor([2, 3, 3]),
          v: btc.tensor([2, 4, 3, 3]),
          ...(subject === 'tensor' ? { extra: call() as btc.InputSpec } : {}),
        } as btc.Inputs,
        build: (inputs) => {
          const { a, ...others } = inputs;
          const trained = a.add(btc.param('p', [3], btc.init.ones));
          const made = isOutside ? [] : tensorsIn(call(inputs), subject, inputs);
          // What the call does not read is given back as it is: an input that nothing uses is a mistake too.
          return {
            ...others,
            ...Object.fromEntries([trained, ...made].map((value, k) => [`o${k}`, value])),
          };
        },
        train: {
          loss: (outputs) =>
            Object.entries(outputs)
              .filter(([name, { dtype }]) => name.startsWith('o') && dtype === 'f32')
              .map(([, value]) => btc.mean(value.square()))
              .reduce((a, b) => a.add(b)),
          optimizer: isOptimiser ? (call() as btc.Optimiser) : btc.sgd(),
        },
      });
    },
    { target },
  );
}

/** Compiles to a plan (which `compile` verifies), or says why not. */
function expectAnswer({ plan, diagnostics }: CompileResult): void {
  const errors = diagnostics.filter(({ category }) => category === 'error');
  expect(plan === null).toBe(errors.length > 0);
  expect(errors.filter(({ message }) => message.includes('internal error'))).toEqual([]);
}

const target = fc.constantFrom<Target>('webgpu', 'webgpu', 'webgpu', 'wasm');
const RUNS = soaked(6);

describe('any numbers, shapes and names give a plan or a diagnostic that knows the mistake', () => {
  test.each(SUBJECTS)('%s', async (subject) => {
    await fc.assert(
      fc.asyncProperty(rightlyTyped(subject), target, async (args, target) => {
        const result = await compileCall(subject, args, target);
        expectAnswer(result);
        // An exception that TypeScript could not foresee means that a check is missing.
        expect(result.diagnostics.filter(({ code }) => code === 'BTC1002')).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('arguments of any type give a plan or a diagnostic', () => {
  test.each(SUBJECTS)('%s', async (subject) => {
    await fc.assert(
      fc.asyncProperty(wronglyTyped(subject), target, async (args, target) => {
        const result = await compileCall(subject, args, target);
        expectAnswer(result);
        expect(result.diagnostics.filter(({ code }) => code === 'BTC1002')).toEqual([]);
      }),
      RUNS,
    );
  });
});

const trained = (fields: string) =>
  define(`build: ({ x, n }) => {
    const w = param('w', [3], init.zeros);
    return { y: x.add(w), n };
  },
  train: { loss: ({ y }) => mean(y), optimizer: sgd(), ${fields} },`);
const optimised = (optimiser: string) => trained(`optimizer: ${optimiser}`);
const initialised = (initialiser: string) => withOutput(`param('w', [3], ${initialiser})`);
const further = (name: string) =>
  `${trained('').slice(0, -2)} programs: { ['${name}']: ({ x }) => ({ z: x.exp() }) } })`;

describe('what would make a plan that is not valid, or none, is diagnosed', () => {
  test.each([
    ['a shape of random numbers', withOutput('randomUniform([2, 0])')],
    ['a shape to broadcast to', withOutput('broadcastTo(x.sum(), [0])')],
    ['a shape beyond all integers by padding', withOutput('pad(n, [[0, 1e39]])')],
    ['a fraction as padding of integers', withOutput('pad(n, [[0, 1]], 0.5)')],
    ['a learning rate that is no number', optimised('adam({ learningRate: NaN })')],
    ['a learning rate without end', optimised('sgd({ learningRate: Infinity })')],
    ['a negative momentum', optimised('sgd({ momentum: -0.9 })')],
    ['a momentum that is no number', optimised('sgd({ momentum: NaN })')],
    ['an optimiser that was not called', optimised('adam')],
    ['an optimiser by name', optimised("'adam'")],
    ['a metric in place of the loss', trained('metrics: ({ y }) => ({ loss: y })')],
    ['a further program train', further('train')],
    ['a further program by the name of a prototype', further('__proto__')],
    ['an output by the name of a prototype', withOutput("x, ['__proto__']: x.exp()")],
    ['a parameter by the name of a prototype', withOutput("param('__proto__', [3], init.zeros)")],
    ['a parameter by the name of a header', withOutput("param('__metadata__', [3], init.zeros)")],
    [
      'an input by the name of a prototype',
      "defineModel({ name: 'm', inputs: { ['__proto__']: tensor([2]) }, build: (i) => ({ y: i['__proto__'].exp() }) })",
    ],
    [
      'a parameter by the name of state',
      define(`build: ({ x, n }) => ({ n, y: param('w', [3], init.zeros), z: x.add(param('w.m', [2, 3], init.zeros)) }),
  train: { loss: ({ y, z }) => mean(y).add(mean(z)), optimizer: adam() },`),
    ],
    ['an initialiser that was not called', initialised('init.normal')],
    ['an initialiser that throws', initialised("{ kind: 'own', fill() { throw Error('no'); } }")],
    ['an initialiser that fills less', initialised("{ kind: 'own', fill: () => [1] }")],
    [
      'an unknown dtype of an input',
      "defineModel({ name: 'm', inputs: { x: tensor([2], 'f64') }, build: ({ x }) => ({ x }) })",
    ],
    ['an unknown dtype of a constant', withOutput("zeros([2], 'f64')")],
    [
      'a model without a name',
      'defineModel({ inputs: { x: tensor([2]) }, build: ({ x }) => ({ x }) })',
    ],
    [
      'a tensor that was kept from another program',
      `(() => {
  let kept;
  return defineModel({
    name: 'm', inputs: { x: tensor([2, 3]) },
    build: ({ x }) => ({ y: (kept = linear(3, 2)(x).exp()) }),
    programs: { late: ({ x }) => ({ x, z: kept }) },
  });
})()`,
    ],
  ])('%s', async (_, text) => {
    const result = await compileText(text);
    expect(result.plan).toBeNull();
    expectAnswer(result);
  });
});

test('more parts than an array holds are no more than a wrong number of parts', async () => {
  const { diagnostics } = await compileText(withOutput('split(x, 2 ** 40)[0]'));
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2015']);
});
