import { type Axis, pointCount } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import type { FusionLimits } from './fuse.ts';
import { isContraction, type LoopNest } from './loop-nest.ts';
import { hasSequentialAxis, loadsOf, storesOf } from './sequence.ts';

// Which intermediates are wide, and which kernels make and reduce them together.

/** Elements from which on an intermediate is worth a look. */
const LEAST_ELEMENTS = 2 ** 14;
/** How many times as many elements as its operands a wide intermediate has at least. */
const LEAST_SPREAD = 1.5;
/** Terms of each element at most: a product of more is too dear to be computed by several readers. */
const MOST_TERMS = 256;

/** Wide intermediates that are computed of each other, and the kernels that reduce them. */
export interface WideGroup {
  /** By tensor, what makes it, in order. */
  readonly wide: ReadonlyMap<number, GroupNest>;
  readonly sinks: readonly GroupNest[];
}

/** A kernel of a group, and the one of the program that it stands for. */
export interface GroupNest {
  readonly nest: LoopNest;
  readonly original: LoopNest;
  /** Other kernels whose work it does as well. */
  readonly joined?: readonly LoopNest[];
  /** Earlier kernels that have to run behind it therefore, in order. */
  readonly behind?: readonly LoopNest[];
}

export const membersOf = ({ wide, sinks }: WideGroup) =>
  [...wide.values(), ...sinks].map(({ original }) => original);

/** Who writes and who reads each tensor, in order. */
export interface Accesses {
  readonly writers: ReadonlyMap<number, readonly LoopNest[]>;
  readonly readers: ReadonlyMap<number, readonly LoopNest[]>;
}

export function accessesOf(nests: readonly LoopNest[]): Accesses {
  const writers = new Map<number, LoopNest[]>();
  const readers = new Map<number, LoopNest[]>();
  const add = (map: Map<number, LoopNest[]>, tensor: number, nest: LoopNest) => {
    const list = map.get(tensor);
    if (list) list.push(nest);
    else map.set(tensor, [nest]);
  };
  for (const nest of nests) {
    for (const tensor of loadsOf(nest)) add(readers, tensor, nest);
    for (const tensor of storesOf(nest)) add(writers, tensor, nest);
  }
  return { writers, readers };
}

export const touching = (tensor: number, { readers, writers }: Accesses) => [
  ...(writers.get(tensor) ?? []),
  ...(readers.get(tensor) ?? []),
];

export function wideGroups(
  nests: readonly LoopNest[],
  accesses: Accesses,
  limits: FusionLimits,
): WideGroup[] {
  const wide = new Map<number, LoopNest>();
  for (const nest of nests) {
    const tensor = madeAlone(nest, accesses, limits);
    if (tensor === null) continue;
    const isNew = isWideProduct(nest);
    const isDerived =
      nest.reductions.length === 0 &&
      [...loadsOf(nest)].some((one) => isAlike(nest, wide.get(one)));
    if (isNew || isDerived) wide.set(tensor, nest);
  }
  // What somebody reads that does not reduce it has to be in memory.
  for (let before = -1; before !== wide.size; ) {
    before = wide.size;
    for (const tensor of wide.keys())
      if (!(accesses.readers.get(tensor) ?? []).every((reader) => isInside(reader, tensor, wide)))
        wide.delete(tensor);
  }
  return connected(nests, wide, accesses);
}

/** The tensor that a kernel makes, whole and alone, and that nobody outside of the program sees; or null. */
function madeAlone(nest: LoopNest, { writers }: Accesses, limits: FusionLimits): number | null {
  if (nest.staging || hasSequentialAxis(nest) || nest.stores.length !== 1) return null;
  const [{ buffer, indirect }] = nest.stores;
  const isAlone = writers.get(buffer)?.length === 1;
  return isAlone && !indirect && limits.isTemporary(buffer) ? buffer : null;
}

function isWideProduct(nest: LoopNest): boolean {
  if (!isContraction(nest)) return false;
  const made = pointCount(nest, 'parallel');
  if (made < LEAST_ELEMENTS || pointCount(nest, 'reduced') > MOST_TERMS) return false;
  // An upper bound of what a load of a factor reads: the points of the axes that move it.
  const under = nodesUnderReduction(nest);
  const read = nest.nodes.reduce((sum, node, index) => {
    if (node.kind !== 'load' || !under[index]) return sum;
    return sum + points(nest.axes.filter((_, axis) => node.index.coefficients[axis] !== 0));
  }, 0);
  return made >= LEAST_SPREAD * read;
}

const points = (axes: readonly Axis[]) => axes.reduce((product, { extent }) => product * extent, 1);

const isAlike = (nest: LoopNest, other: LoopNest | undefined) =>
  other !== undefined && pointCount(nest, 'parallel') === pointCount(other, 'parallel');

/** Whether a reader of a wide tensor reduces it to less, or makes something wide of it in turn, point by point. */
function isInside(reader: LoopNest, tensor: number, wide: ReadonlyMap<number, LoopNest>): boolean {
  if (reader.staging || hasSequentialAxis(reader)) return false;
  if (reader.stores.every(({ buffer }) => wide.get(buffer) === reader)) {
    const under = nodesUnderReduction(reader);
    return !reader.nodes.some(
      (node, k) => node.kind === 'load' && node.buffer === tensor && under[k],
    );
  }
  const made = pointCount(wide.get(tensor)!, 'parallel');
  return reader.reductions.length > 0 && pointCount(reader, 'parallel') * 2 <= made;
}

/** Wide tensors in groups that share no reader. */
function connected(
  nests: readonly LoopNest[],
  wide: ReadonlyMap<number, LoopNest>,
  { readers }: Accesses,
): WideGroup[] {
  const groupOf = new Map<number, Set<number>>();
  for (const tensor of wide.keys()) groupOf.set(tensor, new Set([tensor]));
  const join = (a: number, b: number) => {
    const [one, other] = [groupOf.get(a)!, groupOf.get(b)!];
    if (one === other) return;
    for (const tensor of other) {
      one.add(tensor);
      groupOf.set(tensor, one);
    }
  };
  for (const nest of nests) {
    const touched = [...loadsOf(nest), ...storesOf(nest)].filter((tensor) => wide.has(tensor));
    for (const tensor of touched.slice(1)) join(touched[0], tensor);
  }
  const makers = new Set(wide.values());
  const alone = (nest: LoopNest): GroupNest => ({ nest, original: nest });
  return [...new Set(groupOf.values())].map((group) => {
    const inOrder = [...wide].filter(([tensor]) => group.has(tensor));
    const sinks = inOrder.flatMap(([tensor]) => readers.get(tensor) ?? []);
    return {
      wide: new Map(inOrder.map(([tensor, nest]) => [tensor, alone(nest)])),
      sinks: [...new Set(sinks)].filter((nest) => !makers.has(nest)).map(alone),
    };
  });
}

/** Makers of all that a kernel needs of the group, in order. */
export function producersOf(
  sink: LoopNest,
  wide: ReadonlyMap<number, GroupNest>,
): (GroupNest & { readonly tensor: number })[] {
  const needed = new Set<number>();
  const add = (nest: LoopNest) => {
    for (const tensor of loadsOf(nest)) {
      const maker = wide.get(tensor);
      if (!maker || needed.has(tensor)) continue;
      needed.add(tensor);
      add(maker.nest);
    }
  };
  add(sink);
  return [...wide].flatMap(([tensor, maker]) => (needed.has(tensor) ? [{ ...maker, tensor }] : []));
}
