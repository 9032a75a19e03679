import { STORAGE_TYPES } from '../../../ir/dtypes.ts';
import type { Affine, Bound } from '../../../ir/kernel.ts';
import { rangeOf } from './bounds.ts';
import {
  bufferLocal,
  type FunctionBody,
  get,
  integer,
  type LaneCount,
  splat,
  type Translation,
  tree,
} from './function-body.ts';
import type { Segment } from './nest.ts';
import { LANES } from './types.ts';

// Addresses are pointers that loops advance; what a tile adds to them is an immediate of the
// instruction.

/** Offsets of a point inside the tile, in units, one per axis. */
export type Point = readonly number[];

/** An element of a buffer. */
export interface Access {
  readonly buffer: number;
  readonly index: Affine;
}

export interface MemoryOptions {
  /** Bytes added to the address, as text. */
  readonly extra?: string;
  /**
   * Whether the constant part may stand in the instruction: not where the address before a check
   * may wrap.
   */
  readonly immediate?: boolean;
  /** Lane index of the instruction. */
  readonly operand?: string;
  readonly value?: string;
}

/** `local + constant`. */
interface Position {
  readonly local: string | null;
  readonly constant: number;
}

interface Pointer {
  readonly local: string;
  readonly constant: number;
  /** In elements, of so many bytes. */
  readonly coefficients: readonly number[];
  readonly elementBytes: number;
}

/** A segment in which a cursor stands. */
interface Opened {
  /** Lines that move its pointers on to the next step. */
  readonly advance: readonly string[];
  close(): void;
}

/**
 * Where the code being written stands: the segment and position of every axis whose loop is open,
 * and a pointer per buffer and way of walking through it.
 */
export class Cursor {
  private readonly translation: Translation;
  private readonly segments: (Segment | null)[];
  private readonly positions: Position[];
  private pointers: ReadonlyMap<string, Pointer>;

  constructor(translation: Translation) {
    const { kernel, analysis } = translation;
    this.translation = translation;
    this.segments = kernel.axes.map(() => null);
    this.positions = kernel.axes.map(() => ({ local: null, constant: 0 }));
    const loads = kernel.nodes.flatMap((node, i) =>
      node.kind === 'load' && analysis.alive[i] === 1 ? [node] : [],
    );
    this.pointers = new Map(
      [...loads, ...kernel.stores].map((access) => {
        const { coefficients } = access.index;
        return [
          pointerKey(access),
          {
            local: bufferLocal(access.buffer),
            constant: 0,
            coefficients,
            elementBytes: this.elementBytes(access.buffer),
          },
        ];
      }),
    );
  }

  /** Bytes of an element of a buffer. */
  elementBytes(buffer: number): number {
    return STORAGE_TYPES[this.translation.kernel.buffers[buffer].dtype].bytes;
  }

  /** Writes a segment of an axis: what `step` writes, in a loop if there are several steps. */
  cover(axis: number, segment: Segment, step: () => void, options?: CoverOptions): void {
    coverTogether(this.translation.body, [this], axis, segment, step, options);
  }

  /** Stands in a segment of an axis, at the index in `local` or else at its start, until closed. `skipped`: steps, as text. */
  open(axis: number, segment: Segment, local: string | null, skipped?: string): Opened {
    const { pointers } = this;
    this.segments[axis] = segment;
    this.positions[axis] = { local, constant: local === null ? segment.start : 0 };
    this.pointers = this.movedPointers(axis, segment.start);
    return {
      advance: local === null ? [] : this.ownPointers(axis, segment, skipped),
      close: () => {
        this.pointers = pointers;
        this.segments[axis] = null;
      },
    };
  }

  /** Stands on an axis for good, at the index in `local`. */
  stand(axis: number, local: string): void {
    const { body, kernel } = this.translation;
    const { extent } = kernel.axes[axis];
    this.segments[axis] = { start: 0, iterations: extent, tile: 1, lanes: 1 };
    this.positions[axis] = { local, constant: 0 };
    this.pointers = new Map(
      [...this.pointers].map(([key, pointer]) => {
        const stride = pointer.elementBytes * pointer.coefficients[axis];
        if (stride === 0) return [key, pointer];
        const moved = `(i32.add ${get(pointer.local)} (i32.mul ${get(local)} ${integer(stride)}))`;
        return [key, { ...pointer, local: body.assign('i32', 'p', moved) }];
      }),
    );
  }

