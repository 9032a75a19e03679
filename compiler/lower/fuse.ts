import { type Affine, type Axis, type AxisKind, sameAffine } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { delinearise, substitute } from './affine.ts';
import { withoutUnusedReductions } from './canonicalise.ts';
import { joinedPerShape } from './joined-shapes.ts';
import { type LoopNest, macsOf, NodeList, originsOf, splitAxis, withAxes } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { shapeOf } from './nest-shape.ts';
import { bindingRanges, overlaps, type Range, rangeOf } from './ranges.ts';
import { hasSequentialAxis, KernelSequence, loadsOf, storesOf } from './sequence.ts';

/** What fusion must know of the tensors. */
export interface FusionLimits {
  /** Storage bindings of one kernel. */
  readonly maxBindings: number;
  /** True for tensors that nobody but kernels of this program reads, so that an unread store can be dropped. */
  readonly isTemporary: (tensor: number) => boolean;
  /** True for parameters and state, which outlive the program. */
  readonly isPersistent: (tensor: number) => boolean;
}

/** The kernels of a program after fusion. */
export interface Fused {
  readonly nests: readonly LoopNest[];
  /** Kernels that stay apart from an earlier one because the peak of live bytes would rise. */
  readonly unfused: readonly LoopNest[];
}

/** Nodes of one kernel: keeps generated code and its compilation small. */
export const MAX_NODES = 160;
/** Kernels looked at as partners for one kernel. */
const MAX_CANDIDATES = 12;
const ROUNDS = 3;

/**
 * Joins an elementwise kernel with an earlier kernel over the same points: as the epilogue of a contraction or
 * reduction, or with another elementwise kernel that makes what it reads, reads what it reads or fills another part of
 * the same tensor. This saves a dispatch, values pass in registers, and what no other kernel reads is never stored.
 *
 * The kernels are a sequence in a correct order and stay one: a pair is joined at the place of either partner, and
 * only where no kernel in between touches what would move across it. A kernel moves to where its partner runs, and what
 * it makes or reads is live for longer: with `memory`, a pair that raises the peak of live bytes stays a pair.
 */
export function fuse(
  nests: readonly LoopNest[],
  limits: FusionLimits,
  memory: LoopNestMemory | null,
): Fused {
  const sequence = new KernelSequence(nests, memory);
  let unfused: readonly LoopNest[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const fused = fuseOnce(sequence, limits);
    unfused = fused.unfused;
    if (fused.joined === 0) break;
  }
  return { nests: sequence.nests, unfused };
}

/** Goes through the kernels once: how many pairs were joined, and which kernels were not because of the peak. */
function fuseOnce(
  sequence: KernelSequence,
  limits: FusionLimits,
): { readonly joined: number; readonly unfused: readonly LoopNest[] } {
  let pairs = 0;
  const unfused = new Set<LoopNest>();
  const { slots } = sequence;
  for (let position = 0; position < slots.length; position++) {
    const consumer = slots[position];
    if (!consumer || consumer.reductions.length > 0 || hasSequentialAxis(consumer)) continue;
    for (const partner of candidates(sequence, consumer, position)) {
      const producer = slots[partner];
      if (!producer || hasSequentialAxis(producer)) continue;
      const joined = joinedNest(producer, consumer, limits.maxBindings, (tensor) =>
        isDead(tensor, position),
      );
      if (joined && isRepeatable(joined)) {
        const outcome = sequence.join(position, partner, joined);
        if (outcome === 'joined') {
          pairs++;
          break;
        }
        if (outcome === 'peak') unfused.add(consumer);
      }
    }
  }
  return { joined: pairs, unfused: sequence.nests.filter((nest) => unfused.has(nest)) };

  /** What replaces a parameter or a state makes nothing else, so that every other kernel can be recomputed. */
  function isRepeatable({ stores }: LoopNest): boolean {
    const replaced = stores.filter(({ buffer }) => limits.isPersistent(buffer)).length;
    return replaced === 0 || replaced === stores.length;
  }

  /** Nobody but the kernel at `position` reads this temporary. */
  function isDead(tensor: number, position: number): boolean {
    const readers = sequence.readersOf(tensor);
    return (
      limits.isTemporary(tensor) &&
      (readers.size === 0 || (readers.size === 1 && readers.has(position)))
    );
  }
}

/**
 * Earlier kernels that share a tensor with this one, the makers of what it reads first, then the nearest. Others are looked for only
 * where no maker was joined.
 */
