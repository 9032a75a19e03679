import { DTYPES } from './dtypes.ts';
import { type Kernel, localArray, sameAffine } from './kernel.ts';
import { nodesUnderReduction } from './kernel-cost.ts';

// The arrays of stages in memory.

/**
 * For each stage, the stage in whose array's memory its own array lies: its own, or that of an array of which each element is read last
 * where the stage computes what takes its place.
 */
export function arrayHomes({ nodes, staging }: Pick<Kernel, 'nodes' | 'staging'>): number[] {
  const stages = staging?.stages ?? [];
  const homes = stages.map((_, k) => k);
  const given = new Set<number>();
  const readsOf = (list: Kernel['nodes'], array: number) =>
    list.flatMap((node, k) =>
      node.kind === 'load' && node.buffer === localArray(array) ? [{ node, k }] : [],
    );
  stages.forEach(({ local, nodes: own, stores }, k) => {
    const under = nodesUnderReduction(stages[k]);
    const home = stages.findIndex((other, before) => {
      const isLast =
        before < k &&
        !given.has(before) &&
        readsOf(nodes, before).length === 0 &&
        stages.slice(k + 1).every((later) => readsOf(later.nodes, before).length === 0);
      if (!isLast || other.local.buffer !== null || local.buffer !== null) return false;
      const reads = readsOf(own, before);
      const isAlike = other.local.dtype === local.dtype && other.local.elements === local.elements;
      return (
        isAlike &&
        reads.length > 0 &&
        reads.every(
          ({ node, k: at }) =>
            !under[at] &&
            node.bounds.length === 0 &&
            !node.indirect &&
            sameAffine(node.index, stores[0].index),
        )
      );
    });
    if (home < 0) return;
    given.add(home);
    homes[k] = homes[home];
  });
  return homes;
}

/** Bytes of the arrays of one tile, together. */
export function arrayBytes(kernel: Pick<Kernel, 'nodes' | 'staging'>): number {
  const homes = arrayHomes(kernel);
  const arrays = kernel.staging?.stages.map(({ local }, k) =>
    homes[k] === k ? local.elements * DTYPES[local.dtype].bytes : 0,
  );
  return arrays?.reduce((sum, bytes) => sum + bytes, 0) ?? 0;
}
