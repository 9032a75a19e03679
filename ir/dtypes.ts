/** Element types of tensors. Comparisons and masks are `i32` holding 0 or 1. */
export type DType = 'f32' | 'i32';

/** What differentiates and multiplies, and what counts. */
export type DTypeKind = 'float' | 'integer';

/** The arrays that hold elements on the host. */
export type TensorArray = Float32Array | Int32Array;

/** What all representations need of a dtype. How a target spells and computes it stands in the target's own tables. */
export interface DTypeRow {
  readonly kind: DTypeKind;
  /** Of one element, in memory and in files. */
  readonly bytes: number;
  /** The array of the host with elements of this type. */
  readonly array: {
    readonly name: string;
    new (length: number): TensorArray;
    new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TensorArray;
  };
  /** Other arrays of the host whose elements it holds exactly. */
  readonly narrower: readonly string[];
  /** Its name in a safetensors file. */
  readonly safetensors: string;
  /** What sums of it are kept in. */
  readonly accumulation: DType;
  /** No element is below the one or above the other. */
  readonly least: number;
  readonly greatest: number;
  /** The element that arithmetic makes of a number. */
  readonly round: (value: number) => number;
  /** Whether a number may be given for an element: what it is rounded to then stands for it. */
  readonly accepts: (value: number) => boolean;
  /** What {@link accepts} takes, for messages. */
  readonly wanted: string;
}

/** The largest finite element of f32. */
export const LARGEST_F32 = (2 - 2 ** -23) * 2 ** 127;

/** The row of every dtype. */
export const DTYPES: Readonly<Record<DType, DTypeRow>> = {
  f32: {
    kind: 'float',
    bytes: 4,
    array: Float32Array,
    narrower: [],
    safetensors: 'F32',
    accumulation: 'f32',
    least: Number.NEGATIVE_INFINITY,
    greatest: Number.POSITIVE_INFINITY,
    round: Math.fround,
    accepts: () => true,
    wanted: 'a number',
  },
  i32: {
    kind: 'integer',
    bytes: 4,
    array: Int32Array,
    narrower: ['Uint8Array', 'Uint8ClampedArray', 'Int8Array', 'Uint16Array', 'Int16Array'],
    safetensors: 'I32',
    accumulation: 'i32',
    least: -2147483648,
    greatest: 2147483647,
    round: (value) => value | 0,
    accepts: (value) => (value | 0) === value,
    wanted: 'an integer of 32 bits, because the tensor is i32',
  },
};

/**
 * What elements are in memory: a dtype as it is; `f16`, which holds f32 values in half of the bytes; or `i8`, which holds whole numbers
 * from -127 to 127 as f32 in a quarter. Loads give f32, exactly; stores of halves round to the nearest, ties to even (`roundToHalf` of
 * half.ts), and no kernel stores i8. Nothing is computed in either.
 */
export type StorageType = DType | 'f16' | 'i8';

/** What all representations need of elements in memory. */
export interface StorageRow {
  /** Of one element. */
  readonly bytes: number;
  /** What loads give and stores take. */
  readonly value: DType;
  /** Whether elements count by a scale that is a tensor beside ({@link scaleName}); then kernels only read them. */
  readonly isScaled: boolean;
}

/** The row of every storage type. */
export const STORAGE_TYPES: Readonly<Record<StorageType, StorageRow>> = {
  f32: { bytes: DTYPES.f32.bytes, value: 'f32', isScaled: false },
  i32: { bytes: DTYPES.i32.bytes, value: 'i32', isScaled: false },
  f16: { bytes: 2, value: 'f32', isScaled: false },
  i8: { bytes: 1, value: 'f32', isScaled: true },
};

/** All storage types. */
export const STORAGE_TYPE_NAMES = Object.keys(STORAGE_TYPES) as StorageType[];

/** What loads of a storage type give. */
export const valueType = (type: StorageType): DType => STORAGE_TYPES[type].value;

/** What f32 values may be held as in fewer bytes. */
export type NarrowStorage = Exclude<StorageType, DType>;

/** The state that says how much one stands for in a state that is held as i8: a number for each index of the last axis. */
export const scaleName = (name: string): string => `${name}.scale`;

/** Device memory is bound and copied in words of so many bytes. */
const WORD_BYTES = 4;

/** Bytes of a row of elements, in whole words. */
export const storedBytes = (type: StorageType, elements: number): number =>
  Math.ceil((elements * STORAGE_TYPES[type].bytes) / WORD_BYTES) * WORD_BYTES;

/** All dtypes. */
export const DTYPE_NAMES = Object.keys(DTYPES) as DType[];

/** Whether booleans may be given for elements. */
export const holdsMasks = (dtype: DType): boolean => DTYPES[dtype].kind === 'integer';

/** Whether a dtype is differentiated. */
export const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float';

/** Whether a value is the name of a dtype. */
export const isDType = (value: unknown): value is DType =>
  typeof value === 'string' && Object.hasOwn(DTYPES, value);

/** `f32|i32`: for the patterns of text forms. */
export const DTYPE_PATTERN = DTYPE_NAMES.join('|');
/** The same of what memory holds. */
export const STORAGE_PATTERN = STORAGE_TYPE_NAMES.join('|');
