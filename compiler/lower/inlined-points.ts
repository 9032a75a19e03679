import type { Affine, Store } from '../../ir/kernel.ts';
import { mapAffines } from '../../ir/kernel-affines.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { delinearise, substitute } from './affine.ts';
import { type LoopNest, NodeList, originsOf } from './loop-nest.ts';

/** Nodes of a kernel that is computed again wherever it is read. */
const FEW_NODES = 16;

/** A kernel of points whose result is not stored: what it is at an element of `tensor`. */
interface Inlined {
  readonly nest: LoopNest;
  readonly store: Store;
  readonly position: number;
}

/**
 * Computes small kernels of points where their results are read, as values without memory of their own are.
 *
 * @param isCandidate says which kernels are looked at
 * @param isTemporary says of which tensors nobody else knows
 */
export function inlinePoints(
  nests: readonly LoopNest[],
  isCandidate: (position: number) => boolean,
  isTemporary: (tensor: number) => boolean,
): LoopNest[] {
  const inlined = new Map<number, Inlined>();
  nests.forEach((nest, position) => {
    const [store, ...others] = nest.stores;
    const isSmall = nest.reductions.length === 0 && nest.nodes.length <= FEW_NODES;
    if (!isCandidate(position) || others.length > 0 || !isSmall) return;
    if (store.accumulate || store.indirect || store.stored || !isTemporary(store.buffer)) return;
    const one = { nest, store, position };
    if (isReadPointByPoint(nests, one)) inlined.set(store.buffer, one);
  });
  if (inlined.size === 0) return [...nests];
  const dropped = new Set([...inlined.values()].map(({ position }) => position));
  return nests.flatMap((nest, position) =>
    dropped.has(position) ? [] : [withInlined(nest, inlined)],
  );
}

/** Whether all that read a result can compute it, from what is still in memory by then. */
function isReadPointByPoint(
  nests: readonly LoopNest[],
  { nest, store, position }: Inlined,
): boolean {
  const read = new Set(nest.nodes.flatMap((node) => (node.kind === 'load' ? [node.buffer] : [])));
  let isStale = false;
  return nests.every((other, k) => {
    if (k === position) return true;
    const stored = other.stores.map(({ buffer }) => buffer);
    const loads = other.nodes.filter(
      (node) => node.kind === 'load' && node.buffer === store.buffer,
    );
    const isSound =
      !stored.includes(store.buffer) &&
      (loads.length === 0 || (k > position && !isStale)) &&
      loads.every((load) => digitsOf(other, load, nest, store) !== null);
    if (k > position && stored.some((tensor) => read.has(tensor))) isStale = true;
    return isSound;
  });
}

/** A kernel with what others make of points, computed where it reads it; null where that is not to be had. */
export function withPoints(nest: LoopNest, makers: readonly LoopNest[]): LoopNest | null {
  let current = nest;
  for (const [position, made] of makers.toReversed().entries()) {
    const [store, ...others] = made.stores;
    if (made.reductions.length > 0 || made.staging || store.indirect || others.length > 0)
      return null;
    const loads = current.nodes.filter(
      (node) => node.kind === 'load' && node.buffer === store.buffer,
    );
    if (!loads.every((load) => digitsOf(current, load, made, store))) return null;
    current = withInlined(current, new Map([[store.buffer, { nest: made, store, position }]]));
  }
  return current;
}

/** The axes of a kernel of points, over those of one that loads its result; null where there is no such reading. */
function digitsOf(
  { axes }: LoopNest,
  load: LoopNest['nodes'][number],
  made: LoopNest,
  { index }: Store,
): readonly Affine[] | null {
  if (load.kind !== 'load' || load.bounds.length > 0 || load.indirect) return null;
  const reading = delinearise(
    { ...load.index, offset: load.index.offset - index.offset },
    axes,
    index.coefficients,
    made.axes.map(({ extent }) => extent),
  );
  return reading && 'digits' in reading ? reading.digits : null;
}

function withInlined(nest: LoopNest, inlined: ReadonlyMap<number, Inlined>): LoopNest {
  const isRead = nest.nodes.some((node) => node.kind === 'load' && inlined.has(node.buffer));
  if (!isRead) return nest;
  const list = new NodeList();
  const image: number[] = [];
  let origins = nest.origins;
  for (const node of nest.nodes) {
    const made = node.kind === 'load' ? inlined.get(node.buffer) : undefined;
    if (!made) {
      image.push(list.add(mapOperands(node, (operand) => image[operand])));
      continue;
    }
    const digits = digitsOf(nest, node, made.nest, made.store)!;
    const own: number[] = [];
    for (const inner of made.nest.nodes)
      own.push(
        list.add(
          mapAffines(
            mapOperands(inner, (operand) => own[operand]),
            (affine) => substitute(affine, digits, nest.axes.length),
          ),
        ),
      );
    image.push(own[made.store.value]);
    origins = originsOf({ ...nest, origins }, made.nest);
  }
  return {
    ...nest,
    nodes: list.nodes,
    reductions: nest.reductions.map((one) => ({ ...one, value: image[one.value] })),
    stores: nest.stores.map((store) => mapStored(store, (node) => image[node])),
    origins,
  };
}
