import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import {
  arrayBytes,
  partList,
  type StagedKernel,
  tileAxesOf,
  tileParts,
  tileSteps,
} from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { accumulatorBytes, readsAlong } from './reduction.ts';
import { registerTiles, type TiledPoints } from './register-tile.ts';
import { TUNING } from './tuning.ts';

// How the invocations of a workgroup share the parts of a staged kernel: its stages and itself.

/** A part whose points are shared out: each invocation computes tiles of them, one after the other. */
export interface Spread extends TiledPoints {
  readonly kind: 'spread';
}

/** A reduction whose few points are each computed by `reducers` invocations, which add up what they have found. */
export interface Gathered {
  readonly kind: 'gathered';
  readonly points: number;
  readonly reducers: number;
  /** Whether neighbouring invocations have neighbouring terms, not points. */
  readonly reducersFirst: boolean;
}

export type PartDivision = Spread | Gathered;

/** One way to run a staged kernel. */
export interface Division {
  readonly workgroupSize: number;
  /** The stages in order, then the kernel. */
  readonly parts: readonly PartDivision[];
  /** What an invocation computes, in multiply-adds. */
  readonly time: number;
  /** Steps of loops that it walks, one behind the other. */
  readonly serial: number;
  /** How often it waits for the others. */
  readonly barriers: number;
  /** How many times as long as alone, for want of workgroup memory that lets others run beside it. */
  readonly crowding: number;
}

/** What adding up costs a level of the tree, in multiply-adds. */
const LEVEL = 6;
/** What a term that an invocation finds alone costs, in multiply-adds. */
const TERM = 5;

/** Numbers of the parallel axes that tell the points of one part inside of a tile apart. */
export function ownAxes(part: Kernel, tile: readonly number[]): number[] {
  return axesOfKind(part, 'parallel').filter((axis) => !tile.includes(axis));
}

/** Axes of each part that tell tiles apart. */
export function tileAxesByPart({ axes, staging }: StagedKernel): number[][] {
  const own = tileAxesOf(axes, staging);
  return [...staging.stages.map(() => [...own.keys()]), own];
}

/** The divisions of a kernel by sizes of workgroups. */
export function divideTiles(kernel: StagedKernel, limits: TargetLimits): readonly Division[] {
  const key = `${limits.maxWorkgroupInvocations} ${limits.maxWorkgroupBytes}`;
  const known = divisions.get(kernel) ?? new Map<string, readonly Division[]>();
  divisions.set(kernel, known);
  let found = known.get(key);
  if (!found) {
    found = findDivisions(kernel, limits);
    known.set(key, found);
  }
  return found;
}

/** Derived once per kernel object and limits. */
const divisions = new WeakMap<Kernel, Map<string, readonly Division[]>>();

function findDivisions(kernel: StagedKernel, limits: TargetLimits): Division[] {
  const { workgroupSizes } = TUNING.staged;
  const tiles = tileAxesByPart(kernel);
  const parts = partList(tileParts(kernel));
  const ways = parts.map((part, k) => registerTiles(part, ownAxes(part, tiles[k])));
  const sizes = new Set(
    workgroupSizes.map((size) => Math.min(size, limits.maxWorkgroupInvocations)),
  );
  return [...sizes].map((size) => divide(kernel, parts, tiles, ways, size, limits));
}

/** The division for one size of workgroup. */
export function divisionOf(
  kernel: StagedKernel,
  workgroupSize: number,
  limits: TargetLimits,
): Division {
  return divideTiles(kernel, limits).find((one) => one.workgroupSize === workgroupSize)!;
}

function divide(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  tiles: readonly (readonly number[])[],
  ways: readonly (readonly TiledPoints[])[],
  workgroupSize: number,
  limits: TargetLimits,
): Division {
  const { coreBytes, coreInvocations } = TUNING.staged;
  const arrays = arrayBytes(kernel);
  const carries = kernel.staging.tileTerms > 0;
  const timeOf = ({ units, unitTime }: TiledPoints) => Math.ceil(units / workgroupSize) * unitTime;
  let time = 0;
  let serial = 0;
  let barriers = kernel.staging.stages.length + Number(carries);
  const chosen = parts.map((part, k): PartDivision => {
    const best = ways[k].reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a));
    const isCarried = carries && k === parts.length - 1;
    // Partial sums of all invocations have an array of their own beside those of the stages.
    const fits = arrays + workgroupSize * accumulatorBytes(part) <= limits.maxWorkgroupBytes;
    const gathered = !isCarried && fits ? gather(part, tiles[k], workgroupSize) : null;
    if (gathered) {
      const levels = Math.log2(gathered.reducers);
      const alone = gatheredTime(part, gathered) + levels * LEVEL * part.reductions.length;
      if (alone < timeOf(best)) {
        time += alone;
        serial += Math.ceil(pointCount(part, 'reduced') / gathered.reducers) + levels;
        barriers += levels;
        return gathered;
      }
    }
    time += timeOf(best);
    serial += Math.ceil(best.units / workgroupSize) * pointCount(part, 'reduced');
    return { kind: 'spread', ...best };
  });
  const held =
    arrays +
    workgroupSize *
      Math.max(
        0,
        ...chosen.map(({ kind }, k) => (kind === 'gathered' ? accumulatorBytes(parts[k]) : 0)),
      );
  const together = Math.max(1, Math.floor(coreBytes / Math.max(1, held)));
  const steps = tileSteps(kernel);
  return {
    ...{ workgroupSize, parts: chosen, time: time * steps },
    ...{ serial: serial * steps, barriers: barriers * steps },
    crowding: Math.max(1, coreInvocations / (together * workgroupSize)),
  };
}

function gather(part: Kernel, tile: readonly number[], workgroupSize: number): Gathered | null {
  if (part.reductions.length === 0) return null;
  const points = ownAxes(part, tile).reduce((count, axis) => count * part.axes[axis].extent, 1);
  const most = Math.min(workgroupSize / points, pointCount(part, 'reduced') / 2);
  if (most < 2) return null;
  const reducers = 2 ** Math.floor(Math.log2(most));
  return { kind: 'gathered', points, reducers, reducersFirst: readsAlong(part) === 'reduced' };
}

function gatheredTime(part: Kernel, { reducers }: Gathered): number {
  const under = nodesUnderReduction(part);
  const loads = part.nodes.filter((node, index) => node.kind === 'load' && under[index]).length;
  return (
    Math.ceil(pointCount(part, 'reduced') / reducers) * (part.reductions.length + TERM * loads)
  );
}
