import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromBtc, inOrder } from '../../compiler/cli/report.ts';
import { MESSAGES } from '../../compiler/diagnostics.ts';
import { setSourceMapper } from '../../compiler/frontend/source.ts';
import { loadModel } from '../../compiler/load/index.ts';
import type { CompileOptions } from '../../compiler/result.ts';
import { compileText, define, markedPlaces, withOutput } from '../support/compile-text.ts';

const trained = (loss: string) =>
  define(`build: ({ x, n }) => ({ y: linear(3, 2)(x), n }),
  train: {
    optimizer: sgd(),
    loss: ({ y, n }) => ${loss},
  }`);

interface Case {
  readonly text: string;
  readonly options?: CompileOptions;
  /** The message in full. */
  readonly message: string;
}

/** One model for each message; the mark is where it points, and without a mark it points nowhere. */
const CASES: Readonly<Record<number, Case>> = {
  1001: {
    text: '({ name: "not made by defineModel" })',
    message: "'the model' has no default export made by defineModel",
  },
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
    text: withOutput("zeros([option('batch', 4)])"),
    options: { set: { batches: 8 } },
    message: "option 'batches' is set but model 'm' declares no such option; it declares batch",
  },
  1006: {
    text: withOutput("zeros([▸option('batch', 4)])"),
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
    text: "▸defineModel({ name: 'm', inputs: { step: tensor([]) }, build: ({ step }) => ({ step }) })",
    message: "input name 'step' is reserved for the optimiser",
  },
  1015: {
    text: `(() => {
  let kept;
  return defineModel({
    name: 'm', inputs: { x: tensor([2, 3]) },
    build: ({ x }) => ({ y: (kept = x.exp()) }),
    programs: { late: ({ x }) => ({ x, z: kept.▸neg() }) },
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
    text: withOutput("▸param('w', [3], { kind: 'own', fill: () => [1] })"),
    message: "the initialiser of parameter 'w' gives 1 numbers, not 3",
  },
  2001: {
    text: withOutput('▸add(x, zeros([3, 2]))'),
    message: "shapes [2, 3] and [3, 2] of 'add' do not broadcast",
  },
  2002: { text: withOutput('▸exp(n)'), message: "'exp': 'exp' is not defined for i32" },
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
    message: "einsum 'ij,jk->iz': output letter 'z' is in no operand",
  },
  2006: {
    text: withOutput("▸einsum('ij,jk', x, x)"),
    message: "einsum 'ij,jk': the equation has no '->'",
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
    text: withOutput('▸dropout(x, 1)'),
    message: "'dropout': 'rate' is 1; it must be in [0, 1)",
  },
  2016: {
    text: withOutput('▸transpose(x, [0, 2])'),
    message: 'transpose: [0, 2] is not a permutation of the 2 axes',
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
  4001: {
    text: define('build: ({ x, n }) => ({ n, y: ▸add(x, 1) }),'),
    options: { budgetBytes: 1024, target: 'wasm' },
    message:
      "the plan needs 64.00 KiB of device memory, over the budget of 1.00 KiB by 63.00 KiB; the peak is at step 0 of 'predict' (add)",
  },
  4002: {
    text: `defineModel({
  name: 'm',
  inputs: { x: ▸tensor([64, 1048576]) },
  build: ({ x }) => ({ y: sum(x) }),
})`,
    message:
      "tensor 'predict/x' takes 256.00 MiB, over the target's limit of 128.00 MiB for one binding",
  },
  4003: {
    text: withOutput(
      'add(iota([1024, 524288], 0), iota([1024, 524288], 1)), b: ones([1024, 524288]), c: zeros([1024, 524288])',
    ),
    options: { target: 'wasm' },
    message: 'the plan needs more than the 4.00 GiB that the wasm target can address',
  },
};

/** Sizes are read by the command line; `compile` takes numbers. */
const COMMAND_LINE_ONLY = [4004];

test('every message that a model can cause has a case', () => {
  const wanted = Object.keys(MESSAGES)
    .map(Number)
    .filter((number) => number < 5000 && !COMMAND_LINE_ONLY.includes(number));
  expect(Object.keys(CASES).map(Number)).toEqual(wanted);
});

describe('each message stands alone, is filled in, and points at the expression', () => {
  test.each(Object.entries(CASES))('BTC%s', async (number, { text, options, message }) => {
    const { plan, module, parameters, diagnostics } = await compileText(text, options);
    expect(
      diagnostics.map(({ code, category, message, source }) => ({
        code,
        category,
        message,
        source,
      })),
    ).toEqual([
      { code: `BTC${number}`, category: 'error', message, source: markedPlaces(text)[0] ?? null },
    ]);
    expect({ plan, module, parameters }).toEqual({ plan: null, module: null, parameters: null });
  });
});

describe('several mistakes', () => {
  test('come out in one build, each one time, in the order of the source', async () => {
    const text = `defineModel({
  name: 'm',
  inputs: { x: tensor([2, 3]), extra: ▸tensor([3]), empty: ▸tensor([2, 0]) },
  build({ x, empty }) {
    const bad = ▸matmul(x, x);
    return { y: linear(3, 1)(▸reshape(x, [5])), bad, empty };
  },
  train: { loss: ({ y, bad }, { x }) => mean(add(y, ▸slice(x, 0, 4))), optimizer: sgd() },
  programs: { late: ({ x }) => ({ z: ▸sum(x, 7) }) },
})`;
    const { plan, diagnostics } = await compileText(text);
    const printed = inOrder(diagnostics.map(fromBtc));
    expect(plan).toBeNull();
    expect(printed.map(({ source }) => source)).toEqual(markedPlaces(text));
    expect(printed.map(({ code }) => code)).toEqual([
      'BTC1003',
      'BTC2010',
      'BTC2004',
      'BTC2008',
      'BTC2013',
      'BTC2009',
    ]);
  });

  test('are all reported when an exception ends the build', async () => {
    const text = withOutput("[▸matmul(x, x), (() => { throw ▸new Error('late'); })()]");
    const { diagnostics } = await compileText(text);
    const places = diagnostics.map(({ code, source }) => [code, source]);
    const [first, second] = markedPlaces(text);
    expect(places).toEqual([
      ['BTC2004', first],
      ['BTC1002', second],
    ]);
  });

  test('of which one hands out fewer tensors than asked for are no exception', async () => {
    const { diagnostics } = await compileText(
      define('build({ x, n }) { const [a, b] = split(x, 2, 5); return { n, z: add(a, b) }; }'),
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2009']);
  });
});

/** Operations on the stand-in `bad` that would be mistakes of their own if its type counted. */
const ON_STAND_IN = [
  'add(bad, zeros([7]))',
  'matmul(bad, zeros([7, 7]))',
  "einsum('abcd->a', bad)",
  'softmax(bad, 3)',
  'logSoftmax(bad, 3)',
  'sum(bad, 3)',
  'mean(bad, 3)',
  'max(bad, [3, 4])',
  'variance(bad, 3)',
  'argmax(bad, 3)',
  'normalise(bad)',
  'crossEntropy(bad, n)',
  'meanSquaredError(bad, zeros([7]))',
  'logicalNot(bad)',
  'select(bad, 1, 2)',
  'reshape(bad, [7])',
  'reshape(bad, [7, -1])',
  'transpose(bad, [3, 1, 2, 0])',
  'slice(bad, 3, 5, 9)',
  'slice(bad, 0, 5, 9)',
  'split(bad, 7, 3)[6]',
  'split(bad, 7)[6]',
  'pad(bad, [[1, 1], [0, 0], [0, 0]])',
  'squeeze(bad, 3)',
  'squeeze(bad, 0)',
  'expandDims(bad, 4)',
  'broadcastTo(bad, [7])',
  'concat([bad, zeros([7])], 0)',
  'concat([zeros([7]), bad], 0)',
  'stack([bad, zeros([7])], 1)',
  'gather(bad, n)',
  'gather(x, bad)',
  'oneHot(bad, 5)',
  'embedding(5, 4)(bad)',
  'linear(9, 4)(bad)',
  'layerNorm(9)(bad)',
  'lstm(9, 4)(bad).outputs',
  'gru(3, 4)(zeros([2, 5, 3]), { hidden: bad }).outputs',
  'rnn(3, 4).step(x, { hidden: bad }).hidden',
  'lstm(0, 4)(zeros([2, 5, 3])).outputs',
];

describe('what is computed from a mistake is no second mistake', () => {
  test.each(ON_STAND_IN)('%s', async (expression) => {
    // The types that are assumed for these differ: [2, 3], a scalar and [2, 2].
    for (const mistake of ['matmul(x, x)', "einsum('ij->k', x)", 'reshape(x, [7, 7, 7])']) {
      const own = expression.includes('bad') ? ['BTC2004', 'BTC2005', 'BTC2008'] : ['BTC2010'];
      const text = define(`build({ x, n }) {
    ${expression.includes('bad') ? `const bad = ${mistake};` : ''}
    return { x, n, z: ${expression} };
  }`);
      const { diagnostics } = await compileText(text);
      expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
        expect.stringMatching(new RegExp(`^(${own.join('|')}) `)),
      ]);
    }
  });
});

test.each([
  ['mean(x, 5)', "'mean': axis 5"],
  ['variance(x, 5)', "'variance': axis 5"],
  ['stack([x, x], 5)', "'stack': axis 5"],
  ['zeros([0])', "'zeros': dimension 0"],
  ['arange(0)', "'arange': dimension 0"],
  ['oneHot(x, 3)', "'oneHot'"],
  ['x.mean(5)', "'mean': axis 5"],
])('%s: the message names the function that was called', async (expression, start) => {
  const { diagnostics } = await compileText(withOutput(expression));
  expect(diagnostics.map(({ message }) => message)).toEqual([
    expect.stringMatching(new RegExp(`^${start}`)),
  ]);
});

test('over the budget: what lives at the peak is listed with its places', async () => {
  const text = `defineModel({
  name: 'm', inputs: { x: ▸tensor([64, 64]) },
  build: ({ x }) => ({ y: ▸add(x, param('w', [64], init.zeros)) }),
})`;
  const { diagnostics } = await compileText(text, { budgetBytes: 4096 });
  const [input, sum] = markedPlaces(text);
  expect(diagnostics.map(({ code, source }) => [code, source])).toEqual([['BTC4001', sum]]);
  expect(diagnostics[0].related).toEqual(
    expect.arrayContaining([
      { message: "live there: 'predict/x' [64, 64], 16.00 KiB", source: input },
      { message: 'parameters and optimiser state take 256 B', source: null },
    ]),
  );
});

describe('loading a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'btc-test-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    // The loader leaves its mapping of positions in place, for the files that it loaded.
    setSourceMapper(null);
  });

  test('without a model names the file, and the place is its start', async () => {
    const file = join(folder, 'model.ts');
    writeFileSync(file, 'export const model = 1;\n');
    const { model, diagnostics } = await loadModel(file);
    expect(model).toBeNull();
    expect(diagnostics).toEqual([
      {
        code: 'BTC1001',
        category: 'error',
        message: `'${file}' has no default export made by defineModel`,
        source: { file, line: 1, column: 1 },
      },
    ]);
  });

  test('in JavaScript does not say that there is no such file', async () => {
    const file = join(folder, 'model.js');
    writeFileSync(file, 'export const model = 1;\n');
    const { diagnostics } = await loadModel(file);
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1001']);
  });
});