  private movedPointers(axis: number, by: number): Map<string, Pointer> {
    return new Map(
      [...this.pointers].map(([key, pointer]) => {
        const constant = pointer.constant + pointer.elementBytes * pointer.coefficients[axis] * by;
        return [key, { ...pointer, constant }];
      }),
    );
  }

  /** Gives what walks along an axis a local of its own; the lines that advance these to the next step. */
  private ownPointers(axis: number, { tile, lanes }: Segment, skipped?: string): string[] {
    const { body } = this.translation;
    const increments: string[] = [];
    const pointers = new Map(this.pointers);
    for (const [key, pointer] of pointers) {
      const stride = pointer.elementBytes * pointer.coefficients[axis] * tile * lanes;
      if (stride === 0) continue;
      const first = get(pointer.local);
      const begin = skipped ? `(i32.add ${first} (i32.mul ${skipped} ${integer(stride)}))` : first;
      const local = body.assign('i32', 'p', begin);
      pointers.set(key, { ...pointer, local });
      increments.push(`(local.set ${local} (i32.add ${get(local)} ${integer(stride)}))`);
    }
    this.pointers = pointers;
    return increments;
  }

  /** The segment that is open on an axis. */
  segmentOf(axis: number): Segment | null {
    return this.segments[axis] ?? null;
  }

  /** The points of a step of the loops from `first` to `last`, the innermost varying fastest. */
  points(last: number, first = 0): Point[] {
    const { kernel, nest } = this.translation;
    let points: Point[] = [kernel.axes.map(() => 0)];
    for (const { axis } of nest.loops.slice(first, last + 1)) {
      const { tile } = this.segments[axis]!;
      points = points.flatMap((point) =>
        Array.from({ length: tile }, (_, unit) => point.with(axis, unit)),
      );
    }
    return points;
  }

  /** How many lanes the code being written works on. */
  get lanes(): LaneCount {
    return this.segmentOf(this.translation.nest.vectorAxis)?.lanes ?? 1;
  }

  /** By how much an affine function grows from lane to lane. */
  stride({ coefficients }: Affine): number {
    return this.lanes === LANES ? coefficients[this.translation.nest.vectorAxis] : 0;
  }

  /** How far a point of a tile is from its first one. */
  unitsOf(axis: number, point: Point): number {
    return point[axis] * (this.segments[axis]?.lanes ?? 1);
  }

  /** An affine function at one lane of a point. */
  affine(affine: Affine, point: Point, lane: number): string {
    let constant = affine.offset + lane * this.stride(affine);
    const terms: string[] = [];
    affine.coefficients.forEach((coefficient, axis) => {
      if (coefficient === 0) return;
      const position = this.positions[axis];
      constant += coefficient * (position.constant + this.unitsOf(axis, point));
      if (position.local === null) return;
      const index = get(position.local);
      terms.push(coefficient === 1 ? index : `(i32.mul ${index} ${integer(coefficient)})`);
    });
    if (constant !== 0 || terms.length === 0) terms.push(integer(constant));
    return tree(terms, (a, b) => `(i32.add ${a} ${b})`);
  }

  /** An affine function at all lanes of a point. */
  affineVector(affine: Affine, point: Point): string {
    const first = splat('i32', this.affine(affine, point, 0));
    const stride = this.stride(affine);
    if (stride === 0) return first;
    const steps = Array.from({ length: LANES }, (_, lane) => (lane * stride) | 0).join(' ');
    return `(i32x4.add ${first} (v128.const i32x4 ${steps}))`;
  }

  /**
   * Those of the bounds that are to be checked at the lanes of a point from one to another; null where one of them does not hold at any
   * of these, wherever the loops stand in their segments.
   */
  unsettled(
    bounds: readonly Bound[],
    point: Point,
    [from, to]: readonly [number, number],
  ): readonly Bound[] | null {
    const left: Bound[] = [];
    for (const bound of bounds) {
      const [least, most] = rangeOf(bound.index, (axis) => this.pointsOf(axis, point));
      const stride = this.stride(bound.index);
      const first = least + Math.min(from * stride, to * stride);
      const last = most + Math.max(from * stride, to * stride);
      if (last < 0 || first >= bound.extent) return null;
      if (first < 0 || last >= bound.extent) left.push(bound);
    }
    return left;
  }

  /** The first and the last place on an axis that a unit of a tile has. */
  private pointsOf(axis: number, point: Point): readonly [number, number] {
    const segment = this.segments[axis];
    if (!segment) return [0, this.translation.kernel.axes[axis].extent - 1];
    const first = segment.start + this.unitsOf(axis, point);
    return [first, first + (segment.iterations - 1) * segment.tile * segment.lanes];
  }

