import type { Axis, Expression, NodeIndex } from './kernel.ts';
import type { ScalarOp } from './scalar.ts';

// What comparisons of two indices say, as those of causal and banded masks.

/** A comparison holds at the points where `offset + Σ slopes · index` over all axes is at least 0. */
export interface IndexCondition {
  readonly offset: number;
  readonly slopes: readonly number[];
}

/** Comparisons as `sign · (a - b) >= least`. */
const ORDERS: Readonly<
  Partial<Record<ScalarOp, { readonly sign: 1 | -1; readonly least: 0 | 1 }>>
> = {
  ge: { sign: 1, least: 0 },
  gt: { sign: 1, least: 1 },
  le: { sign: -1, least: 0 },
  lt: { sign: -1, least: 1 },
};

/** When a node is 1, where it compares the order of two indices; null for other nodes. */
export function indexCondition(
  nodes: readonly Expression[],
  index: NodeIndex,
): IndexCondition | null {
  const node = nodes[index];
  if (node.kind !== 'apply' || node.operands.length !== 2) return null;
  const [a, b] = node.operands.map((operand) => nodes[operand]);
  const order = ORDERS[node.op];
  if (!order || a.kind !== 'index' || b.kind !== 'index') return null;
  const { sign, least } = order;
  return {
    offset: sign * (a.index.offset - b.index.offset) - least,
    slopes: a.index.coefficients.map((c, axis) => sign * (c - b.index.coefficients[axis])),
  };
}

/** Whether a condition holds for some terms of every point: somewhere along the reduced axes, wherever the others are. */
export function holdsInEveryRow(
  { offset, slopes }: IndexCondition,
  axes: readonly Axis[],
): boolean {
  const most = slopes.reduce((sum, slope, axis) => {
    const { kind, extent } = axes[axis];
    const end = slope * (extent - 1);
    return sum + (kind === 'reduced' ? Math.max(0, end) : Math.min(0, end));
  }, offset);
  return most >= 0;
}
