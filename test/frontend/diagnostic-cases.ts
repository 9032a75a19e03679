import type { CompileOptions } from '../../compiler/driver/result.ts';
import { define, withOutput } from '../support/compile-text.ts';

const trained = (loss: string) =>
  define(`build: ({ x, n }) => ({ y: linear(3, 2)(x), n }),
  train: {
    optimizer: sgd(),
    loss: ({ y, n }) => ${loss},
  }`);

export interface Case {
  readonly text: string;
  readonly options?: CompileOptions;
  /** Only a warning: there is a plan all the same. */
  readonly warns?: true;
  /** The message in full. */
  readonly message: string;
}

/** One model for each message; the mark is where it points, and without a mark it points nowhere. */
export const CASES: Readonly<Record<number, Case>> = {
  1002: {
    text: withOutput("(() => { throw ▸new RangeError('no vectors here'); })()"),
    message: 'the model could not be evaluated: RangeError: no vectors here',
  },
  1003: {
    text: `defineModel({
  name: 'm',
  inputs: { x: tensor([2]), extra: ▸tensor([3]) },
  build: ({ x }) => ({ x }),
})`,
    message:
      "input 'extra' is not used by any program; remove it from 'inputs' or use it in 'build' or 'train.loss'",
  },
  1004: {
    text: define('build: (inputs) => ({ x: inputs.x, n: inputs.n, z: inputs.▸image.exp() }),'),
    message: "'image' is not an input of model 'm'; its inputs are x, n",
  },
  1005: {
    text: `(() => {
  const batch = option('batch', 4);
  return ${withOutput('zeros([batch])')};
})()`,
    options: { set: { batches: 8 } },
    message:
      "option 'batches' is set but model 'm' declares no such option; it declares batch; did you mean 'batch'?",
  },
  1006: {
    text: `(() => {
  const batch = ▸option('batch', 4);
  return ${withOutput('zeros([batch])')};
})()`,
    options: { set: { batch: 'many' } },
    message: "option 'batch' takes a number, not 'many'",
  },
  1007: {
    text: withOutput("param('w', [3], init.zeros).sum().add(▸param('w', [2, 3], init.zeros))"),
    message: "parameter 'w' is declared twice with different shapes: [3] and [2, 3]",
  },
  1008: {
    text: withOutput("param('w', [3], init.zeros).add(▸param('w', [3], init.ones))"),
    message:
      "parameter 'w' is declared by two layers; give one of them a 'name' of its own, or reuse one layer object to share its weights",
  },
  1009: {
    text: `[
  ▸param('w', [3], init.zeros)
]`,
    message: "param must be called inside 'build', 'loss' or a program of defineModel",
  },
  1010: {
    text: `▸${define('build: ({ x, n }) => ({ x, n }), programs: { late: () => ({}) },')}`,
    message: "program 'late' returns no outputs",
  },
  1011: {
    text: `▸${define('build: ({ x, n }) => ({ x, n, z: 7 }),')}`,
    message: "'z' of program 'predict' is not a tensor",
  },
  1012: {
    text: "▸defineModel({ name: '2 layers', inputs: { x: tensor([2]) }, build: ({ x }) => ({ x }) })",
    message:
      'model name "2 layers" is not valid: use letters, digits, _ and -, starting with a letter',
  },
  1013: {
    text: withOutput("zeros([option('size', 4), ▸option('size', 5)])"),
    message: "option 'size' is declared twice with different defaults: 4 and 5",
  },
  1014: {
    text: "▸defineModel({ name: 'm', inputs: { step: tensor([]) }, build: ({ step }) => ({ step }), train: { loss: ({ step }) => step.mul(param('w', [], init.ones)), optimizer: sgd() } })",
    message:
      "input name 'step' is reserved: optimisers and random numbers count by 'step', training takes 'learningRate'",
  },
  1015: {
    text: `(() => {
  const kept = new Map();
  return defineModel({
    name: 'm', inputs: { x: tensor([2, 3]) },
    build: ({ x }) => ({ y: kept.set('y', x.exp()).get('y') }),
    programs: { late: ({ x }) => ({ x, z: kept.get('y').▸neg() }) },
  });
})()`,
    message: "'neg': this tensor belongs to another program; compute it anew in each program",
  },
  1016: {
    text: withOutput("▸param('__metadata__', [3], init.zeros)"),
    message:
      "'__metadata__' cannot be the name of a parameter: safetensors files have a meaning for it",
  },
  1017: {
    text: `▸${define("build: ({ x, n }) => ({ x, n }), train: { loss: ({ x }) => x, optimizer: 'adam' },")}`,
    message: "'optimizer' of model 'm' is not an optimiser; call one, as in adam()",
  },
  1018: {
    text: withOutput("▸param('w', [3], { kind: 'own', fill: () => new Float32Array([1]) })"),
    message: "the initialiser of parameter 'w' gives 1 numbers, not 3",
  },
  1020: {
    text: `▸${define('async build({ x, n }) { return { x, n }; },')}`,
    message:
      "program 'predict' is asynchronous; 'build' and programs run at compile time and return tensors at once",
  },
  1021: {
    text: '({ name: "not made by defineModel" })',
    message:
      'compile takes what defineModel returns, or a function that returns it, not another object',
  },
  1022: {
    text: define(`build({ x, n }, { training }) {
    const fc = linear(3, 2, { name: 'fc', bias: false });
    const [y, held] = [fc(x), frozen(fc)];
    return { x, n, y: training ? ▸held(x) : y };
  },
  train: { loss: ({ y }) => sumOfSquares(y), optimizer: sgd() },`),
    message:
      "parameter 'fc.weight' is frozen at one place of the program and trained at another; use what 'frozen' returns at all of them, or 'stopGradient' where one use alone shall give no gradient",
  },
  1023: {
    text: `▸${define("build: ({ x, n }) => ({ x, n }), train: { slow: { loss: 'mse', optimizer: sgd() } },")}`,
    message: "'loss' of training 'slow' of model 'm' is not a function",
  },
  1024: {
    text: `▸${define(`build: ({ x, n }) => ({ n, y: linear(3, 2)(x) }), train: {
    one: { loss: ({ y }) => mean(y), optimizer: sgd(), precision: 'f16' },
    two: { loss: ({ y }) => mean(y), optimizer: sgd(), precision: 'f32' },
  },`)}`,
    message:
      "trainings of model 'm' ask for different precisions, f16 and f32: all programs share copies of weights",
  },
  1025: {
    text: `(() => {
  const fc = linear(3, 2);
  return ▸${define(`build: ({ x, n }) => ({ n, y: fc(x) }), train: {
    loss: ({ y }) => mean(y), optimizer: sgd(), gradientMetrics: () => ({ norm: fc.weight.norm() }),
  },`)};
})()`,
    message:
      "'gradientMetrics' reads parameter 'linear1.weight', but it is given gradients alone; what parameters give belongs to 'metrics'",
  },
  1026: {
    text: `▸${define('build: ({ x, n }) => ({ n, y: linear(3, 2)(x) }), train: { loss: ({ y }) => mean(y), optimizer: sgd(), acumulate: true },')}`,
    message:
      "option 'acumulate' of model 'm' is none that it has, or not what it must be: one of loss, optimizer, parameters, accumulate, exchange, evaluate, precision, lossScale, metrics, gradientMetrics; did you mean 'accumulate'?",
  },
  1027: {
    text: `▸${define('build: ({ x, n }) => ({ n, y: linear(3, 2)(x) }), train: { loss: ({ y }) => mean(y), optimizer: sgd(), gradientMetrics: (gradients) => { globalNorm(gradients); } },')}`,
    message:
      "'gradientMetrics' gives nothing; it returns tensors by name at once, as ({ norm: globalNorm(gradients) })",
  },
  2001: {
    text: withOutput('▸add(x, zeros([3, 2]))'),
    message: "shapes [2, 3] and [3, 2] of 'add' do not broadcast",
  },
  2002: { text: withOutput('▸exp(n)'), message: "'exp': not defined for i32" },
  2003: {
    text: withOutput('▸crossEntropy(x, x.sum(1))'),
    message: "'crossEntropy' takes i32 labels, not f32",
  },
  2004: {
    text: withOutput('▸matmul(x, x)'),
    message: 'matmul: inner dimensions differ: [2, 3] by [2, 3] (3 against 2)',
  },
  2005: {
    text: withOutput("▸einsum('ij,jk->iz', x, zeros([3, 4]))"),
    message: "einsum 'ij,jk->iz': output letter 'z' is in no operand; they have i, j, k",
  },
  2006: {
    text: withOutput("▸einsum('ij,2k->', x, x)"),
    message: "einsum 'ij,2k->': '2' is not a letter",
  },
  2007: {
    text: withOutput("▸einsum('ij,jk->ik', x, x)"),
    message: "einsum 'ij,jk->ik': letter 'j' is 3 in operand 0 and 2 in operand 1",
  },
  2008: {
    text: withOutput('▸reshape(x, [4, 2])'),
    message: 'reshape: [2, 3] has 6 elements, [4, 2] has 8',
  },
  2009: {
    text: withOutput('▸sum(x, 2)'),
    message: "'sum': axis 2 is out of range for a tensor of rank 2",
  },
  2010: {
    text: withOutput('▸reshape(x, [6, 1.5])'),
    message: "'reshape': dimension 1 of shape [6, 1.5] is 1.5; dimensions are positive integers",
  },
  2011: {
    text: withOutput('▸reshape(x, [4, -1])'),
    message:
      "'reshape': only one dimension may be -1, and 6 elements must divide by the others ([4, -1])",
  },
  2012: {
    text: withOutput('▸concat([x, zeros([2, 4])])'),
    message: 'concat: [2, 3] and [2, 4] differ in a dimension other than axis 0',
  },
  2013: {
    text: withOutput('▸slice(x, 1, 2, 5)'),
    message: 'slice: [2, 5) is out of range for axis 1 of extent 3',
  },
  2014: {
    text: define(`build({ x, n }) {
    const layer = linear(4, 2);
    return { n, y: ▸layer(x) };
  }`),
    message: "'linear': the input has 3 features, the layer was made for 4",
  },
  2015: {
    text: withOutput('▸dropout(x, 1.5)'),
    message: "'dropout': 'rate' is 1.5; it must be in [0, 1]",
  },
  2016: {
    text: withOutput('▸transpose(x, [0, 2])'),
    message: 'transpose: [0, 2] is not a permutation of the 2 axes',
  },
  2017: {
    text: withOutput(
      'linear(3, 8, { weight: cp({ inputModes: [2, 2], outputModes: [4, 2], rank: 1 }) })▸(x)',
    ),
    message:
      'CP: the input modes [2, 2] multiply to 4, not to the 3 features of the layer; [3, 1] would do',
  },
  2018: {
    text: withOutput('linear(3, 8, { weight: lowRank({ rank: 0 }) })▸(x)'),
    message: 'low-rank: rank 0 of the matrix must be from 1 to 3',
  },
  2019: {
    text: withOutput(
      'linear(3, 8, { weight: cp({ inputModes: [3], outputModes: [4, 2], rank: 1 }) })▸(x)',
    ),
    message:
      'CP: there are 1 input modes and 2 output modes, but they go in pairs; output modes [8] would do',
  },
  2020: {
    text: withOutput(
      'linear(3, 8, { weight: tensorTrain({ inputModes: [3, 1], outputModes: [4, 2], ranks: [] }) })▸(x)',
    ),
    message: 'tensor-train: 0 ranks are given, one for each bond makes 1',
  },
  2021: {
    text: withOutput(
      "((layer) => ▸layer(x))(linear(3, 8, { weight: fitted('tensor-train', { parameters: 5 }) }))",
    ),
    message:
      'tensor-train: no shape keeps the budget; the smallest has 9 parameters and takes 17 multiply-adds at batch 1',
  },
  2022: {
    text: withOutput('▸constant([[1, 2], [3]])'),
    message: 'constant: row [1] has length 1, and the first of its level has 2',
  },
  2023: {
    text: withOutput("▸constant([1, 2.5], [2], 'i32')"),
    message:
      'constant: element 1 is 2.5; it must be an integer of 32 bits, because the tensor is i32',
  },
  2024: {
    text: withOutput('▸constant([1, 2, 3], [2])'),
    message: 'constant: values [3] do not fill [2]',
  },
  2031: {
    text: withOutput('▸conv2d(zeros([1, 3, 8, 2]), zeros([6, 3, 2, 4]), { padding: 1 })'),
    message:
      "'conv2d': the window spans 6 elements, spatial axis 1 has 3 and padding 1 on each side; padding 2 would do",
  },
  2032: {
    text: withOutput('convolution(6, 12, { kernel: 3, groups: 4 })▸(zeros([1, 5, 5, 6]))'),
    message: "'convolution': 4 groups do not divide 6 input and 12 output channels; 3 would do",
  },
  2033: {
    text: define(`build: ({ x, n }) => ({ y: batchNorm(3)▸(slice(x, 0, 0, 1)), n }),
  train: { optimizer: sgd(), loss: ({ y }) => y.sum() }`),
    message:
      "'batchNorm': training takes the statistics of the batch, and [1, 3] has one element per feature only; use a larger batch",
  },
  2050: {
    text: withOutput('▸gather(zeros([4, 2]), add(arange(3), 2))'),
    message: "'gather': the index 4 is out of range; it must be from 0 to 3",
  },
  2051: {
    text: `defineModel({
  name: 'm', inputs: { n: ▸tensor([2], 'i32') },
  build: ({ n }) => ({ a: gather(zeros([4, 2]), n), b: oneHot(sub(n, 6), 3) }),
})`,
    message:
      "input 'n' of program 'predict' is used as indices from 0 to 3 and from 6 to 8, and no value is both",
  },
  2052: {
    text: withOutput('▸maxPool2d(zeros([1, 5, 5, 2]), 2, { padding: [0, 2] })'),
    message:
      "'maxPool2d': the window at position 0 of spatial axis 2 lies wholly in the padding: it has 2 taps, and the padding is 2; use less padding or more taps",
  },
  2101: {
    text: withOutput('linear(3, 8, { weight: lowRank({ rank: 3 }) })▸(x)'),
    warns: true,
    message:
      "'linear': the low-rank form takes 66 multiply-adds at batch 2, the dense layer 48; it saves memory (33 parameters), not time",
  },
  2053: {
    text: withOutput('▸interpolate(x, { scale: 2 })'),
    message: "'interpolate' takes an f32 tensor [batch, …extents, channels], not f32 of rank 2",
  },
  2054: {
    text: withOutput('▸interpolate(reshape(x, [1, 6, 1]), { size: 2, scale: 2 })'),
    message: "'interpolate' takes either 'size' or 'scale'; both are given",
  },
  2055: {
    text: withOutput('▸fold(reshape(x, [1, 3, 2]), [4, 4], 2)'),
    message: "'fold': f32 [1, 3, 2] does not hold 9 patches of 4 taps: [batch, 9, channels·4]",
  },
  2056: {
    text: withOutput('▸softmax(undefined)'),
    message:
      "'softmax' was given what it does not take: TypeError: Cannot read properties of undefined (reading 'value')",
  },
  3001: {
    text: trained('▸add(y.relu(), 1)'),
    message: 'the loss must be a scalar, but it has shape [2, 2]; reduce it with mean() or sum()',
  },
  3002: {
    text: trained("▸sum(cast(n, 'f32'))"),
    message: 'the loss does not depend on any parameter, so there is nothing to train',
  },
  3003: { text: trained('▸sum(n)'), message: 'the loss must be f32, not i32' },
  3004: {
    text: trained('mean(▸floor(y))'),
    message:
      "'floor' has no gradient, but the loss depends on parameter 'linear1.weight' through it",
  },
  3005: {
    text: define(`build: ({ x, n }) => ({ n, y: linear(3, 2)(x) }),
  train: { loss: ({ y }) => ▸mean(y), optimizer: sgd(), parameters: /^encoder/ },`),
    message:
      "'parameters' of program 'train' takes none that its loss depends on; those are linear1.weight, linear1.bias",
  },
  3006: {
    text: withOutput('((adapted) => ▸adapted(x))(lora(softmax, { rank: 2 }))'),
    message:
      "'lora' finds nothing to adapt: it adapts weights of linear and recurrent layers, attention, embeddings and convolutions (neither grouped nor transposed ones), once each, and what it is given uses none",
  },
  3007: {
    text: trained('mean(y)').replace('linear(3, 2)', 'averaged(linear(3, 2))▸'),
    message:
      "'averaged' has no averages to read: give the optimiser of a training the option 'average', as in adam({ average: 0.999 })",
  },
  3008: {
    text: trained('mean(y)').replace(
      'sgd()',
      '▸sgd({ groups: [{ parameters: /bias/ }, { parameters: /biass/, learningRateFactor: 2 }] })',
    ),
    warns: true,
    message:
      "group 1 (/biass/) of 'sgd' has no parameter: none that the training moves matches it, or the groups before it take them",
  },
  3009: {
    text: define(`build: ({ x, n }) => ({ n, y: averaged(() => x.mul(▸param('w', [3], init.ones)))() }),
  train: {
    one: { loss: ({ y }) => mean(y), optimizer: sgd({ average: 0.9 }) },
    two: { loss: ({ y }) => mean(y), optimizer: adam({ average: 'equal' }) },
  },`),
    message:
      "'averaged' reads the average of parameter 'w', which trainings 'one' and 'two' both keep; let one of them keep it",
  },
  4001: {
    text: define('build: ({ x, n }) => ({ n, y: ▸add(x, 1) }),'),
    options: { budgetBytes: 1024, target: 'wasm' },
    message:
      "the wasm plan needs 64.00 KiB of device memory, over the budget of 1.00 KiB by 63.00 KiB; the peak is at step 0 of 'predict' (add)",
  },
  4002: {
    text: `defineModel({
  name: 'm',
  inputs: { x: ▸tensor([64, 1048576]) },
  build: ({ x }) => ({ y: sum(x) }),
})`,
    message:
      "tensor 'predict/x' takes 256.00 MiB, over maxStorageBufferBindingSize of WebGPU's default limits, which is 128.00 MiB, and neither its first axis nor the batch can be cut that far; take a smaller batch, or a device with larger bindings",
  },
  4003: {
    text: withOutput(
      'add(iota([1024, 524288], 0), iota([1024, 524288], 1)), b: ones([1024, 524288]), c: zeros([1024, 524288])',
    ),
    options: { target: 'wasm' },
    message:
      'the wasm plan needs more than the 4.00 GiB that addresses of 32 bits reach, however its batch is cut; take a smaller model or batch, or build it with --target webgpu',
  },
  4005: {
    text: `defineModel({
  name: 'm',
  inputs: { x: tensor([4, 128]) },
  build: ({ x }) => ({ y: linear(128, 128)(relu(linear(128, 128)(x))) }),
})`,
    // On this device the layers are kernels of their own.
    options: { budgetBytes: 140_000, hostBudgetBytes: 1000, profile: 'swiftshader' },
    message:
      'swapping needs 129.00 KiB of host memory, over the host budget of 1000 B; give --host-budget 132096, or let the rest go to a spill file with --spill-budget',
  },
  4010: {
    text: define(`build({ x, n }) { return { n, y: ▸scope('', () => x) }; }`),
    message: 'scope: a name is a text that is not empty and has no control characters, not ""',
  },
};
