import { withPoints } from './inlined-points.ts';
import type { LoopNest } from './loop-nest.ts';
import { joinOnline, joinWeighted } from './online-sums.ts';
import { joinProducts } from './paired-products.ts';
import { overlaps } from './ranges.ts';
import { loadsOf, storesOf, touchedRanges } from './sequence.ts';
import {
  type Accesses,
  type GroupNest,
  membersOf,
  producersOf,
  type WideGroup,
} from './wide-groups.ts';

// Kernels of a group in tiles that do the work of others of it: where these may run, and what has to move for that.

/** The kernels of a program in order, and where each of them is. */
export interface Places {
  readonly nests: readonly LoopNest[];
  readonly position: ReadonlyMap<LoopNest, number>;
}

export const placesOf = (nests: readonly LoopNest[]): Places => ({
  nests,
  position: new Map(nests.map((nest, k) => [nest, k])),
});

/** The group with products over the same points and terms, as the gradients of keys and values, in one kernel; null where there are none. */
export function pairedGroup(group: WideGroup, places: Places): WideGroup | null {
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
export function weightedGroup(
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
export function onlineGroup(group: WideGroup, places: Places): WideGroup | null {
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
