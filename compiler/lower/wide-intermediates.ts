import { type Axis, pointCount } from '../../ir/kernel.ts';
import { LiveProfile } from '../liveness/profile.ts';
import { type Cluster, type Producer, storesWhatTheyLoad } from './cluster.ts';
import type { ClusterStaging } from './cluster-staging.ts';
import type { FusionLimits } from './fuse.ts';
import { isContraction, type LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { hasSequentialAxis, loadsOf, storesOf } from './sequence.ts';

/** When wide intermediates are computed tile by tile: where the target's model expects it to cost little, always, or never. */
export type TileMode = 'auto' | 'always' | 'never';

export interface TileOptions extends FusionLimits {
  readonly tiles: TileMode;
  /** Hears that an intermediate stays in memory only for the time that tiles would take. */
  readonly keepsWide?: () => void;
  readonly memory: LoopNestMemory;
  readonly report?: (intermediate: number, outcome: string) => void;
}

/** Elements from which on an intermediate is worth a look. */
const LEAST_ELEMENTS = 2 ** 14;
/** How many times as many elements as its operands a wide intermediate has at least. */
const LEAST_SPREAD = 1.5;
/** Terms of each element at most: a product of more is too dear to be computed by several readers. */
const MOST_TERMS = 256;
/** Of the time of kernels that hold them in memory: the price of never doing so. */
const MOST_OF_TIME: Readonly<Record<TileMode, number>> = {
  auto: 1.25,
  always: Number.POSITIVE_INFINITY,
  never: 0,
};

/**
 * Products that are far larger than their operands, as the scores of attention are, with all that is computed of them point by
 * point: no kernel holds them in memory where the kernels that reduce them again can each compute them anew, tile by tile, and
 * keep their sums from tile to tile (FlashAttention, Dao et al. 2022). That trades arithmetic for memory and its traffic,
 * forward and backward.
 */
export function computeInTiles(
  nests: readonly LoopNest[],
  staging: ClusterStaging,
  options: TileOptions,
): readonly LoopNest[] {
  if (options.tiles === 'never') return nests;
  let current = nests;
  for (const group of wideGroups(nests, options)) {
    const [tensor] = group.wide.keys();
    const replaced = inTiles(group, nests, staging);
    if ('reason' in replaced) {
      options.report?.(tensor, `stays in memory: ${replaced.reason}`);
      continue;
    }
    const { sinks, share } = replaced;
    if (share > MOST_OF_TIME[options.tiles]) {
      if (options.tiles === 'auto') options.keepsWide?.();
      const time = `would take ${share.toFixed(2)} of the time`;
      options.report?.(tensor, `stays in memory: computed by each of its readers it ${time}`);
      continue;
    }
    const made = new Set(group.wide.values());
    const after = current.flatMap((nest) => (made.has(nest) ? [] : [sinks.get(nest)?.() ?? nest]));
    if (peakOf(after, options) > peakOf(current, options)) {
      options.report?.(
        tensor,
        'stays in memory: without it the peak of live bytes would be higher',
      );
      continue;
    }
    options.report?.(
      tensor,
      `is computed tile by tile by each of its ${sinks.size} readers, in ${share.toFixed(2)} of the time`,
    );
    current = after;
  }
  return current;
}

const peakOf = (nests: readonly LoopNest[], { memory }: TileOptions) =>
  new LiveProfile(memory.programUse(nests)).peakBytes;

/** Wide intermediates that are computed of each other, and the kernels that reduce them. */
interface WideGroup {
  /** By tensor, what makes it, in order. */
  readonly wide: ReadonlyMap<number, LoopNest>;
  readonly sinks: readonly LoopNest[];
}

/** Who writes and who reads each tensor, in order. */
interface Accesses {
  readonly writers: ReadonlyMap<number, readonly LoopNest[]>;
  readonly readers: ReadonlyMap<number, readonly LoopNest[]>;
}

function accessesOf(nests: readonly LoopNest[]): Accesses {
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

function wideGroups(nests: readonly LoopNest[], limits: FusionLimits): WideGroup[] {
  const accesses = accessesOf(nests);
  const wide = new Map<number, LoopNest>();
  for (const nest of nests) {
    const tensor = madeAlone(nest, accesses, limits);
    if (tensor === null) continue;
    const isNew = isWideProduct(nest);
    const isDerived =
      !nest.reduction && [...loadsOf(nest)].some((one) => isAlike(nest, wide.get(one)));
    if (isNew || isDerived) wide.set(tensor, nest);
  }
  // What somebody reads that does not reduce it has to be in memory.
  for (let before = -1; before !== wide.size; ) {
    before = wide.size;
    for (const [tensor, nest] of wide)
      if (!(accesses.readers.get(tensor) ?? []).every((reader) => isInside(reader, nest, wide)))
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
  // An upper bound of what a load reads: the points of the axes that move it.
  const read = nest.nodes.reduce((sum, node) => {
    if (node.kind !== 'load') return sum;
    return sum + points(nest.axes.filter((_, axis) => node.index.coefficients[axis] !== 0));
  }, 0);
  return made >= LEAST_SPREAD * read;
}

const points = (axes: readonly Axis[]) => axes.reduce((product, { extent }) => product * extent, 1);

const isAlike = (nest: LoopNest, other: LoopNest | undefined) =>
  other !== undefined && pointCount(nest, 'parallel') === pointCount(other, 'parallel');

/** Whether a reader of what `maker` makes reduces it to less, or makes something wide of it in turn. */
function isInside(reader: LoopNest, maker: LoopNest, wide: ReadonlyMap<number, LoopNest>): boolean {
  if (reader.staging || hasSequentialAxis(reader)) return false;
  if (reader.reduction) return pointCount(reader, 'parallel') * 2 <= pointCount(maker, 'parallel');
  return reader.stores.every(({ buffer }) => wide.get(buffer) === reader);
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
  return [...new Set(groupOf.values())].map((group) => {
    const inOrder = [...wide].filter(([tensor]) => group.has(tensor));
    const sinks = inOrder.flatMap(([tensor]) => readers.get(tensor) ?? []);
    return {
      wide: new Map(inOrder),
      sinks: [...new Set(sinks)].filter((nest) => !makers.has(nest)),
    };
  });
}

/** The sinks of a group as kernels that compute what they need of it themselves; or why they cannot. */
function inTiles(
  { wide, sinks }: WideGroup,
  nests: readonly LoopNest[],
  staging: ClusterStaging,
):
  | { readonly sinks: ReadonlyMap<LoopNest, () => LoopNest>; readonly share: number }
  | { readonly reason: string } {
  const position = new Map(nests.map((nest, k) => [nest, k]));
  const made = new Map<LoopNest, () => LoopNest>();
  let time = 0;
  for (const sink of sinks) {
    const producers = producersOf(sink, wide);
    const cluster: Cluster = { producers, consumer: sink };
    if (producers.some(({ nest }) => isStale(nest, sink, nests, position)))
      return { reason: 'what it is made of is replaced before it is read' };
    if (storesWhatTheyLoad(cluster)) return { reason: 'its reader stores what it is made of' };
    const staged = staging.stage(cluster, true);
    if ('reason' in staged) return staged;
    made.set(sink, staged.nest);
    time += staged.time;
  }
  const apart = [...wide.values(), ...sinks].reduce((sum, nest) => sum + staging.timeOf(nest), 0);
  return { sinks: made, share: time / apart };
}

/** Makers of all that a kernel needs of the group, in order. */
function producersOf(sink: LoopNest, wide: ReadonlyMap<number, LoopNest>): Producer[] {
  const needed = new Set<number>();
  const add = (nest: LoopNest) => {
    for (const tensor of loadsOf(nest)) {
      const maker = wide.get(tensor);
      if (!maker || needed.has(tensor)) continue;
      needed.add(tensor);
      add(maker);
    }
  };
  add(sink);
  return [...wide].flatMap(([tensor, nest]) =>
    needed.has(tensor) ? [{ nest, tensor, isKept: false }] : [],
  );
}

/** Whether something between a maker and a reader replaces what the maker reads. */
function isStale(
  maker: LoopNest,
  reader: LoopNest,
  nests: readonly LoopNest[],
  position: ReadonlyMap<LoopNest, number>,
): boolean {
  const read = loadsOf(maker);
  return nests
    .slice(position.get(maker)! + 1, position.get(reader)!)
    .some((nest) => [...storesOf(nest)].some((tensor) => read.has(tensor)));
}
