import { DTYPE_NAMES, DTYPES, type DType, type TensorArray } from './dtypes.ts';
import { halfValue } from './half.ts';

/** Elements as safetensors files have them, and what they are read as. */
export interface FileType {
  readonly dtype: DType;
  readonly bytes: number;
  /** The elements in an array of their own, which the buffer may become; null where one does not fit the dtype. */
  readonly read: (buffer: ArrayBuffer) => TensorArray | null;
}

let halves: Float32Array | null = null;

function fromHalves(buffer: ArrayBuffer): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfValue(bits));
  const values = halves;
  return Float32Array.from(new Uint16Array(buffer), (bits) => values[bits]);
}

/** The upper halves of the bits of f32. */
function fromBrainFloats(buffer: ArrayBuffer): Float32Array {
  const bits = Uint32Array.from(new Uint16Array(buffer), (upper) => upper << 16);
  return new Float32Array(bits.buffer);
}

const SAME = DTYPE_NAMES.map((dtype): [string, FileType] => {
  const { safetensors, bytes, array } = DTYPES[dtype];
  return [safetensors, { dtype, bytes, read: (buffer) => new array(buffer) }];
});

type Integers = ArrayLike<number> | BigInt64Array | BigUint64Array;

/** Integers of another width as i32. */
const integers = (bytes: number, list: (buffer: ArrayBuffer) => Integers): FileType => ({
  ...{ dtype: 'i32', bytes },
  read: (buffer) => {
    const given = list(buffer);
    const values = new Int32Array(given.length);
    for (let k = 0; k < values.length; k++) {
      values[k] = Number(given[k]);
      if (values[k] !== Number(given[k])) return null;
    }
    return values;
  },
});

/** By name in a file. Half precision is converted exactly, float64 to the nearest float32, integers and booleans to i32 where they fit. */
export const FILE_TYPES: ReadonlyMap<unknown, FileType> = new Map<unknown, FileType>([
  ...SAME,
  ['F16', { dtype: 'f32', bytes: 2, read: fromHalves }],
  ['BF16', { dtype: 'f32', bytes: 2, read: fromBrainFloats }],
  [
    'F64',
    { dtype: 'f32', bytes: 8, read: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  ],
  ['I64', integers(8, (buffer) => new BigInt64Array(buffer))],
  ['U64', integers(8, (buffer) => new BigUint64Array(buffer))],
  ['U32', integers(4, (buffer) => new Uint32Array(buffer))],
  ['I16', integers(2, (buffer) => new Int16Array(buffer))],
  ['U16', integers(2, (buffer) => new Uint16Array(buffer))],
  ['I8', integers(1, (buffer) => new Int8Array(buffer))],
  ['U8', integers(1, (buffer) => new Uint8Array(buffer))],
  ['BOOL', integers(1, (buffer) => new Uint8Array(buffer).map(Math.sign))],
]);
