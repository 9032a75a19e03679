import { DTYPES, type DType } from '../../../ir/dtypes.ts';

/** Lanes of a vector: elements that one instruction works on. */
export const LANES = 4;

/** How a dtype is computed on: a value is on the stack as `value` and, on all lanes at once, as a v128 of the shape `vector`. */
interface WasmTypeRow {
  readonly value: 'f32' | 'i32';
  readonly vector: 'f32x4' | 'i32x4';
  readonly constant: (value: number) => string;
  /** Instructions between memory and one value, or all lanes of neighbours. */
  readonly load: string;
  readonly store: string;
  readonly loadVector: string;
  readonly storeVector: string;
  /** One element on all lanes; the first lane, the others zero; one more lane of a vector that is there. */
  readonly loadSplat: string;
  readonly loadFirst: string;
  readonly loadLane: string;
}

export const WASM_TYPES: Readonly<Record<DType, WasmTypeRow>> = {
  f32: {
    value: 'f32',
    vector: 'f32x4',
    constant: (value) => `(f32.const ${floatText(DTYPES.f32.round(value))})`,
    load: 'f32.load',
    store: 'f32.store',
    loadVector: 'v128.load',
    storeVector: 'v128.store',
    loadSplat: 'v128.load32_splat',
    loadFirst: 'v128.load32_zero',
    loadLane: 'v128.load32_lane',
  },
  i32: {
    value: 'i32',
    vector: 'i32x4',
    constant: (value) => `(i32.const ${DTYPES.i32.round(value)})`,
    load: 'i32.load',
    store: 'i32.store',
    loadVector: 'v128.load',
    storeVector: 'v128.store',
    loadSplat: 'v128.load32_splat',
    loadFirst: 'v128.load32_zero',
    loadLane: 'v128.load32_lane',
  },
};

/** The types that locals have. */
export type WasmType = WasmTypeRow['value'] | 'v128';

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
