import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluateScalar, SCALAR_OPS, type ScalarOp } from '../../ir/scalar.ts';
import { runOnWasm } from '../support/run-wasm.ts';
import { runOnGpu } from '../support/run-wgsl.ts';
import { type Run, scalarKernel } from '../support/scalar-kernels.ts';

// The table of docs/numerics.md is what the targets are held to.

const page = readFileSync(new URL('../../docs/numerics.md', import.meta.url), 'utf8');

interface Stated {
  readonly op: ScalarOp;
  readonly from: number;
  readonly to: number;
  readonly wasm: number;
  readonly webgpu: number;
}

const STATED = [...page.matchAll(/^\| `(\w+)` *\|([^|]+)\|([^|]+)\|([^|]+)\|([^|]+)\|$/gm)].map(
  ([, op, ...columns]): Stated => {
    const [from, to, wasm, webgpu] = columns.map(Number);
    return { op: op as ScalarOp, from, to, wasm, webgpu };
  },
);

const COUNT = 12_000;

/** Numbers in [from, to]: dense, random, of any magnitude, and the ends. */
function operands(
  { from, to }: Pick<Stated, 'from' | 'to'>,
  seed: number,
): Float32Array<ArrayBuffer> {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  const least = from > 0 ? from : 1e-30;
  const result = Float32Array.from({ length: COUNT }, (_, i) => {
    const share = i % 4 === 0 ? i / COUNT : random();
    if (i % 2 === 0) return from + share * (to - from);
    const end = from < 0 && random() < 0.5 ? from : to;
    return Math.sign(end) * least * (Math.abs(end) / least) ** share;
  });
  result.set([from, to]);
  return result.map((x) => Math.min(Math.max(x, Math.fround(from)), Math.fround(to)));
}

/** Exponents whose powers of `bases` are neither infinite nor subnormal. */
function exponents(bases: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const shares = operands({ from: -1, to: 1 }, 99);
  return bases.map((base, i) => {
    const most = 125 / Math.abs(Math.log2(base) || 1);
    const exponent = shares[i] * most;
    return i % 3 === 0 && Math.abs(exponent) >= 1 ? Math.trunc(exponent) : exponent;
  });
}

const SMALLEST_NORMAL = 2 ** -126;

/** The largest error in units in the last place of the true result, which is at least a normal number. */
async function largestError(stated: Stated, run: Run): Promise<number> {
  const { op } = stated;
  const left = operands(stated, 7);
  const columns =
    SCALAR_OPS[op].arity === 1
      ? [left]
      : [left, op === 'pow' ? exponents(left) : operands(stated, 8)];
  const kernel = scalarKernel(
    op,
    columns.map(() => 'f32' as const),
    'f32',
    COUNT,
  );
  const given = (await run(kernel, [...columns, new Float32Array(COUNT)])).at(-1)!;
  let largest = 0;
  for (let i = 0; i < COUNT; i++) {
    const [a, b] = columns.map((column) => column[i]);
    const wanted = evaluateScalar(op, 'f32', a, b);
    if (Math.abs(wanted) < SMALLEST_NORMAL || Object.is(given[i], wanted)) continue;
    if (!Number.isFinite(Math.fround(wanted)) && given[i] === Math.fround(wanted)) continue;
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(wanted))) - 23);
    const error = Math.abs(given[i] - wanted) / unit;
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

it('the page has a row for every function of f32 that is rounded', () => {
  const EXACT = [
    'neg',
    'abs',
    'sign',
    'floor',
    'roundF16',
    'max',
    'min',
    'isNan',
    'select',
    'toF32',
    'toI32',
  ];
  const rounded = Object.entries(SCALAR_OPS).filter(
    ([op, { rule, dtypes }]) => rule === 'same' && dtypes.includes('f32') && !EXACT.includes(op),
  );
  expect(STATED.map(({ op }) => op).sort()).toEqual(rounded.map(([op]) => op).sort());
});

it('wasm: functions of any NaN are NaN, whatever its sign and its other bits', async () => {
  const bits = [0x7fc00000, 0xffc00000, 0x7fffffff, 0xffffffff, 0xffd5aaab, 0x7fc00017, 0xffe00100];
  const nans = new Float32Array(Uint32Array.from(bits).buffer);
  for (const op of ['exp', 'expm1', 'tanh', 'sigmoid', 'softplus', 'erf', 'erfc'] as const) {
    const kernel = scalarKernel(op, ['f32'], 'f32', nans.length);
    const given = (await runOnWasm(kernel, [nans, new Float32Array(nans.length)])).at(-1)!;
    expect(Array.from(given), op).toEqual(bits.map(() => Number.NaN));
  }
});

describe('the error is at most what the page states, and not far below it', () => {
  it.each(STATED)('wasm: $op', async (stated) => {
    const error = await largestError(stated, runOnWasm);
    expect(error).toBeLessThanOrEqual(stated.wasm);
    expect(error).toBeGreaterThanOrEqual(stated.wasm * 0.6);
  });

  it.each(STATED)('WebGPU: $op', async (stated) => {
    const error = await largestError(stated, runOnGpu);
    expect(error).toBeLessThanOrEqual(stated.webgpu);
  });
});
