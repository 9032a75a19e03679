import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planColumns } from '../../compiler/codegen/wasm/columns.ts';
import { wasmScratch } from '../../compiler/codegen/wasm/time.ts';
import { withScratch } from '../../compiler/lower/scratch.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { expectExact, whole } from '../support/exact-kernels.ts';
import { runAllOnWasm } from '../support/run-wasm.ts';
import { soaked } from '../support/soak.ts';

interface Columns {
  readonly outer: number;
  readonly around: number;
  readonly rows: number;
  readonly columns: number;
  readonly combiners: readonly ('sum' | 'max' | 'min')[];
  readonly stored: 'f32' | 'f16';
  readonly weighs: boolean;
  readonly inPlace: boolean;
}

/** Reductions over rows of [around, outer, rows, columns], maybe with a factor by row, and something done with the results. */
function reduction(one: Columns): Kernel {
  const { outer, around, rows, columns, combiners, stored, weighs, inPlace } = one;
  const size = outer * around * rows * columns;
  const place = `${rows * columns}*a0 + a1 + ${outer * rows * columns}*a2 + ${columns}*a3`;
  const term = weighs ? 'n2' : 'n0';
  const lines = combiners.flatMap((_, k) => [
    `  n${3 + k}: f32 = accumulator${k === 0 ? '' : k + 1}`,
  ]);
  const last = 3 + combiners.length;
  const total = combiners.length === 1 ? 'n3' : `n${last}`;
  const joined = combiners.length === 1 ? [] : [`  n${last}: f32 = sub n3, n4`];
  const behind = last + joined.length;
  return parseKernel(`kernel columns {
  axis a0 parallel ${outer}
  axis a1 parallel ${columns}
  axis a2 reduced ${around}
  axis a3 reduced ${rows}
  buffer b0 read ${stored} ${size}
  buffer b1 read f32 ${rows}
  buffer b2 ${inPlace ? 'read_write' : 'write'} f32 ${outer * columns}
  n0: f32 = load b0[${place}]
  n1: f32 = load b1[a3]
  n2: f32 = mul n0, n1
${combiners.map((combiner) => `  reduce ${combiner} ${term}`).join('\n')}
${[...lines, ...joined].join('\n')}
${inPlace ? `  n${behind}: f32 = load b2[${columns}*a0 + a1]\n  n${behind + 1}: f32 = add n${behind}, ${total}\n` : ''}  store b2[${columns}*a0 + a1] = ${inPlace ? `n${behind + 1}` : total}
}
`);
}

const withMemory = (kernel: Kernel) => withScratch(kernel, wasmScratch(kernel));

/** One kernel on wasm, with the working memory that it wants. */
async function run(kernel: Kernel, first: Float32Array<ArrayBuffer>): Promise<ArrayLike<number>> {
  const whole = withMemory(kernel);
  const others = whole.buffers.slice(1).map(({ elements }) => new Float32Array(elements).fill(1));
  const [results] = await runAllOnWasm([{ kernel: whole, buffers: [first, ...others] }]);
  return results[2];
}

const plain = { outer: 1, around: 1, stored: 'f32', weighs: false, inPlace: false } as const;

const shapes: fc.Arbitrary<Columns> = fc.record({
  outer: fc.constantFrom(1, 1, 2, 3),
  around: fc.constantFrom(1, 1, 2, 3),
  rows: fc.oneof(fc.integer({ min: 520, max: 700 }), fc.constantFrom(512, 1024)),
  columns: fc.oneof(fc.integer({ min: 256, max: 300 }), fc.constantFrom(1500, 2048)),
  combiners: fc.constantFrom(['sum'], ['max'], ['min'], ['sum', 'max'], ['sum', 'sum']),
  stored: fc.constant('f32' as const),
  weighs: fc.constant(true),
  inPlace: fc.boolean(),
});

describe('reductions row by row', () => {
  test('are what the interpreter says, whatever their shape, rows that are left over among them', async () => {
    const kernels: Kernel[] = [];
    fc.assert(
      fc.property(shapes, (shape) => {
        const kernel = reduction(shape);
        expect(verifyKernel(kernel)).toEqual([]);
        expect(planColumns(kernel)).not.toBeNull();
        kernels.push(withMemory(kernel));
      }),
      soaked(8),
    );
    await expectExact(kernels);
  });

  test('keep NaN and infinities in their columns', async () => {
    const [rows, columns] = [515, 256];
    const data = whole(rows * columns);
    data[200 * columns + 3] = Number.NaN;
    data[514 * columns + 7] = Number.POSITIVE_INFINITY;
    data[0] = Number.NEGATIVE_INFINITY;
    const results = async (combiner: 'sum' | 'max' | 'min') =>
      run(reduction({ ...plain, rows, columns, combiners: [combiner] }), data);
    const [sums, most, least] = [await results('sum'), await results('max'), await results('min')];
    expect([sums[3], most[3], least[3]]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect([sums[7], most[7], least[7]]).toEqual([Infinity, Infinity, -5]);
    expect([sums[0], most[0], least[0]]).toEqual([-Infinity, 5, -Infinity]);
  });

  test('lose no digits in long sums of equal terms', async () => {
    const [rows, columns] = [40_003, 256];
    const term = Math.fround(0.1);
    const kernel = reduction({ ...plain, rows, columns, combiners: ['sum'] });
    const sums = await run(kernel, new Float32Array(rows * columns).fill(term));
    for (const sum of Array.from(sums))
      expect(Math.abs(sum / (rows * term) - 1)).toBeLessThan(200 * 2 ** -25);
  });
});
