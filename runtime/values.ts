import { type DType, elementCount, formatType, type TensorType } from '../ir/tensor.ts';
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
  const flat = shape.length === 1;
  if (flat ? shape[0] !== count : shape.join() !== wanted.shape.join())
    refuse(`[${shape}]${flat ? ` (it has ${count} elements)` : ''}`);
  const numbers = flat ? value : flatten(value);
  if (numbers.length !== count) refuse('an array with rows of different lengths');
  return fromNumbers(numbers, wanted.dtype, what);
}

function nestedShape(value: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function flatten(value: NestedNumbers): unknown[] {
  let level: unknown[] = [...value];
  while (level.some(Array.isArray)) level = level.flat();
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
