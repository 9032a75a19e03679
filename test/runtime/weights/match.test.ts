import { describe, expect, test } from 'vitest';
import {
  attention,
  compile,
  convolution,
  defineModel,
  groupNorm,
  linear,
  type Model,
  maxPool2d,
  relu,
  reshape,
  type Tensor,
  tensor,
  transpose,
} from '../../../compiler/index.ts';
import type { Plan } from '../../../ir/plan.ts';
import { verifyPlan } from '../../../ir/plan-verify.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../ir/safetensors.ts';
import { modelTensors } from '../../../runtime/checkpoint.ts';
import { load } from '../../../runtime/index.ts';
import { fromWeights } from '../../../runtime/weights/from-weights.ts';
import { openSafetensors } from '../../../runtime/weights/index.ts';
import { matchWeights } from '../../../runtime/weights/match.ts';
import { encodeWeights } from '../../../runtime/weights/save.ts';
import { errorOf } from '../../support/errors.ts';

const model = (shape: readonly number[], build: (x: Tensor) => Tensor): Model =>
  defineModel({
    name: 'm',
    inputs: { x: tensor(shape) },
    build: ({ x }) => ({ y: build(x) }),
  });

async function planOf(source: Model, options = {}): Promise<Plan> {
  const { plan, diagnostics } = await compile(source, { target: 'wasm', ...options });
  expect(diagnostics).toEqual([]);
  return plan!;
}

const flattenedIn = (plan: Plan) =>
  Object.fromEntries(
    modelTensors(plan).flatMap(({ name, layer }) =>
      layer?.flattened ? [[name, layer.flattened]] : [],
    ),
  );

describe('axes that are flattened images', () => {
  const conv = (x: Tensor) => convolution(x.shape[3], 3, { kernel: 1, name: 'conv' })(x);
  const rows = (x: Tensor, to: number) => reshape(x, [x.shape[0], to]);
  const fc = (x: Tensor) => linear(x.shape.at(-1)!, 2, { name: 'fc' })(x);

  test.each<[string, readonly number[], (x: Tensor) => Tensor, unknown]>([
    ['behind a convolution', [2, 4, 5, 3], (x) => fc(rows(conv(x), 60)), [[4, 5, 3]]],
    ['behind pooling', [2, 4, 6, 3], (x) => fc(rows(relu(maxPool2d(x, 2)), 18)), [[2, 3, 3]]],
    ['of an input', [2, 4, 5, 3], (x) => fc(rows(x, 60)), [[4, 5, 3]]],
    [
      'of two joined, and cut',
      [2, 4, 5, 3],
      (x) => fc(rows(conv(x).add(conv2(x)), 60)),
      [[4, 5, 3]],
    ],
    ['through a group norm', [2, 4, 5, 4], (x) => fc(rows(groupNorm(2, 4)(x), 80)), [[4, 5, 4]]],
    ['not of one row of pixels and one channel', [2, 4, 5, 1], (x) => fc(rows(x, 20)), []],
    [
      'not where channels were put first',
      [2, 4, 5, 3],
      (x) => fc(rows(transpose(conv(x), [0, 3, 1, 2]), 60)),
      [],
    ],
    [
      'not of positions without channels',
      [2, 4, 5, 3],
      (x) => fc(reshape(conv(x), [2, 20, 3])),
      [],
    ],
    ['not of the heads of attention', [2, 5, 3, 4], (x) => fc(reshape(x, [2, 5, 12])), []],
  ])('%s', async (_, shape, build, wanted) => {
    const { 'fc.weight': found = [] } = flattenedIn(await planOf(model(shape, build)));
    expect(found).toEqual((wanted as number[][]).map((extents) => ({ axis: 0, extents })));
  });

  const conv2 = (x: Tensor) =>
    convolution(x.shape[3], 3, { kernel: 3, padding: 1, name: 'conv2' })(x);

  test('none is in a transformer', async () => {
    const plan = await planOf(model([2, 4, 6], (x) => attention(6, { heads: 2 })(x)));
    expect(flattenedIn(plan)).toEqual({});
  });
});

