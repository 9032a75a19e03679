import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitGpu, emitWgsl, variantsOf } from '../../compiler/codegen/gpu/index.ts';
import { halfBits, halfValue, roundToHalf } from '../../ir/half.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import {
  disagreements,
  KERNEL_FORMS,
  type KernelCase,
  kernelCases,
  withHolder,
} from '../support/random-kernel.ts';
import { runOnScript } from '../support/run-script.ts';
import { runAllOnWasm, runOnWasm, type Stored } from '../support/run-wasm.ts';
import { runOnGpu } from '../support/run-wgsl.ts';
import { scalarKernel } from '../support/scalar-kernels.ts';
import { SCRIPT } from '../support/script-dialect.ts';
import { soaked } from '../support/soak.ts';

/** The value of the bits by the definition of binary16, in strings of bits. */
function valueByDefinition(bits: number): number {
  const text = bits.toString(2).padStart(16, '0');
  const sign = text[0] === '1' ? -1 : 1;
  const exponent = Number.parseInt(text.slice(1, 6), 2);
  const fraction = Number.parseInt(text.slice(6), 2) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

const ALL = Array.from({ length: 65536 }, (_, bits) => bits);
/** Finite, from 0 up. */
const SIZES = ALL.slice(0, 0x7c00).map(valueByDefinition);

/** The nearest of all halves by search; of two the one with the even bits; 65520 and more are infinite. */
function nearestBySearch(x: number): number {
  const size = Math.abs(x);
  const sign = x < 0 || Object.is(x, -0) ? -1 : 1;
  if (Number.isNaN(x)) return x;
  if (size >= 65520) return sign * Number.POSITIVE_INFINITY;
  let [low, high] = [0, SIZES.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (SIZES[middle] <= size) low = middle;
    else high = middle;
  }
  const above = SIZES[low + 1] ?? 65536;
  const [down, up] = [size - SIZES[low], above - size];
  const bits = down < up || (down === up && low % 2 === 0) ? low : low + 1;
  return sign * (SIZES[bits] ?? Number.POSITIVE_INFINITY);
}

/** Each half, what lies halfway to the next, the f32 on both sides of both, and random numbers of all sizes. */
function hardNumbers(): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  const numbers: number[] = [];
  const around = (x: number) => {
    float[0] = x;
    const middle = bits[0];
    for (const step of [-1, 0, 1]) {
      bits[0] = middle + step;
      numbers.push(float[0], -float[0]);
    }
  };
  SIZES.forEach((size, k) => {
    around(size);
    around((size + (SIZES[k + 1] ?? 65536)) / 2);
  });
  let state = 1;
  for (let i = 0; i < 20000; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bits[0] = state;
    numbers.push(float[0]);
  }
  const { POSITIVE_INFINITY, NaN: NAN } = Number;
  numbers.push(
    POSITIVE_INFINITY,
    -POSITIVE_INFINITY,
    NAN,
    0,
    -0,
    1e38,
    -1e38,
    2 ** -149,
    65519,
    65536,
  );
  return new Float32Array(numbers);
}

const differs = (given: ArrayLike<number>, wanted: ArrayLike<number>) =>
  Array.from(wanted).findIndex((value, i) => !Object.is(given[i], value));

describe('halves', () => {
  it('bits and values are those of IEEE 754 both ways, for all 65,536', () => {
    for (const bits of ALL) {
      const value = valueByDefinition(bits);
      const back = Number.isNaN(value) ? bits : halfBits(value);
      if (!Object.is(halfValue(bits), value) || back !== bits)
        throw new Error(`${bits} are ${halfValue(bits)}, and that is ${back}`);
    }
    expect(halfBits(Number.NaN)).toBe(0x7e00);
  });

  it('numbers are rounded to the nearest, ties to even', () => {
    const numbers = hardNumbers();
    expect(differs(numbers.map(roundToHalf), numbers.map(nearestBySearch))).toBe(-1);
    fc.assert(
      fc.property(fc.double(), (x) => Object.is(roundToHalf(x), nearestBySearch(x))),
      soaked(2000),
    );
  });
});

/** Loads one type of element, stores another, both in order: on the lanes of vectors and one by one. */
function conversion(from: 'f16' | 'f32', to: 'f16' | 'f32', elements: number, stride = 1): Kernel {
  const index = { offset: 0, coefficients: [stride] };
  return {
    name: 'convert',
    axes: [{ kind: 'parallel', extent: Math.floor((elements - 1) / stride) + 1 }],
    buffers: [
      { dtype: from, access: 'read', elements },
      { dtype: to, access: 'write', elements },
    ],
    nodes: [{ kind: 'load', dtype: 'f32', buffer: 0, index, bounds: [] }],
    reductions: [],
    stores: [{ buffer: 1, index, value: 0, accumulate: false }],
  };
}

