import { define, withOutput } from '../../test/support/compile-text.ts';
import { NO_SOLVER } from './circumstances.ts';
import { calls, commands, corrected, otherModel, withOptions } from './example.ts';

const WITH_MODEL = (before: string) => `import { defineModel, exp, tensor } from 'btc-compiler';
${before}
export default defineModel({
  name: 'm',
  inputs: { x: tensor([2]) },
  build: ({ x }) => ({ y: exp(x) }),
});
`;

/** A call of `compile` with the model of the folder and options. */
const COMPILED = (options: string) => `import { compile } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await compile(model, ${options});
`;

/** Of which a plan within a budget can recompute or swap. */
const DEEP = `import { crossEntropy, defineModel, linear, sgd, tanh, tensor } from 'btc-compiler';

export default defineModel({
  name: 'deep',
  inputs: { x: tensor([256, 64]), y: tensor([256], 'i32') },
  build({ x }) {
    let y = x;
    for (let k = 0; k < 3; k++) y = tanh(linear(64, 64)(y));
    return { logits: linear(64, 10)(y) };
  },
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd() },
});
`;

const SOLVED = 'build deep.ts --target wasm --noEmit --budget 384KiB --solve exact';

const COUPLED = `import { batchNorm, defineModel, linear, meanSquaredError, sgd, tensor } from 'btc-compiler';
export default defineModel({
  name: 'coupled',
  inputs: { x: tensor([4, 3]), y: tensor([4, 2]) },
  build: ({ x }) => ({ output: linear(4, 2)(batchNorm(4)(linear(3, 4)(x))) }),
  train: { loss: ({ output }, { y }) => meanSquaredError(output, y), optimizer: sgd() },
});
`;

const WITHOUT_BATCH = `import { defineModel, init, param, sgd, sum, tensor } from 'btc-compiler';
export default defineModel({
  name: 'line',
  inputs: { x: tensor([]) },
  build: ({ x }) => ({ y: x.mul(param('slope', [], init.ones)) }),
  train: { loss: ({ y }) => sum(y), optimizer: sgd() },
});
`;

