import { sameAffine } from '../../ir/kernel.ts';
import type { KernelDraft } from './draft.ts';

/** A parameter's (or state's) memory `tensor` takes the value computed in `temporary` by the program's last kernels. */
export interface Replacement {
  readonly temporary: number;
  readonly tensor: number;
  readonly value: number;
}

/**
 * Lets kernels write new parameter values straight into the parameter's memory, where nobody can tell the difference:
 * the one kernel that writes the temporary reads the old value at most at the element that it writes, and no later
 * kernel reads the old value. The copies of all others stay.
 */
export function writeThrough(
  drafts: readonly KernelDraft[],
  replacements: readonly Replacement[],
): KernelDraft[] {
  const writers = new Map<number, number[]>();
  const lastReader = new Map<number, number>();
  drafts.forEach((draft, position) => {
    for (const store of draft.stores) {
      const list = writers.get(store.buffer);
      if (list) list.push(position);
      else writers.set(store.buffer, [position]);
    }
    for (const node of draft.nodes) if (node.kind === 'load') lastReader.set(node.buffer, position);
  });
  const renamed = new Map<number, number>();
  for (const { temporary, tensor } of replacements) {
    // None writes an input, which may be a new value as it is.
    const positions = writers.get(temporary) ?? [];
    if (positions.length !== 1 || renamed.has(temporary)) continue;
    const [position] = positions;
    const later = lastReader.get(tensor) ?? -1;
    if (later <= position && updatesInPlace(drafts[position], tensor))
      renamed.set(temporary, tensor);
  }
  const isDroppedCopy = ({ ops, nodes, stores }: KernelDraft) => {
    const [node] = nodes;
    return (
      ops[0] === 'copy' && node.kind === 'load' && renamed.get(node.buffer) === stores[0].buffer
    );
  };
  return drafts.filter((draft) => !isDroppedCopy(draft)).map((draft) => rename(draft, renamed));
}

function updatesInPlace(draft: KernelDraft, tensor: number): boolean {
  if (draft.stores.length !== 1 || draft.stores[0].indirect) return false;
  const [store] = draft.stores;
  return draft.nodes.every((node) => {
    if (node.kind !== 'load' || node.buffer !== tensor) return true;
    return (
      draft.reduction === null &&
      !node.indirect &&
      node.bounds.length === 0 &&
      sameAffine(node.index, store.index)
    );
  });
}

function rename(draft: KernelDraft, renamed: ReadonlyMap<number, number>): KernelDraft {
  const name = (tensor: number) => renamed.get(tensor) ?? tensor;
  return {
    ...draft,
    nodes: draft.nodes.map((node) =>
      node.kind === 'load' ? { ...node, buffer: name(node.buffer) } : node,
    ),
    stores: draft.stores.map((store) => ({ ...store, buffer: name(store.buffer) })),
  };
}