  /** 1 where all of the bounds hold, of which there is at least one. */
  inside(bounds: readonly Bound[], point: Point, lane: number): string {
    return tree(
      bounds.map(
        ({ index, extent }) => `(i32.lt_u ${this.affine(index, point, lane)} ${integer(extent)})`,
      ),
      (a, b) => `(i32.and ${a} ${b})`,
    );
  }

  /** An instruction on the memory at one lane of a point. */
  memory(
    name: string,
    access: Access,
    point: Point,
    lane: number,
    { extra = '', immediate = true, operand = '', value = '' }: MemoryOptions = {},
  ): string {
    const { index } = access;
    const pointer = this.pointers.get(pointerKey(access))!;
    let elements = index.offset + lane * this.stride(index);
    index.coefficients.forEach((coefficient, axis) => {
      elements += coefficient * this.unitsOf(axis, point);
    });
    const constant = pointer.constant + pointer.elementBytes * elements;
    const base = get(pointer.local);
    const moved = extra === '' ? base : `(i32.add ${base} ${extra})`;
    // Immediates do not wrap: no point may have an address below the local.
    const ascending = pointer.coefficients.every((c) => c >= 0);
    if (ascending && immediate && constant >= 0)
      return `(${name} offset=${constant} align=${pointer.elementBytes} ${operand} ${moved} ${value})`;
    return `(${name} align=${pointer.elementBytes} ${operand} (i32.add ${moved} ${integer(constant)}) ${value})`;
  }
}

/** Iterations of a loop that belong together; `begin` writes what is done before each block of them. */
export interface Block {
  readonly iterations: number;
  readonly begin: () => void;
}

export interface CoverOptions {
  /** Longest first; they nest: each is a loop around the same steps. */
  readonly blocks?: readonly Block[];
  /** The steps that are wanted, of those of a segment of several. */
  readonly range?: PartRange;
}

/** Parts of a kernel, from one up to before another: both as text. */
export interface PartRange {
  readonly from: string;
  readonly to: string;
}

/**
 * As `Cursor.cover`, for the cursors of several kernels whose code shares the loop.
 */
export function coverTogether(
  body: FunctionBody,
  cursors: readonly Cursor[],
  axis: number,
  segment: Segment,
  step: () => void,
  { blocks = [], range }: CoverOptions = {},
): void {
  const { start, iterations, tile, lanes } = segment;
  const at = (steps: string) =>
    `(i32.add ${integer(start)} (i32.mul ${steps} ${integer(tile * lanes)}))`;
  const begin = range ? at(range.from) : integer(start);
  const index = iterations === 1 ? null : body.assign('i32', `i${axis}`, begin);
  const opened = cursors.map((cursor) => cursor.open(axis, segment, index, range?.from));
  if (index === null) step();
  else {
    const points = tile * lanes;
    const stepOn = () => {
      step();
      body.push(...opened.flatMap(({ advance }) => advance));
    };
    const walk = { body, index, iterations, points, stepOn };
    const end = range
      ? get(body.assign('i32', 'e', at(range.to)))
      : integer(start + iterations * points);
    walkTo(walk, end, blocks);
  }
  for (const { close } of opened) close();
}

/** A loop in the making: its index is `points` further with each step. */
interface Walk {
  readonly body: FunctionBody;
  readonly index: string;
  readonly iterations: number;
  readonly points: number;
  readonly stepOn: () => void;
}

/** Writes the steps from the index to `end`, in blocks if there are any. */
function walkTo(walk: Walk, end: string, [block, ...inner]: readonly Block[]): void {
  const { body, index, iterations, points, stepOn } = walk;
  const behind = (steps: number) => `(i32.add ${get(index)} ${integer(steps * points)})`;
  const label = body.label();
  body.push(`(loop ${label}`);
  if (!block) {
    stepOn();
    body.push(`(br_if ${label} (i32.ne (local.tee ${index} ${behind(1)}) ${end})))`);
    return;
  }
  block.begin();
  const last = body.assign('i32', 'e', behind(block.iterations));
  if (iterations % block.iterations > 0)
    body.push(`(local.set ${last} (select ${get(last)} ${end} (i32.lt_s ${get(last)} ${end})))`);
  walkTo(walk, get(last), inner);
  body.push(`(br_if ${label} (i32.ne ${get(index)} ${end})))`);
}

function pointerKey({ buffer, index }: Access): string {
  return `${buffer}:${index.coefficients.join()}`;
}
