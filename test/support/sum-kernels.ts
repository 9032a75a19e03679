import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import { storedBytes } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';

// Kernels of every form that sum K products, each of an element of b0 (and b1): with x everywhere in b0 and 1 elsewhere
// every result is the number of its terms times x.

/** A kernel for sums of about `k` terms, and how many terms each result has at its index. */
export interface SumKernel {
  readonly kernel: Kernel;
  readonly terms: (result: number) => number;
}

const product = (
  layout: string,
  m: number,
  n: number,
  { epilogue = false } = {},
): ((k: number) => SumKernel) => {
  return (k) => ({
    terms: () => k,
    kernel: parseKernel(`kernel product_${layout} {
  axis a0 parallel ${m}
  axis a1 parallel ${n}
  axis a2 reduced ${k}
  buffer b0 read f32 ${m * k}
  buffer b1 read f32 ${k * n}
  buffer b2 write f32 ${m * n}
  n0: f32 = load b0[${layout[0] === 'N' ? `${k}*a0 + a2` : `a0 + ${m}*a2`}]
  n1: f32 = load b1[${layout[1] === 'N' ? `a1 + ${n}*a2` : `${k}*a1 + a2`}]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
${epilogue ? '  n4: f32 = constant 0\n  n5: f32 = max n3, n4\n' : ''}  store b2[${n}*a0 + a1] = n${epilogue ? 5 : 3}
}
`),
  });
};

/** Sums over one, two and three axes, as of statistics over N, H and W; the channel is the innermost or the outermost axis. */
const statistics = (axes: readonly string[]): ((k: number) => SumKernel) => {
  return (k) => {
    const width = Math.max(2, Math.round(k ** (1 / axes.filter((axis) => axis !== 'c').length)));
    const extents = axes.map((axis) => (axis === 'c' ? 3 : width));
    const strides = extents.map((_, axis) => extents.slice(axis + 1).reduce((a, b) => a * b, 1));
    const order = ['c', ...axes.filter((axis) => axis !== 'c')].filter((axis) =>
      axes.includes(axis),
    );
    const address = order.map((axis, k) => `${strides[axes.indexOf(axis)]}*a${k}`).join(' + ');
    const count = extents.reduce((a, b) => a * b, 1);
    const channels = axes.includes('c') ? 3 : 1;
    const lines = order.map((axis, k) =>
      axis === 'c' ? `  axis a${k} parallel 3` : `  axis a${k} reduced ${width}`,
    );
    return {
      terms: () => count / channels,
      kernel: parseKernel(`kernel statistics {
${lines.join('\n')}
  buffer b0 read f32 ${count}
  buffer b1 write f32 ${channels}
  n0: f32 = load b0[${address}]
  reduce sum n0
  n1: f32 = accumulator
  store b1[${channels === 3 ? 'a0' : '0'}] = n1
}
`),
    };
  };
};

/** Σ_k a_k·b_k·c_k, all in one kernel. */
const threeFactors = (k: number): SumKernel => ({
  terms: () => k,
  kernel: parseKernel(`kernel three {
  axis a0 parallel 2
  axis a1 reduced ${k}
  buffer b0 read f32 ${2 * k}
  buffer b1 read f32 ${k}
  buffer b2 read f32 ${k}
  buffer b3 write f32 2
  n0: f32 = load b0[${k}*a0 + a1]
  n1: f32 = load b1[a1]
  n2: f32 = mul n0, n1
  n3: f32 = load b2[a1]
  n4: f32 = mul n2, n3
  reduce sum n4
  n5: f32 = accumulator
  store b3[a0] = n5
}
`),
});

/** The weight gradient of a convolution with 3 taps over `k` positions, which reads within bounds: the outer taps miss one. */
const taps = (k: number): SumKernel => ({
  terms: (tap) => (tap === 1 ? k : k - 1),
  kernel: parseKernel(`kernel taps {
  axis a0 parallel 3
  axis a1 reduced ${k}
  buffer b0 read f32 ${k}
  buffer b1 read f32 ${k}
  buffer b2 write f32 3
  n0: f32 = load b0[-1 + a0 + a1] where 0 <= -1 + a0 + a1 < ${k}
  n1: f32 = load b1[a1]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[a0] = n3
}
`),
});

