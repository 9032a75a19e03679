import type { HostTier, Plan, PlanTensor } from '../ir/plan.ts';
import { keepsSnapshots, snapshotCopies } from '../ir/plan-host.ts';
import { slotStride, tierBytes } from '../ir/plan-swap.ts';
import { errorText, RuntimeError } from './errors.ts';
import { bytesOf, heldData, type TensorData } from './executor.ts';
import { type HostOptions, type HostStore, memoryStore, openStore } from './host-store.ts';

/** Where a slot lies. */
interface Place {
  readonly store: HostStore;
  readonly offset: number;
  /** Distance of the copies. */
  readonly stride: number;
  readonly copies: 1 | 2;
  /** Whose value it holds, for people. */
  readonly owner: string;
}

/**
 * The slots of a plan in their stores, snapshots among them. Where snapshots are kept that the plan has none of (`options.snapshots`),
 * each of them has one more slot, in memory. A slot that programs write over has two copies. One is current; a run writes
 * the other, and `flip` makes it current when the run has finished. So a run happens as a whole or not at all.
 */
export class HostSlots {
  /** By tensor: the slot that holds its value between runs, or -1. */
  readonly homes: Int32Array;
  readonly #homeOf = new Map<PlanTensor, number>();
  readonly #places: Place[] = [];
  readonly #current: Uint8Array;
  readonly #stores: HostStore[];
  readonly hasSnapshots: boolean;
  /** Host memory in the stores of this object, in bytes. */
  readonly bytes: number;

  private constructor(
    plan: Plan,
    tiers: Readonly<Record<HostTier, HostStore | null>>,
    optional: boolean,
  ) {
    const { tensors, swap } = plan;
    this.homes = new Int32Array(tensors.length).fill(-1);
    this.#stores = Object.values(tiers).filter((store) => store !== null);
    swap?.slots.forEach((slot, index) => {
      if (slot.tensor !== null) this.homes[slot.tensor] = index;
      const owner = slot.tensor === null ? 'a value' : `'${tensors[slot.tensor].name}'`;
      const { offset, copies } = slot;
      this.#places.push({
        ...{ store: tiers[slot.tier]!, offset, stride: slotStride(slot), copies, owner },
      });
    });
    this.hasSnapshots = keepsSnapshots(plan) || optional;
    let bytes = tierBytes(swap?.slots ?? [], 'memory');
    for (const [index, copies] of optional && !keepsSnapshots(plan) ? snapshotCopies(plan) : []) {
      const tensor = tensors[index];
      const store = memoryStore(copies * tensor.bytes);
      this.#stores.push(store);
      this.homes[index] = this.#places.length;
      this.#places.push({
        ...{ store, offset: 0, stride: tensor.bytes, copies, owner: `'${tensor.name}'` },
      });
      bytes += copies * tensor.bytes;
    }
    this.bytes = bytes;
    this.homes.forEach((home, index) => {
      if (home >= 0) this.#homeOf.set(tensors[index], home);
    });
    this.#current = new Uint8Array(this.#places.length);
  }

  /** Errors: `out-of-memory`, `swap-failed`. */
  static async open(plan: Plan, options: HostOptions): Promise<HostSlots> {
    const slots = plan.swap?.slots ?? [];
    const tiers: Record<HostTier, HostStore | null> = { memory: null, file: null };
    try {
      for (const tier of ['memory', 'file'] as const) {
        const bytes = tierBytes(slots, tier);
        if (bytes > 0) tiers[tier] = await openStore(tier, bytes, options);
      }
      return new HostSlots(plan, tiers, options.snapshots === true);
    } catch (error) {
      for (const store of Object.values(tiers)) store?.close();
      throw error;
    }
  }

  isMemory(slot: number): boolean {
    return this.#places[slot].store.view !== undefined;
  }

  /** The bytes themselves, where they are memory: of the current copy, or of the one that a run has `written`. */
  view(slot: number, bytes: number, written = false): Uint8Array | null {
    return this.#places[slot].store.view?.(this.#offset(slot, written), bytes) ?? null;
  }

  /** Fills `target` from byte `from` of the slot on. Error: `swap-failed`. */
  read(slot: number, from: number, target: Uint8Array, written = false): void | Promise<void> {
    const { store, owner } = this.#places[slot];
    const offset = this.#offset(slot, written) + from;
    return translated(() => store.read(offset, target), `${owner} cannot be read`);
  }

  /** Writes the copy that is not current, or the only one. Error: `swap-failed`. */
  write(slot: number, from: number, source: Uint8Array): void | Promise<void> {
    const { store, owner } = this.#places[slot];
    const offset = this.#offset(slot, true) + from;
    return translated(() => store.write(offset, source), `${owner} cannot be written`);
  }

  /** Whether the host holds the value of a tensor between runs. */
  has(tensor: PlanTensor): boolean {
    return this.#homeOf.has(tensor);
  }

  /** A fresh copy of a tensor from its home slot; where that is among `written`, of the copy that a run has just written. */
  async load(tensor: PlanTensor, written?: ReadonlySet<number>): Promise<TensorData> {
    const { data, bytes } = heldData(tensor);
    const home = this.#homeOf.get(tensor)!;
    const pending = this.read(home, 0, bytes, written?.has(home));
    if (pending) await pending;
    return data;
  }

  /** Replaces the values of those tensors that have a home slot, all or, where programs write them, none. Error: `swap-failed`. */
  async replace(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void> {
    const homes: number[] = [];
    for (const [tensor, data] of values) {
      const home = this.#homeOf.get(tensor);
      if (home === undefined) continue;
      const pending = this.write(home, 0, bytesOf(data));
      if (pending) await pending;
      homes.push(home);
    }
    this.flip(homes);
  }

  /** Makes the copies current that were written. */
  flip(slots: Iterable<number>): void {
    for (const slot of slots) if (this.#places[slot].copies === 2) this.#current[slot] ^= 1;
  }

  close(): void {
    for (const store of this.#stores) {
      try {
        store.close();
      } catch {
        // A store of the caller's: the others are closed nevertheless.
      }
    }
  }

  #offset(slot: number, written: boolean): number {
    const { offset, stride, copies } = this.#places[slot];
    const copy = written && copies === 2 ? 1 - this.#current[slot] : this.#current[slot];
    return offset + copy * stride;
  }
}

function translated(action: () => void | Promise<void>, what: string): void | Promise<void> {
  const refuse = (error: unknown): never => {
    throw new RuntimeError(
      'swap-failed',
      `${what} on the host: ${errorText(error)}; nothing has changed, so it can be retried`,
      { cause: error },
    );
  };
  try {
    const pending = action();
    return pending ? pending.catch(refuse) : undefined;
  } catch (error) {
    return refuse(error);
  }
}
