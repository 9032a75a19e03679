import { describe, expect, test } from 'vitest';
import { planColumns } from '../../compiler/codegen/wasm/columns.ts';
import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import { wasmScratch } from '../../compiler/codegen/wasm/time.ts';
import { withScratch } from '../../compiler/lower/scratch.ts';
import { halfBits, halfValue } from '../../ir/half.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { runAllOnWasm, type Stored } from '../support/run-wasm.ts';

// Reductions of columns over what memory holds in other types than f32, and how they are cut in parts.

const [ROWS, COLUMNS] = [523, 768];
type Combiner = 'sum' | 'max' | 'min';

interface Types {
  readonly value: 'f32' | 'i32';
  readonly read: 'f32' | 'f16' | 'i32';
  readonly written: 'f32' | 'f16' | 'i32';
}

function reduction(combiner: Combiner, { value, read, written }: Types, columns = COLUMNS): Kernel {
  return parseKernel(`kernel columns {
  axis a0 parallel ${columns}
  axis a1 reduced ${ROWS}
  buffer b0 read ${read} ${ROWS * columns}
  buffer b1 write ${written} ${columns}
  n0: ${value} = load b0[${columns}*a1 + a0]
  reduce ${combiner} n0
  n1: ${value} = accumulator
  store b1[a0] = n1
}
`);
}

/** The result, by way of the form row by row. */
async function run(kernel: Kernel, data: Stored, result: Stored): Promise<Stored> {
  expect(verifyKernel(kernel)).toEqual([]);
  const whole = withScratch(kernel, wasmScratch(kernel));
  expect(planColumns(whole)).not.toBeNull();
  expect(whole.scratch).toBe(2);
  const scratch = new Float32Array(whole.buffers[2].elements);
  return (await runAllOnWasm<Stored>([{ kernel: whole, buffers: [data, result, scratch] }]))[0][1];
}

const columnOf = (data: ArrayLike<number>, column: number) =>
  Array.from({ length: ROWS }, (_, row) => data[row * COLUMNS + column]);
const COMBINE = {
  sum: (a: number, b: number) => a + b,
  max: (a: number, b: number) => Math.max(a, b),
  min: (a: number, b: number) => Math.min(a, b),
};

/** Numbers of 32 bits that look random. */
function bitsOf(count: number): Uint32Array<ArrayBuffer> {
  let state = 12345;
  return Uint32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state ^ (state >>> 15);
  });
}

describe.each(['sum', 'max', 'min'] as const)('columns of i32: %s', (combiner) => {
  test('is exact, and sums wrap', async () => {
    const data = new Int32Array(bitsOf(ROWS * COLUMNS).buffer);
    const kernel = reduction(combiner, { value: 'i32', read: 'i32', written: 'i32' });
    const results = await run(kernel, data, new Int32Array(COLUMNS));
    for (let column = 0; column < COLUMNS; column++)
      // Sums of these stay below 2^53.
      expect(results[column]).toBe(columnOf(data, column).reduce(COMBINE[combiner]) | 0);
  });
});

describe.each(['sum', 'max', 'min'] as const)('columns of halves: %s', (combiner) => {
  const bits = Uint16Array.from(
    bitsOf(ROWS * COLUMNS),
    (one) =>
      // Of any sign and size up to 2^5, subnormal ones among them.
      (one & 0x8000) | (one % 0x5000),
  );
  const values = Float64Array.from(bits, halfValue);
  test.each(['f32', 'f16'] as const)('results in %s', async (written) => {
    const kernel = reduction(combiner, { value: 'f32', read: 'f16', written });
    const result = written === 'f32' ? new Float32Array(COLUMNS) : new Uint16Array(COLUMNS);
    const results = await run(kernel, bits, result);
    for (let column = 0; column < COLUMNS; column++) {
      const terms = columnOf(values, column);
      const wanted = terms.reduce(COMBINE[combiner]);
      const given = written === 'f32' ? results[column] : halfValue(results[column]);
      const sizes = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      const half = written === 'f32' ? wanted : halfValue(halfBits(wanted));
      if (combiner === 'sum')
        expect(Math.abs(given - wanted)).toBeLessThanOrEqual(
          sizes * ROWS * 2 ** -25 + Math.abs(half - wanted) * (written === 'f16' ? 1.01 : 1),
        );
      else expect(given).toBe(wanted);
    }
  });
});

describe('parts of columns', () => {
  const types = { value: 'f32', read: 'f32', written: 'f32' } as const;
  const partsOf = (columns: number) => {
    const kernel = reduction('sum', types, columns);
    const whole = withScratch(kernel, wasmScratch(kernel));
    return { whole, parts: emitWasm([whole], 64).parts[0], plan: planColumns(whole) };
  };

  test.each([
    [512, 1],
    [768, 1],
    [1024, 2],
    [2048, 2],
    [3000, 3],
    [4096, 4],
  ])('%i columns are %i stretches, a part each', (columns, wanted) => {
    const { parts, plan } = partsOf(columns);
    expect(parts).toBe(wanted);
    expect(plan?.stretch).toBe(columns / wanted);
  });

  test('one after the other they store what all of them do, each its own columns', () => {
    const { whole, parts } = partsOf(2048);
    const { module, exports } = emitWasm([whole], 80);
    const memory = new WebAssembly.Memory({ initial: 80, maximum: 80 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } });
    const size = 4 * ROWS * 2048;
    new Float32Array(memory.buffer, 0, ROWS * 2048).forEach((_, i, data) => {
      data[i] = (i % 7) - 3;
    });
    const results = new Float32Array(memory.buffer, size, 2048);
    const call = instance.exports[exports[0]] as (...numbers: number[]) => void;
    call(0, size, size + 8192, 0, parts);
    const all = Array.from(results);
    results.fill(0);
    call(0, size, size + 8192, 1, 2);
    expect(Array.from(results)).toEqual(all.map((sum, i) => (i < 1024 ? 0 : sum)));
    // Working memory may hold anything before a part begins.
    call(0, size, size + 8192, 0, 1);
    expect(Array.from(results)).toEqual(all);
  });
});