describe('a plan that says what is not so', async () => {
  const plan = await planOf(
    model([2, 4, 5, 3], (x) => linear(60, 2, { name: 'fc' })(reshape(x, [2, 60]))),
  );
  test.each<
    [string, (tensor: Record<string, unknown> & { layer: Record<string, unknown> }) => void, string]
  >([
    [
      'of its part',
      (t) => {
        t.layer.part = 'bias';
      },
      ".layer.part: 'fc.weight' does not end with 'bias'",
    ],
    [
      'of an axis',
      (t) => {
        t.layer.flattened = [{ axis: 2, extents: [2, 2] }];
      },
      '.layer.flattened[0].axis: there is no axis 2',
    ],
    [
      'of extents',
      (t) => {
        t.layer.flattened = [{ axis: 0, extents: [2, 2] }];
      },
      '.layer.flattened[0].extents: they multiply to 4, the axis has 60',
    ],
    [
      'of one axis twice',
      (t) => {
        t.layer.flattened = [0, 0].map((axis) => ({ axis, extents: [4, 15] }));
      },
      'axis 0 stands twice',
    ],
    [
      'of a part',
      (t) => {
        t.pieceOf = { name: 'all.weight', part: 2, parts: 2 };
        t.layer.flattened = undefined;
        delete t.layer.flattened;
      },
      '.pieceOf.part: 2, but there are 2',
    ],
    [
      'of its role',
      (t) => {
        t.role = 'activation';
      },
      "a tensor with role 'activation' is of no layer",
    ],
  ])('%s is refused', (_, change, problem) => {
    const copy = structuredClone(plan) as Plan;
    change(copy.tensors.find(({ name }) => name === 'fc.weight') as never);
    expect(verifyPlan(copy).join('\n')).toContain(problem);
  });
});

describe('queries, keys and values head by head', async () => {
  const plan = await planOf(model([2, 4, 8], (x) => attention(8, { heads: 4, keyHeads: 2 })(x)));
  const file = (rows: number) => ({
    ...{ name: 'attention1.query_key_value.weight', dtype: 'F32', shape: [rows, 8] },
    ...{ bytes: 32 * rows, file: 'model.safetensors' },
  });
  const options = { layout: 'pytorch', rename: (name: string) => name } as const;

  test('say where they are', () => {
    const { found } = matchWeights(plan, [file(16)], options);
    expect([...found].map(([name, { change }]) => [name, change])).toEqual([
      ['attention1.query.weight', '0 to 4 of each of 2 parts of axis 0; transposed'],
      ['attention1.key.weight', '4 to 6 of each of 2 parts of axis 0; transposed'],
      ['attention1.value.weight', '6 to 8 of each of 2 parts of axis 0; transposed'],
    ]);
  });

  test('of other widths do not fit', () => {
    const { found, problems } = matchWeights(plan, [file(24)], options);
    expect([...found]).toEqual([]);
    expect(problems.get('attention1.key.weight')).toBe(
      "tensor 'attention1.query_key_value.weight' is f32[24,8]; for 'attention1.key.weight' the plan wants f32[16,8] (f32[8,4] here)",
    );
  });

  test('are not taken by a plan that does not know its heads, nor by one that is wrong about them', () => {
    const copy = structuredClone(plan) as Plan;
    const layers = modelTensors(copy).map(({ layer }) => layer as { heads?: number });
    for (const layer of layers) layer.heads = 3;
    expect(verifyPlan(copy).join('\n')).toContain(
      '.layer.heads: 3 do not divide the last axis of 8',
    );
    for (const layer of layers) delete layer.heads;
    expect(matchWeights(copy, [file(16)], options)).toMatchObject({
      ...{ found: new Map(), left: ['attention1.query_key_value.weight'] },
    });
  });
});

test('a parameter that is kept as several is one in a file, and read once', async () => {
  const source = model([2, 4096], (x) => linear(4096, 64, { name: 'table', bias: false })(x));
  const plan = await planOf(source, {
    target: 'webgpu',
    limits: { maxBindingBytes: 2 ** 19, maxBufferBytes: 2 ** 20 },
  });
  const pieces = modelTensors(plan);
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.every(({ pieceOf }) => pieceOf?.name === 'table.weight')).toBe(true);
  const data = Float32Array.from({ length: 4096 * 64 }, (_, k) => k);
  const bytes = encodeSafetensors([['table.weight', { dtype: 'f32', shape: [64, 4096], data }]]);
  const file = await openSafetensors(bytes);
  let reads = 0;
  const read = (name: string) => {
    reads++;
    return file.read(name);
  };
  const counted = { ...file, read };
  const { values, report } = await fromWeights(plan, counted, { layout: 'pytorch' });
  expect(reads).toBe(1);
  expect(report.restored).toEqual(pieces.map(({ name }) => name));
  const list = pieces.map(({ name }) => values.get(name)!);
  // Rows of the parameter are columns in the file.
  expect(list.map((piece) => piece[0])).toEqual(pieces.map((_, k) => (k * 4096) / pieces.length));
  expect(list[0][1]).toBe(4096);
  const saved = decodeSafetensors(encodeWeights(plan, list, { layout: 'pytorch' }, null));
  expect([...saved.tensors]).toEqual([...decodeSafetensors(bytes).tensors]);
});