/** 1xxx: the model and its loading. */
export const MODEL_PAGES = {
  1001: commands(
    'No model in the file',
    'A model file has one default export: what `defineModel` returns. This file has none, or exports something else.',
    'build empty.ts --noEmit',
    'build model.ts --noEmit',
    { 'empty.ts': 'export const model = 1;\n' },
  ),
  1002: corrected(
    'The model threw an exception',
    'The code of the model runs once, when it is built, and this run threw. The place is where it was thrown; the reason is its message. What btc itself finds wrong never throws.',
    "(() => { throw ▸new RangeError('no vectors here'); })()",
    'exp(x)',
  ),
  1003: corrected(
    'An input that nothing uses',
    'Every input has to be given in every run, so one that no program reads is a mistake: most often a name that was changed in one place only.',
    ', extra: ▸tensor([3])',
    '',
  ),
  1004: corrected(
    'No such input',
    '`build` and `loss` get the inputs that the model declares under `inputs`, by their names. The message lists them. With a model file, TypeScript finds this first.',
    'inputs.▸image.exp()',
    'inputs.x.exp()',
  ),
  1005: withOptions(
    'No such option',
    '`--set name=value` sets what the model declares with `option(name, default)`. Nothing of that name was declared while the model was made.',
    { set: { batch: 8 } },
  ),
  1006: withOptions(
    'An option of the wrong type',
    'An option takes values of the type of its default: a number, a text or a boolean.',
    { set: { batch: '8' } },
  ),
  1007: corrected(
    'One name, two parameters',
    'Two parameters of one name are one parameter, which has one shape, dtype and initialiser. Give one of them another name.',
    "▸param('w', [2, 3], init.zeros)",
    "param('v', [2, 3], init.zeros)",
  ),
  1008: corrected(
    'Two layers declare one parameter',
    'Layers share weights by being one object that is called twice. Two layers with the same parameter name are taken for a mistake.',
    "▸param('w', [3], init.ones)",
    "param('v', [3], init.ones)",
  ),
  1009: otherModel(
    'Called outside of a program',
    'Tensors exist while a program is traced: inside `build`, `loss` and the functions under `programs`. Layers may be made anywhere; their parameters are made when they are called.',
    withOutput("add(x, param('w', [3], init.zeros))"),
  ),
  1010: corrected(
    'A program without outputs',
    'A program returns an object of tensors by name. One that returns nothing would be empty after dead code is removed.',
    '() => ({})',
    '({ x }) => ({ y: exp(x) })',
  ),
  1011: corrected(
    'An output that is no tensor',
    'Everything that a program returns is a tensor. Make a tensor of a number with `constant`, `zeros` or `ones`.',
    'z: 7',
    'z: constant([7])',
  ),
  1012: corrected(
    'Not a model name',
    'The name is part of the names of plans. Letters, digits, _ and - may be in it, and it starts with a letter.',
    "'2 layers'",
    "'two_layers'",
  ),
  1013: corrected(
    'One option, two defaults',
    'An option has one default. Declare it once, outside of the functions that use it, and use the constant.',
    "▸option('size', 5)",
    "option('width', 5)",
  ),
  1014: corrected(
    'A reserved input name',
    'Programs that train take `step` and `learningRate` by themselves. Name your input otherwise.',
    'step',
    'offset',
  ),
  1015: corrected(
    'A tensor of another program',
    'Each program is a graph of its own, and none of them reads values of another. Write what both need as a function, and call it in both.',
    "kept.get('y').▸neg()",
    'x.exp().neg()',
  ),
  1016: corrected(
    'A name with a meaning of its own',
    'Names of parameters are names in safetensors files, and names of outputs are keys of objects. Some texts mean something else there.',
    "'__metadata__'",
    "'metadata'",
  ),
  1017: otherModel(
    'Not an optimiser',
    '`optimizer` takes what `sgd()`, `adam()` and the like return. Their name alone, or the function without a call, is none.',
    define(
      'build: ({ x, n }) => ({ y: linear(3, 2)(x), n }), train: { loss: ({ y }) => mean(y), optimizer: adam() },',
    ),
  ),
  1018: corrected(
    'An initialiser that does not fit',
    "An initialiser of your own gives one finite number for each element of the parameter's shape.",
    'Float32Array([1])',
    'Float32Array([1, 2, 3])',
  ),
  1019: calls(
    'Options for a model that is made already',
    'Options are read while the model is made. A model that is handed over made has the defaults; hand over a function that makes it.',
    `import { compile } from 'btc-compiler';
import model from './model.ts';

const { diagnostics } = await compile(model, { set: { batch: 8 } });
`,
    `import { compile, defineModel, exp, option, tensor } from 'btc-compiler';

const { diagnostics } = await compile(
  () => {
    const batch = option('batch', 4);
    return defineModel({
      name: 'm',
      inputs: { x: tensor([batch]) },
      build: ({ x }) => ({ y: exp(x) }),
    });
  },
  { set: { batch: 8 } },
);`,
  ),
  1020: corrected(
    'An asynchronous program',
    'Programs run at compile time and return tensors at once. Await what they need before `defineModel`: a model file may use `await` at its top level.',
    'async build',
    'build',
  ),
  1021: calls(
    'Not a model',
    '`compile` takes what `defineModel` returns, or a function that returns it.',
    `import { compile } from 'btc-compiler';

const { diagnostics } = await compile({ name: 'm', inputs: {} });
`,
    COMPILED("{ target: 'wasm' }"),
  ),
  1022: corrected(
    'Frozen here, trained there',
    'A parameter is trained or not, for the whole program. Use what `frozen` returns everywhere, or `stopGradient` where one use alone shall give no gradient.',
    'training ? ▸held(x) : y',
    'y',
  ),
  1023: corrected(
    'Not a function',
    'The loss and the programs of a model are functions from tensors to tensors.',
    "'mse'",
    '({ x }) => mean(linear(3, 1)(x))',
  ),
  1024: corrected(
    'Two precisions in one model',
    'All programs share one copy of each weight, and its precision with it. Ask for the same precision in all trainings.',
    "precision: 'f32'",
    "precision: 'f16'",
  ),
  1025: corrected(
    'A parameter among gradients',
    '`gradientMetrics` is given the gradients, behind the backward pass. What the parameters give belongs to `metrics`.',
    'gradientMetrics',
    'metrics',
  ),
  1026: corrected(
    'No such option of a model',
    'A name that is not known, or a value of the wrong kind, is refused: it would be ignored otherwise. The message lists the names.',
    'acumulate',
    'accumulate',
  ),
  1027: corrected(
    'A function that gives no tensors by name',
    'Functions of a model that add outputs return them at once, by name: an object of tensors. A block in braces without `return` gives nothing, and neither does a promise.',
    '{ globalNorm(gradients); }',
    '({ norm: globalNorm(gradients) })',
  ),
  1030: commands(
    'The model ends the process',
    'Code of the model called `process.exit`. Nothing was built; throw an error instead, or call it where the model is used.',
    'build exits.ts --noEmit',
    'build model.ts --noEmit',
    {
      'exits.ts': WITH_MODEL(
        '\ndeclare const process: { exit(code: number): never };\nprocess.exit(3);\n',
      ),
    },
  ),
  1031: {
    title: 'The model never ends',
    means:
      'The top level of the file awaits a promise that nothing can fulfil any more, so the model is never made.',
    wrong: {
      kind: 'command',
      command: 'build waits.mts --noEmit',
      files: { 'waits.mts': WITH_MODEL('\nawait new Promise(() => {});\n') },
      ownProcess: true,
    },
    right: { kind: 'command', command: 'build model.ts --noEmit' },
  },
  1032: {
    title: 'The model ended the compiler',
    means:
      'A thread that evaluated the model ended with an exit code before it had a model: native code that it loads has failed, or it killed its own thread. Take imports out until it builds.',
    wrong: {
      kind: 'command',
      command: 'build exits.ts --noEmit',
      files: {
        'exits.ts': WITH_MODEL(
          '\ndeclare const process: { reallyExit(code: number): never };\nprocess.reallyExit(134);\n',
        ),
      },
      ownProcess: true,
    },
    right: { kind: 'command', command: 'build model.ts --noEmit' },
  },
  1033: {
    title: 'The build ran out of memory',
    means:
      'V8 has a limit of its own on memory, far below that of the machine. `NODE_OPTIONS=--max-old-space-size=8192 btc build …` raises it to 8 GiB. Most of the memory of a build is its initial values: `--noEmit` makes none.',
    wrong: {
      kind: 'command',
      before: 'NODE_OPTIONS=--max-old-space-size=250',
      command: 'build grows.ts --noEmit',
      files: {
        'grows.ts': WITH_MODEL(
          '\nconst all: number[][] = [];\nfor (;;) all.push(new Array(1000).fill(all.length));\n',
        ),
      },
      ownProcess: true,
    },
    right: { kind: 'command', command: 'build model.ts --noEmit' },
  },
  1034: {
    title: 'A model that takes too long in an editor',
    means:
      'The language server evaluates the model behind every pause in typing, and ends what takes longer. A loop in the model may not end; or the network is large, and the setting `btc.timeLimit` gives it more seconds.',
    wrong: {
      kind: 'editor',
      settings: { timeLimit: 1 },
      text: withOutput('(() => { for (;;); })()'),
    },
    right: { kind: 'command', command: 'build model.ts --noEmit' },
  },
} as const;

