import { DTYPES, type DType, type StorageType } from '../../../ir/dtypes.ts';
import { narrowAll, narrowOne, widenAll, widenOne } from './halves.ts';

/** Lanes of a vector: elements that one instruction works on. */
export const LANES = 4;

/** How a dtype is computed on: a value is on the stack as `value` and, on all lanes at once, as a v128 of the shape `vector`. */
interface WasmTypeRow {
  readonly value: 'f32' | 'i32';
  readonly vector: 'f32x4' | 'i32x4';
  readonly constant: (value: number) => string;
}

export const WASM_TYPES: Readonly<Record<DType, WasmTypeRow>> = {
  f32: {
    value: 'f32',
    vector: 'f32x4',
    constant: (value) => `(f32.const ${floatText(DTYPES.f32.round(value))})`,
  },
  i32: {
    value: 'i32',
    vector: 'i32x4',
    constant: (value) => `(i32.const ${DTYPES.i32.round(value)})`,
  },
};

/** Instructions between memory and one value, or all lanes of neighbours. */
interface WasmMemoryRow {
  readonly load: string;
  readonly store: string;
  readonly loadVector: string;
  readonly storeVector: string;
  /** What names the place of a vector's store, if anything. */
  readonly storeOperand: string;
  /** One element on all lanes; the first lane; one more lane of a vector that is there. */
  readonly loadSplat: string;
  readonly loadFirst: string;
  readonly loadLane: string;
  readonly laneOperand: (lane: number) => string;
  /** Between what these leave on the stack and values, one and on all lanes. */
  readonly widenOne: (text: string) => string;
  readonly widenAll: (text: string) => string;
  readonly narrowOne: (text: string) => string;
  readonly narrowAll: (text: string) => string;
}

const asItIs = (text: string) => text;
const wholeWords = (type: 'f32' | 'i32'): WasmMemoryRow => ({
  load: `${type}.load`,
  store: `${type}.store`,
  loadVector: 'v128.load',
  storeVector: 'v128.store',
  storeOperand: '',
  loadSplat: 'v128.load32_splat',
  loadFirst: 'v128.load32_zero',
  loadLane: 'v128.load32_lane',
  laneOperand: String,
  ...{ widenOne: asItIs, widenAll: asItIs, narrowOne: asItIs, narrowAll: asItIs },
});

export const WASM_MEMORY: Readonly<Record<StorageType, WasmMemoryRow>> = {
  f32: wholeWords('f32'),
  i32: wholeWords('i32'),
  f16: {
    load: 'i32.load16_u',
    store: 'i32.store16',
    loadVector: 'v128.load16x4_u',
    storeVector: 'v128.store64_lane',
    storeOperand: '0',
    // The upper half of a lane does not count.
    loadSplat: 'v128.load16_splat',
    loadFirst: 'v128.load16_splat',
    loadLane: 'v128.load16_lane',
    laneOperand: (lane) => String(2 * lane),
    ...{ widenOne, widenAll, narrowOne, narrowAll },
  },
  i8: {
    load: 'i32.load8_s',
    // Four bytes in a row: the others of the vector do not count.
    loadVector: 'v128.load32_zero',
    loadSplat: 'v128.load8_splat',
    loadFirst: 'v128.load8_splat',
    loadLane: 'v128.load8_lane',
    laneOperand: String,
    widenOne: (byte) => `(f32.convert_i32_s ${byte})`,
    widenAll: (bytes) =>
      `(f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (i16x8.extend_low_i8x16_s ${bytes})))`,
    // No kernel stores i8.
    ...{ store: 'i32.store8', storeVector: 'v128.store32_lane', storeOperand: '0' },
    ...{ narrowOne: asItIs, narrowAll: asItIs },
  },
};

/** The types that locals have. */
export type WasmType = WasmTypeRow['value'] | 'v128';

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
