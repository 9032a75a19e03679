import { Parser } from 'pickleparser';
import { describe, expect, test } from 'vitest';
import { type MemorySnapshot, memorySnapshot } from '../../compiler/inspect/memory-snapshot.ts';
import { pickle } from '../../compiler/inspect/pickle.ts';
import { planLiveBytes } from '../../compiler/liveness/plan-lives.ts';
import type { Plan } from '../../ir/plan.ts';
import { slotStride, tierBytes } from '../../ir/plan-swap.ts';
import { smallPlan, smallWasmPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';

const DRAW = { hosted: 5, swapped: 6, recomputed: 3 } as const;

/** The snapshot of a plan as a reader that is not ours reads it. */
const read = (plan: Plan) => new Parser().parse(pickle(memorySnapshot(plan))) as MemorySnapshot;

/** Replays a trace as PyTorch's allocator would; bytes in use behind each event. What overlaps, or is freed twice, fails. */
function replay(snapshot: MemorySnapshot, device: number) {
  const segments: { from: number; to: number }[] = [];
  const blocks = new Map<number, number>();
  let bytes = 0;
  const after = snapshot.device_traces[device].map(({ action, addr, size, time_us }) => {
    if (action === 'segment_alloc') segments.push({ from: addr, to: addr + size });
    if (action === 'alloc') {
      expect(segments.some(({ from, to }) => from <= addr && addr + size <= to)).toBe(true);
      for (const [other, its] of blocks)
        expect(other + its <= addr || addr + size <= other).toBe(true);
      blocks.set(addr, size);
      bytes += size;
    }
    if (action === 'free_requested') expect(blocks.get(addr)).toBe(size);
    if (action === 'free_completed') {
      expect(blocks.delete(addr)).toBe(true);
      bytes -= size;
    }
    return { time: time_us, bytes };
  });
  return { blocks, after, peak: Math.max(0, ...after.map((one) => one.bytes)) };
}

const plans: readonly (readonly [string, () => Promise<Plan>])[] = [
  ['for WebGPU', async () => smallPlan()],
  ['for WebAssembly', async () => (await smallWasmPlan()).plan],
  ...[1, 2, 3, 4, 5, 6].map(
    (seed) =>
      [
        `that swaps and recomputes, ${seed}`,
        async () => swappedPlan(smallPlan(), { ...DRAW, seed, tiers: ['memory', 'file'] }),
      ] as const,
  ),
];

describe.each(plans)('the snapshot of a plan %s', (_, make) => {
  test('uses the bytes that the plan has live', async () => {
    const plan = await make();
    const snapshot = read(plan);
    const { peak } = replay(snapshot, 0);
    const persistent = plan.tensors
      .filter(({ program, slab }) => program === null && slab !== null)
      .reduce((sum, { bytes }) => sum + bytes, 0);
    const live = Object.keys(plan.programs).map((name) => Math.max(...planLiveBytes(plan, name)));
    expect(peak).toBe(persistent + plan.memory.stagingBytes + Math.max(...live));
  });

  test('ends as it says, in blocks that fill each segment', async () => {
    const plan = await make();
    const snapshot = read(plan);
    snapshot.device_traces.forEach((_, device) => {
      const segments = snapshot.segments.filter((one) => one.device === device);
      const active = segments.flatMap(({ blocks }) =>
        blocks.filter(({ state }) => state === 'active_allocated'),
      );
      expect(new Map(active.map((one) => [one.address, one.requested_size]))).toEqual(
        replay(snapshot, device).blocks,
      );
    });
    for (const { address, total_size, blocks, ...segment } of snapshot.segments) {
      let at = address;
      for (const block of blocks) {
        expect(block.address).toBe(at);
        expect(block.size).toBeGreaterThanOrEqual(block.requested_size);
        at += block.size;
      }
      expect(at).toBe(address + total_size);
      expect(segment.allocated_size).toBeGreaterThanOrEqual(segment.requested_size);
    }
    const device = snapshot.segments.filter((one) => one.device === 0);
    expect(device.reduce((sum, one) => sum + one.total_size, 0)).toBe(plan.memory.deviceBytes);
  });

  test('has the host slots of the plan as devices of their own', async () => {
    const plan = await make();
    const snapshot = read(plan);
    const slots = plan.swap?.slots ?? [];
    (['memory', 'file'] as const).forEach((tier, k) => {
      const bytes = tierBytes(slots, tier) + (tier === 'memory' ? buffers(plan) : 0);
      const own = snapshot.segments.filter(({ device }) => device === 1 + k);
      expect(own.reduce((sum, one) => sum + one.total_size, 0)).toBe(bytes);
      if (bytes === 0) return;
      const lasting = slots.filter((slot) => slot.tier === tier && slot.tensor !== null);
      const { after, blocks } = replay(snapshot, 1 + k);
      const held = lasting.reduce((sum, slot) => sum + slot.copies * slotStride(slot), 0);
      expect([...blocks.values()].reduce((sum, size) => sum + size, 0)).toBe(
        held + (tier === 'memory' ? buffers(plan) : 0),
      );
      const taken = Object.values(plan.programs).flatMap(({ transfers = [] }) => [
        ...new Set(
          transfers.flatMap(({ slot }) =>
            slots[slot].tensor === null && slots[slot].tier === tier ? [slot] : [],
          ),
        ),
      ]);
      const allocs = snapshot.device_traces[1 + k].filter(({ action }) => action === 'alloc');
      expect(allocs).toHaveLength(blocks.size + taken.length);
      expect(after.map(({ time }) => time)).toEqual(
        after.map(({ time }) => time).toSorted((a, b) => a - b),
      );
    });
  });
});

const buffers = ({ memory }: Plan) => memory.host.readingBytes + memory.host.writingBytes;

test('frames are the positions of the user, the innermost with the tensor, and each list is there once', () => {
  const small = smallPlan();
  const at = small.tensors.findIndex(({ name }) => name === 'weight');
  const plan: Plan = {
    ...small,
    tensors: small.tensors.map((tensor, k) => (k === at ? { ...tensor, source: 0 } : tensor)),
    sources: [{ frame: 1, scope: 'layer1', pass: 'gradient' }],
    frames: [
      { file: 'model.ts', line: 7, column: 3 },
      { file: 'blocks.ts', line: 2, column: 5, from: 0 },
    ],
  };
  const event = read(plan).device_traces[0].find(({ frames }) =>
    frames[0].name.startsWith('weight '),
  );
  expect(event).toMatchObject({ action: 'alloc', size: 16 });
  expect(event?.frames).toEqual([
    { filename: 'blocks.ts', line: 2, name: 'weight f32 [4], parameter' },
    { filename: 'model.ts', line: 7, name: 'layer1 (gradient)' },
  ]);
});