/** 2xxx: tensors, shapes and dtypes. */
export const TENSOR_PAGES = {
  2001: corrected(
    'Shapes that do not broadcast',
    'Axes are matched from the last to the first. Two extents match where they are equal or one of them is 1; missing axes count as 1.',
    'zeros([3, 2])',
    'zeros([2, 3])',
  ),
  2002: corrected(
    'An operation that is not defined for this',
    "The operation exists, but not for these operands; the reason says what is in the way. Often it is the dtype: `cast(x, 'f32')` makes f32 of indices.",
    '▸exp(n)',
    "exp(cast(n, 'f32'))",
  ),
  2003: corrected(
    'Another kind of tensor is wanted',
    'This operand has to be of another dtype or rank. Labels and indices are i32, everything that is computed with is f32.',
    '▸crossEntropy(x, x.sum(1))',
    'crossEntropy(x, n)',
  ),
  2004: corrected(
    'Inner dimensions of a product differ',
    'A product of [m, k] by [k, n] needs the same k twice. The message has both. Transpose one, or make the layer for what comes in.',
    '▸matmul(x, x)',
    'matmul(x, zeros([3, 2]))',
  ),
  2005: corrected(
    'A letter that no operand has',
    'Each letter behind `->` names an axis of an operand. This one is in none of them.',
    '->iz',
    '->ik',
  ),
  2006: corrected(
    'Not an einsum',
    'An equation is letters for the axes of each operand, separated by commas, then `->` and the letters of the result.',
    'ij,2k->',
    'ij,ik->',
  ),
  2007: corrected(
    'One letter, two extents',
    'Axes with the same letter are walked together, so they have the same extent. Here two operands differ.',
    'ij,jk->ik',
    'ij,ik->jk',
  ),
  2008: corrected(
    'Reshape to another number of elements',
    'A reshape keeps the elements in their order. Both shapes multiply to the same number; -1 stands for what is left.',
    '[4, 2]',
    '[3, 2]',
  ),
  2009: corrected(
    'No such axis',
    'Axes are counted from 0, or from -1 at the end. A tensor of rank 2 has the axes 0 and 1, which are also -2 and -1.',
    '▸sum(x, 2)',
    'sum(x, 1)',
  ),
  2010: corrected(
    'Not a dimension',
    'Dimensions are integers from 1 on, known at compile time. A division that leaves a fraction is the usual cause.',
    '[6, 1.5]',
    '[6, 1]',
  ),
  2011: corrected(
    '-1 stands for nothing',
    'One dimension of a reshape may be -1: it is the number of elements by the product of the others, which has to come out whole.',
    '[4, -1]',
    '[3, -1]',
  ),
  2012: corrected(
    'Parts that do not join',
    'Tensors that are concatenated along an axis are equal in all others. The axis is the second argument, 0 where it is not given.',
    'zeros([2, 4])',
    'zeros([1, 3])',
  ),
  2013: corrected(
    'A slice beyond the end',
    '`slice(x, axis, start, end)` takes the elements from start up to, not including, end. Both lie within the extent of the axis.',
    '1, 2, 5',
    '1, 2, 3',
  ),
  2014: corrected(
    'A layer of other features',
    'A layer knows how many features go in: the last axis of its input. Make the layer for this input, or reshape the input.',
    'linear(4, 2)',
    'linear(3, 2)',
  ),
  2015: corrected(
    'An argument out of its range',
    'The message names the argument, its value and what it may be.',
    '1.5',
    '0.5',
  ),
  2016: corrected(
    'Not a permutation',
    'A permutation of the axes names each axis once: [1, 0] turns a matrix.',
    '[0, 2]',
    '[1, 0]',
  ),
  2017: corrected(
    'Modes that do not multiply to the features',
    'Factorised weights cut the features of a layer into modes, whose product is the number of features. The message proposes modes that would do.',
    'inputModes: [2, 2]',
    'inputModes: [3, 1]',
  ),
  2018: corrected(
    'A rank that does not exist',
    'A rank lies between 1 and what the sizes around it allow; above that it would add numbers and no meaning.',
    'rank: 0',
    'rank: 1',
  ),
  2019: corrected(
    'Modes without a partner',
    'In this form each input mode goes with an output mode, so there are as many of one as of the other.',
    'outputModes: [4, 2]',
    'outputModes: [8]',
  ),
  2020: corrected(
    'Not a rank for each place',
    'Such a form has a rank for each bond between its cores. Give them all, or one `rank` for all places.',
    'ranks: []',
    'ranks: [2]',
  ),
  2021: corrected(
    'No shape is small enough',
    '`fitted` looks for modes and ranks within what you allow. Even the smallest it knows is larger; the message says how large.',
    'parameters: 5',
    'parameters: 9',
  ),
  2022: corrected(
    'Rows of different lengths',
    'The nested arrays of a constant form a block: all rows of one level have the same length.',
    '[[1, 2], [3]]',
    '[[1, 2], [3, 4]]',
  ),
  2023: corrected(
    'A value that the dtype has not',
    'The elements of an i32 tensor are integers of 32 bits; those of an f32 tensor are numbers.',
    '[1, 2.5]',
    '[1, 2]',
  ),
  2024: corrected(
    'Values that do not fill the shape',
    'The number of values is the product of the dimensions that are given.',
    '[1, 2, 3], [2]',
    '[1, 2, 3], [3]',
  ),
  2031: corrected(
    'A window larger than the image',
    'With its dilation, the window spans more than the image and its padding. Pad more, or take a smaller window. The message proposes a padding.',
    'padding: 1',
    'padding: 2',
  ),
  2032: corrected(
    'Groups that do not divide the channels',
    'Each group of a convolution has the same number of input and of output channels.',
    'groups: 4',
    'groups: 3',
  ),
  2033: corrected(
    'Statistics of a single element',
    'In training, batch norm takes mean and variance over the batch, for each feature. With one element the variance is 0, and nothing could be learnt.',
    '▸(slice(x, 0, 0, 1))',
    '(x)',
  ),
  2050: corrected(
    'An index beyond the rows',
    'The compiler follows what indices can be. These are sometimes outside of what they index.',
    'add(arange(3), 2)',
    'add(arange(3), 1)',
  ),
  2051: corrected(
    'No value is right for both uses',
    'An input that is used as indices must be in range for each use. Here the two ranges have no number in common.',
    'sub(n, 6)',
    'n',
  ),
  2052: corrected(
    'A window of nothing but padding',
    'A pool over padding alone has no value. Padding is smaller than the window.',
    '[0, 2]',
    '[0, 1]',
  ),
  2053: corrected(
    'Not a batch of images',
    'The function takes a batch first and channels last, with the extents in between: [batch, height, width, channels] for images.',
    '▸interpolate(x,',
    'interpolate(reshape(x, [1, 6, 1]),',
  ),
  2054: corrected(
    'Both a size and a scale',
    'The result is as large as `size` says, or as the input times `scale`. Give one of them.',
    'size: 2, scale: 2',
    'scale: 2',
  ),
  2055: corrected(
    'Patches that do not fill the image',
    'A fold adds patches up into an image, one for each position of the window. Their number and size follow from the image and the window.',
    'reshape(x, [1, 3, 2])',
    'zeros([1, 9, 4])',
  ),
  2056: corrected(
    'An argument that is no tensor',
    'A function met something that it cannot work with: undefined, an object, a text. In JavaScript nothing checks that earlier; TypeScript does.',
    'softmax(undefined)',
    'softmax(x)',
  ),
  2101: corrected(
    'Factorised, and slower',
    'A warning. Factorised weights take fewer parameters, but with this rank more multiply-adds than the dense layer. Take a lower rank, or accept it where memory is what counts.',
    'rank: 3',
    'rank: 1',
  ),
} as const;

