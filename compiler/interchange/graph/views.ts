import type { Graph, NodeOf, ValueId } from '../../../ir/graph.ts';
import type { WindowSteps } from '../../../ir/ops.ts';

// Windows and folds of a graph are one op per axis. Other formats have one op for all axes, so chains of them are read together.

/** One axis with its windows: what `ir/ops.ts` says of it, and the axes of the outermost value that it becomes. */
export interface WindowedAxis extends Pick<WindowSteps, 'stride' | 'dilation' | 'low'> {
  readonly positions: number;
  readonly size: number;
  readonly position: number;
  readonly tap: number;
}

/** What an axis of a base is in the value over it: one of its axes, or the windows of it. */
export type BaseAxis = { readonly axis: number } | { readonly window: number };

/** A value as windows over a base, through transpositions. */
export interface WindowChain {
  readonly base: ValueId;
  /** By axis of the base. */
  readonly axes: readonly BaseAxis[];
  readonly windows: readonly (WindowedAxis & { readonly value: number })[];
}

/** The windows that end in a value, down to what is none; null where the value is no window. */
export function windowChain({ nodes }: Graph, value: ValueId): WindowChain | null {
  const windows: (WindowedAxis & { value: number })[] = [];
  let base = value;
  let axes: BaseAxis[] = nodes[value].type.shape.map((_, axis) => ({ axis }));
  for (;;) {
    const node = nodes[base];
    if (node.op === 'transpose') {
      axes = transposed(axes, node.attributes.permutation);
    } else if (node.op === 'window') {
      const { axis, stride, dilation, low, positions, size, value: filling } = node.attributes;
      const [position, tap] = [axes[axis], axes[axis + 1]];
      if (!('axis' in position && 'axis' in tap)) break;
      axes = axes.toSpliced(axis, 2, { window: windows.length });
      windows.push({
        ...{ stride, dilation, low, positions, size, value: filling },
        ...{ position: position.axis, tap: tap.axis },
      });
    } else break;
    base = node.operands[0];
  }
  return windows.length > 0 ? { base, axes, windows } : null;
}

const transposed = <T>(axes: readonly T[], permutation: readonly number[]): T[] => {
  const result = [...axes];
  permutation.forEach((axis, k) => {
    result[axis] = axes[k];
  });
  return result;
};

/** What an axis of a contraction is in the folds over it: an axis of the outermost, or the positions or taps of a fold. */
export type FoldedAxis =
  | { readonly axis: number }
  | { readonly fold: number; readonly part: 'position' | 'tap' };

/** A value as folds of a contraction of two. */
export interface FoldChain {
  readonly contraction: NodeOf<'contract'>;
  /** The nodes between, which nobody else reads: folds, transpositions, the contraction. */
  readonly inner: readonly ValueId[];
  /** By axis of the contraction. */
  readonly axes: readonly FoldedAxis[];
  readonly folds: readonly (Pick<WindowSteps, 'stride' | 'dilation' | 'low'> & {
    readonly axis: number;
    readonly extent: number;
  })[];
}

/** The folds that end in a value, down to a contraction that only they read; null where there is none. */
export function foldChain(
  { nodes }: Graph,
  value: ValueId,
  readers: readonly number[],
): FoldChain | null {
  if (nodes[value].op !== 'fold') return null;
  const folds: FoldChain['folds'][number][] = [];
  const inner: ValueId[] = [];
  let axes: FoldedAxis[] = nodes[value].type.shape.map((_, axis) => ({ axis }));
  for (let at = value; ; at = nodes[at].operands[0]) {
    const node = nodes[at];
    if (at !== value) {
      if (readers[at] !== 1) return null;
      inner.push(at);
    }
    if (node.op === 'contract')
      return node.operands.length === 2 ? { contraction: node, inner, axes, folds } : null;
    if (node.op === 'transpose') {
      axes = transposed(axes, node.attributes.permutation);
    } else if (node.op === 'fold') {
      const { axis, stride, dilation, low, extent } = node.attributes;
      const folded = axes[axis];
      if (!('axis' in folded)) return null;
      const fold = folds.length;
      folds.push({ stride, dilation, low, extent, axis: folded.axis });
      axes = axes.toSpliced(axis, 1, { fold, part: 'position' }, { fold, part: 'tap' });
    } else return null;
  }
}

/** By value: how many nodes, outputs and updates read it. */
export function readerCounts({ nodes, outputs, updates }: Graph): readonly number[] {
  const counts = new Array<number>(nodes.length).fill(0);
  for (const { operands } of nodes) for (const operand of operands) counts[operand]++;
  for (const { value } of [...outputs, ...updates]) counts[value]++;
  return counts;
}
