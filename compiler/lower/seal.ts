import type { Affine, Axis, Expression, Kernel, KernelBuffer, Store } from '../../ir/kernel.ts';
import { nodeOperands } from '../../ir/kernel-cost.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type { ScheduleStep, ScheduleTensor } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { shiftAffine } from './affine.ts';
import { type KernelDraft, mapOperands, NodeList, withAxes } from './draft.ts';
import { bindingRanges, type Range, rangeOf } from './ranges.ts';

/** Kernels of the schedule; equal ones are one kernel, whatever tensors they run on. */
export class KernelTable {
  readonly kernels: Kernel[] = [];
  private readonly interned = new Map<string, number>();
  private readonly names = new Map<string, number>();

  intern(kernel: Omit<Kernel, 'name'>, label: string): number {
    const key = kernelBody({ name: '', ...kernel });
    let index = this.interned.get(key);
    if (index === undefined) {
      const base = label.replace(/\W+$/, '').replaceAll(/\W+/g, '_');
      const count = (this.names.get(base) ?? 0) + 1;
      this.names.set(base, count);
      index = this.kernels.push({ name: count === 1 ? base : `${base}_${count}`, ...kernel }) - 1;
      this.interned.set(key, index);
    }
    return index;
  }
}

const MAX_LABEL_OPS = 5;

/** Turns a draft into a step: dead nodes go, axes are merged, tensors become buffers, and the kernel is interned. */
export function seal(
  draft: KernelDraft,
  tensors: readonly ScheduleTensor[],
  table: KernelTable,
): ScheduleStep {
  const simple = coalesce(dropUnitAxes(dropDeadNodes(draft)));
  const ranges = bindingRanges(simple);
  const bound: Range[] = [];
  // An access in terms of its buffer: an index into `bound`, and addresses from the start of the range.
  const bind = <Access extends Extract<Expression, { kind: 'load' }> | Store>(access: Access) => {
    const { tensor, low } = rangeOf(simple.axes, access);
    const range = ranges.find((one) => one.tensor === tensor && one.low <= low && low < one.high)!;
    if (!bound.includes(range)) bound.push(range);
    return {
      ...access,
      buffer: bound.indexOf(range),
      index: shiftAffine(access.index, -range.low),
    };
  };
  const nodes = simple.nodes.map((node) => (node.kind === 'load' ? bind(node) : node));
  const loaded = bound.length;
  const stores = simple.stores.map((store) => bind(store));
  const stored = new Set(stores.map((store) => store.buffer));
  const accumulates = new Set(
    stores.filter((store) => store.accumulate).map((store) => store.buffer),
  );
  const buffers = bound.map(
    ({ tensor, low, high }, k): KernelBuffer => ({
      dtype: tensors[tensor].dtype,
      access: !stored.has(k) ? 'read' : k < loaded || accumulates.has(k) ? 'read_write' : 'write',
      elements: Math.min(high, elementCount(tensors[tensor].shape)) - low,
    }),
  );
  const label = labelOf(draft.ops);
  const kernel = table.intern(
    { axes: simple.axes, buffers, nodes, reduction: simple.reduction, stores },
    label,
  );
  return {
    kernel,
    operands: bound.map(({ tensor }) => tensor),
    ...(bound.some(({ low }) => low > 0) ? { offsets: bound.map(({ low }) => low) } : {}),
    label,
    source: draft.source,
    ...(draft.macs ? { macs: draft.macs } : {}),
  };
}

function labelOf(ops: readonly string[]): string {
  const named = ops.length > 1 ? ops.filter((op) => op !== 'copy') : ops;
  return named.length > MAX_LABEL_OPS
    ? `${named.slice(0, MAX_LABEL_OPS).join('+')}+…`
    : named.join('+');
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

function dropUnitAxes(draft: KernelDraft): KernelDraft {
  const kept = draft.axes.map((axis, k) => (axis.extent > 1 ? k : -1)).filter((k) => k >= 0);
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
function coalesce(draft: KernelDraft): KernelDraft {
  let current = draft;
  for (let outer = draft.axes.length - 2; outer >= 0; outer--) {
    if (mergeable(current, outer)) current = mergeAxes(current, outer);
  }
  return current;
}

function mergeable(draft: KernelDraft, outer: number): boolean {
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

function mergeAxes(draft: KernelDraft, outer: number): KernelDraft {
  const merged = {
    extent: draft.axes[outer].extent * draft.axes[outer + 1].extent,
    kind: draft.axes[outer].kind,
  };
  return withAxes(draft, draft.axes.toSpliced(outer, 2, merged), ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.toSpliced(outer, 2, coefficients[outer + 1]),
  }));
}
