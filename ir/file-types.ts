import { DTYPE_NAMES, DTYPES, type DType, type TensorArray } from './dtypes.ts';
import { halfValue } from './half.ts';

/** Elements as safetensors files have them, and what they are read as. */
export interface FileType {
  readonly dtype: DType;
  readonly bytes: number;
  /** The elements in an array of their own; the buffer may become it. */
  readonly read: (buffer: ArrayBuffer) => TensorArray;
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

/** By name in a file. Half precision is converted exactly; float64 to the nearest float32. */
export const FILE_TYPES: ReadonlyMap<unknown, FileType> = new Map<unknown, FileType>([
  ...SAME,
  ['F16', { dtype: 'f32', bytes: 2, read: fromHalves }],
  ['BF16', { dtype: 'f32', bytes: 2, read: fromBrainFloats }],
  [
    'F64',
    { dtype: 'f32', bytes: 8, read: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  ],
]);
