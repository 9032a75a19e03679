import { type StorageType, valueType } from '../../../ir/dtypes.ts';
import type { Kernel, Store } from '../../../ir/kernel.ts';
import type { Cursor, MemoryOptions, Point } from './cursor.ts';
import { integer } from './function-body.ts';
import { type Form, SCALAR_TEXT } from './scalar-text.ts';
import { LANES, WASM_MEMORY } from './types.ts';
import type { Values } from './values.ts';

interface StoreInstructions {
  readonly load: string;
  readonly save: string;
  readonly operand: string;
  readonly narrow: (text: string) => string;
  readonly add: Form;
}
type StoreForm = (dtype: StorageType) => StoreInstructions;

const NARROW: StoreForm = (dtype) => {
  const { load, store, narrowOne: narrow } = WASM_MEMORY[dtype];
  const add = SCALAR_TEXT.add.one[valueType(dtype)]!;
  return { load, save: store, operand: '', narrow, add };
};
const WIDE: StoreForm = (dtype) => {
  const { loadVector, storeVector, storeOperand, narrowAll: narrow } = WASM_MEMORY[dtype];
  const add = SCALAR_TEXT.add.all[valueType(dtype)]!;
  return { load: loadVector, save: storeVector, operand: storeOperand, narrow, add };
};

/** The instructions of a store at a point of the tile. */
export class StoreText {
  private readonly kernel: Kernel;
  private readonly cursor: Cursor;
  private readonly values: Values;

  constructor(kernel: Kernel, cursor: Cursor, values: Values) {
    this.kernel = kernel;
    this.cursor = cursor;
    this.values = values;
  }

  /** One store of a vector where its lanes are neighbours in memory, or else one per lane. */
  lines(store: Store, point: Point): string[] {
    const { cursor, values } = this;
    const uniformRow = !store.indirect || !values.varies(store.indirect.node);
    if (cursor.lanes === LANES && uniformRow && cursor.stride(store.index) === 1) {
      const value = values.operand(store.value, point, LANES);
      return [this.line(store, point, 0, WIDE, value)];
    }
    return Array.from({ length: cursor.lanes }, (_, lane) =>
      this.line(store, point, lane, NARROW, values.lane(store.value, point, lane)),
    );
  }

  private line(store: Store, point: Point, lane: number, form: StoreForm, value: string): string {
    const { indirect } = store;
    const row = indirect && this.values.lane(indirect.node, point, lane);
    const extra =
      indirect &&
      `(i32.mul ${row} ${integer(this.cursor.elementBytes(store.buffer) * indirect.stride)})`;
    const immediate = indirect === undefined || indirect.stride >= 0;
    const memory = (name: string, more: MemoryOptions = {}) =>
      this.cursor.memory(name, store, point, lane, { extra, immediate, ...more });
    const { load, save, operand, narrow, add } = form(this.kernel.buffers[store.buffer].dtype);
    const sum = store.accumulate ? add(memory(load), value, '') : narrow(value);
    const line = memory(save, { operand, value: sum });
    return indirect ? `(if (i32.lt_u ${row} ${integer(indirect.extent)}) (then ${line}))` : line;
  }
}
