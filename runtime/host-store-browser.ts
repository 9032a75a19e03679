// Stands for host-store-node.ts in bundles for browsers (`browser` in package.json).
import type { HostStore } from './host-store.ts';

export async function openNodeSpill(): Promise<HostStore> {
  throw new Error("the program is bundled for browsers; pass 'openStore'");
}
