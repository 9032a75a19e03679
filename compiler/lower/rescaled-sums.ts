import { type Expression, sameAffine } from '../../ir/kernel.ts';
import { mapStored } from '../../ir/kernel-operands.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { canonicalise } from './canonicalise.ts';
import type { StageModel } from './cluster-staging.ts';
import { copyNodes } from './fuse.ts';
import { type LoopNest, NodeList } from './loop-nest.ts';
import type { LoweredModule } from './lowered.ts';
import { bestParts, inParts, maySplit, type SplitBounds } from './split-reductions.ts';

// A softmax over long rows needs the maximum of a row before it can sum its powers, so that memory goes by twice. Where both are
// reduced in parts, each part sums by a maximum of its own, and its sum is rescaled when the parts are joined (Milakov, Gimelshein 2018:
// Online normalizer calculation for softmax). Then maximum and sum of a part are made where its terms are close at hand.

/** A sum of powers by their largest exponent, which another kernel finds. */
interface Powers {
  readonly maximum: LoopNest;
  readonly sum: LoopNest;
  /** The node of `sum` that loads the maximum. */
  readonly shift: number;
  /** The two as they stand in the program. */
  readonly originals: readonly [maximum: LoopNest, sum: LoopNest];
}

/** Cuts maxima and the sums of powers by them in parts together, where the target's model cuts both. */
export function rescaleSumsOf(
  lowered: LoweredModule,
  stages: StageModel,
  bounds: SplitBounds,
): LoweredModule {
  const tensors: ScheduleTensor[] = [...lowered.tensors];
  const remarks = [...lowered.remarks];
  const programs = lowered.programs.map((program, index) => {
    const pairs = findPowers(program.nests);
    const made = new Map<LoopNest, readonly LoopNest[]>();
    for (const pair of pairs) {
      const [first, second] = pair.originals;
      if (made.has(first)) continue;
      const parts = Math.max(
        ...[pair.maximum, pair.sum].map((nest) =>
          maySplit(nest, bounds) ? bestParts(nest, tensors, index, stages, bounds) : 1,
        ),
      );
      const cut = parts > 1 ? cutPowers(pair, parts, tensors, index, bounds) : null;
      if (!cut) continue;
      remarks.push(
        `t${tensors.length} ${cut.held[0].name} holds ${parts} parts of a maximum, by which sums of powers are rescaled`,
      );
      tensors.push(...cut.held);
      made.set(first, cut.maximum);
      made.set(second, cut.sum);
    }
    return { ...program, nests: program.nests.flatMap((nest) => made.get(nest) ?? [nest]) };
  });
  return { ...lowered, tensors, programs, remarks };
}

function findPowers(nests: readonly LoopNest[]): Powers[] {
  const writers = new Map<number, LoopNest[]>();
  for (const nest of nests)
    for (const { buffer } of nest.stores)
      writers.set(buffer, [...(writers.get(buffer) ?? []), nest]);
  return nests.flatMap((original): Powers[] => {
    if (original.staging || original.reductions.length !== 1) return [];
    const sum = canonicalise(original);
    const found = powersOf(sum);
    const [writer, ...others] = found ? (writers.get(found.tensor) ?? []) : [];
    if (!found || !writer || others.length > 0) return [];
    const maximum = canonicalise(writer);
    if (!isMaximumOf(maximum, sum, found)) return [];
    return [{ maximum, sum, shift: found.shift, originals: [writer, original] }];
  });
}

interface Shifted {
  /** The node that is exponent before its shift, and the one that loads the shift. */
  readonly exponent: number;
  readonly shift: number;
  readonly tensor: number;
}

/** Of a kernel that sums exp(exponent - shift), the two. */
function powersOf({ axes, nodes, reductions }: LoopNest): Shifted | null {
  if (reductions.length !== 1 || reductions[0].combiner !== 'sum') return null;
  const power = nodes[reductions[0].value];
  if (power.kind !== 'apply' || power.op !== 'exp') return null;
  const difference = nodes[power.operands[0]];
  if (difference.kind !== 'apply' || difference.op !== 'sub') return null;
  const [exponent, shift] = difference.operands;
  const load = nodes[shift];
  if (load.kind !== 'load' || load.bounds.length > 0 || load.indirect) return null;
  const isOfRow = axes.every(
    ({ kind }, axis) => kind === 'parallel' || load.index.coefficients[axis] === 0,
  );
  const isSole = nodes.every(
    (node, k) => k === shift || node.kind !== 'load' || node.buffer !== load.buffer,
  );
  return isOfRow && isSole ? { exponent, shift, tensor: load.buffer } : null;
}