describe('what does not fit is one error', async () => {
  const {
    plan,
    module,
    parameters: initial,
  } = await compile(
    model([2, 3], (x) => linear(4, 4, { name: 'last' })(linear(3, 4, { name: 'first' })(x))),
    { target: 'wasm' },
  );
  const file = (shapes: Readonly<Record<string, readonly number[]>>) =>
    encodeSafetensors(
      Object.entries(shapes).map(([name, shape]) => {
        const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(
          1,
        );
        return [name, { dtype: 'f32', shape, data }];
      }),
    );
  const begin = (parameters: unknown, options: object) =>
    load(plan!, { module: module!, parameters: parameters as Uint8Array, ...options });
  const FIRST = { 'first.weight': [4, 3], 'first.bias': [4] };
  const LAST = { 'last.weight': [4, 4], 'last.bias': [4] };
  const pytorch = { layout: 'pytorch' };

  test.each<[string, Uint8Array, object, string]>([
    [
      'a shape',
      file({ ...FIRST, ...LAST, 'first.weight': [3, 4] }),
      pytorch,
      "invalid-checkpoint: the parameters are refused: tensor 'first.weight' is f32[3,4]; for 'first.weight' the plan wants f32[4,3] (f32[3,4] here); without a layout it would fit",
    ],
    [
      'a layout',
      file({ ...FIRST, ...LAST }),
      { unused: 'error' },
      "invalid-checkpoint: the parameters are refused: tensor 'first.weight' is f32[4,3]; for 'first.weight' the plan wants f32[3,4]; with layout 'pytorch' it would fit",
    ],
    [
      'what is missing',
      file(FIRST),
      pytorch,
      "invalid-checkpoint: the parameters are refused: tensors 'last.weight', 'last.bias' are missing",
    ],
    [
      'what is left over',
      file({ ...FIRST, ...LAST, head: [1] }),
      pytorch,
      "invalid-checkpoint: the parameters are refused: tensor 'head' is not in plan 'm' (with unused: 'ignore' that is no error)",
    ],
    [
      'names that fall together',
      file({ ...FIRST, ...LAST, 'a.weight': [4, 4] }),
      { ...pytorch, rename: { 'a.weight': 'last.weight' } },
      "invalid-checkpoint: the parameters are refused: two tensors of the file are renamed to 'last.weight'",
    ],
    [
      'a rename',
      file({ ...FIRST, ...LAST }),
      { ...pytorch, rename: () => 7 },
      "invalid-input: 'rename' gives number for 'first.weight'; a name, or null to leave it out",
    ],
    [
      'a list of renames',
      file({ ...FIRST, ...LAST }),
      { rename: [['a']] },
      "invalid-input: 'rename' is a function of names, a table { name: name } or a list of [pattern, replacement], but one of the list is no [pattern, replacement] of strings or a RegExp and a string",
    ],
    [
      'another layout',
      file(FIRST),
      { layout: 'jax' },
      "invalid-input: 'layout' is 'pytorch', but 'jax' was given",
    ],
    [
      'another use',
      file(FIRST),
      { unused: 'drop' },
      "invalid-input: 'unused' is 'error' or 'ignore'",
    ],
  ])('%s', async (_, bytes, options, wanted) => {
    const { code, message } = await errorOf(() => begin(bytes, options));
    expect(`${code}: ${message}`).toBe(wanted);
  });

  test('of options without parameters', async () => {
    const { code, message } = await errorOf(() =>
      load(plan!, { module: module!, layout: 'pytorch' }),
    );
    expect([code, message]).toEqual([
      'invalid-input',
      "'layout', 'rename' and 'unused' are about 'parameters', which are not given",
    ]);
  });

  test('and what is missing or left over may be', async () => {
    const bytes = file({ 'net.first.weight': [4, 3], 'net.first.bias': [4], head: [1] });
    const session = await begin(bytes, {
      ...{ ...pytorch, missing: 'initial', unused: 'ignore', initial },
      rename: [[/^net\./, '']],
    });
    expect(session.restored).toMatchObject({
      restored: ['first.weight', 'first.bias'],
      initial: ['last.weight', 'last.bias'],
      ignored: ['head'],
    });
    const saved = await openSafetensors(await session.saveParameters({ layout: 'pytorch' }));
    expect([...saved.tensors.keys()].sort()).toEqual(
      ['last.bias', 'last.weight', 'net.first.bias', 'net.first.weight'].sort(),
    );
    const wrong = await errorOf(() => session.saveParameters({ layout: 'jax' as never }));
    expect(wrong.code).toBe('invalid-input');
    const same = await errorOf(() => session.saveParameters({ rename: () => 'one' }));
    expect(same.message).toBe("two tensors are saved as 'one'; give them names by 'rename'");
    session.destroy();
  });

  test('a checkpoint that was changed is not read, renamed or not', async () => {
    const session = await begin(file({ ...FIRST, ...LAST }), pytorch);
    const own = await session.saveParameters();
    own[own.length - 1] ^= 1;
    const error = await errorOf(() => begin(own, { rename: [] }));
    expect(error.message).toContain('it was changed or damaged');
    session.destroy();
  });
});
