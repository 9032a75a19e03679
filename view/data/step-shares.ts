import type { Plan, PlanStep } from '../../ir/plan.ts';
import { STEP_KINDS, type StepKind, stepKind } from './kinds.ts';

/** How much of a step is of each kind, by {@link STEP_KINDS}: of a dispatch that several steps share, by their parts of the work. */
export type StepShares = Float64Array;

/**
 * The parts of a step with the share of the work of each: of the operations, or of what they move where none of them has any, or alike
 * where they move nothing. A step that no others share is one part.
 */
export function partShares(
  step: PlanStep,
): { readonly source: PlanStep['source']; readonly share: number }[] {
  const { parts = [step] } = step;
  const weight = [(part: Work) => part.flops, (part: Work) => part.bytesMoved, () => 1].find((of) =>
    parts.some((part) => of(part) > 0),
  )!;
  const all = parts.reduce((sum, part) => sum + weight(part), 0);
  return parts.map((part) => ({ source: part.source, share: weight(part) / all }));
}

/** The kinds of work in a step. A part that one kernel makes of several passes is of the kind that {@link stepKind} gives. */
export function stepShares(plan: Plan, step: PlanStep): StepShares {
  const { recomputed } = step;
  const shares = new Float64Array(STEP_KINDS.length);
  for (const { source, share } of partShares(step))
    shares[STEP_KINDS.indexOf(stepKind(plan, { source, recomputed }))] += share;
  return shares;
}

type Work = Pick<PlanStep, 'flops' | 'bytesMoved'>;

/** The kind that most of a step is of. */
export function mainKind(shares: StepShares): number {
  return shares.reduce((best, share, kind) => (share > shares[best] ? kind : best), 0);
}

/** All that a step is for, most of it first, with shares; a part of less than a thousandth is left out. */
export function kindsOf(shares: StepShares): { readonly kind: StepKind; readonly share: number }[] {
  return STEP_KINDS.map((kind, k) => ({ kind, share: shares[k] }))
    .filter(({ share }) => share >= 1e-3)
    .sort((a, b) => b.share - a.share);
}