/** A stage that sums k/8 terms into each element of an array, of which the kernel sums 8. */
const staged = (k: number): SumKernel => {
  const inner = Math.floor(k / 8);
  return {
    terms: () => 8 * inner,
    kernel: parseKernel(`kernel staged {
  axis a0 parallel 2
  axis a1 reduced 8
  buffer b0 read f32 ${16 * inner}
  buffer b1 write f32 2
  buffer b2 write f32 8
  stage over 1 local f32 8 in b2 {
    axis a1 parallel 8
    axis a2 reduced ${inner}
    n0: f32 = load b0[${8 * inner}*a0 + ${inner}*a1 + a2]
    reduce sum n0
    n1: f32 = accumulator
    store local[a1] = n1
  }
  n0: f32 = load local[a1]
  reduce sum n0
  n1: f32 = accumulator
  store b1[a0] = n1
}
`),
  };
};

/** By name, from about how many terms each result shall have. */
export const SUM_KERNELS: Readonly<Record<string, (k: number) => SumKernel>> = {
  dot: product('NN', 1, 1),
  'matrix by vector': product('NN', 5, 1),
  'vector by matrix': product('NN', 1, 6),
  'product NN': product('NN', 8, 12),
  'product NT': product('NT', 7, 9),
  'product TN': product('TN', 9, 13),
  'product TT': product('TT', 5, 8),
  'product with an epilogue': product('TN', 4, 4, { epilogue: true }),
  'sum of a vector': statistics(['n']),
  'sums of rows': statistics(['c', 'n']),
  'sums of columns': statistics(['n', 'c']),
  'statistics over N, H and W': statistics(['n', 'h', 'w', 'c']),
  'statistics of planes': statistics(['n', 'c', 'h', 'w']),
  'three factors': threeFactors,
  'weight gradient within bounds': taps,
  'stage and body': staged,
};

/** Where a kernel of {@link SUM_KERNELS} stores its results. */
export const resultOf = ({ stores }: Kernel) => stores[0].buffer;

/** `x` in the first buffer, 1 in all others. */
export function sumBuffers({ buffers }: Kernel, x: number): Float32Array<ArrayBuffer>[] {
  return buffers.map(({ elements }, buffer) =>
    new Float32Array(elements).fill(buffer === 0 ? x : 1),
  );
}

/** The largest relative error of results that should be their numbers of terms times x. */
export function sumError({ terms }: SumKernel, results: ArrayLike<number>, x: number): number {
  return Math.max(
    ...Array.from(results, (value, i) => Math.abs(value / (terms(i) * Math.fround(x)) - 1)),
  );
}

/** For each kernel, the largest relative error of its sums of any of `xs`, on wasm. */
export async function wasmSumErrors(
  sums: readonly SumKernel[],
  xs: readonly number[],
): Promise<number[]> {
  const sizes = sums.map(({ kernel }) =>
    kernel.buffers.reduce((sum, { dtype, elements }) => sum + storedBytes(dtype, elements), 0),
  );
  const pages = Math.ceil(Math.max(...sizes) / 65536);
  const { module, exports, parts } = emitWasm(
    sums.map(({ kernel }) => kernel),
    pages,
  );
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const compiled = await WebAssembly.compile(new Uint8Array(module));
  const instance = await WebAssembly.instantiate(compiled, { env: { memory } });
  const errors = sums.map(({ kernel, terms }, k) => {
    let end = 0;
    const views = kernel.buffers.map(({ elements }) => {
      const view = new Float32Array(memory.buffer, end, elements);
      end += view.byteLength;
      return view;
    });
    const run = instance.exports[exports[k]] as (...addresses: number[]) => void;
    return xs.map((x) => {
      views.forEach((view, buffer) => {
        view.fill(buffer === 0 ? x : 1);
      });
      run(...views.map((view) => view.byteOffset), 0, parts[k]);
      return sumError({ kernel, terms }, views[resultOf(kernel)], x);
    });
  });
  return errors.map((list) => Math.max(...list));
}
