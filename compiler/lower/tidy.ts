import type { Affine, Axis } from '../../ir/kernel.ts';
import { nodeOperands } from '../../ir/kernel-cost.ts';
import { type KernelDraft, mapOperands, NodeList, withAxes } from './draft.ts';

/** The same kernel without dead nodes and with few axes; the first `fixed` axes stay as they are. */
export function tidy(draft: KernelDraft, fixed = 0): KernelDraft {
  return coalesce(dropUnitAxes(dropDeadNodes(draft), fixed), fixed);
}

function dropDeadNodes(draft: KernelDraft): KernelDraft {
  const alive = new Uint8Array(draft.nodes.length);
  const mark = (node: number) => {
    alive[node] = 1;
  };
  for (const store of draft.stores) {
    mark(store.value);
    if (store.indirect) mark(store.indirect.node);
  }
  if (draft.reduction) mark(draft.reduction.value);
  for (let k = draft.nodes.length - 1; k >= 0; k--)
    if (alive[k]) nodeOperands(draft.nodes[k]).forEach(mark);
  const list = new NodeList();
  const image = new Int32Array(draft.nodes.length);
  draft.nodes.forEach((node, k) => {
    if (alive[k]) image[k] = list.add(mapOperands(node, (operand) => image[operand]));
  });
  return {
    ...draft,
    nodes: list.nodes,
    reduction: draft.reduction && { ...draft.reduction, value: image[draft.reduction.value] },
    stores: draft.stores.map((store) => ({
      ...store,
      value: image[store.value],
      ...(store.indirect
        ? { indirect: { ...store.indirect, node: image[store.indirect.node] } }
        : {}),
    })),
  };
}

function dropUnitAxes(draft: KernelDraft, fixed: number): KernelDraft {
  const kept = draft.axes
    .map((axis, k) => (k < fixed || axis.extent > 1 ? k : -1))
    .filter((k) => k >= 0);
  // A reduction keeps at least one reduced axis, a scatter one sequential axis: they give the kernel its meaning.
  for (const kind of ['reduced', 'sequential'] as const) {
    const first = draft.axes.findIndex((axis) => axis.kind === kind);
    if (first >= 0 && !kept.some((k) => draft.axes[k].kind === kind)) kept.push(first);
  }
  kept.sort((a, b) => a - b);
  if (kept.length === draft.axes.length) return draft;
  return withAxes(
    draft,
    kept.map((k) => draft.axes[k]),
    (affine) => ({
      offset: affine.offset,
      coefficients: kept.map((k) => affine.coefficients[k]),
    }),
  );
}

/** Merges neighbouring axes of one kind that every address walks through as one. */
function coalesce(draft: KernelDraft, fixed: number): KernelDraft {
  let current = draft;
  for (let outer = draft.axes.length - 2; outer >= fixed; outer--) {
    if (mergeable(current, outer)) current = mergeAxes(current, outer);
  }
  return current;
}

/** Whether every address walks through an axis and the next as one. */
export function mergeable(draft: KernelDraft, outer: number): boolean {
  const inner = outer + 1;
  const [a, b]: Axis[] = [draft.axes[outer], draft.axes[inner]];
  if (a.kind !== b.kind) return false;
  return affinesOf(draft).every(
    ({ coefficients }) => coefficients[outer] === coefficients[inner] * b.extent,
  );
}

function affinesOf(draft: KernelDraft): Affine[] {
  const affines: Affine[] = draft.stores.map((store) => store.index);
  for (const node of draft.nodes) {
    if (node.kind === 'load') affines.push(node.index, ...node.bounds.map((bound) => bound.index));
    else if (node.kind === 'index') affines.push(node.index);
    else if (node.kind === 'inBounds') affines.push(...node.bounds.map((bound) => bound.index));
    else if (node.kind === 'random') affines.push(node.counter);
  }
  return affines;
}

/** Makes one axis of an axis and the next. */
export function mergeAxes(draft: KernelDraft, outer: number): KernelDraft {
  const merged = {
    extent: draft.axes[outer].extent * draft.axes[outer + 1].extent,
    kind: draft.axes[outer].kind,
  };
  return withAxes(draft, draft.axes.toSpliced(outer, 2, merged), ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.toSpliced(outer, 2, coefficients[outer + 1]),
  }));
}
