import type { Affine, Kernel } from '../../../ir/kernel.ts';
import { BYTES_PER_ELEMENT } from '../../../ir/tensor.ts';
import type { Analysis } from './analysis.ts';

/**
 * One nest of loops over a box of a kernel's axes. The body handles several neighbouring points at once: along each
 * axis its `copies`, and along the axis `vector` four lanes per copy.
 */
export interface Nest {
  readonly kernel: Kernel;
  readonly analysis: Analysis;
  /** Axes from the outermost loop to the innermost; reduced ones last. */
  readonly order: readonly number[];
  /** One per axis. */
  readonly spans: readonly Span[];
  /** The axis along which four neighbours form a vector, or -1. A reduced one is the innermost. */
  readonly vector: number;
  /** Each copy along the innermost reduced axis has accumulators of its own, which shortens chains of additions. */
  readonly spread: boolean;
}

/** The loop of an axis: its index starts at `start` and grows by `step`, `trips` times. */
export interface Span {
  readonly start: number;
  readonly trips: number;
  readonly step: number;
  /** What the body handles at each index. */
  readonly copies: readonly Copy[];
  /** What is left after the last trip, at the index behind it. Only along the innermost reduced axis. */
  readonly rest: readonly Copy[];
}

/** A point, or vector of points, relative to the index of a loop; the first `skip` lanes were handled before. */
export interface Copy {
  readonly offset: number;
  readonly skip: number;
}

/** Which copy is meant, per axis; copies of `rest` count on from those of `copies`. */
export type At = readonly number[];

/** The code of a nest while it grows. Depth d is inside of d loops. */
export interface Frame {
  readonly nest: Nest;
  /** Per axis, the depth inside of its loop. */
  readonly depthOfAxis: readonly number[];
  /** Loops that are not reduced. */
  readonly outerDepth: number;
  /** Code at the start of the loop of each depth. */
  readonly sections: string[][];
  /** Code in front of the loop of each depth, and at the end of its body: pointers that move along with it. */
  readonly before: string[][];
  readonly after: string[][];
  readonly body: string[];
  readonly epilogue: string[];
  readonly pointers: Map<string, string>;
  readonly emitted: Set<string>;
  /** Types of all locals of the function. */
  readonly locals: Map<string, string>;
}

export function createFrame(nest: Nest, locals: Map<string, string>): Frame {
  const { kernel, order } = nest;
  const depthOfAxis = kernel.axes.map((_, axis) => order.indexOf(axis) + 1);
  const lists = () => Array.from({ length: order.length + 1 }, (): string[] => []);
  return {
    nest,
    depthOfAxis,
    outerDepth: order.filter((axis) => kernel.axes[axis].kind !== 'reduced').length,
    sections: lists(),
    before: lists(),
    after: lists(),
    body: [],
    epilogue: [],
    pointers: new Map(),
    emitted: new Set(),
    locals,
  };
}

export function copyAt({ spans }: Nest, axis: number, at: At): Copy {
  const { copies, rest } = spans[axis];
  return at[axis] < copies.length ? copies[at[axis]] : rest[at[axis] - copies.length];
}

/** Declares a local and gives the text that reads it. */
export function local(frame: Frame, name: string, type: string): string {
  frame.locals.set(name, type);
  return `(local.get $${name})`;
}

export function i32Add(a: string, b: string): string {
  if (a === '(i32.const 0)') return b;
  return b === '(i32.const 0)' ? a : `(i32.add ${a} ${b})`;
}

export const i32Const = (value: number) => `(i32.const ${value | 0})`;

/** Where an access goes: a pointer and a byte offset that is added without wrapping. */
export interface Address {
  readonly pointer: string;
  readonly offset: number;
}

/** The byte address of an element of a buffer; `lane` moves it along the vector axis. */
export function address(
  frame: Frame,
  buffer: number,
  { offset, coefficients }: Affine,
  at: At,
  lane = 0,
): Address {
  const bytes = coefficients.map((coefficient) => coefficient * BYTES_PER_ELEMENT);
  const pointer = movingSum(frame, `(local.get $b${buffer})`, bytes);
  const constant =
    offset * BYTES_PER_ELEMENT + copyOffset(frame, bytes, at, lane);
  // An instruction's offset is not subject to wrapping, so that the pointer must be an address of its own.
  if (constant >= 0 && lowest(frame, bytes) >= 0) return { pointer, offset: constant };
  return { pointer: i32Add(pointer, i32Const(constant)), offset: 0 };
}

/** The value of an affine function of the axes, as an i32. */
export function affineValue(frame: Frame, affine: Affine, at: At, lane = 0): string {
  const constant = affine.offset + copyOffset(frame, affine.coefficients, at, lane);
  return i32Add(movingSum(frame, '(i32.const 0)', affine.coefficients), i32Const(constant));
}

function copyOffset({ nest }: Frame, coefficients: readonly number[], at: At, lane: number) {
  let sum = nest.vector < 0 ? 0 : coefficients[nest.vector] * lane;
  for (const axis of nest.order)
    if (coefficients[axis] !== 0) sum += coefficients[axis] * copyAt(nest, axis, at).offset;
  return sum;
}

/** Least value of Σ coefficient · loop index. */
function lowest({ nest }: Frame, coefficients: readonly number[]): number {
  let sum = 0;
  for (const axis of nest.order) {
    const { start, trips, step } = nest.spans[axis];
    sum += Math.min(coefficients[axis] * start, coefficients[axis] * (start + trips * step));
  }
  return sum;
}

/**
 * `base + Σ coefficient · loop index`: one local for the loops down to the innermost that matters, which starts from
 * the sum of the loops around it and moves with its loop.
 */
function movingSum(frame: Frame, base: string, coefficients: readonly number[]): string {
  const { order, spans } = frame.nest;
  let sum = base;
  let key = base;
  order.forEach((axis, i) => {
    const coefficient = coefficients[axis];
    if (coefficient === 0) return;
    key += `,${axis}:${coefficient}`;
    let name = frame.pointers.get(key);
    if (name === undefined) {
      name = `p${frame.pointers.size}`;
      frame.pointers.set(key, name);
      const { start, step, trips, rest } = spans[axis];
      const text = local(frame, name, 'i32');
      frame.before[i + 1].push(
        `(local.set $${name} ${i32Add(sum, i32Const(coefficient * start))})`,
      );
      if (trips > 1 || rest.length > 0)
        frame.after[i + 1].push(
          `(local.set $${name} ${i32Add(text, i32Const(coefficient * step))})`,
        );
    }
    sum = `(local.get $${name})`;
  });
  return sum;
}
