import fc from 'fast-check';
import type {
  Affine,
  Axis,
  AxisKind,
  Bound,
  Combiner,
  Expression,
  Indirection,
  Kernel,
  KernelBuffer,
  Reduction,
  Stage,
  Store,
} from '../../ir/kernel.ts';
import { localArray } from '../../ir/kernel.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import type { DType } from '../../ir/tensor.ts';

// Random kernels whose float32 results can be judged. Every node carries a bound of its magnitude and a bound of its
// float32 error. Loaded values are small integers, so that nodes made by exact operations alone have no error at all
// and may feed operations that jump (comparisons, floor, toI32); all others get smooth operations only.

export interface KernelCase {
  readonly kernel: Kernel;
  readonly buffers: readonly (Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>)[];
  /** Per buffer, the largest absolute error that float32 arithmetic in any order of summation may make. */
  readonly tolerance: readonly number[];
}

export type KernelForm =
  | 'elementwise'
  | 'reduction'
  | 'window'
  | 'contraction'
  | 'scatter'
  | 'staged'
  | 'carried';
export const KERNEL_FORMS: readonly KernelForm[] = [
  'elementwise',
  'reduction',
  'window',
  'contraction',
  'scatter',
  'staged',
];

/** Those, and the one that only targets with workgroup memory run: sums over tiles. */
export const GPU_FORMS: readonly KernelForm[] = [...KERNEL_FORMS, 'carried'];

/** Valid kernels of the given forms with the contents of their buffers before the run; with `halves`, some buffers are f16. */
export function kernelCases(forms = GPU_FORMS, halves = false): fc.Arbitrary<KernelCase> {
  return fc.tuple(fc.constantFrom(...forms), fc.gen()).map(([form, draw]) => {
    for (;;) {
      const builder = new CaseBuilder((limit) => draw(fc.nat, limit - 1));
      FORMS[form](builder);
      const one = builder.finish(form, halves);
      // Not as a filter: that would draw the same kernel again.
      if (one.kernel.buffers.length <= WEBGPU_DEFAULT_LIMITS.maxStorageBuffers) return one;
    }
  });
}

/** Largest magnitude that every half near it is a finite one. */
const HALF_LIMIT = 60000;
/** Whole numbers up to here are halves. */
const HALF_EXACT = 2048;

/** What a store to f16 adds to an error: both values are rounded, maybe to different neighbours. */
const halvedError = (bound: number, error: number) =>
  error === 0 && bound <= HALF_EXACT ? 0 : error + 2 ** -10 * (bound + error) + 2 ** -24;

/** The case as targets without workgroup memory have it: bindings hold the arrays of the stages, if there are any. */
export function withHolder(one: KernelCase): KernelCase {
  const { kernel } = one;
  if (!kernel.staging) return one;
  const arrays = kernel.staging.stages.map(({ local }) => local);
  const stages = kernel.staging.stages.map((stage, k) => ({
    ...stage,
    local: { ...stage.local, buffer: kernel.buffers.length + k },
  }));
  return {
    kernel: {
      ...kernel,
      buffers: [
        ...kernel.buffers,
        ...arrays.map(({ dtype, elements }) => ({ dtype, access: 'write' as const, elements })),
      ],
      staging: { ...kernel.staging, stages },
    },
    buffers: [
      ...one.buffers,
      ...arrays.map(({ dtype, elements }) =>
        dtype === 'f32' ? new Float32Array(elements) : new Int32Array(elements),
      ),
    ],
    // What is left in them is nobody's business.
    tolerance: [...one.tolerance, ...arrays.map(() => Number.POSITIVE_INFINITY)],
  };
}

/** Reasons, one per buffer, why `results` is not what the reference interpreter computes; empty where it is. */
export function disagreements(
  { kernel, buffers, tolerance }: KernelCase,
  results: readonly ArrayLike<number>[],
): string[] {
  const wanted = buffers.map((data) => Float64Array.from(data));
  interpretKernel(kernel, wanted);
  return wanted.flatMap((reference, buffer) => {
    const i = reference.findIndex((value, k) => {
      const given = results[buffer][k];
      // Not `>`: a NaN is no number's neighbour.
      return !(Object.is(given, value) || Math.abs(given - value) <= tolerance[buffer]);
    });
    if (i < 0) return [];
    return [
      `b${buffer}[${i}] is ${results[buffer][i]}, not ${reference[i]} ± ${tolerance[buffer]}`,
    ];
  });
}