describe('on wasm', () => {
  // An odd number of elements, so that some are not on lanes.
  const halves = Uint16Array.from(ALL.slice(0, 65535));
  it.each([1, 3])('loads give the values of all halves, with stride %i', async (stride) => {
    const kernel = conversion('f16', 'f32', halves.length, stride);
    const [, given] = await runOnWasm<Stored>(kernel, [halves, new Float32Array(halves.length)]);
    halves.forEach((bits, i) => {
      const value = i % stride === 0 ? valueByDefinition(bits) : 0;
      if (!Object.is(given[i], value)) throw new Error(`half ${bits} is ${given[i]}, not ${value}`);
    });
  });

  it.each([1, 3])('stores round as the reference does, with stride %i', async (stride) => {
    const numbers = hardNumbers();
    const kernel = conversion('f32', 'f16', numbers.length, stride);
    const [, given] = await runOnWasm<Stored>(kernel, [numbers, new Uint16Array(numbers.length)]);
    numbers.forEach((x, i) => {
      const bits = i % stride === 0 ? halfBits(nearestBySearch(x)) : 0;
      const isNan = (given[i] & 0x7fff) > 0x7c00;
      if (Number.isNaN(x) && i % stride === 0 ? !isNan : given[i] !== bits)
        throw new Error(`${x} is stored as ${given[i]}, not ${bits}`);
    });
  });
});

describe('roundF16 is a store and a load', () => {
  const numbers = hardNumbers();
  const kernel = scalarKernel('roundF16', ['f32'], 'f32', numbers.length);
  const buffers = [numbers, new Float32Array(numbers.length)];
  const wanted = numbers.map(nearestBySearch);
  it('on wasm', async () => {
    expect(differs((await runOnWasm(kernel, buffers))[1], wanted)).toBe(-1);
  });
  it('on WebGPU', async () => {
    expect(differs((await runOnGpu(kernel, buffers))[1], wanted)).toBe(-1);
  });
  it('in the dialect of the tests', () => {
    expect(differs(runOnScript(kernel, buffers)[1], wanted)).toBe(-1);
  });
});

describe('random kernels over f16 and f32 are what the interpreter says', () => {
  const asStored = ({ kernel, buffers }: KernelCase): Stored[] =>
    buffers.map((data, b) =>
      kernel.buffers[b].dtype === 'f16' ? Uint16Array.from(data, halfBits) : data,
    );
  const asNumbers = ({ kernel }: KernelCase, stored: readonly Stored[]) =>
    stored.map((data, b) =>
      kernel.buffers[b].dtype === 'f16' ? Array.from(data, halfValue) : data,
    );

  it('on wasm', async () => {
    const cases = fc.sample(kernelCases(KERNEL_FORMS, true), { numRuns: 60, seed: 5 });
    const held = cases.map(withHolder);
    expect(held.filter(({ kernel }) => verifyKernel(kernel).length > 0)).toEqual([]);
    const stored = held.map((one) => ({ kernel: one.kernel, buffers: asStored(one) }));
    const results = await runAllOnWasm<Stored>(stored);
    held.forEach((one, i) => {
      const wrong = disagreements(one, asNumbers(one, results[i]));
      expect(wrong, printKernel(one.kernel)).toEqual([]);
    });
  });

  it('in the dialect of the tests, in every variant of their code', () => {
    fc.assert(
      fc.property(kernelCases(KERNEL_FORMS, true), (one) => {
        for (const variant of variantsOf(one.kernel, WEBGPU_DEFAULT_LIMITS)) {
          const emitted = emitGpu(SCRIPT, one.kernel, variant, WEBGPU_DEFAULT_LIMITS);
          const wrong = disagreements(one, runOnScript(one.kernel, one.buffers, emitted));
          expect(wrong, printKernel(one.kernel)).toEqual([]);
        }
      }),
      soaked(12),
    );
  });

  it('WGSL enables f16, and names it in arrays, loads and stores alone', () => {
    for (const { kernel } of fc.sample(kernelCases(KERNEL_FORMS, true), { numRuns: 40, seed: 7 }))
      for (const variant of variantsOf(kernel, WEBGPU_DEFAULT_LIMITS)) {
        const { wgsl } = emitWgsl(kernel, variant, WEBGPU_DEFAULT_LIMITS);
        const halves = kernel.buffers.flatMap(({ dtype }, b) => (dtype === 'f16' ? [b] : []));
        expect(wgsl.startsWith('enable f16;\n')).toBe(halves.length > 0);
        const places = wgsl.replaceAll(/ b\d+: array<(f16|vec4<f16>)>;/g, '');
        const rest = places
          .replace('enable f16;', '')
          .replaceAll(/(b\d+\[.*\]) = (?:f16|vec4<f16>)\(/g, '$1 = stored(');
        expect(rest).not.toMatch(/\bf16\b/);
        // Every element of an array of halves is converted where it is named.
        for (const b of halves) {
          const named = places.split(`b${b}[`).length - 1;
          const loads = rest.split(new RegExp(`(?:f32|vec4<f32>)\\(b${b}\\[`)).length - 1;
          const stores = rest.split(new RegExp(`b${b}\\[.*\\] = stored\\(`)).length - 1;
          expect(loads + stores).toBe(named);
        }
      }
  });
});
