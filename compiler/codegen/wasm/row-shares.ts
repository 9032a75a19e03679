import type { Expression, Kernel } from '../../../ir/kernel.ts';
import { mapOperands, mapStored } from '../../../ir/kernel-operands.ts';
import { belowMaxima, filledBy, meaningsOf, reducedInto, sameAxes } from './below-maxima.ts';

/**
 * The parts of a staged kernel, where softmax multiplies with the reciprocal of its sum, which a row has once. Its terms are exponentials
 * of numbers that are 0 at most and once 0, so that the sum is between 1 and their number, and the reciprocal is normal.
 */
export function byReciprocals(parts: readonly Kernel[]): readonly Kernel[] {
  const known = new Map<string, number>();
  const meanings = parts.map((part) => meaningsOf(part, known));
  const below = belowMaxima(parts);
  /** Where a buffer has the exponentials of a softmax, the stage that finds the largest of its terms. */
  const stageOfMaxima = (buffer: number): Kernel | null => {
    const stage = filledBy(parts, buffer);
    const store = parts[stage]?.stores.find((one) => one.buffer === buffer);
    const power = store && parts[stage].nodes[store.value];
    if (power?.kind !== 'apply' || power.op !== 'exp') return null;
    const [operand] = power.operands;
    const difference = parts[stage].nodes[operand];
    if (!below[stage].has(operand) || difference.kind !== 'apply') return null;
    const most = parts[stage].nodes[difference.operands[1]];
    return most.kind === 'load' ? parts[filledBy(parts, most.buffer)] : null;
  };
  return parts.map((part, p) => {
    const shares = new Set<number>();
    part.nodes.forEach((node, index) => {
      if (node.kind !== 'apply' || node.op !== 'div' || node.dtype !== 'f32') return;
      const [term, sum] = node.operands.map((operand) => part.nodes[operand]);
      if (term.kind !== 'load' || sum.kind !== 'load') return;
      const maxima = stageOfMaxima(term.buffer);
      const stage = filledBy(parts, sum.buffer);
      if (!maxima || stage < 0 || stage >= p || !sameAxes(parts[stage], part)) return;
      if (!isOverAllOf(parts[stage], maxima)) return;
      const value = reducedInto(parts[stage], sum, 'sum');
      if (value !== null && meanings[stage][value] === meanings[p][node.operands[0]])
        shares.add(index);
    });
    return shares.size > 0 ? rewritten(part, shares) : part;
  });
}

/** Whether a sum has the largest term among its terms. */
const isOverAllOf = (sums: Kernel, maxima: Kernel) =>
  sameAxes(sums, maxima) &&
  maxima.axes.every(({ kind }, axis) => kind !== 'reduced' || sums.axes[axis].kind === 'reduced');

function rewritten(part: Kernel, shares: ReadonlySet<number>): Kernel {
  const nodes: Expression[] = [];
  const image: number[] = [];
  const apply = (op: 'div' | 'mul', operands: readonly number[]) =>
    nodes.push({ kind: 'apply', dtype: 'f32', op, operands }) - 1;
  part.nodes.forEach((node, index) => {
    const moved = mapOperands(node, (operand) => image[operand]);
    if (!shares.has(index) || moved.kind !== 'apply') {
      image.push(nodes.push(moved) - 1);
      return;
    }
    const [term, sum] = moved.operands;
    const one = nodes.push({ kind: 'constant', dtype: 'f32', value: 1 }) - 1;
    image.push(apply('mul', [term, apply('div', [one, sum])]));
  });
  return {
    ...part,
    nodes,
    reductions: part.reductions.map((one) => ({ ...one, value: image[one.value] })),
    stores: part.stores.map((store) => mapStored(store, (node) => image[node])),
  };
}
