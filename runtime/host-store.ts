import type { HostTier } from '../ir/plan.ts';
import { errorText, RuntimeError } from './errors.ts';
import { openNodeSpill } from './host-store-node.ts';
import { openOriginSpill } from './host-store-origin.ts';
import { isNode } from './platform.ts';

/**
 * A range of bytes outside device memory that values are swapped to, one per tier of a plan. Reads and writes are never
 * outside of it; those of one range never overlap in time, others may. What was never written reads as zero. Whatever it
 * throws fails the run as `swap-failed`, and the run has no effect.
 */
export interface HostStore {
  /** Fills `target` with the bytes from `offset` on. */
  read(offset: number, target: Uint8Array): void | Promise<void>;
  /** Keeps `source`, which is valid until the write has finished. */
  write(offset: number, source: Uint8Array): void | Promise<void>;
  /** Where the store is memory of the process: its bytes themselves, so that nothing need be copied. */
  view?(offset: number, bytes: number): Uint8Array;
  /** Frees it; operations under way may finish or fail. */
  close(): void;
}

/** What the caller of `load` chooses about host memory. */
export interface HostOptions {
  /** Node: the folder of the spill file, by default the system's folder of temporary files. */
  readonly spillDirectory?: string;
  /** Opens a store of the caller's own for a tier that the plan uses, of so many bytes. */
  readonly openStore?: (tier: HostTier, bytes: number) => HostStore | Promise<HostStore>;
  /**
   * Keeps copies of parameters and optimiser state in host memory: a failed run is undone, and `readParameters` and
   * `saveCheckpoint` still work when the device is lost. Every run that trains then reads back what it has changed. Always
   * so where the plan has transfers.
   */
  readonly snapshots?: boolean;
}

/** Errors: `out-of-memory`, `swap-failed`. */
export async function openStore(
  tier: HostTier,
  bytes: number,
  { openStore: open, spillDirectory }: HostOptions,
): Promise<HostStore> {
  if (tier === 'memory' && !open) return memoryStore(bytes);
  try {
    if (open) return checkedStore(await open(tier, bytes));
    return await (isNode() ? openNodeSpill(bytes, spillDirectory) : openOriginSpill(bytes));
  } catch (error) {
    const what = open ? `the store of ${bytes} bytes` : `the spill file of ${bytes} bytes`;
    throw new RuntimeError('swap-failed', `${what} cannot be made: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function checkedStore(store: HostStore): HostStore {
  for (const method of ['read', 'write', 'close'] as const)
    if (typeof store?.[method] !== 'function') throw new Error(`it has no method '${method}'`);
  return store;
}

/** Error: `out-of-memory`. */
export function memoryStore(bytes: number): HostStore {
  let memory: ArrayBuffer | null = allocate(bytes);
  const view = (offset: number, length: number) => {
    if (!memory) throw new Error('the store is closed');
    return new Uint8Array(memory, offset, length);
  };
  return {
    read: (offset, target) => target.set(view(offset, target.length)),
    write: (offset, source) => view(offset, source.length).set(source),
    view,
    close: () => {
      memory = null;
    },
  };
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (error) {
    throw new RuntimeError(
      'out-of-memory',
      `the host cannot allocate the ${bytes} bytes that values are swapped to: ${errorText(error)}`,
      { cause: error },
    );
  }
}
