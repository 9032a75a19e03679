import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';

/** A kernel that stands for many of its kind. */
export interface Benchmark {
  readonly name: string;
  readonly kernel: Kernel;
}

const SIDE = 128;
const SQUARE = SIDE * SIDE;
const ROWS = 256;
const COLUMNS = 1024;

/** Kernels whose tensors fit a cache, so that what they take is what they compute. */
export function computingBenchmarks(): Benchmark[] {
  return [
    benchmark('a step', elementwise(64, ['n1: f32 = add n0, n0'])),
    benchmark('elementwise', elementwise(SQUARE, arithmetic(4))),
    benchmark('much arithmetic', elementwise(SQUARE, arithmetic(24))),
    benchmark('functions', elementwise(SQUARE, calls('exp', 'tanh', 'sigmoid', 'log'))),
    benchmark('one function', elementwise(SQUARE, calls('exp'))),
    benchmark('random numbers', RANDOM),
    benchmark('sums of rows', reduction('sum', ROWS, COLUMNS, `${COLUMNS}*a0 + a1`)),
    benchmark('sums of columns', reduction('sum', COLUMNS, ROWS, `a0 + ${COLUMNS}*a1`)),
    benchmark('sums of short rows', reduction('sum', SQUARE, 4, '4*a0 + a1')),
    benchmark('largest of rows', reduction('max', ROWS, 16, '16*a0 + a1')),
    benchmark('sums of few rows', reduction('sum', 64, 2048, '2048*a0 + a1')),
    benchmark('sums of long rows', reduction('sum', 64, 16384, '16384*a0 + a1')),
    matrices(64, 128, 784, false),
    matrices(64, 128, 784, true),
    matrices(256, 256, 256, false),
    matrices(32, 32, 32, false),
    matrices(784, 128, 64, true),
    matrices(8192, 32, 4, false),
    matrices(2048, 16, 4, false),
    benchmark('convolution', CONVOLUTION),
    benchmark('gather', GATHER),
    benchmark('scatter', SCATTER),
  ];
}

/** Reads one parameter of so many elements. */
export function copying(elements: number): Benchmark {
  return benchmark('copy', elementwise(elements, []));
}

/** A kernel that streams through memory and computes next to nothing. */
export const STREAMING: Benchmark = { ...copying(2 ** 23), name: 'memory' };

/** The same loops by few invocations and by many. */
export const FEW_INVOCATIONS: Benchmark = benchmark('64 invocations', sequentialLoops(64, 2048));
export const MANY_INVOCATIONS: Benchmark = benchmark(
  '2^17 invocations',
  sequentialLoops(2 ** 17, 16),
);

function benchmark(name: string, lines: readonly string[]): Benchmark {
  const parsed = parseKernel(['kernel benchmark {', ...lines, '}', ''].join('\n'));
  return { name, kernel: parsed };
}

/** `expression` continues from n0, what is loaded; its last node is stored. */
function elementwise(points: number, expression: readonly string[]): string[] {
  return [
    `axis a0 parallel ${points}`,
    `buffer b0 read f32 ${points}`,
    `buffer b1 write f32 ${points}`,
    'n0: f32 = load b0[a0]',
    ...expression,
    `store b1[a0] = n${expression.length}`,
  ];
}

function arithmetic(count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => `n${i + 1}: f32 = ${i % 2 === 0 ? 'mul' : 'sub'} n${i}, n0`,
  );
}

function calls(...functions: readonly string[]): string[] {
  return functions.map((name, i) => `n${i + 1}: f32 = ${name} n${i}`);
}

function reduction(combiner: string, points: number, terms: number, address: string): string[] {
  return [
    `axis a0 parallel ${points}`,
    `axis a1 reduced ${terms}`,
    `buffer b0 read f32 ${points * terms}`,
    `buffer b1 write f32 ${points}`,
    `n0: f32 = load b0[${address}]`,
    `reduce ${combiner} n0`,
    'n1: f32 = accumulator',
    'store b1[a0] = n1',
  ];
}

/** A matrix product, the left operand as it stands or transposed. */
function matrices(m: number, n: number, k: number, transposed: boolean): Benchmark {
  const left = transposed ? `a0 + ${m}*a2` : `${k}*a0 + a2`;
  const name = `${m} x ${n} x ${k}${transposed ? ' transposed' : ''}`;
  return benchmark(name, product(m, n, k, left, `a1 + ${n}*a2`));
}

function product(m: number, n: number, k: number, left: string, right: string): string[] {
  return [
    `axis a0 parallel ${m}`,
    `axis a1 parallel ${n}`,
    `axis a2 reduced ${k}`,
    `buffer b0 read f32 ${m * k}`,
    `buffer b1 read f32 ${k * n}`,
    `buffer b2 write f32 ${m * n}`,
    `n0: f32 = load b0[${left}]`,
    `n1: f32 = load b1[${right}]`,
    'n2: f32 = mul n0, n1',
    'reduce sum n2',
    'n3: f32 = accumulator',
    `store b2[${n}*a0 + a1] = n3`,
  ];
}

const RANDOM = [
  `axis a0 parallel ${SQUARE}`,
  'buffer b0 read i32 1',
  `buffer b1 write f32 ${SQUARE}`,
  'n0: i32 = load b0[0]',
  'n1: f32 = random seed 1 stream 2 counter a0 step n0',
  'store b1[a0] = n1',
];

/** 8 images of 14 x 14 with 16 channels, 3 x 3 taps, 32 channels out. */
const CONVOLUTION = [
  'axis a0 parallel 8',
  'axis a1 parallel 14',
  'axis a2 parallel 14',
  'axis a3 parallel 32',
  'axis a4 reduced 3',
  'axis a5 reduced 3',
  'axis a6 reduced 16',
  `buffer b0 read f32 ${8 * 14 * 14 * 16}`,
  `buffer b1 read f32 ${3 * 3 * 16 * 32}`,
  `buffer b2 write f32 ${8 * 14 * 14 * 32}`,
  'n0: f32 = load b0[3136*a0 + 224*a1 + 16*a2 + 224*a4 + 16*a5 + a6 - 240] where 0 <= a1 + a4 - 1 < 14 and 0 <= a2 + a5 - 1 < 14',
  'n1: f32 = load b1[a3 + 1536*a4 + 512*a5 + 32*a6]',
  'n2: f32 = mul n0, n1',
  'reduce sum n2',
  'n3: f32 = accumulator',
  'store b2[6272*a0 + 448*a1 + 32*a2 + a3] = n3',
];

const GATHER = [
  'axis a0 parallel 512',
  'axis a1 parallel 64',
  'buffer b0 read i32 512',
  'buffer b1 read f32 65536',
  'buffer b2 write f32 32768',
  'n0: i32 = load b0[a0]',
  'n1: f32 = load b1[a1 + 64*(n0 < 1024)]',
  'store b2[64*a0 + a1] = n1',
];

const SCATTER = [
  'axis a0 parallel 64',
  'axis a1 sequential 512',
  'buffer b0 read i32 512',
  'buffer b1 read f32 32768',
  'buffer b2 read_write f32 65536',
  'n0: i32 = load b0[a1]',
  'n1: f32 = load b1[a0 + 64*a1]',
  'store b2[a0 + 64*(n0 < 1024)] += n1',
];

function sequentialLoops(points: number, steps: number): string[] {
  return [
    `axis a0 parallel ${points}`,
    `axis a1 sequential ${steps}`,
    `buffer b0 read f32 ${points}`,
    `buffer b1 read_write f32 ${points}`,
    'n0: f32 = load b0[a0]',
    'store b1[a0] += n0',
  ];
}
