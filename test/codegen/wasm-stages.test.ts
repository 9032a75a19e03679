import { describe, expect, test } from 'vitest';
import { belowMaxima } from '../../compiler/codegen/wasm/below-maxima.ts';
import { emitWasm, wasmText } from '../../compiler/codegen/wasm/index.ts';
import { arraysInResults } from '../../compiler/codegen/wasm/result-arrays.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { isStaged, partList, tileParts } from '../../ir/kernel-stage.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';

interface Changes {
  readonly combiner?: 'max' | 'min';
  readonly difference?: string;
  readonly largestOf?: string;
  readonly behind?: string;
  readonly stored?: 'f32' | 'f16';
}

const [TILES, ROWS, COLUMNS] = [3, 2, 37];
const SIZE = TILES * ROWS * COLUMNS;
const TERM = `b0[${ROWS * COLUMNS}*a0 + ${COLUMNS}*a1 + a2]`;

/** Softmax of rows, as producer fusion makes it, or something like it. */
function softmax(changes: Changes = {}): Kernel {
  const { combiner = 'max', difference = 'sub n0, n1', largestOf = TERM } = changes;
  const { behind = 'div n0, n1', stored = 'f32' } = changes;
  return parseKernel(`kernel softmax {
  axis a0 parallel ${TILES}
  axis a1 parallel ${ROWS}
  axis a2 parallel ${COLUMNS}
  buffer b0 read f32 ${SIZE}
  buffer b1 write ${stored} ${SIZE}
  buffer b2 write f32 ${ROWS}
  buffer b3 write f32 ${ROWS * COLUMNS}
  buffer b4 write f32 ${ROWS}
${largestOf === TERM ? '' : `  buffer b5 read f32 ${2 * SIZE}\n`}  stage over 1 local f32 ${ROWS} in b2 {
    axis a1 parallel ${ROWS}
    axis a2 reduced ${COLUMNS}
    n0: f32 = load ${largestOf}
    reduce ${combiner} n0
    n1: f32 = accumulator
    store local[a1] = n1
  }
  stage over 1 local f32 ${ROWS * COLUMNS} in b3 {
    axis a1 parallel ${ROWS}
    axis a2 parallel ${COLUMNS}
    n0: f32 = load ${TERM}
    n1: f32 = load local[a1]
    n2: f32 = ${difference}
    n3: f32 = exp n2
    store local2[${COLUMNS}*a1 + a2] = n3
  }
  stage over 1 local f32 ${ROWS} in b4 {
    axis a1 parallel ${ROWS}
    axis a2 reduced ${COLUMNS}
    n0: f32 = load local2[${COLUMNS}*a1 + a2]
    reduce sum n0
    n1: f32 = accumulator
    store local3[a1] = n1
  }
  n0: f32 = load local2[${COLUMNS}*a1 + a2]
  n1: f32 = load local3[a1]
  n2: f32 = ${behind}
  store b1[${ROWS * COLUMNS}*a0 + ${COLUMNS}*a1 + a2] = n2
}
`);
}

const HOLDERS = [2, 3, 4];
function partsOf(kernel: Kernel): readonly Kernel[] {
  if (!isStaged(kernel)) throw new Error('no stages');
  return arraysInResults(kernel, partList(tileParts(kernel, HOLDERS)), HOLDERS);
}

/** Buffers that the second stage stores to, and nodes of it that are below the maxima. */
const filled = (kernel: Kernel) => partsOf(kernel)[1].stores.map(({ buffer }) => buffer);
const below = (kernel: Kernel) => [...belowMaxima(partsOf(kernel))[1]];

/** The result of a kernel, with its operand and its result in one place or apart. */
function run(kernel: Kernel, data: readonly number[], inPlace: boolean): number[] {
  const { module, exports, parts } = emitWasm([kernel], 1);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } });
  const result = inPlace ? 0 : 4096;
  const call = instance.exports[exports[0]] as (...numbers: number[]) => void;
  new Float32Array(memory.buffer).set(data);
  call(0, result, 8192, 12288, 16384, 0, parts[0]);
  return Array.from(new Float32Array(memory.buffer, result, SIZE));
}