const EPSILON = 2 ** -23;
const EXACT_LIMIT = 2 ** 24;

/** What is known of a node: |value| <= bound, |float32 value - value| <= error; without error it is a whole number. */
interface Estimate {
  readonly bound: number;
  readonly error: number;
}

type Draw = (limit: number) => number;
type Estimates = (operands: readonly Estimate[]) => Estimate | null;

const rounded = (bound: number, error: number): Estimate =>
  error === 0 && bound < EXACT_LIMIT
    ? { bound, error }
    : { bound, error: error + 4 * EPSILON * bound };
const exactOnly =
  (bound: (operands: readonly Estimate[]) => number): Estimates =>
  (operands) =>
    operands.some(({ error }) => error > 0) ? null : { bound: bound(operands), error: 0 };
const largest = (operands: readonly Estimate[]) => Math.max(...operands.map(({ bound }) => bound));
const smooth =
  (limit: number, bound: (x: number) => number, slope: (x: number) => number): Estimates =>
  ([x]) =>
    x.bound > limit
      ? null
      : {
          bound: bound(x.bound),
          error: 4 * EPSILON * bound(x.bound) + x.error * slope(x.bound) + 2 ** -126,
        };
const additive: Estimates = ([a, b]) => rounded(a.bound + b.bound, a.error + b.error);
const extremal: Estimates = ([a, b]) => ({
  bound: Math.max(a.bound, b.bound),
  error: Math.max(a.error, b.error),
});
const one = () => 1;

/** Operations that random expressions of f32 are made of; null: not on these operands. */
const FLOAT_OPS: Partial<Record<ScalarOp, Estimates>> = {
  neg: ([x]) => x,
  abs: ([x]) => x,
  sign: exactOnly(one),
  floor: exactOnly(largest),
  exp: smooth(6, Math.exp, Math.exp),
  tanh: smooth(Number.POSITIVE_INFINITY, one, one),
  sigmoid: smooth(Number.POSITIVE_INFINITY, one, one),
  sin: smooth(100, one, one),
  cos: smooth(100, one, one),
  add: additive,
  sub: additive,
  mul: ([a, b]) =>
    a.bound * b.bound > 1e6
      ? null
      : rounded(a.bound * b.bound, a.error * b.bound + b.error * a.bound + a.error * b.error),
  max: extremal,
  min: extremal,
};
const COMPARISONS: readonly ScalarOp[] = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
const INTEGER_OPS: readonly ScalarOp[] = [
  'neg',
  'abs',
  'sign',
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'max',
  'min',
  'and',
  'or',
  'not',
];
const UNARY: ReadonlySet<ScalarOp> = new Set<ScalarOp>([
  'neg',
  'abs',
  'sign',
  'floor',
  'exp',
  'tanh',
  'sigmoid',
  'sin',
  'cos',
  'not',
]);

const MAGNITUDE = 8;

/** The array of a stage: its dimensions and what is known of its elements. */
interface Filled {
  readonly estimate: Estimate;
  readonly dims: readonly { readonly extent: number; readonly stride: number }[];
}

class CaseBuilder {
  axes: Axis[] = [];
  nodes: Expression[] = [];
  estimates: Estimate[] = [];
  stores: Store[] = [];
  reductions: Reduction[] = [];
  readonly stages: Stage[] = [];
  /** What is in the arrays of the stages. */
  readonly filled: Filled[] = [];
  tileAxes = 0;
  tileTerms = 0;
  readonly draw: Draw;
  private readonly buffers: { dtype: DType; elements: number; read: boolean; written: boolean }[] =
    [];
  private readonly errors: number[] = [];
  private readonly bounds: number[] = [];

