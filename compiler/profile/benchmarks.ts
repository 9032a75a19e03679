import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { KernelForm } from '../codegen/work.ts';

/** A kernel that stands for many of its kind. */
export interface Benchmark {
  readonly name: string;
  readonly kernel: Kernel;
  /** How its code is made, where a device may make it in several ways. */
  readonly form?: KernelForm;
}

/** A benchmark at any of the {@link SCALES}: its work grows in proportion. */
export type BenchmarkFamily = (scale: number) => Benchmark;

/** Fast devices need much work for times that can be told apart, slow ones little for times that are short. */
export const SCALES = [1, 8, 64, 512] as const;

/** Contractions that fill a large device: what tiles reach. */
export const LARGE_PRODUCT: BenchmarkFamily = (scale) => {
  const side = 256 * Math.cbrt(scale);
  return inTiles(matrices(side, side, side, false));
};
/** Few outputs and long loops: what one invocation waits for in each step. */
export const LONG_PRODUCT: BenchmarkFamily = (scale) =>
  inTiles(matrices(128, 128, 1024 * scale, true));
export const LONG_SUM: BenchmarkFamily = (scale) =>
  benchmark('a sum of all', reduction('sum', 1, 65536 * scale, 'a1'));

/** Copies by which rates of memory are told at sizes within caches and beyond them. */
export const COPIES = [2 ** 12, 2 ** 15, 2 ** 18, 2 ** 20].map(
  (elements): Benchmark => ({ ...copying(elements), name: `memory, ${8 * elements} bytes` }),
);

/** Kernels of every class, whose tensors are small: what they take is what they compute. */
export const COMPUTING: readonly BenchmarkFamily[] = [
  () => STEP,
  (scale) => benchmark('elementwise', elementwise(2048 * scale, arithmetic(4))),
  (scale) => benchmark('much arithmetic', elementwise(2048 * scale, arithmetic(8))),
  (scale) => benchmark('arithmetic alone', elementwise(2048 * scale, arithmetic(64))),
  (scale) => benchmark('functions', elementwise(2048 * scale, calls('exp', 'tanh', 'sigmoid'))),
  (scale) => benchmark('one function', elementwise(2048 * scale, calls('exp'))),
  (scale) => benchmark('random numbers', randomNumbers(2048 * scale)),
  (scale) => benchmark('sums of rows', reduction('sum', 16 * scale, 256, '256*a0 + a1')),
  (scale) => benchmark('sums of long rows', reduction('sum', scale, 16384, '16384*a0 + a1')),
  (scale) => benchmark('sums of columns', columnSums(64 * scale, 64)),
  (scale) => benchmark('sums of short rows', reduction('sum', 1024 * scale, 4, '4*a0 + a1')),
  (scale) => benchmark('largest of rows', reduction('max', 64 * scale, 16, '16*a0 + a1')),
  (scale) => inRegisters(matrices(16 * scale, 64, 256, false)),
  (scale) => inTiles(matrices(16 * scale, 64, 256, false)),
  (scale) => inRegisters(matrices(16 * scale, 64, 256, true)),
  (scale) => inTiles(matrices(16 * scale, 64, 256, true)),
  (scale) => inRegisters(matrices(64 * scale, 64, 64, false)),
  (scale) => inTiles(matrices(64 * scale, 64, 64, false)),
  (scale) => inTiles(matrices(16 * scale, 16, 32, false)),
  (scale) => inRegisters(matrices(1024 * scale, 32, 4, false)),
  (scale) => matrices(256 * scale, 16, 4, false),
  (scale) => inTiles(benchmark('contraction of short axes', shortAxes(2 * scale))),
  (scale) => inTiles(benchmark('convolution', convolution(scale))),
  (scale) => benchmark('gather', gather(64 * scale)),
  (scale) => benchmark('scatter', scatter(32 * scale)),
];