function expected(data: readonly number[]): number[] {
  return data.map((x, i) => {
    const row = data.slice(i - (i % COLUMNS), i - (i % COLUMNS) + COLUMNS);
    const most = row.some(Number.isNaN) ? Number.NaN : Math.max(...row);
    // Differences are those of float32.
    const power = (one: number) => Math.exp(Math.fround(one - most));
    return power(x) / row.reduce((sum, one) => sum + power(one), 0);
  });
}

const DATA = Array.from({ length: SIZE }, (_, i) => Math.fround(40 * Math.sin(i * i)));

describe('softmax in stages', () => {
  test('has its array in its result, and exponentials of numbers that are 0 at most', () => {
    const kernel = softmax();
    expect(verifyKernel(kernel)).toEqual([]);
    expect(filled(kernel)).toEqual([1]);
    expect(below(kernel)).toEqual([2]);
  });

  test.each([false, true])(
    'is that of the definition, in the place of its operand: %s',
    (there) => {
      const data = [...DATA];
      data[3] = -Infinity;
      data[COLUMNS + 5] = -1e30;
      data[2 * COLUMNS + 7] = Number.NaN;
      data[4 * COLUMNS] = 3e38;
      data.fill(-Infinity, 3 * COLUMNS, 4 * COLUMNS);
      const results = run(softmax(), data, there);
      expected(data).forEach((value, i) => {
        if (Number.isNaN(value)) expect(results[i], `${i}`).toBeNaN();
        else expect(Math.abs(results[i] - value), `${i}`).toBeLessThanOrEqual(5e-7 * value + 2e-45);
      });
    },
  );

  test('divides once a row, and only where its sum is that of exponentials up to 1', () => {
    const divisions = (kernel: Kernel) => [...wasmText([kernel], 1).matchAll(/f32x4\.div/g)].length;
    expect(divisions(softmax())).toBe(0);
    expect(divisions(softmax({ combiner: 'min' }))).toBeGreaterThan(0);
    expect(divisions(softmax({ behind: 'div n1, n0' }))).toBeGreaterThan(0);
    expect(divisions(softmax({ difference: 'sub n1, n0' }))).toBeGreaterThan(0);
  });

  test('is bounded by a maximum only where that is of the same terms', () => {
    expect(below(softmax({ difference: 'sub n1, n0' }))).toEqual([]);
    expect(below(softmax({ difference: 'add n0, n1' }))).toEqual([]);
    expect(below(softmax({ combiner: 'min' }))).toEqual([]);
    const others = TERM.replace('b0', 'b5');
    expect(below(softmax({ largestOf: others }))).toEqual([]);
    expect(
      below(softmax({ largestOf: TERM.replace(' + a2', ' + a2 + 1').replace('b0', 'b5') })),
    ).toEqual([]);
    // Results above 1 show that the general form is taken.
    const least = run(softmax({ combiner: 'min', behind: 'max n0, n1' }), DATA, false);
    expect(Math.max(...least)).toBeGreaterThan(1e30);
  });

  test('keeps its array apart where the operand may be in the place of the result and is read again, or results are halves', () => {
    const again = softmax();
    const body = { kind: 'load', dtype: 'f32', buffer: 0, bounds: [] } as const;
    const { index } = again.stores[0];
    const reads: Kernel = {
      ...again,
      nodes: [
        ...again.nodes,
        { ...body, index },
        { kind: 'apply', dtype: 'f32', op: 'add', operands: [2, 3] },
      ],
      stores: again.stores.map((store) => ({ ...store, value: 4 })),
    };
    expect(verifyKernel(reads)).toEqual([]);
    expect(filled(reads)).toEqual([3]);
    const results = run(reads, DATA, true);
    expected(DATA).forEach((value, i) => {
      expect(results[i]).toBeCloseTo(value + DATA[i], 4);
    });
    expect(filled(softmax({ stored: 'f16' }))).toEqual([3]);
  });
});
