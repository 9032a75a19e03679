import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromBtc, inOrder } from '../../compiler/cli/report.ts';
import { MESSAGES } from '../../compiler/diagnostics.ts';
import { compile, defineModel, option, tensor } from '../../compiler/index.ts';
import { loadModel } from '../../compiler/load/index.ts';
import { setSourceMapper } from '../../compiler/reporting/call-sites.ts';
import { compileText, define, markedPlaces, placeOf, withOutput } from '../support/compile-text.ts';
import { CASES } from './diagnostic-cases.ts';

/** Of files, of a model that was made before its options or ends its process, and of sizes and targets: below, in test/cli and test/micro-batch. */
const ELSEWHERE = [
  1001, 1019, 1030, 1031, 1032, 1033, 1034, 4004, 4006, 4011, 4012, 4020, 4021, 4022,
];

test('every message that a model can cause has a case', () => {
  const wanted = Object.keys(MESSAGES)
    .map(Number)
    .filter((number) => number < 5000 && !ELSEWHERE.includes(number));
  expect(Object.keys(CASES).map(Number)).toEqual(wanted);
});

describe('each message stands alone, is filled in, and points at the expression', () => {
  test.each(Object.entries(CASES))('BTC%s', async (number, { text, options, message, warns }) => {
    const category = warns ? 'warning' : 'error';
    const { plan, module, parameters, diagnostics } = await compileText(text, options);
    expect(
      diagnostics.map(({ code, category, message, source }) => ({
        code,
        category,
        message,
        source: placeOf(source),
      })),
    ).toEqual([{ code: `BTC${number}`, category, message, source: markedPlaces(text)[0] ?? null }]);
    if (warns) expect(plan).not.toBeNull();
    else
      expect({ plan, module, parameters }).toEqual({ plan: null, module: null, parameters: null });
  });
});

test.each([
  [
    "einsum('...ij,...jk->...ik', zeros([2, 4, 1, 1]), zeros([3, 4, 1, 1]))",
    "einsum '...ij,...jk->...ik': axis -2 of '...' is 2 in operand 0 and 3 in operand 1",
  ],
  [
    "einsum('...i->...z', zeros([5, 6, 2]))",
    "einsum '...i->...z': output letter 'z' is in no operand; they have i",
  ],
  [
    "einsum('...i,ij', zeros([5, 2]), zeros([3, 4]))",
    "einsum '...i,ij': letter 'i' is 2 in operand 0 and 3 in operand 1",
  ],
])('%s names no letter that is not in it', async (call, message) => {
  const { diagnostics } = await compileText(withOutput(call));
  expect(diagnostics.map(({ message }) => message)).toEqual([message]);
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
    expect(printed.map(({ source }) => placeOf(source))).toEqual(markedPlaces(text));
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
    const places = diagnostics.map(({ code, source }) => [code, placeOf(source)]);
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
      const own = expression.includes('bad') ? ['BTC2004', 'BTC2005', 'BTC2008'] : ['BTC2015'];
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
  expect(diagnostics.map(({ code, source }) => [code, placeOf(source)])).toEqual([
    ['BTC4001', sum],
  ]);
  const related = diagnostics[0].related!.map(({ message, source }) => ({
    message,
    source: placeOf(source),
  }));
  expect(related).toEqual(
    expect.arrayContaining([
      { message: "live there: 'predict/x' [64, 64], 16.00 KiB", source: input },
      {
        message:
          'on the device: parameters 256 B, optimiser state 0 B, arena 16.00 KiB, staging 16.00 KiB',
        source: null,
      },
    ]),
  );
});

describe('options of the API', () => {
  const model = () =>
    defineModel({
      name: 'm',
      inputs: { x: tensor([option('rows', 2)]) },
      build: ({ x }) => ({ y: x.exp() }),
    });
  const codes = async (...args: Parameters<typeof compile>) =>
    (await compile(...args)).diagnostics.map(({ code }) => code);

  test('cannot be set for a model that is made already', async () => {
    expect(await codes(model(), { set: { rows: 3 } })).toEqual(['BTC1019']);
    expect(await codes(model, { set: { rows: 3 } })).toEqual([]);
  });

  test('are checked', async () => {
    expect(await codes(model, { target: 'cuda' as 'wasm' })).toEqual(['BTC6001']);
    expect(await codes(model, { budgetBytes: Number.NaN })).toEqual(['BTC4004']);
    expect(await codes(model, { hostBudgetBytes: -1 })).toEqual(['BTC4004']);
    const { diagnostics } = await compile(model, { swap: 'sometimes' as 'auto' });
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "BTC4006 'swap' is 'sometimes'; it must be one of none, conv, lru, auto",
    ]);
  });

  test('belong to their build, also where model functions wait for one another', async () => {
    const results = await Promise.all(
      [7, 8, 9].map((rows) =>
        compile(
          async () => {
            await new Promise((resolve) => setTimeout(resolve, 10 - rows));
            return model();
          },
          { set: { rows }, target: 'wasm' },
        ),
      ),
    );
    expect(results.map(({ diagnostics }) => diagnostics)).toEqual([[], [], []]);
    expect(results.map(({ plan }) => plan!.programs.predict.inputs[0].shape)).toEqual([
      [7],
      [8],
      [9],
    ]);
  });
});

test('mistakes beside the functions do not hide those inside', async () => {
  const { diagnostics } = await compileText(`defineModel({
  name: 'm', inputs: { x: tensor([2, 3], 'f16'), n: tensor([2, -3]) },
  build: ({ x, n }) => ({ x, n, y: matmul(zeros([2, 3]), zeros([2, 3])) }),
  train: { loss: ({ y }) => mean(y), optimizer: adam({ beta1: 2, epsilon: -1 }) },
})`);
  expect(diagnostics.map(({ code }) => code).sort()).toEqual([
    'BTC2004',
    'BTC2010',
    'BTC2015',
    'BTC2015',
    'BTC2015',
  ]);
});

test.each([
  ['linear(3, 0)(x)', "'linear': 'outFeatures' is 0; it must be a positive integer"],
  ['gru(3, 4)(x).outputs', "'gru' takes [batch, time, 3], not f32 [2, 3]"],
  ['layerNorm(2)(n)', "'layerNorm' takes an f32 tensor, not i32"],
  ['linear(2, 4)(n)', "'linear' takes an f32 tensor, not i32"],
  ["param('w', [0, 3], init.zeros)", "'param': dimension 0 of shape [0, 3] is 0"],
  ['mean(n)', "'mean' takes an f32 tensor, not i32"],
  ['concat([x.sum(1), n])', "'concat' takes tensors of one dtype, not f32 and i32"],
])('%s: one message, which blames what the user wrote', async (expression, message) => {
  const { diagnostics } = await compileText(withOutput(expression));
  expect(diagnostics.map((one) => one.message)).toEqual([expect.stringContaining(message)]);
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
