import { DTYPES, holdsMasks } from '../ir/dtypes.ts';
import { elementCount, formatType, type Shape, type TensorType } from '../ir/tensor.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';
import type { GpuBufferLike, GpuBufferRange } from './gpu-types.ts';

/** Arrays of arrays of numbers, one level per axis; booleans stand for 1 and 0 of i32. */
export type NestedNumbers = readonly (number | boolean | NestedNumbers)[];

/** Arrays whose elements i32 holds: masks and labels often are such. */
export type NarrowIntegers = Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array;

/** What a caller may give for a tensor: a typed array of its dtype or numbers, flat or nested; a number for one element. */
export type TensorInput = TensorData | NarrowIntegers | NestedNumbers | number | boolean;

/** Of arrays that are nested deeper no tensor comes. */
export const MOST_AXES = 64;

// The getters that all typed arrays share, of whatever realm: an object can claim to be one, but not to them.
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getterOf = (key: PropertyKey) => Object.getOwnPropertyDescriptor(typedArrays, key)!.get!;
const tagOf = getterOf(Symbol.toStringTag);
const lengthOf = getterOf('length');

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

/** A buffer of a GPU, or a part of one; null for anything else. By its methods: there may be several kinds of WebGPU in a program. */
export function bufferRange(value: unknown): GpuBufferRange | null {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return null;
  const isBuffer = (given: unknown): given is GpuBufferLike =>
    typeof given === 'object' &&
    typeof (given as GpuBufferLike | null)?.mapAsync === 'function' &&
    typeof (given as GpuBufferLike).usage === 'number';
  if (isBuffer(value)) return { buffer: value };
  const { buffer, offset, size } = value as Partial<GpuBufferRange>;
  return isBuffer(buffer) ? { buffer, offset, size } : null;
}

/** The caller's array that an output goes into. Error: `invalid-input`. */
export function arrayFor(value: ArrayBufferView, wanted: TensorType, what: string): TensorData {
  checkTyped(value, wanted, (given) => {
    throw new RuntimeError(
      'invalid-input',
      `${what} is ${formatType(wanted)}, but 'into' is ${given}`,
    );
  });
  return value as TensorData;
}

/**
 * The elements of `value` in the dtype wanted: a copy, so that the caller may change what it gave; `atOnce` also the caller's own
 * array, where nobody can change it before it is read. `what` names the tensor in errors (`invalid-input`).
 */
export function toTensorData(
  value: unknown,
  wanted: TensorType,
  what: string,
  atOnce = false,
): TensorData {
  const refuse: Refuse = (given) => {
    throw new RuntimeError(
      'invalid-input',
      `${what} is ${formatType(wanted)}, but ${given} was given`,
    );
  };
  if (ArrayBuffer.isView(value)) {
    if (DTYPES[wanted.dtype].narrower.includes(kindOf(value)))
      return widened(value, wanted, refuse);
    checkTyped(value, wanted, refuse);
    return atOnce && isPlain(value) ? (value as TensorData) : copyOf(value as TensorData, wanted);
  }
  if (Array.isArray(value)) return fromArray(value, wanted, what, refuse);
  if (typeof value !== 'number' && typeof value !== 'boolean')
    return refuse(value === null ? 'null' : typeof value);
  const data = emptyArray(wanted);
  if (data.length !== 1) refuse('a single number');
  data[0] = element(value, 0, wanted, what);
  return data;
}

function emptyArray({ dtype, shape }: TensorType): TensorData {
  return new DTYPES[dtype].array(elementCount(shape));
}

/** Not shared with threads, nor resizable, nor of a class of the caller's own. */
function isPlain(value: ArrayBufferView): boolean {
  const { buffer } = value;
  return (
    [Float32Array, Int32Array].some((kind) => Object.getPrototypeOf(value) === kind.prototype) &&
    Object.getPrototypeOf(buffer) === ArrayBuffer.prototype &&
    !(buffer as { resizable?: boolean }).resizable &&
    Object.keys(Object.getOwnPropertyDescriptors(buffer)).length === 0 &&
    !['buffer', 'byteOffset', 'byteLength', 'length'].some((key) => Object.hasOwn(value, key))
  );
}

function copyOf(value: TensorData, wanted: TensorType): TensorData {
  const data = emptyArray(wanted);
  data.set(value);
  return data;
}

function widened(value: ArrayBufferView, wanted: TensorType, refuse: Refuse): TensorData {
  checkLength(value, wanted, refuse);
  const data = emptyArray(wanted);
  data.set(value as NarrowIntegers);
  return data;
}

function checkTyped(value: ArrayBufferView, wanted: TensorType, refuse: Refuse): void {
  const kind = kindOf(value);
  const { name } = DTYPES[wanted.dtype].array;
  if (kind !== name) refuse(`a ${kind} (use ${name})`);
  checkLength(value, wanted, refuse);
}

function checkLength(value: ArrayBufferView, wanted: TensorType, refuse: Refuse): void {
  const length = lengthOf.call(value) as number;
  const count = elementCount(wanted.shape);
  const hint = length === 0 ? '; is it detached, as by a transfer?' : '';
  if (length !== count) refuse(`[${length}] (it has ${count} elements${hint})`);
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
  if (typeof value === 'boolean' && holdsMasks(dtype)) return Number(value);
  throw new RuntimeError(
    'invalid-input',
    `${what} is ${dtype}, but element ${at} is ${typeof value === 'number' ? value : typeof value}`,
  );
}
