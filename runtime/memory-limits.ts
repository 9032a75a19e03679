import type { Plan } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import { kindOf } from './values.ts';

/**
 * What a plan may take, for those who load plans that others made. No limit by default: a plan says what it takes, and takes no
 * more than that. Checked before anything is allocated, written or opened.
 */
export interface MemoryLimits {
  /** Limit on device memory, in bytes: `plan.memory.deviceBytes`. On wasm that is memory of the process. */
  readonly maxDeviceBytes?: number;
  /** Limit on bytes outside of it, in memory of the process and in a spill file together. */
  readonly maxHostBytes?: number;
}

/** Refuses a plan, which has been verified, that takes more. Errors: `memory-limit`, `invalid-input`. */
export function checkMemory(
  plan: Plan,
  limits: MemoryLimits & { readonly snapshots?: boolean },
): void {
  const { deviceBytes, hostBytes, snapshotOptionBytes, spillBytes } = plan.memory;
  const inMemory = hostBytes + (limits.snapshots === true ? snapshotOptionBytes : 0);
  const takes = {
    maxDeviceBytes: { bytes: deviceBytes, what: 'of device memory', flag: '--budget' },
    maxHostBytes: {
      bytes: inMemory + spillBytes,
      what: `on the host (${inMemory} in memory, ${spillBytes} in a spill file)`,
      flag: '--host-budget',
    },
  };
  for (const name of ['maxDeviceBytes', 'maxHostBytes'] as const) {
    const most = limits[name];
    if (most === undefined) continue;
    if (typeof most !== 'number' || !(most >= 0))
      throw new RuntimeError(
        'invalid-input',
        `'${name}' is ${typeof most === 'number' ? most : kindOf(most)}; it must be a number of bytes`,
      );
    const { bytes, what, flag } = takes[name];
    if (bytes > most)
      throw new RuntimeError(
        'memory-limit',
        `plan '${plan.name}' takes ${bytes} bytes ${what}, but ${name} allows ${most}; allow more, or build it with a smaller ${flag}`,
      );
  }
}
