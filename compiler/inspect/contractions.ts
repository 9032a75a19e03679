import { parseEquation } from '../../ir/einsum.ts';
import type { Plan, PlanContraction } from '../../ir/plan.ts';
import { keptLetters } from '../contract/problem.ts';
import { type PairwiseStep, pairwiseSteps, treeOfSteps } from '../contract/steps.ts';
import { placeOf, sourceText } from './places.ts';

/** An einsum of three operands or more, and what each step of its order does. */
export interface InspectedContraction extends Omit<PlanContraction, 'source'> {
  readonly source: string | null;
  readonly scope: string | null;
  readonly operands: readonly string[];
  readonly steps: readonly (PairwiseStep & { readonly macs: number })[];
}

/** A contraction of a plan, step by step. */
export function inspectContraction(plan: Plan, contraction: PlanContraction): InspectedContraction {
  const { equation, sizes, order, windows = [] } = contraction;
  const place = {
    source: sourceText(plan, contraction.source),
    scope: placeOf(plan, contraction.source).scope ?? null,
  };
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return { ...contraction, ...place, operands: [], steps: [] };
  const { operands, output } = parsed;
  const tree = treeOfSteps(operands.length, order);
  const steps = pairwiseSteps(keptLetters(operands, output), output, tree);
  const macsOf = ({ left, right, terms }: PairwiseStep) =>
    windows.includes(left) || windows.includes(right)
      ? 0
      : [...new Set(terms.join(''))].reduce((product, letter) => product * sizes[letter], 1);
  return {
    ...contraction,
    ...place,
    operands,
    steps: steps.map((step) => ({ ...step, macs: macsOf(step) })),
  };
}
