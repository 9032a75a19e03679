// Python's pickle format, protocol 2, as far as plain data needs it: what `pickle.load` and PyTorch's page of memory read.
// https://github.com/python/cpython/blob/main/Lib/pickletools.py

/** Fixed-length values that become a tuple of Python. */
export interface PickleTuple {
  readonly tuple: readonly PickleValue[];
}

/**
 * What can be pickled, and what plain objects and arrays of it are made of. Safe integers become `int`, other numbers `float`, arrays
 * `list`, other objects `dict`, by their own properties.
 */
export type PickleValue = null | boolean | number | string | object;

const OPCODES = {
  protocol: 0x80,
  none: 0x4e,
  true: 0x88,
  false: 0x89,
  int: 0x4a,
  byteInt: 0x4b,
  long: 0x8a,
  float: 0x47,
  text: 0x58,
  list: 0x5d,
  dict: 0x7d,
  mark: 0x28,
  appends: 0x65,
  setItems: 0x75,
  tuple: 0x74,
  put: 0x71,
  longPut: 0x72,
  get: 0x68,
  longGet: 0x6a,
  stop: 0x2e,
} as const;

/** Elements that one opcode adds to a list, as in Python's own writer: readers hold so many on their stacks. */
const BATCH = 1000;

/** The bytes of a pickle. Texts, and lists and objects that are the same one, are written once. */
export function pickle(value: PickleValue): Uint8Array {
  const out = new Bytes();
  const memo = new Map<unknown, number>();
  out.byte(OPCODES.protocol);
  out.byte(2);
  write(out, memo, value);
  out.byte(OPCODES.stop);
  return out.finish();
}

function write(out: Bytes, memo: Map<unknown, number>, value: PickleValue): void {
  const known = memo.get(value);
  if (value === null) out.byte(OPCODES.none);
  else if (typeof value === 'boolean') out.byte(value ? OPCODES.true : OPCODES.false);
  else if (typeof value === 'number') writeNumber(out, value);
  else if (known !== undefined) writeIndexed(out, OPCODES.get, OPCODES.longGet, known);
  else if (typeof value === 'string') {
    writeText(out, value);
    remember(out, memo, value);
  } else if (isTuple(value)) {
    out.byte(OPCODES.mark);
    for (const item of value.tuple) write(out, memo, item);
    out.byte(OPCODES.tuple);
  } else if (Array.isArray(value)) {
    out.byte(OPCODES.list);
    remember(out, memo, value);
    writeBatches(out, OPCODES.appends, value, (item) => write(out, memo, item));
  } else {
    out.byte(OPCODES.dict);
    remember(out, memo, value);
    writeBatches(out, OPCODES.setItems, Object.entries(value), ([key, item]) => {
      write(out, memo, key);
      write(out, memo, item);
    });
  }
}

const isTuple = (value: object): value is PickleTuple =>
  Array.isArray((value as Partial<PickleTuple>).tuple);

function remember(out: Bytes, memo: Map<unknown, number>, value: PickleValue): void {
  writeIndexed(out, OPCODES.put, OPCODES.longPut, memo.size);
  memo.set(value, memo.size);
}

function writeText(out: Bytes, value: string): void {
  const bytes = new TextEncoder().encode(value);
  out.byte(OPCODES.text);
  out.uint32(bytes.length);
  out.bytes(bytes);
}

function writeNumber(out: Bytes, value: number): void {
  if (!Number.isSafeInteger(value)) {
    out.byte(OPCODES.float);
    out.float64(value);
  } else if (value >= 0 && value < 256) {
    out.byte(OPCODES.byteInt);
    out.byte(value);
  } else if (value === (value | 0)) {
    out.byte(OPCODES.int);
    out.uint32(value >>> 0);
  } else {
    out.byte(OPCODES.long);
    out.byte(8);
    const wide = BigInt.asUintN(64, BigInt(value));
    out.uint32(Number(wide & 0xffffffffn));
    out.uint32(Number(wide >> 32n));
  }
}

function writeIndexed(out: Bytes, short: number, long: number, index: number): void {
  out.byte(index < 256 ? short : long);
  if (index < 256) out.byte(index);
  else out.uint32(index);
}

function writeBatches<T>(
  out: Bytes,
  opcode: number,
  items: readonly T[],
  writeItem: (item: T) => void,
): void {
  for (let from = 0; from < items.length; from += BATCH) {
    out.byte(OPCODES.mark);
    for (const item of items.slice(from, from + BATCH)) writeItem(item);
    out.byte(opcode);
  }
}

/** A buffer that grows. */
class Bytes {
  #bytes = new Uint8Array(1 << 16);
  #end = 0;

  #room(count: number): number {
    const at = this.#end;
    this.#end += count;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#end));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** Little endian, as all but floats are. */
  uint32(value: number): void {
    const at = this.#room(4);
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }

  float64(value: number): void {
    const at = this.#room(8);
    new DataView(this.#bytes.buffer).setFloat64(at, value);
  }

  bytes(values: Uint8Array): void {
    const at = this.#room(values.length);
    this.#bytes.set(values, at);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }
}
