import { crc32 } from '../../ir/crc32.ts';
import { DTYPES, type TensorArray } from '../../ir/dtypes.ts';
import { type DType, elementCount, type Shape, sameShape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { currentSpan } from '../reporting/call-sites.ts';
import {
  appendDeclared,
  checkShape,
  currentTrace,
  mistake,
  poisoned,
  type Trace,
} from './context.ts';
import { type DTypeName, isMask, resolveDType } from './dtype-names.ts';
import { ownInitialiser } from './initialisers.ts';
import type { Tensor } from './tensor.ts';
import { full, reshape } from './views.ts';

/** Arrays of arrays of numbers or booleans, one level per axis. */
export type NestedValues = readonly (number | bigint | boolean | NestedValues)[];

/** What {@link constant} takes: one number, typed arrays, and arrays that are flat or nested. */
export type ConstantValues = number | boolean | ArrayBufferView | NestedValues;

/** Arrays that are nested deeper have no tensor. */
const MOST_AXES = 64;

/**
 * Values that are known when the model is built: one number at every element of a shape, or those of a typed array or of nested arrays,
 * in row-major order. A shape gives a flat array its axes. The dtype is f32 unless it is told; i32 for typed arrays of integers and for
 * booleans, which are 0 and 1; `bool` makes a mask of numbers. Values of float32 keep every bit; float64 is rounded. Arrays are copied, and live in the plan: they count as
 * memory of the device, take no gradient and are in no file of parameters and no checkpoint. Equal arrays are one tensor.
 *
 * Errors: BTC2010 for a shape that is none, BTC2015 for a number and BTC2023 for an element that the dtype cannot hold, BTC2022 for rows
 * of different lengths, BTC2024 for more or fewer values than the shape takes.
 */
export function constant(values: ConstantValues, shape?: Shape, name?: DTypeName): Tensor {
  if (!isList(values)) return full(shape ?? [], values, name ?? dtypeOf([values]));
  const dtype = resolveDType('constant', name ?? dtypeOf(values));
  if (dtype === null) return poisoned({ dtype: 'f32', shape: [] });
  const nested = ArrayBuffer.isView(values) ? [lengthOf(values)] : shapeOf(values);
  const type = { dtype, shape: shape ?? nested };
  if (!checkShape('constant', type.shape)) return poisoned({ dtype, shape: [] });
  const flat = ArrayBuffer.isView(values)
    ? (values as unknown as Elements)
    : flattened(values, nested);
  if ('row' in flat) return mistake(2022, { ...flat }, type);
  const [count, wanted] = [flat.length, elementCount(type.shape)];
  // Only a flat array is put into another shape.
  if (count !== wanted || (nested.length > 1 && !sameShape(nested, type.shape)))
    return mistake(2024, { given: formatShape(nested), shape: formatShape(type.shape) }, type);
  const data = elements(flat, dtype, name === undefined ? false : isMask(name));
  if (typeof data === 'number') {
    const value = String(flat[data]);
    return mistake(2023, { at: data, value, wanted: DTYPES[dtype].wanted }, type);
  }
  const trace = currentTrace('constant');
  // One number in all places takes no memory.
  if (isOneNumber(data)) return full(type.shape, data[0], dtype);
  return reshape(declared(trace, data, dtype), type.shape);
}

type Elements = ArrayLike<number | bigint | boolean>;

/** A row that is not as long as the first of its level. */
interface Misfit {
  readonly row: string;
  readonly length: string;
  readonly first: number;
}

function isList(values: unknown): values is ArrayBufferView | NestedValues {
  return Array.isArray(values) || ArrayBuffer.isView(values);
}

const lengthOf = (values: ArrayBufferView) => (values as unknown as Elements).length ?? 0;

const FLOATS: readonly string[] = ['Float32Array', 'Float64Array', 'Float16Array'];

function dtypeOf(values: ConstantValues): DType {
  if (ArrayBuffer.isView(values)) return FLOATS.includes(values.constructor.name) ? 'f32' : 'i32';
  let first: unknown = values;
  for (let axis = 0; Array.isArray(first) && axis <= MOST_AXES; axis++) first = first[0];
  return typeof first === 'boolean' ? 'i32' : 'f32';
}

/** The lengths of the first rows of all levels. */
function shapeOf(values: NestedValues): number[] {
  const shape: number[] = [];
  let level: unknown = values;
  while (Array.isArray(level) && shape.length <= MOST_AXES) {
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

/** Elements of nested arrays in row-major order, level by level. */
function flattened(values: NestedValues, shape: Shape): Elements | Misfit {
  let level: readonly unknown[] = values;
  for (let axis = 1; axis < shape.length; axis++) {
    const misfit = level.findIndex((row) => !Array.isArray(row) || row.length !== shape[axis]);
    if (misfit >= 0) {
      const row = level[misfit];
      return {
        row: placeOf(misfit, shape.slice(0, axis)),
        length: Array.isArray(row) ? `has length ${row.length}` : 'is no array',
        first: shape[axis],
      };
    }
    level = (level as readonly (readonly unknown[])[]).flat();
  }
  return level as readonly number[];
}

function placeOf(index: number, shape: Shape): string {
  const at: number[] = [];
  let rest = index;
  for (const extent of shape.toReversed()) {
    at.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return at.map((i) => `[${i}]`).join('');
}

/** The elements in an array of their own, or the place of the first that the dtype cannot hold. */
function elements(values: Elements, dtype: DType, isMasked: boolean): TensorArray | number {
  const { array, accepts } = DTYPES[dtype];
  const data = new array(values.length);
  // As bits: a NaN keeps its payload.
  if (values instanceof array && !isMasked) {
    const { buffer, byteOffset, byteLength } = values;
    new Uint8Array(data.buffer).set(new Uint8Array(buffer, byteOffset, byteLength));
    return data;
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!['number', 'bigint', 'boolean'].includes(typeof value)) return i;
    const number = isMasked ? Number(Number(value) !== 0) : Number(value);
    if (!accepts(number)) return i;
    data[i] = number;
  }
  return data;
}

function isOneNumber(data: TensorArray): boolean {
  const [first] = data;
  return !Number.isNaN(first) && data.every((value) => Object.is(value, first));
}

/**
 * The constant of these elements, flat. Its name is made of them, so that all programs of a model call the same one by it, and other
 * ones otherwise.
 */
function declared(trace: Trace, data: TensorArray, dtype: DType): Tensor {
  const name = `constant:${dtype}:${data.length}:${crc32([data])}${mixed(data)}`;
  const known = trace.parameterValues.get(name);
  if (known) return known;
  const type = { dtype, shape: [data.length] };
  const source = currentSpan();
  trace.parameters.set(name, {
    declaration: { name, type, role: 'state', source, data },
    initialiser: ownInitialiser('constant', () => Float32Array.from(data)),
    isFrozen: false,
  });
  const tensor = appendDeclared(trace, 'parameter', name, type, source);
  trace.parameterValues.set(name, tensor);
  return tensor;
}

/** FNV-1a over the words of an array, in eight hexadecimal digits. */
function mixed({ buffer, byteOffset, length }: TensorArray): string {
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(buffer, byteOffset, length)) {
    hash = Math.imul(hash ^ (word & 0xffff), 0x01000193);
    hash = Math.imul(hash ^ (word >>> 16), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
