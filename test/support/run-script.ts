import type { ValueType } from '../../compiler/codegen/gpu/dialect.ts';
import type { GpuModule } from '../../compiler/codegen/gpu/module.ts';
import { roundToHalf } from '../../ir/half.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { uniformElement } from '../../ir/random.ts';
import { evaluateScalar } from '../../ir/scalar.ts';
import { SCRIPT } from './script-dialect.ts';
import { chosenModule } from './variants.ts';

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
type Value = number | readonly number[];
type Matrix = readonly (readonly number[])[];
type Check<T extends Value> = (value: T) => T;
/** What an invocation hands to another of its subgroup; nothing at a barrier. */
type Handed = { readonly value: number; readonly mask: number } | undefined;
type Received = number | Together | undefined;
type Invocation = Generator<Handed, void, Received>;
type Workgroup = (local: number) => Invocation;

const rejected = (value: unknown, type: string): never => {
  throw new TypeError(`${String(value)} is no ${type}`);
};

const f32: Check<number> = (value) =>
  Object.is(Math.fround(value), value) ? value : rejected(value, 'f32');
const half: Check<number> = (value) =>
  Object.is(roundToHalf(value), value) ? value : rejected(value, 'f16');
const i32: Check<number> = (value) =>
  Object.is(value | 0, value) ? value : rejected(value, 'i32');
/** -0 may be the product of an index and a negative number. */
const index: Check<number> = (value) => ((value | 0) === value ? value : rejected(value, 'index'));
const four =
  (check: Check<number>): Check<readonly number[]> =>
  (value) =>
    Array.isArray(value) && value.length === 4 && value.every((one) => Object.is(check(one), one))
      ? value
      : rejected(value, 'vector of four');

const roundTo = (type: ValueType, value: number) =>
  type === 'f32' || type === 'f32x4' ? Math.fround(value) : value | 0;

/** What a subgroup does as one: its invocations have one address, and what one of them has done the others have. */
interface Together {
  readonly address: number;
  matrix?: Matrix;
}

type MatrixForm = readonly [
  rows: number,
  columns: number,
  down: number,
  across: number,
  check: Check<number>,
];

const loadMatrix = (
  array: Memory,
  address: number,
  [rows, columns, down, across, check]: MatrixForm,
): Matrix =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) =>
      check(HOST.load(array, address + i * down + j * across)),
    ),
  );

const multiplied = (total: Matrix, left: Matrix, right: Matrix): Matrix =>
  total.map((row, i) =>
    row.map((sum, j) =>
      right.reduce(
        (all, factors, k) => Math.fround(all + Math.fround(left[i][k] * factors[j])),
        sum,
      ),
    ),
  );

/** Sums with a product, by its factors and the sums before, so that the invocations of a subgroup compute them once. */
const products = new WeakMap<Matrix, WeakMap<Matrix, WeakMap<Matrix, Matrix>>>();

const zeroMatrices = new Map<string, Matrix>();
function zeros(rows: number, columns: number): Matrix {
  const size = `${rows}x${columns}`;
  const made =
    zeroMatrices.get(size) ??
    Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  zeroMatrices.set(size, made);
  return made;
}

/** A buffer, or an array of a workgroup or an invocation: of elements, or of vectors. */
type Memory = Data | number[] | number[][];
const isVectors = (array: Memory): array is number[][] => Array.isArray(array[0]);
const inside = (array: Memory, address: number, count: number) =>
  index(address) >= 0 && address + count <= array.length * (isVectors(array) ? 4 : 1);

