import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HOST_ALIGNMENT } from '../../ir/plan.ts';
import { openStore } from '../../runtime/host-store.ts';
import { load } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { SMALL_INPUTS, smallWasmPlan } from '../support/small-plan.ts';
import { swappedWasm } from '../support/swapped-plan.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-spill-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each(['memory', 'file'] as const)('%s reads as zero, then as it was written', async (tier) => {
  const bytes = 5 * 2 ** 20 + 3;
  const store = await openStore(tier, bytes, { spillDirectory: folder });
  const read = async (offset: number, count: number) => {
    const target = new Uint8Array(count).fill(255);
    await store.read(offset, target);
    return target;
  };
  expect((await read(bytes - 4, 4)).every((byte) => byte === 0)).toBe(true);
  const values = Uint8Array.from({ length: 1000 }, (_, k) => 1 + (k % 250));
  await Promise.all([store.write(64, values), store.write(bytes - 1000, values)]);
  expect(await read(64, 1000)).toEqual(values);
  expect(await read(bytes - 1000, 1000)).toEqual(values);
  expect(await read(0, 65)).toEqual(Uint8Array.from({ length: 65 }, (_, k) => (k < 64 ? 0 : 1)));
  const last = store.write(0, values);
  store.close();
  store.close();
  await last;
  await expect(async () => store.read(0, values)).rejects.toThrow(/is closed/);
});

async function spilling() {
  const draw = { seed: 4, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] } as const;
  return swappedWasm((await smallWasmPlan()).plan, draw);
}

test('a spill file has no name while it is used, and its folder is empty in the end', async () => {
  const { plan, module } = await spilling();
  const session = await load(plan, { module, spillDirectory: folder });
  if (process.platform !== 'win32') expect(readdirSync(folder)).toEqual([]);
  expect((await session.run('train', SMALL_INPUTS)).loss[0]).toBe(14);
  session.destroy();
  await expect.poll(() => readdirSync(folder)).toEqual([]);
});

test('the host memory of a session is what the plan says', async () => {
  const { plan, module } = await spilling();
  expect(plan.memory.spillBytes).toBeGreaterThanOrEqual(4 * HOST_ALIGNMENT);
  const session = await load(plan, { module, spillDirectory: folder });
  const { buffers, bytes } = plan.swap!.reading;
  expect(session.hostBytes).toBe(buffers * bytes);
  expect(plan.memory.hostBytes).toBe(session.hostBytes);
  session.destroy();
  const plain = await smallWasmPlan();
  for (const snapshots of [false, true]) {
    const kept = await load(plain.plan, { module: plain.module, snapshots });
    // Two copies of two tensors of 16 bytes.
    expect(kept.hostBytes).toBe(snapshots ? 64 : 0);
    kept.destroy();
  }
  expect(plain.plan.memory).toMatchObject({ hostBytes: 0, snapshotOptionBytes: 64 });
});

test('a folder that is not there is one sentence', async () => {
  const { plan, module } = await spilling();
  const error = await errorOf(() => load(plan, { module, spillDirectory: join(folder, 'no') }));
  expect(error.code).toBe('swap-failed');
  expect(error.message).toMatch(
    /^the spill file of \d+ bytes cannot be made: no such file or directory/,
  );
});

test('so is a store of the caller that cannot be opened', async () => {
  const { plan, module } = await spilling();
  const openStore = () => Promise.reject(new Error('no room'));
  const error = await errorOf(() => load(plan, { module, openStore }));
  expect(error.code).toBe('swap-failed');
  expect(error.message).toMatch(/^the store of \d+ bytes cannot be made: no room$/);
});
