import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import { elementCount } from '../../ir/tensor.ts';
import { expectGradients } from '../gradient/finite-differences.ts';
import {
  dot,
  expectOutputs,
  expectValue,
  type Matrix,
  numbers,
  plus,
  type Tensors,
  tabulate,
  timesMatrix,
  total,
  type Vector,
} from './expect-outputs.ts';
import { programOf } from './run-program.ts';

/** Compares the gradients of all inputs and parameters, for a sum of the result with weights, with finite differences. */
function expectLayerGradients(
  inputs: Readonly<Record<string, readonly number[]>>,
  build: (inputs: Tensors) => btc.Tensor,
): void {
  const specs = Object.entries(inputs).map(([name, shape]) => [name, btc.tensor(shape)]);
  const traced = traceModel(
    btc.defineModel({
      name: 'm',
      inputs: Object.fromEntries(specs),
      build(x) {
        const y = build(x);
        const weights = btc.sin(
          btc.cast(btc.reshape(btc.arange(elementCount(y.shape)), y.shape), 'f32').add(1),
        );
        return { loss: btc.sum(btc.mul(y, weights)) };
      },
    }),
  );
  expect(traced.diagnostics).toEqual([]);
  const { graph } = traced.programs[0];
  const sources = graph.nodes.flatMap((node, value) =>
    node.op === 'input' || node.op === 'parameter'
      ? [{ value, name: node.attributes.name, count: elementCount(node.type.shape) }]
      : [],
  );
  const given = Object.fromEntries(
    sources.map(({ name, count }, salt) => [name, numbers<Vector>([count], salt)]),
  );
  const wrt = sources.map(({ value }) => value);
  const loss = graph.outputs[0].value;
  expectGradients(extendGraph({ ...graph, outputs: [] }), loss, wrt, given);
}

describe('localResponseNorm', () => {
  const x = numbers<readonly Matrix[]>([2, 3, 7]);
  const normal = (row: Vector, size: number, alpha: number, beta: number, k: number) =>
    row.map((value, c) => {
      const low = c - (size >> 1);
      const near = row.slice(Math.max(0, low), Math.max(0, low + size));
      return value / (k + alpha * dot(near, near)) ** beta;
    });
  const expected = (size: number, alpha: number, beta: number, k: number) =>
    x.map((rows) => rows.map((row) => normal(row, size, alpha, beta, k)));

  test('divides by what is near among the channels, with the defaults of AlexNet', () => {
    expectValue([x], (a) => btc.localResponseNorm(a), expected(5, 1e-4, 0.75, 2));
    const options = { size: 4, alpha: 0.3, beta: 1.25, k: 0.5 };
    expectValue([x], (a) => btc.localResponseNorm(a, options), expected(4, 0.3, 1.25, 0.5));
  });

  test('its gradient is that of finite differences', () => {
    for (const size of [1, 4, 5, 9])
      expectLayerGradients({ x: [3, 7] }, ({ x }) =>
        btc.localResponseNorm(x, { size, alpha: 0.3 }),
      );
  });
});

/** Of one head, by rows; each query sees the keys up to `last`. */
function attend(q: Matrix, k: Matrix, v: Matrix, last: (row: number) => number): Matrix {
  return q.map((query, row) => {
    const scores = k.map((key) => Math.exp(dot(query, key) / Math.sqrt(query.length)));
    const seen = scores.map((score, column) => (column <= last(row) ? score : 0));
    return timesMatrix(
      seen.map((score) => score / total(seen)),
      v,
    );
  });
}

