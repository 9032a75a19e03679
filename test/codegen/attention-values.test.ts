import { describe, expect, test } from 'vitest';
import { type CompileOptions, compile } from '../../compiler/index.ts';
import * as btc from '../../compiler/language.ts';
import { elementCount } from '../../ir/tensor.ts';
import cases from '../frontend/attention/values.json' with { type: 'json' };
import { builtOf, openSession } from '../support/agreement.ts';

// Attention and its gradients against PyTorch in float64 (test/frontend/attention/make.py), with scores in memory and in tiles.

interface Case {
  readonly shape: Readonly<Record<'batch' | 'time' | 'keys' | 'heads' | 'features', number>>;
  /** Null where PyTorch has NaN. */
  readonly y: readonly (number | null)[];
  readonly gradients: Readonly<Record<string, readonly (number | null)[]>>;
  readonly causal?: boolean;
  readonly keys_of_batch?: readonly number[];
  /** Heads of keys and values. */
  readonly groups?: number;
  /** Keys are seen that are nearer than this. */
  readonly band?: number;
  /** -Infinity is added to some scores, and to all of each row of so many. */
  readonly hidden_rows?: number;
}
const CASES: Readonly<Record<string, Case>> = cases;
/** So many sums stand for each result. */
const SUMS = 61;

/** The formula of make.py. */
const number = (salt: number, place: number) =>
  (((31 * place + 7 * salt + 3) * place + 577 * salt) % 2039) / 1024 - 1;
const numbers = (salt: number, shape: readonly number[], factor: number) =>
  Array.from({ length: elementCount(shape) }, (_, place) => factor * number(salt, place));

function folded(result: ArrayLike<number>): number[] {
  const sums = new Array<number>(SUMS).fill(0);
  for (let k = 0; k < result.length; k++) sums[k % SUMS] += result[k] * (1 + (k % 5) / 4);
  return sums;
}

function expectSums(given: ArrayLike<number>, all: readonly (number | null)[], what: string) {
  const scale = Math.max(...all.map((sum) => Math.abs(sum ?? 0)));
  folded(given).forEach((sum, k) => {
    const wanted = all[k];
    if (wanted === null) expect(sum, `${what}, sum ${k}`).toBeNaN();
    else expect(Math.abs(sum - wanted), `${what}, sum ${k}`).toBeLessThan(1e-5 * scale);
  });
}

/** What is attended to, by name: parameters, of which gradients are taken. */
function operandsOf({ shape, gradients, groups = shape.heads }: Case) {
  const { batch, time, keys, heads, features } = shape;
  const operands = {
    query: { shape: [batch, time, heads, features], salt: 1, factor: 4 },
    key: { shape: [batch, keys, groups, features], salt: 2, factor: 1 },
    value: { shape: [batch, keys, groups, features], salt: 3, factor: 1 },
    bias: { shape: [heads, time, keys], salt: 4, factor: 2 },
  };
  return Object.entries(operands).filter(([name]) => name in gradients);
}

/** A mask beside the ones that have a name, of i32, or of f32 which is added. */
function maskOf({ shape, band, hidden_rows: hidden }: Case): btc.Tensor | null {
  const { time, keys } = shape;
  const [row, column] = [btc.iota([time, keys], 0), btc.iota([time, keys], 1)];
  if (band) return btc.less(btc.maximum(column.sub(row), row.sub(column)), band);
  if (!hidden) return null;
  const added = Float32Array.from({ length: time * keys }, (_, place) => {
    const [own, key] = [Math.floor(place / keys), place % keys];
    return own % hidden === 1 || (own + key) % 3 === 0 ? Number.NEGATIVE_INFINITY : 0;
  });
  return btc.constant(added, [time, keys]);
}

function modelOf(wanted: Case) {
  const { batch, keys } = wanted.shape;
  const lengths = wanted.keys_of_batch;
  return btc.defineModel({
    name: 'attention',
    inputs: { weights: btc.tensor(operandsOf(wanted)[0][1].shape) },
    build() {
      const { query, key, value, bias } = Object.fromEntries(
        operandsOf(wanted).map(([name, { shape }]) => [
          name,
          btc.param(name, shape, btc.init.zeros),
        ]),
      );
      const mask = bias ?? maskOf(wanted);
      const options: btc.DotProductAttentionOptions = {
        ...(mask ? { mask } : {}),
        ...(wanted.causal ? { causal: true } : {}),
        ...(lengths
          ? {
              keyMask: btc.less(
                btc.iota([batch, keys], 1),
                btc.constant(Int32Array.from(lengths), [batch, 1]),
              ),
            }
          : {}),
      };
      return { y: btc.scaledDotProductAttention(query, key, value, options) };
    },
    train: {
      loss: ({ y }, { weights }) => y.mul(weights).sum(),
      metrics: ({ y }) => ({ y }),
      optimizer: btc.sgd(),
      exchange: true,
    },
  });
}

const TARGETS: Readonly<Record<string, CompileOptions>> = {
  wasm: { target: 'wasm' },
  'webgpu, scores in memory': { target: 'webgpu', tiles: 'never' },
  'webgpu, in tiles': { target: 'webgpu', tiles: 'always' },
};
/** Whose products are computed in tiles of workgroup memory, all with parts at the edges: a software GPU compiles each for a second. */
const IN_WORKGROUPS = ['causal', 'crossed'];

describe.each(Object.keys(CASES))('%s', (name) => {
  const wanted = CASES[name];
  test.each(Object.keys(TARGETS))('on %s', async (target) => {
    const isPlain = TARGETS[target].tiles !== 'never' || IN_WORKGROUPS.includes(name);
    const built = builtOf(
      await compile(modelOf(wanted), {
        ...TARGETS[target],
        ...(isPlain ? {} : { limits: { maxWorkgroupBytes: 0 } }),
      }),
    );
    const { tensors, programs } = built.plan;
    const largest = Math.max(
      ...programs.gradients.steps
        .flatMap(({ bindings }) => bindings.map((tensor) => tensors[tensor]))
        .map(({ role, bytes }) => (role === 'activation' ? bytes : 0)),
    );
    const { batch, time, keys, heads } = wanted.shape;
    const scores = 4 * batch * heads * time * keys;
    if (TARGETS[target].tiles !== 'always') expect(largest).toBeGreaterThanOrEqual(scores);
    // The gradients of keys that heads share sum over these too, and keep the scores in memory.
    else if (!wanted.groups) expect(largest).toBeLessThan(scores);

    const session = await openSession(built);
    await session.writeParameters(
      Object.fromEntries(
        operandsOf(wanted).map(([operand, { shape, salt, factor }]) => [
          operand,
          numbers(salt, shape, factor),
        ]),
      ),
    );
    const weights = Float32Array.from(numbers(5, operandsOf(wanted)[0][1].shape, 1));
    const outputs = await session.run('gradients', { weights });
    expectSums(outputs.y, wanted.y, 'y');
    for (const [operand, gradient] of Object.entries(wanted.gradients))
      expectSums(outputs[`${operand}.gradient`], gradient, `gradient of ${operand}`);
    session.destroy();
  });
});
