import { type DType, elementCount, formatType, type Shape, type TensorType } from '../ir/tensor.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';

/** Arrays of arrays of numbers, one level per axis. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** What a caller may give for a tensor: a typed array of its dtype or numbers, flat or nested; a number for one element. */
export type TensorInput = TensorData | NestedNumbers | number;

/**
 * The elements of `value` as an array of the dtype wanted, without copying where it is one already. `what` names the
 * tensor in errors (`invalid-input`).
 */
export function toTensorData(value: TensorInput, wanted: TensorType, what: string): TensorData {
  const count = elementCount(wanted.shape);
  const refuse = (given: string): never => {
    throw new RuntimeError(
      'invalid-input',
      `${what} is ${formatType(wanted)}, but ${given} was given`,
    );
  };
  if (typeof value === 'number') {
    if (count !== 1) refuse('a single number');
    return fromNumbers([value], wanted.dtype, what);
  }
  if (ArrayBuffer.isView(value)) {
    const name = wanted.dtype === 'f32' ? 'Float32Array' : 'Int32Array';
    // By name: arrays of another realm (a frame, a worker's context) are as good.
    if (Object.prototype.toString.call(value) !== `[object ${name}]`)
      refuse(`a ${value.constructor?.name ?? 'view'} (use ${name})`);
    if (value.length !== count) refuse(`[${value.length}] (it has ${count} elements)`);
    return value;
  }
  if (!Array.isArray(value)) refuse(value === null ? 'null' : typeof value);
  const shape = nestedShape(value);
  const odd = oddRow(value, shape);
  if (odd !== null) refuse(odd);
  const flat = shape.length === 1;
  if (flat ? shape[0] !== count : shape.join() !== wanted.shape.join())
    refuse(`[${shape}]${flat ? ` (it has ${count} elements)` : ''}`);
  return fromNumbers(flatten(value, shape.length), wanted.dtype, what);
}

/** The shape that the first row at every level gives. */
function nestedShape(value: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

/** Says which row of `value` is the first that has not the shape of the first one; null where there is none. */
function oddRow(value: readonly unknown[], shape: Shape, path = '', first = ''): string | null {
  const [, length, ...inner] = shape;
  if (length === undefined) return null;
  for (const [i, row] of value.entries()) {
    const at = `${path}[${i}]`;
    if (!Array.isArray(row)) return `an array whose row ${at} is no array`;
    if (row.length !== length)
      return `an array whose row ${at} has length ${row.length} and row ${first}[0] ${length}`;
    const odd = oddRow(row, [length, ...inner], at, `${first}[0]`);
    if (odd !== null) return odd;
  }
  return null;
}

/** The elements of arrays that are nested `rank` deep; holes are undefined. */
function flatten(value: readonly unknown[], rank: number): unknown[] {
  let level = [...value];
  for (let axis = 1; axis < rank; axis++) level = level.flatMap((row) => [...(row as unknown[])]);
  return level;
}

function fromNumbers(values: readonly unknown[], dtype: DType, what: string): TensorData {
  const data = dtype === 'f32' ? new Float32Array(values.length) : new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' || (dtype === 'i32' && (value | 0) !== value))
      throw new RuntimeError(
        'invalid-input',
        `${what} is ${dtype}, but element ${i} is ${typeof value === 'number' ? value : typeof value}`,
      );
    data[i] = value;
  }
  return data;
}
