import { LiveProfile } from '../liveness/profile.ts';
import { type Cluster, type Producer, storesWhatTheyLoad } from './cluster.ts';
import type { ClusterStaging } from './cluster-staging.ts';
import { joinedNest } from './fuse.ts';
import { onlineGroup, type Places, pairedGroup, placesOf, weightedGroup } from './group-joins.ts';
import type { LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { packStatistics, type StatisticsOptions } from './packed-statistics.ts';
import { loadsOf, storesOf } from './sequence.ts';
import {
  type Accesses,
  accessesOf,
  type GroupNest,
  producersOf,
  type WideGroup,
  wideGroups,
} from './wide-groups.ts';

/** When wide intermediates are computed tile by tile: where the target's model expects it to cost little, always, or never. */
export type TileMode = 'auto' | 'always' | 'never';

export interface TileOptions extends StatisticsOptions {
  readonly tiles: TileMode;
  /** Hears that an intermediate stays in memory only for the time that tiles would take. */
  readonly keepsWide?: () => void;
  readonly memory: LoopNestMemory;
  readonly report?: (intermediate: number, outcome: string) => void;
}

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

/** Whether something between a maker and a reader replaces what the maker reads. */
function isStale(maker: LoopNest, reader: LoopNest, { nests, position }: Places): boolean {
  const read = loadsOf(maker);
  return nests
    .slice(position.get(maker)! + 1, position.get(reader)!)
    .some((nest) => [...storesOf(nest)].some((tensor) => read.has(tensor)));
}
