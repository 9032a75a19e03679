import type { Affine } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { rangeAlignment, type ScheduleTensor } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { shiftAffine } from './affine.ts';
import type { FusionLimits } from './fuse.ts';
import type { Places } from './group-joins.ts';
import type { LoopNest } from './loop-nest.ts';
import { storesOf } from './sequence.ts';
import {
  type Accesses,
  type GroupNest,
  membersOf,
  touching,
  type WideGroup,
} from './wide-groups.ts';

export interface StatisticsOptions extends FusionLimits {
  readonly typeOf: (tensor: number) => Pick<ScheduleTensor, 'dtype' | 'shape'>;
  /** Adds a tensor of f32 that belongs where another one does. */
  readonly addTensor: (elements: number, like: number) => number;
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
export function packStatistics(
  group: WideGroup,
  accesses: Accesses,
  places: Places,
  options: StatisticsOptions,
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

/** What kernels of a group tell each other of rows or finish their products with, in temporary tensors that each one kernel makes. */
function statisticsOf(
  group: WideGroup,
  accesses: Accesses,
  { position }: Places,
  { isTemporary, typeOf }: StatisticsOptions,
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
