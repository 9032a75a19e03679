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

/** A store whose nth operation of a kind fails, counted from 0; `seen` counts all. */
export interface Faults {
  kind: 'read' | 'write' | null;
  at: number;
  seen: { read: number; write: number };
}

export function failingStore(store: HostStore, faults: Faults): HostStore {
  const check = (kind: 'read' | 'write') => {
    const now = faults.seen[kind]++;
    if (faults.kind === kind && faults.at === now) throw new Error('ENOSPC: no space left');
  };
  return {
    async read(offset, target) {
      check('read');
      await store.read(offset, target);
    },
    async write(offset, source) {
      check('write');
      await store.write(offset, source);
    },
    close: () => store.close(),
  };
}
