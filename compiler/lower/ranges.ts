import { type Affine, type Axis, isLocal, type Store } from '../../ir/kernel.ts';
import { stageAxes } from '../../ir/kernel-stage.ts';
import { rangeAlignment } from '../../ir/schedule.ts';
import type { LoopNest } from './loop-nest.ts';

/** Elements of a tensor, from `low` to below `high`; `high` is infinite where an address depends on data or bounds. */
export interface Range {
  readonly tensor: number;
  readonly low: number;
  readonly high: number;
  readonly stored: boolean;
}

type Load = Extract<LoopNest['nodes'][number], { kind: 'load' }>;

/** What a load or a store touches at all points of the axes. */
export function rangeOf(axes: readonly Axis[], access: Load | Store): Range {
  const stored = !('kind' in access);
  const { buffer: tensor, index } = access;
  if (access.indirect || (!stored && access.bounds.length > 0))
    return { tensor, low: 0, high: Number.POSITIVE_INFINITY, stored };
  const { low, high } = reach(axes, index);
  return { tensor, low, high, stored };
}

/** The values of an affine function over all points of the axes: from `low` to below `high`. */
export function reach(axes: readonly Axis[], { offset, coefficients }: Affine) {
  let low = offset;
  let high = offset + 1;
  for (let axis = 0; axis < axes.length; axis++) {
    const span = coefficients[axis] * (axes[axis].extent - 1);
    if (span < 0) low += span;
    else high += span;
  }
  return { low, high };
}

export function overlaps(a: Range, b: Range): boolean {
  return a.tensor === b.tensor && a.low < b.high && b.low < a.high;
}

/** What is computed over a list of axes: the kernel or one of its stages. */
interface Computation {
  readonly axes: readonly Axis[];
  readonly nodes: LoopNest['nodes'];
  readonly stores: readonly Store[];
}

/** The stages of a kernel, and itself. */
function computations({ axes, nodes, stores, staging }: LoopNest): Computation[] {
  const stages = staging?.stages.map((stage) => ({
    ...stage,
    axes: stageAxes(axes, staging, stage),
  }));
  return [...(stages ?? []), { axes, nodes, stores }];
}

/** Ranges of all loads and stores of a kernel, its stages included; those of what it loads first. */
export function rangesOf(nest: LoopNest): Range[] {
  const all = computations(nest);
  const ranges: Range[] = [];
  for (const { axes, nodes } of all)
    for (const node of nodes)
      if (node.kind === 'load' && !isLocal(node.buffer)) ranges.push(rangeOf(axes, node));
  for (const { axes, stores } of all)
    for (const store of stores) if (!isLocal(store.buffer)) ranges.push(rangeOf(axes, store));
  return ranges;
}

/**
 * The ranges of tensors that a kernel binds, each from an aligned element. A tensor has one, unless the kernel loads one
 * part of it and stores another.
 */
export function bindingRanges(nest: LoopNest): Range[] {
  const units = rangeAlignments(nest);
  const byTensor = new Map<number, Range[]>();
  for (const { tensor, low, high, stored } of rangesOf(nest)) {
    const aligned = { tensor, low: low - (low % units.get(tensor)!), high, stored };
    const list = byTensor.get(tensor);
    if (list) list.push(aligned);
    else byTensor.set(tensor, [aligned]);
  }
  return [...byTensor.values()].flatMap((ranges) => {
    const parts = joinOverlapping(ranges);
    const mixed = ranges.some(({ stored }) => stored) && ranges.some(({ stored }) => !stored);
    return mixed ? parts : [parts.reduce(hull)];
  });
}

/** By tensor that the kernel touches, by what it holds. */
function rangeAlignments(nest: LoopNest): Map<number, number> {
  const units = new Map<number, number>();
  const all = computations(nest);
  for (const { nodes } of all)
    for (const node of nodes)
      if (node.kind === 'load') units.set(node.buffer, rangeAlignment(node.stored ?? node.dtype));
  for (const { nodes, stores } of all)
    for (const { buffer, value, stored } of stores)
      units.set(buffer, rangeAlignment(stored ?? nodes[value].dtype));
  return units;
}

function joinOverlapping(ranges: readonly Range[]): Range[] {
  const parts: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.low - b.low)) {
    const last = parts.at(-1);
    if (last && range.low < last.high) parts[parts.length - 1] = hull(last, range);
    else parts.push(range);
  }
  return parts;
}

function hull(a: Range, b: Range): Range {
  return {
    tensor: a.tensor,
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    stored: a.stored || b.stored,
  };
}
