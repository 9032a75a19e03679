import { DTYPES } from '../ir/dtypes.ts';
import { elementCount, formatType, type Shape, type TensorType } from '../ir/tensor.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';

/** Arrays of arrays of numbers, one level per axis. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** What a caller may give for a tensor: a typed array of its dtype or numbers, flat or nested; a number for one element. */
export type TensorInput = TensorData | NestedNumbers | number;

/** Of arrays that are nested deeper no tensor comes. */
const MOST_AXES = 64;

// The getters that all typed arrays share, of whatever realm: an object can claim to be one, but not to them.
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getterOf = (key: PropertyKey) => Object.getOwnPropertyDescriptor(typedArrays, key)!.get!;
const tagOf = getterOf(Symbol.toStringTag);
const lengthOf = getterOf('length');
const bufferOf = getterOf('buffer');
const offsetOf = getterOf('byteOffset');

/** `null`, `string`, `Array`, `Float32Array`: what a caller gave, for messages. */
export function kindOf(value: unknown): string {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function'))
    return value === null ? 'null' : typeof value;
  if (ArrayBuffer.isView(value)) return (tagOf.call(value) as string | undefined) ?? 'DataView';
  try {
    return Object.prototype.toString.call(value).slice('[object '.length, -1);
  } catch {
    // A proxy, or a getter that throws.
    return typeof value;
  }
}

/** Bytes that nobody else can change: those given, or a copy where another thread shares them. Error: `invalid-input`. */
export function ownBytes(value: unknown, what: string): Uint8Array {
  if (kindOf(value) !== 'Uint8Array' || !ArrayBuffer.isView(value))
    throw new RuntimeError(
      'invalid-input',
      `${what} takes bytes (Uint8Array), but ${kindOf(value)} was given`,
    );
  const { buffer, byteOffset, byteLength } = value;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return kindOf(buffer) === 'SharedArrayBuffer' ? new Uint8Array(bytes) : bytes;
}

type Refuse = (given: string) => never;

/**
 * A copy of the elements of `value` in the dtype wanted, so that the caller may change what it gave. `what` names the tensor in
 * errors (`invalid-input`).
 */
export function toTensorData(value: unknown, wanted: TensorType, what: string): TensorData {
  const data = borrowedData(listedData(value, wanted, what), wanted, what);
  return ArrayBuffer.isView(value) ? data.slice() : data;
}

const refusing =
  (wanted: TensorType, what: string): Refuse =>
  (given) => {
    throw new RuntimeError(
      'invalid-input',
      `${what} is ${formatType(wanted)}, but ${given} was given`,
    );
  };

/** What is no view as an array of its own, which takes the caller's getters; views as they are. Error: `invalid-input`. */
export function listedData(value: unknown, wanted: TensorType, what: string): ArrayBufferView {
  if (ArrayBuffer.isView(value)) return value;
  const refuse = refusing(wanted, what);
  if (Array.isArray(value)) return fromArray(value, wanted, what, refuse);
  if (typeof value !== 'number') return refuse(value === null ? 'null' : typeof value);
  const data = emptyArray(wanted);
  if (data.length !== 1) refuse('a single number');
  data[0] = element(value, 0, wanted, what);
  return data;
}

function emptyArray({ dtype, shape }: TensorType): TensorData {
  return new DTYPES[dtype].array(elementCount(shape));
}

/**
 * The elements of a view, if it is one of the tensor's: where they are, or a copy of what another thread shares. Error:
 * `invalid-input`.
 */
export function borrowedData(value: ArrayBufferView, wanted: TensorType, what: string): TensorData {
  const refuse = refusing(wanted, what);
  const kind = kindOf(value);
  const { name } = DTYPES[wanted.dtype].array;
  if (kind !== name) refuse(`a ${kind} (use ${name})`);
  const length = lengthOf.call(value) as number;
  const count = elementCount(wanted.shape);
  const hint = length === 0 ? '; is it detached, as by a transfer?' : '';
  if (length !== count) refuse(`[${length}] (it has ${count} elements${hint})`);
  const buffer = bufferOf.call(value) as ArrayBuffer;
  const array = DTYPES[wanted.dtype].array;
  const data = new array(buffer, offsetOf.call(value) as number, length);
  return kindOf(buffer) === 'SharedArrayBuffer' ? data.slice() : data;
}

/** Every length and every element is read once, and no deeper than the tensor has axes. */
function fromArray(
  value: readonly unknown[],
  wanted: TensorType,
  what: string,
  refuse: Refuse,
): TensorData {
  const count = elementCount(wanted.shape);
  const given = nestedShape(value);
  if (given.length > MOST_AXES) refuse(`an array nested more than ${MOST_AXES} deep`);
  const flat = given.length === 1;
  if (flat && given[0] !== count) refuse(`[${given}] (it has ${count} elements)`);
  if (!flat && given.join() !== wanted.shape.join()) refuse(`[${given}]`);
  const data = emptyArray(wanted);
  let next = 0;
  const fill = (row: readonly unknown[], indices: readonly number[]) => {
    for (let i = 0; i < given[indices.length]; i++) {
      const item: unknown = row[i];
      if (indices.length === given.length - 1) data[next] = element(item, next++, wanted, what);
      else fill(checkedRow(item, [...indices, i], given, refuse), [...indices, i]);
    }
  };
  fill(value, []);
  return data;
}

/** The shape that the first row at every level gives. */
function nestedShape(value: readonly unknown[]): number[] {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > MOST_AXES) break;
  }
  return shape;
}

/** A row that is as long as the first one at its level. */
function checkedRow(
  row: unknown,
  indices: readonly number[],
  shape: Shape,
  refuse: Refuse,
): readonly unknown[] {
  const at = indices.map((i) => `[${i}]`).join('');
  if (!Array.isArray(row)) return refuse(`an array whose row ${at} is no array`);
  const wanted = shape[indices.length];
  if (row.length !== wanted)
    refuse(
      `an array whose row ${at} has length ${row.length} and row ${'[0]'.repeat(indices.length)} ${wanted}`,
    );
  return row;
}

function element(value: unknown, at: number, { dtype }: TensorType, what: string): number {
  if (typeof value === 'number' && DTYPES[dtype].accepts(value)) return value;
  throw new RuntimeError(
    'invalid-input',
    `${what} is ${dtype}, but element ${at} is ${typeof value === 'number' ? value : typeof value}`,
  );
}