describe('attention', () => {
  const [batch, time, keys, heads, features] = [2, 3, 4, 2, 3];
  /** [batch, time, heads, features] of one batch and head. */
  const headOf = (x: readonly (readonly Matrix[])[], b: number, h: number) =>
    x[b].map((row) => row[h]);

  test.each([
    ['of all keys', keys, {}],
    ['of earlier keys', time, { causal: true }],
  ])('scaledDotProductAttention %s', (_, length, options: btc.DotProductAttentionOptions) => {
    const [q, k, v] = [time, length, length].map((count, salt) =>
      numbers<readonly (readonly Matrix[])[]>([batch, count, heads, features], salt),
    );
    const perHead = tabulate<readonly (readonly Matrix[])[]>([batch, heads], (b, h) => {
      const last = (row: number) => (options.causal ? row : length);
      return attend(headOf(q, b, h), headOf(k, b, h), headOf(v, b, h), last) as never;
    });
    expectValue(
      [q, k, v],
      (a, b, c) => btc.scaledDotProductAttention(a, b, c, options),
      tabulate([batch, time, heads, features], (b, t, h, f) => perHead[b][h][t][f]),
    );
  });

  test('the layer projects, attends per head, and projects again', () => {
    const width = heads * features;
    const [x, context] = [time, keys].map((count, salt) =>
      numbers<readonly Matrix[]>([batch, count, width], salt),
    );
    const parts = ['query', 'key', 'value', 'output'];
    const weights = parts.map((_, k) => numbers<Matrix>([width, width], k + 3));
    const biases = parts.map((_, k) => numbers<Vector>([width], k + 9));
    const project = (k: number, rows: Matrix) =>
      rows.map((row) => plus(timesMatrix(row, weights[k]), biases[k]));
    const expected = x.map((rows, b) => {
      const [q, k, v] = [rows, context[b], context[b]].map((y, part) => project(part, y));
      const ofHead = (y: Matrix, h: number) =>
        y.map((row) => row.slice(h * features, (h + 1) * features));
      const attended = [0, 1].map((h) =>
        attend(ofHead(q, h), ofHead(k, h), ofHead(v, h), () => keys),
      );
      return project(
        3,
        rows.map((_, t) => attended.flatMap((head) => head[t])),
      );
    });
    const parameters = Object.fromEntries(
      parts.flatMap((part, k) => [
        [`attend.${part}.weight`, weights[k]],
        [`attend.${part}.bias`, biases[k]],
      ]),
    );
    expectOutputs(
      {
        inputs: { x, context },
        parameters,
        build: (t) => ({ y: btc.attention(width, { heads, name: 'attend' })(t.x, t.context) }),
      },
      { y: expected },
    );
  });

  test('its gradients are those of finite differences', () => {
    expectLayerGradients({ x: [2, 3, 4] }, ({ x }) =>
      btc.attention(4, { heads: 2, causal: true })(x),
    );
    expectLayerGradients({ x: [1, 2, 4], context: [1, 3, 4] }, ({ x, context }) =>
      btc.attention(4, { heads: 1 })(x, context),
    );
  });

  test('takes factorised matrices', () => {
    const weight = btc.lowRank({ rank: 1 });
    const { parameters } = traceModel(
      btc.defineModel({
        name: 'm',
        inputs: { x: btc.tensor([2, 3, 8]) },
        build: ({ x }) => ({ y: btc.attention(8, { heads: 2, weight })(x) }),
      }),
    );
    const counts = parameters.map(({ declaration }) => elementCount(declaration.type.shape));
    expect(total(counts)).toBe(4 * (8 + 8 + 8));
  });

  test('blames shapes that do not fit', () => {
    const messages = (build: (x: btc.Tensor) => btc.Tensor) =>
      traceModel(
        btc.defineModel({
          name: 'm',
          inputs: { x: btc.tensor([2, 3, 8]) },
          build: ({ x }) => ({ y: build(x) }),
        }),
      ).diagnostics.map(({ message }) => message);
    expect(messages((x) => btc.attention(8, { heads: 3 })(x))).toEqual([
      "'attention': 'heads' is 3; it must be a divisor of the 8 features",
    ]);
    expect(messages((x) => btc.attention(8, { heads: 2 })(x, btc.slice(x, 0, 0, 1)))).toEqual([
      "'scaledDotProductAttention' takes queries, keys and values f32 [batch, time, heads, features], not f32 [2, 3, 2, 4], f32 [1, 3, 2, 4], f32 [1, 3, 2, 4]",
    ]);
    expect(messages((x) => btc.localResponseNorm(x, { k: 0 }))).toEqual([
      "'localResponseNorm': 'k' is 0; it must be a positive number",
    ]);
  });
});

test('the layer takes fewer heads of keys, positions and masks: a key that is padding might as well not be there', () => {
  const layer = btc.attention(8, { heads: 4, keyHeads: 2, rotary: true, name: 'a' });
  const shapes: Record<string, readonly number[]> = {};
  const model = btc.defineModel({
    name: 'm',
    inputs: {
      x: btc.tensor([2, 3, 8]),
      context: btc.tensor([2, 5, 8]),
      keep: btc.tensor([2, 5], 'i32'),
    },
    build: ({ x, context, keep }) => ({
      masked: layer(x, context, { keyMask: keep }),
      short: layer(x, context.slice(1, 0, 4)),
      all: layer(x, context),
    }),
  });
  const { parameters } = traceModel(model);
  const values = Object.fromEntries(
    parameters.map(({ declaration: { name, type } }, k) => {
      shapes[name] = type.shape;
      const count = type.shape.reduce((a, b) => a * b, 1);
      return [name, Float64Array.from({ length: count }, (_, i) => Math.sin(1 + k + 1.7 * i))];
    }),
  );
  expect([shapes['a.query.weight'], shapes['a.key.weight'], shapes['a.value.bias']]).toEqual([
    [8, 8],
    [8, 4],
    [4],
  ]);
  const given = (count: number, salt: number) =>
    Array.from({ length: count }, (_, i) => Math.cos(salt + 2.3 * i));
  const keep = [1, 1, 1, 1, 0, 1, 1, 1, 1, 0];
  const { outputs } = programOf(model, 'predict')(
    { x: given(48, 1), context: given(80, 2), keep },
    values,
  );
  outputs.masked.forEach((value, i) => {
    expect(value).toBeCloseTo(outputs.short[i], 9);
  });
  expect(Math.abs(outputs.all[0] - outputs.short[0])).toBeGreaterThan(1e-3);
});