/** The smallest of steps. */
export const STEP: Benchmark = benchmark('a step', elementwise(64, ['n1: f32 = add n0, n0']));

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

function inTiles(one: Benchmark): Benchmark {
  return { ...one, name: `${one.name} in tiles`, form: 'tiles' };
}
function inRegisters(one: Benchmark): Benchmark {
  return { ...one, name: `${one.name} in registers`, form: 'registers' };
}

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

function columnSums(columns: number, rows: number): string[] {
  return reduction('sum', columns, rows, `a0 + ${columns}*a1`);
}

function randomNumbers(count: number): string[] {
  return [
    `axis a0 parallel ${count}`,
    'buffer b0 read i32 1',
    `buffer b1 write f32 ${count}`,
    'n0: i32 = load b0[0]',
    'n1: f32 = random seed 1 stream 2 counter a0 step n0',
    'store b1[a0] = n1',
  ];
}

/** A core of a factorisation times another, as in a tensor train: many short axes, few terms. */
function shortAxes(points: number): string[] {
  return [
    `axis a0 parallel ${points}`,
    'axis a1 parallel 18',
    'axis a2 parallel 4',
    'axis a3 parallel 4',
    'axis a4 parallel 16',
    'axis a5 reduced 16',
    `buffer b0 read f32 ${points * 4608}`,
    'buffer b1 read f32 1024',
    `buffer b2 write f32 ${points * 4608}`,
    'n0: f32 = load b0[4608*a0 + 256*a1 + 16*a4 + a5]',
    'n1: f32 = load b1[256*a2 + 64*a3 + a5]',
    'n2: f32 = mul n0, n1',
    'reduce sum n2',
    'n3: f32 = accumulator',
    'store b2[4608*a0 + 256*a1 + 64*a2 + 16*a3 + a4] = n3',
  ];
}

/** Images of 8 x 8 with 16 channels, 3 x 3 taps, 16 channels out. */
function convolution(images: number): string[] {
  return [
    `axis a0 parallel ${images}`,
    'axis a1 parallel 8',
    'axis a2 parallel 8',
    'axis a3 parallel 16',
    'axis a4 reduced 3',
    'axis a5 reduced 3',
    'axis a6 reduced 16',
    `buffer b0 read f32 ${images * 1024}`,
    'buffer b1 read f32 2304',
    `buffer b2 write f32 ${images * 1024}`,
    'n0: f32 = load b0[1024*a0 + 128*a1 + 16*a2 + 128*a4 + 16*a5 + a6 - 144] where 0 <= a1 + a4 - 1 < 8 and 0 <= a2 + a5 - 1 < 8',
    'n1: f32 = load b1[a3 + 768*a4 + 256*a5 + 16*a6]',
    'n2: f32 = mul n0, n1',
    'reduce sum n2',
    'n3: f32 = accumulator',
    'store b2[1024*a0 + 128*a1 + 16*a2 + a3] = n3',
  ];
}

/** Rows of 64 out of a table of 256. */
function gather(rows: number): string[] {
  return [
    `axis a0 parallel ${rows}`,
    'axis a1 parallel 64',
    `buffer b0 read i32 ${rows}`,
    'buffer b1 read f32 16384',
    `buffer b2 write f32 ${64 * rows}`,
    'n0: i32 = load b0[a0]',
    'n1: f32 = load b1[a1 + 64*(n0 < 256)]',
    'store b2[64*a0 + a1] = n1',
  ];
}

/** Rows of 64 added to a table of 256. */
function scatter(rows: number): string[] {
  return [
    'axis a0 parallel 64',
    `axis a1 sequential ${rows}`,
    `buffer b0 read i32 ${rows}`,
    `buffer b1 read f32 ${64 * rows}`,
    'buffer b2 read_write f32 16384',
    'n0: i32 = load b0[a1]',
    'n1: f32 = load b1[a0 + 64*a1]',
    'store b2[a0 + 64*(n0 < 256)] += n1',
  ];
}

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