/** 3xxx: gradients and training. */
export const TRAINING_PAGES = {
  3001: corrected(
    'The loss is not one number',
    'Training goes down one number. Take the mean or the sum over everything that the loss has an element for.',
    '▸add(y.relu(), 1)',
    'mean(y.relu())',
  ),
  3002: corrected(
    'Nothing to train',
    'No parameter takes part in the loss. Often it is computed from an input in place of an output, or everything is frozen.',
    "▸sum(cast(n, 'f32'))",
    'sum(y)',
  ),
  3003: corrected(
    'The loss is of integers',
    'Gradients are f32, and so is what they are taken of.',
    '▸sum(n)',
    'sum(y)',
  ),
  3004: corrected(
    'No gradient through here',
    'The derivative of this operation is zero or undefined everywhere, so nothing before it would learn. Take a smooth function, or `stopGradient` if that is meant.',
    '▸floor(y)',
    'tanh(y)',
  ),
  3005: corrected(
    'The filter takes no parameter',
    '`parameters` picks what this training moves, by a pattern over names. It matches nothing that the loss depends on; the message lists what there is.',
    '/^encoder/',
    '/^linear1/',
  ),
  3006: corrected(
    'Nothing to adapt',
    '`lora` puts adapters beside the weights of linear and recurrent layers, attention, embeddings and convolutions. What it was given has none of those, or they have adapters already. Convolutions with groups and transposed ones are not adapted, and the table of an embedding within a larger layer only where `targets` takes it; with a `weight` of another form, matrices alone are.',
    'lora(softmax, { rank: 2 })',
    'lora(linear(3, 2), { rank: 2 })',
  ),
  3007: corrected(
    'No averages to read',
    '`averaged` reads averages of the weights that an optimiser keeps. It keeps them where its option `average` says so.',
    'sgd()',
    'sgd({ average: 0.999 })',
  ),
  3008: corrected(
    'An empty group of parameters',
    'A warning. Groups are filled in their order, by name. This one gets none: its pattern matches nothing, or earlier groups have it all.',
    '/biass/',
    '/weight/',
  ),
  3009: corrected(
    'Two averages of one parameter',
    'Two trainings each keep an average of this parameter, and `averaged` cannot know which is meant. Let one of them keep it.',
    "adam({ average: 'equal' })",
    'adam()',
  ),
} as const;

