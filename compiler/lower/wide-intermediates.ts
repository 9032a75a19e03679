import { type Affine, type Axis, pointCount } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { rangeAlignment, type ScheduleTensor } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { LiveProfile } from '../liveness/profile.ts';
import { shiftAffine } from './affine.ts';
import { type Cluster, type Producer, storesWhatTheyLoad } from './cluster.ts';
import type { ClusterStaging } from './cluster-staging.ts';
import { type FusionLimits, joinedNest } from './fuse.ts';
import { withPoints } from './inlined-points.ts';
import { isContraction, type LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { joinOnline, joinWeighted } from './online-sums.ts';
import { joinProducts } from './paired-products.ts';
import { overlaps } from './ranges.ts';
import { hasSequentialAxis, loadsOf, storesOf, touchedRanges } from './sequence.ts';

/** When wide intermediates are computed tile by tile: where the target's model expects it to cost little, always, or never. */
export type TileMode = 'auto' | 'always' | 'never';

export interface TileOptions extends FusionLimits {
  readonly tiles: TileMode;
  /** Hears that an intermediate stays in memory only for the time that tiles would take. */
  readonly keepsWide?: () => void;
  readonly memory: LoopNestMemory;
  readonly typeOf: (tensor: number) => Pick<ScheduleTensor, 'dtype' | 'shape'>;
  /** Adds a tensor of f32 that belongs where another one does. */
  readonly addTensor: (elements: number, like: number) => number;
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
  always: 16,
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
  const accesses = accessesOf(nests);
  let places = placesOf(nests);
  for (const group of wideGroups(nests, accesses, options)) {
    const [tensor] = group.wide.keys();
    let { ways, refusal } = tiledWays(group, accesses, places, staging);
    if (refusal !== null) {
      const packed = packStatistics(group, accesses, places, options);
      if (packed) {
        const others = tiledWays(packed.group, accesses, places, staging);
        refusal = others.refusal ?? refusal;
        ways = [...ways, ...others.ways.map((way) => ({ ...way, moved: packed.moved }))];
      }
    }
    // The first of equals.
    const found = [...ways].sort((one, other) => one.share - other.share);
    if (found.length === 0) {
      options.report?.(tensor, `stays in memory: ${refusal}`);
      continue;
    }
    const [{ share }] = found;
    if (share > MOST_OF_TIME[options.tiles]) {
      if (options.tiles === 'auto') options.keepsWide?.();
      const time = `would take ${share.toFixed(2)} of the time`;
      options.report?.(tensor, `stays in memory: computed by each of its readers it ${time}`);
      continue;
    }
    const withTiles = ({ sinks, joined, behind, moved }: Tiled) => {
      const gone = new Set([...group.wide.values()].map(({ original }) => original));
      for (const one of [...joined, ...[...behind.values()].flat()]) gone.add(one);
      return current.flatMap((nest) => {
        if (gone.has(nest)) return [];
        const own = sinks.get(nest)?.() ?? moved?.get(nest) ?? nest;
        return [own, ...(behind.get(nest) ?? []).map((one) => moved?.get(one) ?? one)];
      });
    };
    const most = peakOf(current, options);
    const fitting = found.filter((one) => one.share <= MOST_OF_TIME[options.tiles]);
    let after: readonly LoopNest[] = [];
    const taken = fitting.find((one) => {
      after = withTiles(one);
      return peakOf(after, options) <= most;
    });
    if (!taken) {
      options.report?.(
        tensor,
        'stays in memory: without it the peak of live bytes would be higher',
      );
      continue;
    }
    options.report?.(
      tensor,
      `is computed tile by tile by each of its ${taken.sinks.size} readers, in ${taken.share.toFixed(2)} of the time`,
    );
    current = after;
    places = placesOf(current);
  }
  return current;
}

const peakOf = (nests: readonly LoopNest[], { memory }: TileOptions) =>
  new LiveProfile(memory.programUse(nests)).peakBytes;

/** Wide intermediates that are computed of each other, and the kernels that reduce them. */
interface WideGroup {
  /** By tensor, what makes it, in order. */
  readonly wide: ReadonlyMap<number, GroupNest>;
  readonly sinks: readonly GroupNest[];
}

/** A kernel of a group, and the one of the program that it stands for. */
interface GroupNest {
  readonly nest: LoopNest;
  readonly original: LoopNest;
  /** Other kernels whose work it does as well. */
  readonly joined?: readonly LoopNest[];
  /** Earlier kernels that have to run behind it therefore, in order. */
  readonly behind?: readonly LoopNest[];
}

/** A group whose statistics are in one tensor, and the kernels outside of it that make or read them. */
interface Packed {
  readonly group: WideGroup;
  readonly moved: ReadonlyMap<LoopNest, LoopNest>;
}

/** How many times as many elements as a statistic of its rows a wide intermediate has at least. */
const LEAST_ROW = 8;

/**
 * The group with all that its kernels are told of rows (maxima, sums) in one tensor, so that a kernel that reads several
 * binds one; null where there are fewer than two such tensors. Each begins where a range may be bound on its own, and fills all up to the
 * next: others stay as they are, and so do those that a kernel touches which is not in its place any more. They lie in the order in which they are
 * made: what a kernel reads of them is one range, which nothing may be in that is made later.
 */
function packStatistics(
  group: WideGroup,
  accesses: Accesses,
  places: Places,
  options: TileOptions,
): Packed | null {
  const { typeOf, addTensor } = options;
  const tensors = statisticsOf(group, accesses, places, options);
  if (tensors.length < 2) return null;
  let elements = 0;
  const starts = new Map<number, number>();
  for (const tensor of tensors) {
    starts.set(tensor, elements);
    elements += elementCount(typeOf(tensor).shape);
  }
  const packed = addTensor(elements, tensors[0]);
  const inPlace = <Access extends { readonly buffer: number; readonly index: Affine }>(
    access: Access,
  ): Access => {
    const start = starts.get(access.buffer);
    if (start === undefined) return access;
    return { ...access, buffer: packed, index: shiftAffine(access.index, start) };
  };
  const move = (nest: LoopNest): LoopNest => ({
    ...nest,
    nodes: nest.nodes.map((node) => (node.kind === 'load' ? inPlace(node) : node)),
    stores: nest.stores.map(inPlace),
  });
  const moveOwn = ({ nest, original }: GroupNest): GroupNest => ({ nest: move(nest), original });
  const members = new Set(membersOf(group));
  const others = tensors
    .flatMap((tensor) => touching(tensor, accesses))
    .filter((nest) => !members.has(nest));
  return {
    group: {
      wide: new Map([...group.wide].map(([tensor, one]) => [tensor, moveOwn(one)])),
      sinks: group.sinks.map(moveOwn),
    },
    moved: new Map(others.map((nest) => [nest, move(nest)])),
  };
}

const membersOf = ({ wide, sinks }: WideGroup) =>
  [...wide.values(), ...sinks].map(({ original }) => original);

const touching = (tensor: number, { readers, writers }: Accesses) => [
  ...(writers.get(tensor) ?? []),
  ...(readers.get(tensor) ?? []),
];

/** What kernels of a group tell each other of rows or finish their products with, in temporary tensors that each one kernel makes. */
function statisticsOf(
  group: WideGroup,
  accesses: Accesses,
  { position }: Places,
  { isTemporary, typeOf }: TileOptions,
): number[] {
  const members = new Set(membersOf(group));
  const told = group.sinks
    .flatMap(({ nest }) => [...storesOf(nest)])
    .filter((tensor) => accesses.readers.get(tensor)?.some((nest) => members.has(nest)));
  const finishing = [...group.wide.values()].flatMap(({ nest }) => {
    const under = nodesUnderReduction(nest);
    return nest.nodes.flatMap((node, k) =>
      node.kind === 'load' && !under[k] ? [node.buffer] : [],
    );
  });
  const size = (tensor: number) => elementCount(typeOf(tensor).shape);
  const most = Math.min(...[...group.wide.keys()].map(size)) / LEAST_ROW;
  const found = [...new Set([...told, ...finishing])].filter(
    (tensor) =>
      isTemporary(tensor) &&
      !group.wide.has(tensor) &&
      typeOf(tensor).dtype === 'f32' &&
      size(tensor) <= most &&
      size(tensor) % rangeAlignment('f32') === 0 &&
      accesses.writers.get(tensor)?.length === 1 &&
      accesses.readers.has(tensor) &&
      touching(tensor, accesses).every((nest) => position.has(nest) && !nest.staging),
  );
  const madeAt = (tensor: number) => position.get(accesses.writers.get(tensor)![0])!;
  return found.sort((one, other) => madeAt(one) - madeAt(other));
}

/** The kernels of a program in order, and where each of them is. */
interface Places {
  readonly nests: readonly LoopNest[];
  readonly position: ReadonlyMap<LoopNest, number>;
}

const placesOf = (nests: readonly LoopNest[]): Places => ({
  nests,
  position: new Map(nests.map((nest, k) => [nest, k])),
});

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

function wideGroups(
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

/** The sinks of a group by the kernels of the program that they stand for, those that others do the work of, and the share of the time. */
interface Tiled {
  readonly sinks: ReadonlyMap<LoopNest, () => LoopNest>;
  readonly joined: readonly LoopNest[];
  /** By the kernel in whose place a sink is, what runs behind it. */
  readonly behind: ReadonlyMap<LoopNest, readonly LoopNest[]>;
  /** Kernels outside of the group that make or read what is packed. */
  readonly moved?: ReadonlyMap<LoopNest, LoopNest>;
  readonly share: number;
}

interface Refusal {
  readonly reason: string;
}

/**
 * Ways of a group in tiles: with maxima and sums of powers by them in one pass, with the product that they weight, and with products of the
 * same points in one kernel; where none of these can be, as it is. And why one of these cannot be.
 */
function tiledWays(
  group: WideGroup,
  accesses: Accesses,
  places: Places,
  staging: ClusterStaging,
): { readonly ways: readonly Tiled[]; readonly refusal: string | null } {
  const online = onlineGroup(group, places);
  const whole = online && weightedGroup(online, accesses, places);
  const paired = pairedGroup(whole ?? online ?? group, places);
  const ways: Tiled[] = [];
  let refusal: string | null = null;
  const attempt = (one: WideGroup) => {
    const way = inTiles(one, places, staging);
    if ('reason' in way) refusal = way.reason;
    else ways.push(way);
  };
  for (const one of [paired, whole, online]) if (one) attempt(one);
  if (ways.length === 0) attempt(group);
  return { ways, refusal };
}

/** The group with products over the same points and terms, as the gradients of keys and values, in one kernel; null where there are none. */
function pairedGroup(group: WideGroup, places: Places): WideGroup | null {
  const { position } = places;
  const members = new Set(membersOf(group));
  let { sinks } = group;
  for (const first of group.sinks)
    for (const second of group.sinks) {
      const isBefore = position.get(first.original)! < position.get(second.original)!;
      if (!isBefore || !sinks.includes(first) || !sinks.includes(second)) continue;
      const nest = joinProducts(first.nest, second.nest, (tensor) => group.wide.has(tensor));
      if (!nest) continue;
      const behind = dependentsOf(first.original, second.original, NOBODY, places);
      if (!behind || behind.some((one) => members.has(one))) continue;
      const all = [first, second];
      const joined: GroupNest = {
        ...{ nest, original: second.original },
        joined: [first.original, ...all.flatMap((one) => one.joined ?? [])],
        behind: [...behind, ...all.flatMap((one) => one.behind ?? [])],
      };
      sinks = sinks.flatMap((one) => (one === first ? [] : one === second ? joined : one));
    }
  return sinks === group.sinks ? null : { ...group, sinks };
}

/** The group with maxima and sums of rows found by one of the kernels that need them, which tells others; null where none can. */
function weightedGroup(
  { wide, sinks }: WideGroup,
  { readers }: Accesses,
  places: Places,
): WideGroup | null {
  for (const rows of sinks.filter(({ joined }) => joined))
    for (const sink of sinks) {
      const makers = producersOf(sink.nest, wide).filter(
        ({ nest }) => nest.reductions.length === 0,
      );
      const own = new Set([...makers, rows, sink].flatMap(({ original }) => original));
      for (const one of rows.joined!) own.add(one);
      // What others need of a maker they compute themselves, and read what it reads.
      const isOwn = (tensor: number): boolean =>
        readers.get(tensor)?.every((reader) => {
          const maker = makers.find(({ original }) => original === reader);
          return own.has(reader) && (!maker || isOwn(maker.tensor));
        }) ?? false;
      const mayJoin =
        sink !== rows &&
        [rows.original, ...rows.joined!].every((one) =>
          mayMoveDown(one, sink.original, own, places),
        );
      const inlined = mayJoin
        ? withPoints(
            sink.nest,
            makers.map(({ nest }) => nest),
          )
        : null;
      const nest = inlined && joinWeighted(rows.nest, inlined, (tensor) => !isOwn(tensor));
      if (!nest) continue;
      const joined: GroupNest = {
        ...{ nest, original: sink.original },
        joined: [rows.original, ...rows.joined!],
      };
      return {
        wide,
        sinks: sinks.flatMap((one) => (one === rows ? [] : one === sink ? joined : one)),
      };
    }
  return null;
}

/** Whether a kernel may run where a later one does, with it: nothing between needs what it does, or keeps it from doing so. */
const mayMoveDown = (
  nest: LoopNest,
  to: LoopNest,
  own: ReadonlySet<LoopNest>,
  places: Places,
): boolean => dependentsOf(nest, to, own, places)?.length === 0;

const NOBODY: ReadonlySet<LoopNest> = new Set();

/**
 * What has to run behind a later kernel if one runs there: all between them that depends on it, in order; null where the later one
 * depends on some of these.
 *
 * @param own what the later one computes as well; what else depends on that is found too
 */
function dependentsOf(
  nest: LoopNest,
  to: LoopNest,
  own: ReadonlySet<LoopNest>,
  { nests, position }: Places,
): readonly LoopNest[] | null {
  const after = [nest];
  for (const other of nests.slice(position.get(nest)! + 1, position.get(to)!))
    if (after.some((one) => dependsOn(other, one))) after.push(other);
  const found = after.slice(1).filter((one) => !own.has(one));
  return found.some((one) => dependsOn(to, one)) ? null : found;
}

/** Whether one of two kernels stores what the other touches, so that their order matters. */
function dependsOn(later: LoopNest, earlier: LoopNest): boolean {
  const before = touchedRanges(earlier);
  return touchedRanges(later).some((range) =>
    before.some((other) => (range.stored || other.stored) && overlaps(range, other)),
  );
}

/** The group with sinks that find maxima joined with those that sum powers by them; null where there are none. */
function onlineGroup(group: WideGroup, places: Places): WideGroup | null {
  let sinks = group.sinks;
  for (const sums of group.sinks)
    for (const maxima of group.sinks) {
      const isRead = maxima.nest.stores.some(({ buffer }) => loadsOf(sums.nest).has(buffer));
      const first = sinks.find(({ original }) => original === maxima.original);
      if (!isRead || !first || !sinks.includes(sums)) continue;
      if (!mayMoveUp(sums.original, maxima.original, places)) continue;
      const nest = joinOnline(first.nest, sums.nest);
      if (!nest) continue;
      const joined: GroupNest = {
        ...{ nest, original: first.original },
        joined: [...(first.joined ?? []), sums.original],
      };
      sinks = sinks.flatMap((one) => (one === first ? joined : one === sums ? [] : one));
    }
  return sinks === group.sinks ? null : { ...group, sinks };
}

/** Whether a kernel may run where an earlier one does, with it: nothing between touches what it stores or makes what it reads. */
function mayMoveUp(nest: LoopNest, to: LoopNest, { nests, position }: Places): boolean {
  const [read, stored] = [loadsOf(nest), storesOf(nest)];
  return nests
    .slice(position.get(to)! + 1, position.get(nest)!)
    .every(
      (other) =>
        ![...storesOf(other)].some((tensor) => read.has(tensor) || stored.has(tensor)) &&
        ![...loadsOf(other)].some((tensor) => stored.has(tensor)),
    );
}

/** The sinks of a group as kernels that compute what they need of it themselves; or why they cannot. */
function inTiles(
  { wide, sinks }: WideGroup,
  places: Places,
  staging: ClusterStaging,
): Tiled | Refusal {
  const made = new Map<LoopNest, () => LoopNest>();
  let time = 0;
  for (const { nest: sink, original } of sinks) {
    const needed = producersOf(sink, wide);
    const producers = joinPointwise(needed, sink).map(
      ({ tensor, nest }): Producer => ({ tensor, nest, isKept: false }),
    );
    const cluster: Cluster = { producers, consumer: sink };
    if (needed.some((one) => isStale(one.original, original, places)))
      return { reason: 'what it is made of is replaced before it is read' };
    if (storesWhatTheyLoad(cluster)) return { reason: 'its reader stores what it is made of' };
    const staged = staging.stage(cluster, true);
    if ('reason' in staged) return staged;
    made.set(original, staged.nest);
    time += staged.time;
  }
  const joined = sinks.flatMap((sink) => sink.joined ?? []);
  const behind = new Map(sinks.flatMap((one) => (one.behind ? [[one.original, one.behind]] : [])));
  const all = [...[...wide.values(), ...sinks].map(({ original }) => original), ...joined];
  const apart = all.reduce((sum, original) => sum + staging.timeOf(original), 0);
  return { sinks: made, joined, behind, share: time / apart };
}

/** One that makes a tensor of a group. */
interface Maker extends Pick<GroupNest, 'nest'> {
  readonly tensor: number;
}

/** The makers with those that make something of one other alone, point by point, behind that one's sums, so that a tile has fewer arrays. */
function joinPointwise(makers: readonly Maker[], sink: LoopNest): readonly Maker[] {
  let current = makers;
  for (const { tensor, nest } of makers) {
    if (nest.reductions.length > 0) continue;
    const read = current.filter((one) => loadsOf(nest).has(one.tensor));
    const [before] = read;
    const isAlone =
      read.length === 1 &&
      [...current.map((one) => one.nest), sink].every(
        (reader) => reader === nest || !loadsOf(reader).has(before.tensor),
      );
    const joined = isAlone && joinedNest(before.nest, nest, Number.POSITIVE_INFINITY, () => true);
    if (joined)
      current = current.flatMap((one) =>
        one.tensor === tensor ? { tensor, nest: joined } : one === before ? [] : one,
      );
  }
  return current;
}

/** Makers of all that a kernel needs of the group, in order. */
function producersOf(
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

/** Whether something between a maker and a reader replaces what the maker reads. */
function isStale(maker: LoopNest, reader: LoopNest, { nests, position }: Places): boolean {
  const read = loadsOf(maker);
  return nests
    .slice(position.get(maker)! + 1, position.get(reader)!)
    .some((nest) => [...storesOf(nest)].some((tensor) => read.has(tensor)));
}