function* candidates(
  sequence: KernelSequence,
  nest: LoopNest,
  position: number,
): Generator<number> {
  const addEarlier = (list: number[], positions: ReadonlySet<number>) => {
    for (const one of positions) if (one < position) list.push(one);
  };
  const nearest = (list: number[], count: number) =>
    [...new Set(list)].sort((a, b) => b - a).slice(0, count);
  const written: number[] = [];
  for (const tensor of loadsOf(nest)) addEarlier(written, sequence.writersOf(tensor));
  const makers = nearest(written, MAX_CANDIDATES);
  yield* makers;
  if (makers.length >= MAX_CANDIDATES) return;
  const siblings: number[] = [];
  for (const tensor of loadsOf(nest)) {
    const sharing = sequence.readersOf(tensor);
    if (sharing.size <= MAX_CANDIDATES) addEarlier(siblings, sharing);
  }
  for (const tensor of storesOf(nest)) {
    const parts = sequence.writersOf(tensor);
    if (parts.size <= MAX_CANDIDATES) addEarlier(siblings, parts);
  }
  const others = siblings.filter((one) => !makers.includes(one));
  yield* nearest(others, MAX_CANDIDATES - makers.length);
}

interface JoinOptions {
  readonly maxBindings: number;
  /** By store of the first one, whether nobody reads it afterwards. */
  readonly dead: readonly boolean[];
}

const joinedOnce = joinedPerShape(
  join,
  (a: JoinOptions, b) =>
    a.maxBindings === b.maxBindings && a.dead.every((one, k) => one === b.dead[k]),
);

/**
 * The two kernels as one over the producer's axes; null where they have no common points, or where what they make together is no
 * kernel while others read what they write. Found once for what differs in its tensors alone.
 */
export function joinedNest(
  producer: LoopNest,
  consumer: LoopNest,
  maxBindings: number,
  isDead: (tensor: number) => boolean,
): LoopNest | null {
  if (shapeOf(producer).shape.parallelPoints !== shapeOf(consumer).shape.points) return null;
  const dead = producer.stores.map(({ buffer }) => isDead(buffer));
  return joinedOnce(producer, consumer, { maxBindings, dead }, () => ({
    ops: [...new Set([...producer.ops, ...consumer.ops])],
    origins:
      producer.reductions.length > 0
        ? originsOf(producer, consumer)
        : originsOf(consumer, producer),
    ...macsOf(producer, consumer),
  }));
}

/** The two kernels as one, without ops and origins. */
function join(
  producer: LoopNest,
  consumer: LoopNest,
  { maxBindings, dead }: JoinOptions,
): LoopNest | null {
  if (producer.nodes.length + consumer.nodes.length > MAX_NODES) return null;
  const aligned = align(producer, consumer);
  if (!aligned) return null;
  const [first, second] = aligned;
  const list = new NodeList();
  const nodeOf = copyNodes(first, list, () => undefined);
  if (first.stores.some((store) => store.indirect)) return null;
  const made = first.stores.map((store) => ({ store, range: rangeOf(first.axes, store) }));
  let misfit = false;
  const secondNode = copyNodes(second, list, (node) => {
    if (node.kind !== 'load') return undefined;
    const range = rangeOf(second.axes, node);
    const meeting = made.filter((entry) => overlaps(entry.range, range));
    if (meeting.length === 0) return undefined;
    const match = meeting.find(({ store }) => sameAffine(store.index, node.index));
    if (!match || node.bounds.length > 0 || node.indirect) misfit = true;
    return match && nodeOf[match.store.value];
  });
  if (misfit) return null;
  const stores = [
    ...first.stores.map((store) => ({ ...store, value: nodeOf[store.value] })),
    ...second.stores.map((store) => mapStored(store, (node) => secondNode[node])),
  ];
  const kept = stores.filter((_, k) => k >= first.stores.length || !dead[k]);
  // A sum that nobody reads is read by nobody here either where the two share what they read.
  const nest = withoutUnusedReductions({
    axes: first.axes,
    nodes: list.nodes,
    reductions: first.reductions.map((one) => ({ ...one, value: nodeOf[one.value] })),
    stores: kept,
    ops: [],
    origins: [],
  });
  return bindingRanges(nest).length <= maxBindings && writesAreSafe(nest) ? nest : null;
}

/** Copies a loop nest's nodes into `list`; `replace` may name a node that stands for one. Returns old index to new. */
export function copyNodes(
  nest: LoopNest,
  list: NodeList,
  replace: (node: LoopNest['nodes'][number]) => number | undefined,
): number[] {
  const image: number[] = [];
  for (const node of nest.nodes)
    image.push(replace(node) ?? list.add(mapOperands(node, (operand) => image[operand])));
  return image;
}

