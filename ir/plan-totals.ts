import type { HostMemory, Plan } from './plan.ts';
import { alignUp } from './plan-alignment.ts';
import { hostMemory, snapshotOptionBytes } from './plan-host.ts';
import { peakLiveBytes } from './plan-lifetimes.ts';
import type { Report } from './plan-report.ts';
import { stagingBytes } from './plan-staging.ts';
import { tierBytes } from './plan-swap.ts';
import { TARGET_RULES } from './targets.ts';

interface Totals {
  arenaBytes: number;
  persistentBytes: number;
  slabBytes: number[];
}

/** Extents by slab: persistent tensors first, the arena behind them. */
function measure(plan: Plan): Totals {
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  const persistentEnd = new Array<number>(plan.slabs.length).fill(0);
  const end = persistentEnd.slice();
  let persistentBytes = 0;
  for (const { slab, offset, bytes, policy } of plan.tensors) {
    if (slab === null) continue;
    const size = alignUp(bytes, alignment);
    end[slab] = Math.max(end[slab], offset + size);
    if (policy !== 'persistent') continue;
    persistentEnd[slab] = Math.max(persistentEnd[slab], offset + size);
    persistentBytes += size;
  }
  return {
    arenaBytes: end.reduce((sum, bytes, slab) => sum + bytes - persistentEnd[slab], 0),
    persistentBytes,
    slabBytes: end.map((bytes) => alignUp(bytes, TARGET_RULES[plan.target].slabAlignment)),
  };
}

export function verifyTotals(plan: Plan, report: Report): void {
  const { memory } = plan;
  const totals = measure(plan);
  const staging = stagingBytes(plan);
  const slabs = totals.slabBytes.reduce((sum, bytes) => sum + bytes, 0);
  const equal = (path: string, given: number, true_: number) => {
    if (given !== true_) report(path, `${given}, but it is ${true_}`);
  };
  plan.slabs.forEach(({ bytes }, i) => {
    equal(`slabs[${i}].bytes`, bytes, totals.slabBytes[i]);
  });
  equal('memory.arenaBytes', memory.arenaBytes, totals.arenaBytes);
  equal('memory.persistentBytes', memory.persistentBytes, totals.persistentBytes);
  equal('memory.stagingBytes', memory.stagingBytes, staging);
  const slots = plan.swap?.slots ?? [];
  const host = hostMemory(plan);
  for (const key of Object.keys(host) as (keyof HostMemory)[])
    equal(`memory.host.${key}`, memory.host[key], host[key]);
  const hostBytes = Object.values<number>(host).reduce((sum, bytes) => sum + bytes, 0);
  equal('memory.hostBytes', memory.hostBytes, hostBytes);
  equal('memory.snapshotOptionBytes', memory.snapshotOptionBytes, snapshotOptionBytes(plan));
  equal('memory.spillBytes', memory.spillBytes, tierBytes(slots, 'file'));
  equal('memory.deviceBytes', memory.deviceBytes, slabs + staging);
  const peak = peakLiveBytes(plan, TARGET_RULES[plan.target].offsetAlignment);
  equal('memory.peakLiveBytes', memory.peakLiveBytes, peak);
  equal('memory.packing.gapBytes', memory.packing.gapBytes, memory.arenaBytes - peak);
  if (memory.budgetBytes !== null && memory.deviceBytes > memory.budgetBytes)
    report(
      'memory.deviceBytes',
      `${memory.deviceBytes} is over the budget of ${memory.budgetBytes}`,
    );
  if (plan.module)
    equal('module.pages', plan.module.pages, slabs / TARGET_RULES[plan.target].slabAlignment);
}
