import type { Expression, Kernel } from '../../../ir/kernel.ts';
import { mapOperands } from '../../../ir/kernel-operands.ts';

type Load = Expression & { readonly kind: 'load' };

/**
 * By part of a staged kernel, nodes that are 0 at most, or NaN: a term less what a stage before has found to be the largest of terms
 * among which it is. Softmax takes exponentials of such numbers alone.
 */
export function belowMaxima(parts: readonly Kernel[]): ReadonlySet<number>[] {
  const known = new Map<string, number>();
  const meanings = parts.map((part) => meaningsOf(part, known));
  return parts.map((part, p) => {
    const found = new Set<number>();
    part.nodes.forEach((node, index) => {
      if (node.kind !== 'apply' || node.op !== 'sub' || node.dtype !== 'f32') return;
      const [term, most] = node.operands;
      const load = part.nodes[most];
      if (load.kind !== 'load') return;
      const stage = filledBy(parts, load.buffer);
      if (stage < 0 || stage >= p) return;
      const value = reducedInto(parts[stage], load, 'max');
      if (value === null || meanings[stage][value] !== meanings[p][term]) return;
      if (sameAxes(parts[stage], part) && isKept(parts, stage, p)) found.add(index);
    });
    return found;
  });
}

/** JSON has neither infinities nor NaN nor a zero with a sign. */
const exactly = (_: string, value: unknown) =>
  typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
    ? `number ${Object.is(value, -0) ? '-0' : value}`
    : value;

/** Nodes with the same number, of any part, are the same over the same axes. */
export function meaningsOf({ nodes }: Kernel, known: Map<string, number>): number[] {
  const meanings: number[] = [];
  for (const node of nodes) {
    const text = JSON.stringify(
      mapOperands(node, (operand) => meanings[operand]),
      exactly,
    );
    const meaning = (node.kind === 'accumulator' ? undefined : known.get(text)) ?? known.size;
    // What an accumulator has is known to nobody else.
    known.set(node.kind === 'accumulator' ? `accumulator ${known.size}` : text, meaning);
    meanings.push(meaning);
  }
  return meanings;
}

/** The one part that stores to a buffer, once; -1 where there are others. */
export function filledBy(parts: readonly Kernel[], buffer: number): number {
  const stores = parts.flatMap((part, k) =>
    part.stores.filter((store) => store.buffer === buffer).map(() => k),
  );
  return stores.length === 1 ? stores[0] : -1;
}

/** The value whose maxima, or sums, a part stores where another one loads; null where it stores something else. */
export function reducedInto(
  part: Kernel,
  { buffer, index, indirect, bounds }: Load,
  combiner: 'sum' | 'max',
): number | null {
  const store = part.stores.find((one) => one.buffer === buffer)!;
  const node = part.nodes[store.value];
  const same =
    store.index.offset === index.offset &&
    store.index.coefficients.every((c, axis) => c === index.coefficients[axis]);
  if (node.kind !== 'accumulator' || store.accumulate || store.indirect || !same) return null;
  const reduction = part.reductions[node.reduction];
  const plain = !indirect && bounds.length === 0 && reduction.combiner === combiner;
  return plain ? reduction.value : null;
}

export const sameAxes = (a: Kernel, b: Kernel) =>
  a.axes.length === b.axes.length &&
  a.axes.every(({ extent }, axis) => extent === b.axes[axis].extent);

/** Whether all that a stage loads is the same in a later part: what it loads nobody has stored since. */
function isKept(parts: readonly Kernel[], stage: number, later: number): boolean {
  const loaded = new Set(
    parts[stage].nodes.flatMap((node) => (node.kind === 'load' ? [node.buffer] : [])),
  );
  return parts
    .slice(stage, later)
    .every(({ stores }) => stores.every(({ buffer }) => !loaded.has(buffer)));
}