/** A pair of addresses, one in each kernel, that shall be the same element at the same point. */
export interface AddressLink {
  readonly from: Affine;
  readonly to: Affine;
}

/**
 * Brings the consumer onto the producer's axes (cutting those where needed): the points that touch the same elements coincide.
 *
 * @param linkOf finds what these elements are
 * @param kinds of axes that may be cut
 */
export function align(
  producer: LoopNest,
  consumer: LoopNest,
  linkOf: (first: LoopNest, second: LoopNest) => AddressLink | null = linkBetween,
  kinds: readonly AxisKind[] = ['parallel'],
): [LoopNest, LoopNest] | null {
  let first = producer;
  for (let attempt = 0; attempt < 4; attempt++) {
    const link = linkOf(first, consumer);
    if (!link) return null;
    const shifted = {
      offset: link.from.offset - link.to.offset,
      coefficients: link.from.coefficients,
    };
    const reading = delinearise(
      shifted,
      first.axes,
      link.to.coefficients,
      consumer.axes.map((axis) => axis.extent),
    );
    if (!reading) return null;
    if ('digits' in reading) return [first, overAxes(consumer, first.axes, reading.digits)];
    if (!kinds.includes(first.axes[reading.split.axis].kind)) return null;
    first = splitAxis(first, reading.split.axis, reading.split.inner);
  }
  return null;
}

function overAxes(nest: LoopNest, axes: readonly Axis[], images: readonly Affine[]): LoopNest {
  return withAxes(nest, axes, (affine) => substitute(affine, images, axes.length));
}

function linkBetween(first: LoopNest, second: LoopNest): AddressLink | null {
  const covers = (index: Affine, axes: readonly Axis[]) =>
    axes.every(
      (axis, k) =>
        axis.extent === 1 || (axis.kind === 'parallel') === (index.coefficients[k] !== 0),
    );
  const loads = second.nodes.filter(
    (node) => node.kind === 'load' && node.bounds.length === 0 && !node.indirect,
  );
  for (const store of first.stores) {
    for (const load of loads) {
      if (
        load.kind === 'load' &&
        load.buffer === store.buffer &&
        covers(load.index, second.axes) &&
        covers(store.index, first.axes)
      ) {
        return { from: store.index, to: load.index };
      }
    }
  }
  for (const node of first.nodes) {
    if (
      node.kind !== 'load' ||
      node.bounds.length > 0 ||
      node.indirect ||
      !covers(node.index, first.axes)
    )
      continue;
    for (const load of loads) {
      if (
        load.kind === 'load' &&
        load.buffer === node.buffer &&
        covers(load.index, second.axes) &&
        node.index.offset === load.index.offset
      ) {
        return { from: node.index, to: load.index };
      }
    }
  }
  for (const store of first.stores) {
    for (const other of second.stores) {
      const delta = other.index.offset - store.index.offset;
      if (
        other.buffer === store.buffer &&
        covers(store.index, first.axes) &&
        covers(other.index, second.axes)
      ) {
        return { from: { ...store.index, offset: store.index.offset + delta }, to: other.index };
      }
    }
  }
  return null;
}

/**
 * What the kernel writes may be loaded only at the element that the same point writes with the same address, outside the
 * reduction, and elsewhere only from a range that is bound on its own; and no two stores may meet.
 */
export function writesAreSafe(nest: LoopNest): boolean {
  const inner = nodesUnderReduction(nest);
  const parts = bindingRanges(nest);
  const apart = (a: Range, b: Range) =>
    !parts.some((part) => overlaps(part, a) && overlaps(part, b));
  for (const store of nest.stores) {
    const written = rangeOf(nest.axes, store);
    const safe = nest.nodes.every(
      (node, k) =>
        node.kind !== 'load' ||
        node.buffer !== store.buffer ||
        apart(rangeOf(nest.axes, node), written) ||
        (!inner[k] &&
          node.bounds.length === 0 &&
          !node.indirect &&
          sameAffine(node.index, store.index)),
    );
    if (!safe) return false;
  }
  return nest.stores.every((store, k) =>
    nest.stores.every(
      (other, j) => j <= k || other.buffer !== store.buffer || disjoint(nest, store, other),
    ),
  );
}

type NestStore = LoopNest['stores'][number];

/** Parts of one concatenation, in ranges of their own or by the same steps from different starts. */
function disjoint({ axes }: LoopNest, a: NestStore, b: NestStore): boolean {
  const [first, second] = [rangeOf(axes, a), rangeOf(axes, b)];
  if (first.high < second.low || second.high < first.low) return true;
  const { offset } = a.index;
  return b.index.offset !== offset && sameAffine(a.index, { ...b.index, offset });
}