/** What modules call: checks of types, memory without anything in it, and accesses that stay inside. */
const HOST = {
  ...{
    f32,
    i32,
    half,
    index,
    rounded: roundToHalf,
    f32x4: four(f32),
    halfx4: four(half),
    i32x4: four(i32),
  },
  ...{ uniform: uniformElement, evaluate: evaluateScalar },
  uniformQuad: (seed: number, stream: number, element: number, step: number) =>
    [0, 1, 2, 3].map((k) => uniformElement(seed, stream, element + k, step)),
  inside: (value: number, extent: number) => index(value) >= 0 && value < extent,
  memory: (type: string, length: number) =>
    type === 'f32' || type === 'f16'
      ? new Float32Array(length).fill(Number.NaN)
      : type === 'i32'
        ? new Int32Array(length).fill(-99999)
        : Array.from({ length }, () => new Array<number>(4).fill(Number.NaN)),
  load: (array: Memory, address: number) =>
    inside(array, address, 1)
      ? isVectors(array)
        ? array[address >> 2][address & 3]
        : array[address]
      : rejected(address, 'address'),
  store: (array: Memory, address: number, value: number) => {
    if (!inside(array, address, 1)) rejected(address, 'address');
    // Invocations that store other lanes of it might disturb each other.
    if (isVectors(array)) rejected(address, 'address of a whole vector');
    else array[address] = value;
  },
  loadQuad: (array: Memory, address: number) =>
    !(address % 4 === 0 && inside(array, address, 4))
      ? rejected(address, 'address of a vector')
      : isVectors(array)
        ? [...array[address >> 2]]
        : [0, 1, 2, 3].map((k) => array[address + k]),
  storeQuad: (array: Memory, address: number, value: readonly number[]) => {
    if (!(address % 4 === 0 && inside(array, address, 4))) rejected(address, 'address of a vector');
    if (isVectors(array)) array[address >> 2] = [...value];
    else
      value.forEach((one, k) => {
        array[address + k] = one;
      });
  },
  add: (type: ValueType, a: Value, b: Value) =>
    Array.isArray(a)
      ? a.map((one: number, k) => roundTo(type, one + (b as readonly number[])[k]))
      : roundTo(type, (a as number) + (b as number)),
  matrix: (rows: number, columns: number): Matrix => zeros(rows, columns),
  loadMatrix: (array: Memory, at: Together, ...form: MatrixForm): Matrix =>
    (at.matrix ??= loadMatrix(array, at.address, form)),
  multiplied: (total: Matrix, left: Matrix, right: Matrix): Matrix => {
    const ofRight = products.get(right) ?? new WeakMap<Matrix, WeakMap<Matrix, Matrix>>();
    products.set(right, ofRight);
    const ofLeft = ofRight.get(left) ?? new WeakMap<Matrix, Matrix>();
    ofRight.set(left, ofLeft);
    const product = ofLeft.get(total) ?? multiplied(total, left, right);
    ofLeft.set(total, product);
    return product;
  },
  storeMatrix: (array: Data, at: Together, total: Matrix, stride: number) => {
    if (at.matrix) return;
    at.matrix = total;
    total.forEach((row, i) => {
      row.forEach((value, j) => {
        HOST.store(array, at.address + i * stride + j, f32(value));
      });
    });
  },
  addScaled: (type: ValueType, total: number[], scalar: number, vector: readonly number[]) =>
    total.map((one, k) => roundTo(type, one + roundTo(type, scalar * vector[k]))),
  addProduct: (
    type: ValueType,
    total: readonly number[],
    a: readonly number[],
    b: readonly number[],
  ) => total.map((one, k) => roundTo(type, one + roundTo(type, a[k] * b[k]))),
};

/**
 * Runs a module of {@link SCRIPT}: workgroup by workgroup, and the invocations of each from barrier to barrier, in one order
 * and then in the other, so that what a barrier must separate is not in order by chance. All must reach the same barriers, and
 * those of a subgroup the same exchanges.
 */
export function runOnScript(
  kernel: Kernel,
  buffers: readonly Data[],
  { code, grid }: GpuModule = chosenModule(SCRIPT, kernel),
  { workgroupSize = workgroupSizeOf(code), subgroupSize = 32 }: WorkgroupSizes = {},
): Data[] {
  const results = buffers.map((data) => data.slice());
  const names = buffers.map((_, i) => `b${i}`);
  const begin = new Function('host', ...names, `'use strict';\n${code}`)(HOST, ...results) as (
    x: number,
    y: number,
  ) => Workgroup;
  for (let y = 0; y < grid[1]; y++)
    for (let x = 0; x < grid[0]; x++) runWorkgroup(begin(x, y), workgroupSize, subgroupSize);
  return results;
}

interface WorkgroupSizes {
  readonly workgroupSize?: number;
  readonly subgroupSize?: number;
}

const workgroupSizeOf = (code: string) => Number(/^\/\/ (\d+) invocations$/m.exec(code)![1]);

function runWorkgroup(start: Workgroup, size: number, subgroupSize: number): void {
  const invocations = Array.from({ length: size }, (_, local) => start(local));
  const subgroups: Invocation[][] = [];
  for (let first = 0; first < size; first += subgroupSize)
    subgroups.push(invocations.slice(first, first + subgroupSize));
  for (let phase = 0; ; phase++) {
    const isForward = phase % 2 === 0;
    const order = isForward ? subgroups : subgroups.toReversed();
    const waiting = order.reduce((sum, one) => sum + runToBarrier(one, isForward), 0);
    if (waiting === 0) return;
    if (waiting < size) throw new Error(`${size - waiting} of ${size} invocations miss a barrier`);
  }
}

/** Of an invocation that is not there. */
const NOTHING = -99999;

/** Runs a subgroup, which exchanges values on the way; gives how many wait at a barrier.  */
function runToBarrier(subgroup: readonly Invocation[], isForward: boolean): number {
  const lanes = [...subgroup.keys()];
  let received: Received[] = lanes.map(() => undefined);
  for (;;) {
    const states = new Array<IteratorResult<Handed, void>>(lanes.length);
    for (const lane of isForward ? lanes : lanes.toReversed())
      states[lane] = subgroup[lane].next(received[lane]);
    const handed = states.map(({ done, value }) => (done ? undefined : (value ?? undefined)));
    const [first] = handed;
    if (handed.some((one) => one?.mask !== first?.mask))
      throw new Error('invocations of a subgroup miss an exchange');
    if (!first) return states.filter(({ done }) => !done).length;
    if (first.mask === 0) {
      if (handed.some((one) => one?.value !== first.value))
        throw new Error('invocations of a subgroup have other matrices');
      const together: Together = { address: first.value };
      received = lanes.map(() => together);
      continue;
    }
    received = lanes.map((lane) => handed[lane ^ first.mask]?.value ?? NOTHING);
  }
}
