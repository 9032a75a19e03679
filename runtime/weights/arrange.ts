import { elementCount, type Shape } from '../../ir/tensor.ts';
import type { TensorData } from '../executor.ts';

/** Where the elements of a tensor here lie in a tensor of a file: element (i, j, …) of `extents` at start + i·strides[0] + …. */
export interface Place {
  /** Of the tensor here, row-major; an axis that is a flattened image is its axes. */
  readonly extents: Shape;
  readonly strides: readonly number[];
  readonly start: number;
}

/** A tensor here and the same in a file. */
export interface Arrangement {
  /** Here, as a whole. */
  readonly shape: Shape;
  /** By axis of the file the axis here. */
  readonly order: readonly number[];
  /** By axis here: the extents that it is made of, channels last here and first in the file. */
  readonly flattened: ReadonlyMap<number, Shape>;
  /** Where the file has more along an axis. */
  readonly part?: FilePart;
}

/** What of an axis of a file is one tensor of several side by side. */
export interface FilePart {
  /** Of the file. */
  readonly axis: number;
  /** Where the tensor starts along it. */
  readonly from: number;
  /** Of the file along the axis. */
  readonly extent: number;
  /** The axis is so many parts of one size, each with the tensors' shares of it side by side; `from` is in the first of them. */
  readonly heads: number;
}

/** The shape of the tensor of the file. */
export function fileShape({ shape, order, part }: Arrangement): Shape {
  return order.map((axis, k) => (k === part?.axis ? part.extent : shape[axis]));
}

/** Where each element lies in the file's tensor. */
export function placeIn(arrangement: Arrangement): Place {
  const { shape, order, flattened, part } = arrangement;
  const file = fileShape(arrangement);
  const steps = stridesOf(file);
  const extents: number[] = [];
  const strides: number[] = [];
  for (const [axis, extent] of shape.entries()) {
    const step = steps[order.indexOf(axis)];
    if (part && part.heads > 1 && order[part.axis] === axis) {
      extents.push(part.heads, extent / part.heads);
      strides.push((part.extent / part.heads) * step, step);
      continue;
    }
    const parts = flattened.get(axis) ?? [extent];
    // The last is the first there.
    const inside = stridesOf([...parts.slice(-1), ...parts.slice(0, -1)]);
    extents.push(...parts);
    strides.push(...[...inside.slice(1), inside[0]].map((stride) => stride * step));
  }
  return { extents, strides, start: part ? part.from * steps[part.axis] : 0 };
}

function stridesOf(shape: Shape): number[] {
  const strides: number[] = [];
  let step = 1;
  for (const extent of shape.toReversed()) {
    strides.unshift(step);
    step *= extent;
  }
  return strides;
}

/** Does something with every pair of an element here, counted from `first` of the whole on, and its element in the file. */
function walk(
  { extents, strides, start }: Place,
  first: number,
  count: number,
  visit: (here: number, there: number, length: number, step: number) => void,
): void {
  const rows = extents.slice(0, -1);
  const [width, step] = [extents.at(-1) ?? 1, strides.at(-1) ?? 1];
  for (let at = first; at < first + count; ) {
    let row = Math.floor(at / width);
    const column = at % width;
    let there = start + column * step;
    for (let axis = rows.length - 1; axis >= 0; axis--) {
      there += (row % rows[axis]) * strides[axis];
      row = Math.floor(row / rows[axis]);
    }
    const length = Math.min(width - column, first + count - at);
    visit(at - first, there, length, step);
    at += length;
  }
}

/** Copies elements of the file's tensor into `here`, which starts at element `first` of the whole; or adds them to it. */
export function fromFileData(
  place: Place,
  file: TensorData,
  here: TensorData,
  first: number,
  adds: boolean,
): void {
  walk(place, first, here.length, (to, from, length, step) => {
    if (adds) for (let k = 0; k < length; k++) here[to + k] += file[from + k * step];
    else for (let k = 0; k < length; k++) here[to + k] = file[from + k * step];
  });
}

/** The other way. */
export function toFileData(place: Place, here: TensorData, file: TensorData, first: number): void {
  walk(place, first, here.length, (from, to, length, step) => {
    for (let k = 0; k < length; k++) file[to + k * step] = here[from + k];
  });
}

/** Elements of the whole before a part of it along the first axis. */
export function firstOf(shape: Shape, part: number, parts: number): number {
  return (elementCount(shape) / parts) * part;
}
