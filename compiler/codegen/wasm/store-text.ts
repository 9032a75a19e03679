import type { Kernel, Store } from '../../../ir/kernel.ts';
import { BYTES, type Cursor, type Point } from './cursor.ts';
import { integer, type WasmType } from './function-body.ts';
import type { Values } from './values.ts';

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
    if (cursor.lanes === 4 && uniformRow && cursor.stride(store.index) === 1) {
      const value = values.operand(store.value, point, 4);
      return [this.line(store, point, 0, 'v128', 'f32x4.add', value)];
    }
    const { dtype } = this.kernel.buffers[store.buffer];
    return Array.from({ length: cursor.lanes }, (_, lane) =>
      this.line(store, point, lane, dtype, 'f32.add', values.lane(store.value, point, lane)),
    );
  }

  private line(
    store: Store,
    point: Point,
    lane: number,
    type: WasmType,
    add: string,
    value: string,
  ): string {
    const { indirect } = store;
    const row = indirect && this.values.lane(indirect.node, point, lane);
    const extra = indirect && `(i32.mul ${row} ${integer(BYTES * indirect.stride)})`;
    const immediate = indirect === undefined || indirect.stride >= 0;
    const memory = (name: string, operand = '') =>
      this.cursor.memory(name, store, point, lane, { extra, immediate, value: operand });
    const sum = store.accumulate ? `(${add} ${memory(`${type}.load`)} ${value})` : value;
    const line = memory(`${type}.store`, sum);
    return indirect ? `(if (i32.lt_u ${row} ${integer(indirect.extent)}) (then ${line}))` : line;
  }
}
