import type { HostStore } from '../../runtime/index.ts';

/** A store that takes its time, and refuses bytes that it does not have. */
export function slowStore(bytes: number): HostStore {
  const memory = new Uint8Array(bytes);
  const later = () => new Promise<void>((resolve) => setImmediate(resolve));
  const within = (offset: number, length: number) => {
    if (offset + length > bytes)
      throw new Error(`bytes ${offset} to ${offset + length} of ${bytes}`);
  };
  return {
    async read(offset, target) {
      within(offset, target.length);
      await later();
      target.set(memory.subarray(offset, offset + target.length));
    },
    async write(offset, source) {
      within(offset, source.length);
      await later();
      memory.set(source, offset);
    },
    close() {},
  };
}

/** What is to happen at the store's operation number `at`, counted from 0 over both stores of a session. */
export interface Fault {
  seen: number;
  at: number;
  action(): void;
}

/** A fault that never happens until it is armed. */
export function newFault(): Fault {
  return { seen: 0, at: Number.POSITIVE_INFINITY, action() {} };
}

export function diskFull(): never {
  throw new Error('ENOSPC: no space left on device');
}

export function faultyStore(bytes: number, fault: Fault): HostStore {
  const store = slowStore(bytes);
  const count = () => {
    if (fault.seen++ === fault.at) fault.action();
  };
  return {
    async read(offset, target) {
      count();
      await store.read(offset, target);
    },
    async write(offset, source) {
      count();
      await store.write(offset, source);
    },
    close: () => store.close(),
  };
}