/** Whether a kernel stores, at the shift of every sum, the maximum of what is shifted there. */
function isMaximumOf(
  maximum: LoopNest,
  sum: LoopNest,
  { exponent, shift, tensor }: Shifted,
): boolean {
  const { axes, nodes, reductions, stores } = maximum;
  if (reductions.length !== 1 || reductions[0].combiner !== 'max') return false;
  const isSame =
    axes.length === sum.axes.length &&
    axes.every((axis, k) => axis.extent === sum.axes[k].extent && axis.kind === sum.axes[k].kind);
  const load = sum.nodes[shift];
  const store = stores.find(({ buffer }) => buffer === tensor)!;
  if (!isSame || load.kind !== 'load' || store.indirect || !sameAffine(store.index, load.index))
    return false;
  if (nodes[store.value].kind !== 'accumulator') return false;
  const list = new NodeList();
  const [first, second] = [maximum, sum].map((nest) => copyNodes(nest, list, () => undefined));
  return first[reductions[0].value] === second[exponent];
}

interface CutPowers {
  readonly held: readonly ScheduleTensor[];
  /** What stands in the places of the two kernels. */
  readonly maximum: readonly LoopNest[];
  readonly sum: readonly LoopNest[];
}

function cutPowers(
  { maximum, sum, shift }: Powers,
  parts: number,
  tensors: readonly ScheduleTensor[],
  program: number,
  bounds: SplitBounds,
): CutPowers | null {
  const maxima = inParts(maximum, parts, tensors, program, bounds);
  const sums = maxima && inParts(sum, parts, [...tensors, ...maxima.held], program, bounds);
  if (!sums) return null;
  const held = [...maxima.held, ...sums.held];
  const of = tensors.length;
  const [maximaParts, maximaWhole] = maxima.nests;
  const [sumParts, sumWhole] = sums.nests;
  const shiftLoad = sum.nodes[shift] as Load;
  // The maximum of all is what the joining kernel has in memory; a part has its own.
  const { index } = maximaParts.stores[0];
  const nodes = sumParts.nodes.map((node) =>
    node.kind === 'load' && node.buffer === shiftLoad.buffer
      ? { ...node, buffer: of, index }
      : node,
  );
  return {
    held,
    maximum: [maximaParts, maximaWhole],
    sum: [{ ...sumParts, nodes }, rescaled(sumWhole, of, shiftLoad)],
  };
}

type Load = Extract<Expression, { kind: 'load' }>;

/** A kernel that sums up parts, with each part rescaled from its own maximum to that of all. */
function rescaled(nest: LoopNest, maxima: number, shift: Load): LoopNest {
  const [reduction] = nest.reductions;
  const part = nest.nodes[reduction.value] as Load;
  const list = new NodeList();
  const image = copyNodes(nest, list, () => undefined);
  const { dtype } = part;
  const apply = (op: 'sub' | 'exp' | 'mul' | 'select', ...operands: number[]) =>
    list.add({ kind: 'apply', dtype, op, operands });
  const holds = (op: 'eq' | 'lt' | 'and', ...operands: number[]) =>
    list.add({ kind: 'apply', dtype: 'i32', op, operands });
  const constant = (value: number) => list.add({ kind: 'constant', dtype, value });
  const points = nest.axes.flatMap(({ kind }, axis) => (kind === 'parallel' ? [axis] : []));
  const own = list.add({ ...part, buffer: maxima });
  const coefficients = nest.axes.map((_, axis) => {
    const place = points.indexOf(axis);
    return place < 0 ? 0 : shift.index.coefficients[place];
  });
  const all = list.add({ ...shift, index: { offset: shift.index.offset, coefficients } });
  const scaled = apply('mul', image[reduction.value], apply('exp', apply('sub', own, all)));
  // A part of nothing but -Infinity has no sum: it is none of all where there is more, and all of it where there is not.
  const least = constant(Number.NEGATIVE_INFINITY);
  const isNothing = holds('and', holds('eq', own, least), holds('lt', least, all));
  const value = apply('select', isNothing, constant(0), scaled);
  return {
    ...nest,
    nodes: list.nodes,
    reductions: [{ ...reduction, value }],
    stores: nest.stores.map((store) => mapStored(store, (node) => image[node])),
  };
}