/** 4xxx: memory and targets. */
export const MEMORY_PAGES = {
  4001: withOptions(
    'Over the budget',
    'With everything that btc may do (recompute, swap, slice), the plan takes more device memory than the budget. The lines below the message say which layers take it, and which budgets would do, by set of options.',
    { budgetBytes: 2 ** 20, target: 'wasm' },
  ),
  4002: corrected(
    'A tensor larger than a binding',
    'A kernel sees at most `maxStorageBufferBindingSize` bytes of one buffer. btc cuts larger tensors along the first axis; this one cannot be cut. `--limits adapter` takes what your device allows.',
    '[64, 1048576]',
    '[64, 1024]',
  ),
  4003: corrected(
    'More than WebAssembly can address',
    'Addresses of WebAssembly have 32 bits: 4 GiB. Take a smaller batch, a budget, or WebGPU.',
    '524288',
    '512',
  ),
  4004: commands(
    'Not a byte size',
    'Sizes are a number and a unit: 512MiB (2^20), 2GB (10^9), 64KiB, or plain bytes.',
    'build model.ts --budget 12parsecs',
    'build model.ts --noEmit --budget 12MiB',
  ),
  4005: withOptions(
    'Swapping needs more of the host',
    'The device budget can be kept only by copies on the host, and those take more than `--host-budget`. Raise it, or let the rest go to a file with `--spill-budget`.',
    { budgetBytes: 140_000, hostBudgetBytes: 200_000, profile: 'swiftshader' },
  ),
  4006: calls(
    'No such choice',
    'An option of `compile` has a value that it does not know. The message lists the choices.',
    COMPILED("{ target: 'wasm', recompute: 'fast' }"),
    COMPILED("{ target: 'wasm', recompute: 'speed' }"),
  ),
  4010: corrected(
    'A scope without a name',
    'Names of scopes are in the names of all that is made inside. Give it a text of printable characters.',
    "scope('', ",
    "scope('encoder', ",
  ),
  4011: {
    title: 'The solver is not there',
    means:
      '`--solve exact` uses the package `highs`, which is not installed with btc. `npm install highs` adds it; without it the search alone makes the plan.',
    wrong: {
      kind: 'command',
      command: 'build model.ts --noEmit --budget 12MiB --solve exact',
      where: NO_SOLVER,
    },
    right: { kind: 'command', command: 'build model.ts --noEmit --budget 12MiB' },
  },
  4012: {
    title: 'Planned by the search alone',
    means:
      'A warning. The integer program of `--solve exact` was not used for this program: it is too large, something is swapped, or the solver did not end in its time. The plan is the best that was found. Without copies to the host (`--swap none`) it can be used.',
    wrong: {
      kind: 'command',
      command: SOLVED,
      files: { 'deep.ts': DEEP },
    },
    right: {
      kind: 'command',
      command: `${SOLVED} --swap none`,
      files: { 'deep.ts': DEEP },
    },
  },
  4020: commands(
    'The batch cannot be cut into equal parts',
    'Micro-batches are equal, so that gradients are those of the whole batch. Give a divisor of the batch.',
    'build model.ts --target wasm --noEmit --micro-batch 3',
    'build model.ts --target wasm --noEmit --micro-batch 2',
  ),
  4021: commands(
    'Examples depend on one another',
    'Something combines the examples of a batch, as batch norm does, so parts of a batch give other results. `--micro-batch-norm` allows that for batch norm.',
    'build coupled.ts --target wasm --noEmit --micro-batch 2',
    'build coupled.ts --target wasm --noEmit --micro-batch 2 --micro-batch-norm',
    { 'coupled.ts': COUPLED },
  ),
  4022: commands(
    'No batch to cut',
    'No input of the program has a first axis that leads to its results, so there is nothing that micro-batches could cut.',
    'build line.ts --target wasm --noEmit --micro-batch 2',
    'build line.ts --target wasm --noEmit',
    { 'line.ts': WITHOUT_BATCH },
  ),
} as const;
