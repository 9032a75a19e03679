import { sameAffine } from '../../ir/kernel.ts';
import type { LoopNest } from './loop-nest.ts';

/** A parameter's (or state's) memory `tensor` takes the value computed in `temporary` by the program's last kernels. */
export interface Replacement {
  readonly temporary: number;
  readonly tensor: number;
  readonly value: number;
}

/**
 * Lets kernels write new parameter values straight into the parameter's memory, where no step can tell the difference:
 * the one kernel that writes the temporary reads the old value at most at the element that it writes, and no later
 * kernel reads the old value. The copies of all others stay.
 */
export function writeThrough(
  nests: readonly LoopNest[],
  replacements: readonly Replacement[],
): LoopNest[] {
  const writers = new Map<number, number[]>();
  const lastReader = new Map<number, number>();
  nests.forEach((nest, position) => {
    for (const store of nest.stores) {
      const list = writers.get(store.buffer);
      if (list) list.push(position);
      else writers.set(store.buffer, [position]);
    }
    for (const node of nest.nodes) if (node.kind === 'load') lastReader.set(node.buffer, position);
  });
  const renamed = new Map<number, number>();
  for (const { temporary, tensor } of replacements) {
    // None writes an input, which may be a new value as it is.
    const positions = writers.get(temporary) ?? [];
    if (positions.length !== 1 || renamed.has(temporary)) continue;
    const [position] = positions;
    const later = lastReader.get(tensor) ?? -1;
    if (later <= position && updatesInPlace(nests[position], tensor))
      renamed.set(temporary, tensor);
  }
  const isDroppedCopy = ({ ops, nodes, stores }: LoopNest) => {
    const [node] = nodes;
    return (
      ops[0] === 'copy' && node.kind === 'load' && renamed.get(node.buffer) === stores[0].buffer
    );
  };
  return nests.filter((nest) => !isDroppedCopy(nest)).map((nest) => rename(nest, renamed));
}

function updatesInPlace(nest: LoopNest, tensor: number): boolean {
  if (nest.stores.length !== 1 || nest.stores[0].indirect) return false;
  const [store] = nest.stores;
  return nest.nodes.every((node) => {
    if (node.kind !== 'load' || node.buffer !== tensor) return true;
    return (
      nest.reductions.length === 0 &&
      !node.indirect &&
      node.bounds.length === 0 &&
      sameAffine(node.index, store.index)
    );
  });
}

function rename(nest: LoopNest, renamed: ReadonlyMap<number, number>): LoopNest {
  const name = (tensor: number) => renamed.get(tensor) ?? tensor;
  return {
    ...nest,
    nodes: nest.nodes.map((node) =>
      node.kind === 'load' ? { ...node, buffer: name(node.buffer) } : node,
    ),
    stores: nest.stores.map((store) => ({ ...store, buffer: name(store.buffer) })),
  };
}