  constructor(draw: Draw) {
    this.draw = draw;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.draw(choices.length)];
  }

  axis(kind: AxisKind, extents: readonly number[]): number {
    return this.axes.push({ kind, extent: this.pick(extents) }) - 1;
  }

  buffer(dtype: DType, elements: number): number {
    this.errors.push(0);
    this.bounds.push(MAGNITUDE);
    return this.buffers.push({ dtype, elements, read: false, written: false }) - 1;
  }

  node(expression: Expression, estimate: Estimate): number {
    this.estimates.push(estimate);
    return this.nodes.push(expression) - 1;
  }

  affine(offset: number, terms: readonly (readonly [axis: number, stride: number])[]): Affine {
    const coefficients = new Array<number>(this.axes.length).fill(0);
    for (const [axis, stride] of terms) coefficients[axis] += stride;
    return { offset, coefficients };
  }

  /** The axes in some memory order, at strides that leave gaps now and then; `elements` in all. */
  layout(axes: readonly number[]): { index: Affine; elements: number } {
    const order = this.shuffled(axes);
    let stride = this.draw(8) === 0 ? 2 : 1;
    const terms = order.map((axis) => {
      const term = [axis, stride] as const;
      stride *= this.axes[axis].extent + (this.draw(6) === 0 ? 1 : 0);
      return term;
    });
    const offset = this.draw(5) === 0 ? 3 : 0;
    return { index: this.affine(offset, terms), elements: offset + stride };
  }

  private shuffled(axes: readonly number[]): number[] {
    // Reversed, so that the last axis is the innermost in memory when nothing is drawn.
    const order = [...axes].reverse();
    if (this.draw(3) === 0) return order;
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.draw(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** A load that depends on all of `axes`, from a buffer of its own, padded at times. */
  load(axes: readonly number[], dtype: DType = 'f32'): number {
    const { index, elements } = this.layout(axes);
    const bounds: Bound[] = [];
    let { offset } = index;
    if (axes.length > 0 && this.draw(4) === 0) {
      // One axis is shifted: its first or last elements lie outside.
      const axis = this.pick(axes);
      const shift = this.pick([-1, 1, -2]);
      bounds.push({ index: this.affine(shift, [[axis, 1]]), extent: this.axes[axis].extent });
      offset += shift * index.coefficients[axis];
    }
    return this.loadFrom(this.buffer(dtype, elements), { ...index, offset }, bounds);
  }

  loadFrom(
    buffer: number,
    index: Affine,
    bounds: readonly Bound[] = [],
    indirect?: Indirection,
  ): number {
    this.buffers[buffer].read = true;
    const { dtype } = this.buffers[buffer];
    return this.node(
      { kind: 'load', dtype, buffer, index, bounds, ...(indirect ? { indirect } : {}) },
      { bound: MAGNITUDE, error: 0 },
    );
  }

  /** A row of a table chosen by a loaded index, which may lie outside of it. */
  gather(axes: readonly number[]): number {
    const extent = 3 + this.draw(4);
    const node = this.load(axes.slice(0, 1), 'i32');
    const { index, elements } = this.layout(axes.slice(1));
    const buffer = this.buffer('f32', elements * extent);
    return this.loadFrom(buffer, index, [], { node, stride: elements, extent });
  }

  constant(dtype: DType): number {
    const value = this.draw(7) - 3;
    return this.node({ kind: 'constant', dtype, value }, { bound: 3, error: 0 });
  }

  /** A leaf that may depend on `axes` alone. */
  leaf(axes: readonly number[]): number {
    const some = axes.filter(() => this.draw(4) !== 0);
    switch (this.draw(12)) {
      case 0:
        return this.constant('f32');
      case 1: {
        const index = this.affine(
          this.draw(5) - 2,
          some.map((axis) => [axis, this.draw(4) - 1]),
        );
        const node = this.node({ kind: 'index', dtype: 'i32', index }, { bound: 200, error: 0 });
        return this.apply('toF32', [node]);
      }
      case 2: {
        const bounds = some.map((axis) => ({
          index: this.affine(-1, [[axis, 1]]),
          extent: Math.max(1, this.axes[axis].extent - 2),
        }));
        return this.node({ kind: 'inBounds', dtype: 'i32', bounds }, { bound: 1, error: 0 });
      }
      case 3: {
        const step = this.node(
          { kind: 'constant', dtype: 'i32', value: this.draw(1000) },
          { bound: 1000, error: 0 },
        );
        const counter = this.layout(some).index;
        const random = {
          kind: 'random',
          dtype: 'f32',
          seed: 7,
          stream: 99,
          counter,
          step,
        } as const;
        // Not a whole number, but free of error: an error that is as good as none keeps jumps away.
        return this.node(random, { bound: 1, error: 2 ** -40 });
      }
      case 4:
        return this.load(some, 'i32');
      case 5:
        return some.length > 0 ? this.gather(some) : this.load(some);
      default:
        return this.load(this.draw(2) === 0 ? axes : some);
    }
  }

  dtypeOf(node: number): DType {
    return this.nodes[node].dtype;
  }

  apply(op: ScalarOp, operands: readonly number[]): number {
    const dtype = COMPARISONS.includes(op) || op === 'toI32' ? 'i32' : 'f32';
    const last = operands[operands.length - 1];
    const integer = this.dtypeOf(last) === 'i32' && op !== 'toF32';
    const estimates = operands.map((operand) => this.estimates[operand]);
    const known: Estimate | null | undefined = COMPARISONS.includes(op)
      ? exactOnly(one)(estimates)
      : integer
        ? exactOnly(() => EXACT_LIMIT)(estimates)
        : op === 'toF32' || op === 'toI32'
          ? exactOnly(largest)(estimates)
          : op === 'select'
            ? extremal(estimates.slice(1))
            : FLOAT_OPS[op]?.(estimates);
    // An operation that these operands cannot bear is left out.
    if (!known || (op === 'toF32' && estimates[0].bound >= EXACT_LIMIT)) return last;
    return this.node({ kind: 'apply', dtype: integer ? 'i32' : dtype, op, operands }, known);
  }

  /** Combines nodes of `pool` by a few random operations; the result is the last of them. */
  expression(pool: number[], steps: number): number {
    let result = pool[pool.length - 1];
    for (let step = 0; step < steps; step++) {
      result = this.step(result, this.pick(pool));
      pool.push(result);
    }
    return result;
  }

  private step(a: number, other: number): number {
    const integer = this.dtypeOf(a) === 'i32';
    const choice = this.draw(8);
    if (choice === 0) return this.apply(integer ? 'toF32' : 'toI32', [a]);
    const b = this.dtypeOf(other) === this.dtypeOf(a) ? other : this.constant(this.dtypeOf(a));
    if (choice === 1) return this.apply(this.pick(COMPARISONS), [a, b]);
    if (choice === 2) {
      const condition = this.apply('le', [b, a]);
      return this.dtypeOf(condition) === 'i32' ? this.apply('select', [condition, a, b]) : a;
    }
    const ops = integer ? INTEGER_OPS : (Object.keys(FLOAT_OPS) as ScalarOp[]);
    const op = this.pick(ops);
    return this.apply(op, UNARY.has(op) ? [a] : [a, b]);
  }

  reduce(combiner: Combiner, value: number): number {
    const dtype = this.dtypeOf(value);
    const points = this.axes.reduce(
      (n, { kind, extent }) => (kind === 'reduced' ? n * extent : n),
      1,
    );
    const { bound, error } = this.estimates[value];
    this.reductions.push({ combiner, value });
    const estimate =
      combiner !== 'sum'
        ? { bound, error }
        : error === 0 && points * bound < EXACT_LIMIT
          ? { bound: points * bound, error: 0 }
          : { bound: points * bound, error: points * (error + points * bound * EPSILON) };
    const reduction = this.reductions.length - 1;
    return this.node({ kind: 'accumulator', dtype, reduction }, estimate);
  }

  /** The results of a reduction of `value` and, at times, of others in the same pass, of what is made of `pool`. */
  reduceSeveral(combiner: Combiner, value: number, pool: number[]): number[] {
    const others = Array.from({ length: Math.max(0, this.draw(5) - 2) }, () =>
      this.expression(pool, this.draw(3)),
    );
    const results = [this.reduce(combiner, value)];
    // Integers are added up where floats can hold the sum.
    for (const other of others)
      results.push(
        this.reduce(
          this.pick<Combiner>(
            this.dtypeOf(other) === 'f32' ? ['sum', 'max', 'min'] : ['max', 'min'],
          ),
          other,
        ),
      );
    return results;
  }

  store(value: number, buffer: number, index: Affine, accumulate = false, indirect?: Indirection) {
    this.stores.push({ buffer, index, value, accumulate, ...(indirect ? { indirect } : {}) });
    this.buffers[buffer].written = true;
    if (accumulate) this.buffers[buffer].read = true;
    const { bound, error } = this.estimates[value];
    const times = accumulate ? 64 : 1;
    // What is added to is f32 in memory.
    this.bounds[buffer] = accumulate
      ? Number.POSITIVE_INFINITY
      : Math.max(this.bounds[buffer], bound);
    const own = error === 0 && bound * times < EXACT_LIMIT ? 0 : error + bound * times * EPSILON;
    this.errors[buffer] = Math.max(this.errors[buffer], own * times);
  }

  /**
   * Makes what is built since the last stage a stage, which fills its array with `value` at all points of `own`. The next part
   * begins, over the axes of the tile.
   */
  endStage(own: readonly number[], value: number): void {
    let elements = 1;
    const terms = this.shuffled(own).map((axis) => {
      const term = [axis, elements] as const;
      elements *= this.axes[axis].extent;
      return term;
    });
    const number = this.stages.length;
    const tile = this.tileAxes + this.tileTerms;
    const store = { buffer: localArray(number), index: this.affine(0, terms), value };
    this.stages.push({
      axes: this.axes.slice(tile),
      nodes: this.nodes,
      reductions: this.reductions,
      stores: [{ ...store, accumulate: false }, ...this.stores],
      local: { dtype: this.dtypeOf(value), elements, buffer: null },
    });
    this.filled.push({
      estimate: this.estimates[value],
      dims: own.map((axis) => ({
        extent: this.axes[axis].extent,
        stride: store.index.coefficients[axis],
      })),
    });
    this.axes = this.axes.slice(0, tile);
    this.nodes = [];
    this.estimates = [];
    this.reductions = [];
    this.stores = [];
  }

  /** Stores one or two values at all parallel points; `inPlace` is a load that the first store may overwrite. */
  storeAll(values: readonly number[], parallel: readonly number[], inPlace?: number): void {
    const load = inPlace === undefined ? null : this.nodes[inPlace];
    values.forEach((value, i) => {
      if (i === 0 && load?.kind === 'load' && load.dtype === this.dtypeOf(value)) {
        this.store(value, load.buffer, load.index);
        return;
      }
      const { index, elements } = this.layout(parallel);
      this.store(value, this.buffer(this.dtypeOf(value), elements), index);
    });
  }

  finish(name: string, halves: boolean): KernelCase {
    // Buffers that nothing uses (an expression may leave out its operands' users) stay out of the kernel.
    const used = this.buffers.flatMap((buffer, i) => (buffer.read || buffer.written ? [i] : []));
    const narrow = used.map(
      (i) =>
        halves &&
        this.buffers[i].dtype === 'f32' &&
        this.bounds[i] < HALF_LIMIT &&
        this.draw(3) > 0,
    );
    const buffers = used.map((i, k): KernelBuffer => {
      const { elements, read, written } = this.buffers[i];
      const dtype = narrow[k] ? 'f16' : this.buffers[i].dtype;
      return { dtype, elements, access: written ? (read ? 'read_write' : 'write') : 'read' };
    });
    const rename = <T extends { readonly buffer: number }>(one: T): T => ({
      ...one,
      buffer: one.buffer < 0 ? one.buffer : used.indexOf(one.buffer),
    });
    const renameLoads = (nodes: readonly Expression[]) =>
      nodes.map((node) => (node.kind === 'load' ? rename(node) : node));
    const kernel: Kernel = {
      name,
      axes: this.axes,
      buffers,
      nodes: renameLoads(this.nodes),
      reductions: this.reductions,
      stores: this.stores.map(rename),
      ...(this.stages.length > 0
        ? {
            staging: {
              tileAxes: this.tileAxes,
              tileTerms: this.tileTerms,
              stages: this.stages.map((stage) => ({
                ...stage,
                nodes: renameLoads(stage.nodes),
                stores: stage.stores.map(rename),
              })),
            },
          }
        : {}),
    };
    let state = 1 + this.draw(1000);
    const next = () => {
      state = Math.imul(state, 1664525) + 1013904223;
      return ((state >>> 16) % (2 * MAGNITUDE + 1)) - MAGNITUDE;
    };
    return {
      kernel,
      buffers: buffers.map(({ dtype, elements }) => {
        const values = Array.from({ length: elements }, next);
        return dtype === 'i32' ? new Int32Array(values) : new Float32Array(values);
      }),
      tolerance: used.map((i, k) =>
        narrow[k] ? halvedError(this.bounds[i], this.errors[i]) : this.errors[i],
      ),
    };
  }
}

const SMALL = [2, 3, 4, 5, 7, 8, 9, 1];
const LARGE = [8, 4, 5, 6, 13, 16, 17, 21, 33];

const FORMS: Readonly<Record<KernelForm, (builder: CaseBuilder) => void>> = {
  elementwise(builder) {
    const rank = 1 + builder.draw(3);
    const parallel = Array.from({ length: rank }, (_, i) =>
      builder.axis('parallel', i === rank - 1 ? LARGE : SMALL),
    );
    const inPlace = plainLoad(builder, parallel);
    const pool = [inPlace];
    for (let i = builder.draw(4); i > 0; i--) pool.push(builder.leaf(parallel));
    const values = [builder.expression(pool, 1 + builder.draw(6))];
    if (builder.draw(3) === 0) values.push(builder.expression(pool, 1));
    builder.storeAll(values, parallel, builder.draw(3) === 0 ? inPlace : undefined);
  },
  reduction(builder) {
    const axis = (kind: AxisKind) => (_: unknown, i: number) =>
      builder.axis(kind, i === 0 ? LARGE : SMALL);
    const parallel = Array.from({ length: builder.draw(3) }, axis('parallel'));
    const reduced = Array.from({ length: 1 + builder.draw(2) }, axis('reduced'));
    const pool = [builder.load([...parallel, ...reduced])];
    for (let i = builder.draw(3); i > 0; i--) pool.push(builder.leaf([...parallel, ...reduced]));
    const value = builder.expression(pool, builder.draw(3));
    const combiner = builder.pick<Combiner>(['sum', 'max', 'min']);
    epilogue(builder, builder.reduceSeveral(combiner, value, pool), parallel);
  },
  window: windowed,
  contraction(builder) {
    const axis = (kind: AxisKind, extents: readonly number[]) => builder.axis(kind, extents);
    const group = (most: number) =>
      Array.from({ length: builder.draw(most + 1) }, (_, i) =>
        axis('parallel', i === 0 ? LARGE : SMALL),
      );
    const batch = builder.draw(2) === 0 ? [] : [axis('parallel', SMALL)];
    const m = group(2);
    const n = group(2);
    const k = [axis('reduced', LARGE)];
    if (builder.draw(3) === 0) k.push(axis('reduced', SMALL));
    const left = builder.load([...batch, ...m, ...k]);
    const right = builder.load([...batch, ...n, ...k]);
    const operands = builder.draw(2) === 0 ? [left, right] : [right, left];
    epilogue(
      builder,
      [builder.reduce('sum', builder.apply('mul', operands))],
      [...batch, ...m, ...n],
    );
  },
  scatter(builder) {
    const rows = builder.axis('parallel', LARGE);
    const positions = builder.axis('sequential', SMALL);
    const extent = 3 + builder.draw(4);
    const node = builder.load([positions], 'i32');
    const update = builder.load([rows, positions]);
    const { elements, index } = builder.layout([rows]);
    const target = builder.buffer('f32', elements * extent);
    const indirect = { node, stride: elements, extent };
    builder.store(update, target, index, builder.draw(3) !== 0, indirect);
  },
  staged: (builder) => staged(builder),
  carried: (builder) => staged(builder, [builder.pick(SMALL)]),
};

/**
 * A depthwise convolution, the gradient of its weight, or a pooling window: an axis of positions and one of taps, of which one or the
 * other is reduced, over the same channels, with strides, dilations and padding.
 */
function windowed(builder: CaseBuilder): void {
  const isGradient = builder.draw(3) === 0;
  const [outer, inner]: AxisKind[] = isGradient ? ['reduced', 'parallel'] : ['parallel', 'reduced'];
  const spatial = 1 + builder.draw(2);
  const positions = [4, 8, 6, 3, 7, 1];
  const axes: Record<'images' | 'positions' | 'taps' | 'channels', number[]> = {
    images: [],
    positions: [],
    taps: [],
    channels: [],
  };
  const declare = (kind: AxisKind) => {
    if (outer === kind) {
      if (builder.draw(2) === 0) axes.images.push(builder.axis(kind, [2, 3]));
      for (let i = 0; i < spatial; i++) axes.positions.push(builder.axis(kind, positions));
    }
    if (inner === kind)
      for (let i = 0; i < spatial; i++) axes.taps.push(builder.axis(kind, [3, 2, 5, 1]));
    if (kind === 'parallel' && builder.draw(5) > 0)
      axes.channels.push(builder.axis(kind, [8, 4, 12, 3]));
  };
  declare('parallel');
  declare('reduced');
  const extent = (axis: number) => builder.axes[axis].extent;
  const bounds: Bound[] = [];
  let offset = 0;
  let stride = 1;
  const terms: (readonly [number, number])[] = [];
  for (const axis of axes.channels) {
    terms.push([axis, stride]);
    stride *= extent(axis);
  }
  for (let i = spatial - 1; i >= 0; i--) {
    const [position, tap] = [axes.positions[i], axes.taps[i]];
    const [step, dilation] = [1 + builder.draw(2), 1 + builder.draw(2)];
    const reach = step * (extent(position) - 1) + dilation * (extent(tap) - 1) + 1;
    const before = builder.draw(3);
    const size = Math.max(1, reach - before - builder.draw(3));
    const along = [
      [position, step],
      [tap, dilation],
    ] as const;
    bounds.push({ index: builder.affine(0 - before, along), extent: size });
    for (const [axis, factor] of along) terms.push([axis, factor * stride]);
    offset -= before * stride;
    stride *= size;
  }
  for (const axis of axes.images) {
    terms.push([axis, stride]);
    stride *= extent(axis);
  }
  const buffer = builder.buffer('f32', stride);
  const load = builder.loadFrom(buffer, builder.affine(offset, terms), bounds);
  let value = load;
  const parallel = builder.axes.flatMap(({ kind }, axis) => (kind === 'parallel' ? [axis] : []));
  const combiner = builder.pick<Combiner>(['sum', 'sum', 'max']);
  if (combiner === 'sum') {
    const own = isGradient ? [...axes.images, ...axes.positions] : axes.taps;
    const factor = builder.load([...own, ...axes.channels]);
    value = builder.apply('mul', builder.draw(2) === 0 ? [value, factor] : [factor, value]);
  }
  epilogue(builder, builder.reduceSeveral(combiner, value, [load]), parallel);
}

/** One or two stages, each of which may read what the one before has filled, and a kernel that reads them. */
function staged(builder: CaseBuilder, terms: readonly number[] = []): void {
  const tiles = Array.from({ length: builder.draw(3) }, () => builder.axis('parallel', SMALL));
  const inStages = terms.map((extent) => builder.axis('parallel', [extent]));
  builder.tileAxes = tiles.length;
  builder.tileTerms = terms.length;
  for (let count = 1 + builder.draw(2); count > 0; count--)
    stage(builder, [...tiles, ...inStages], terms.length === 0);
  builder.axes = builder.axes.slice(0, tiles.length);
  const arrays = builder.filled.map((_, k) => k).filter((k) => isRead(builder, k));
  const { parallel, reduced, load } = readArrays(builder, arrays, tiles, 2, terms);
  const { dtype } = builder.nodes[load];
  const other = dtype === 'f32' ? builder.load([...parallel, ...reduced]) : load;
  const product = builder.apply(dtype === 'f32' ? 'mul' : 'add', [load, other]);
  const results =
    reduced.length > 0 ? builder.reduceSeveral('sum', product, [load, other]) : [product];
  epilogue(builder, results, parallel);
}

/** The kernel reads the last array, and those that no stage has read. */
const isRead = ({ stages, filled }: CaseBuilder, array: number) =>
  array === filled.length - 1 ||
  !stages.some(({ nodes }) =>
    nodes.some((node) => node.kind === 'load' && node.buffer === localArray(array)),
  );

/** A product of a load and a leaf or what is in the array before, summed along some axes; at times stored in a buffer as well. */
function stage(builder: CaseBuilder, tile: readonly number[], mayStore: boolean): void {
  const before =
    builder.filled.length > 0 && builder.draw(3) > 0 ? [builder.filled.length - 1] : [];
  const { parallel, reduced, load } = readArrays(builder, before, tile, 1);
  const own = parallel.slice(tile.length);
  const all = [...parallel, ...reduced];
  const leaf = before.length > 0 ? load : builder.leaf(parallel);
  const factor = builder.dtypeOf(leaf) === 'i32' ? builder.apply('toF32', [leaf]) : leaf;
  const element = builder.load(all);
  let values = [builder.apply('mul', [element, factor])];
  if (reduced.length > 0)
    values = builder.reduceSeveral(builder.pick<Combiner>(['sum', 'sum', 'max']), values[0], [
      element,
    ]);
  const floats = values.filter((one) => builder.dtypeOf(one) === 'f32');
  const joined = floats.reduce((a, b) => builder.apply('add', [a, b]));
  const value = builder.expression([builder.constant('f32'), joined], builder.draw(2));
  if (mayStore && builder.draw(3) === 0) builder.storeAll([value], parallel);
  builder.endStage(own, value);
}

/**
 * Declares axes behind those of the tile and loads the arrays along some of them, added up where there are several; without
 * arrays there is no load. `terms` are extents of reduced axes in front of all other reduced ones.
 */
function readArrays(
  builder: CaseBuilder,
  arrays: readonly number[],
  tile: readonly number[],
  others: number,
  terms: readonly number[] = [],
): { parallel: number[]; reduced: number[]; load: number } {
  const dims = arrays.flatMap((array) =>
    builder.filled[array].dims.map((dim) => ({
      ...{ ...dim, array, axis: 0 },
      kind: (builder.draw(2) === 0 ? 'reduced' : 'parallel') as AxisKind,
    })),
  );
  const declare = (kind: AxisKind) => {
    for (const dim of dims) if (dim.kind === kind) dim.axis = builder.axis(kind, [dim.extent]);
  };
  declare('parallel');
  for (let i = builder.draw(1 + others); i > 0; i--)
    builder.axis('parallel', i === 1 ? LARGE : SMALL);
  const parallel = [...tile];
  for (let axis = tile.length; axis < builder.axes.length; axis++) parallel.push(axis);
  for (const extent of terms) builder.axis('reduced', [extent]);
  declare('reduced');
  if (arrays.length === 0) for (let i = builder.draw(3); i > 0; i--) builder.axis('reduced', SMALL);
  const reduced: number[] = [];
  for (let axis = parallel.length; axis < builder.axes.length; axis++) reduced.push(axis);
  const loads = arrays.map((array) => {
    const index = builder.affine(
      0,
      dims.flatMap((dim) => (dim.array === array ? [[dim.axis, dim.stride] as const] : [])),
    );
    const { dtype } = builder.stages[array].local;
    const node: Expression = { kind: 'load', dtype, buffer: localArray(array), index, bounds: [] };
    const load = builder.node(node, builder.filled[array].estimate);
    return arrays.length > 1 && dtype === 'i32' ? builder.apply('toF32', [load]) : load;
  });
  const load = loads.length > 0 ? loads.reduce((a, b) => builder.apply('add', [a, b])) : -1;
  return { parallel, reduced, load };
}

/** A load that touches every element at most once, so that a store may overwrite it. */
function plainLoad(builder: CaseBuilder, parallel: readonly number[]): number {
  const { index, elements } = builder.layout(parallel);
  return builder.loadFrom(builder.buffer('f32', elements), index);
}

function epilogue(
  builder: CaseBuilder,
  accumulators: readonly number[],
  parallel: readonly number[],
): void {
  const before = plainLoad(builder, parallel);
  const pool = [before];
  for (let i = builder.draw(2); i > 0; i--) pool.push(builder.leaf(parallel));
  pool.push(...accumulators);
  const values = [builder.expression(pool, builder.draw(4))];
  if (builder.draw(3) === 0) values.push(builder.expression(pool, 1));
  builder.storeAll(values, parallel, builder.draw(3) === 0 ? before : undefined);
}
