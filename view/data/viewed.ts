import type { Plan } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import type { SessionTrace } from '../../ir/trace.ts';

/** A plan to show, with what else is known of it. */
export interface ViewedPlan {
  /** What should be a plan. Strangers' plans are fine: {@link readViewed} verifies it before anything is shown. */
  readonly plan: unknown;
  /** What tells it from others, as the name of its file; absent: the name of the model. */
  readonly label?: string;
  /** Measured times of the same plan. */
  readonly trace?: { readonly trace: SessionTrace; readonly device: string };
  /** Texts of the model's files, by the names that the plan's frames have. */
  readonly sources?: Readonly<Record<string, string>>;
}

/** What a view shows: the first plan, and others that it is compared with. */
export interface ViewInput {
  readonly plans: readonly ViewedPlan[];
  /** What a build that goes on has to say, as `building…` or its first error; absent where nothing is built. */
  readonly live?: string;
}

/** A plan that was verified. */
export interface ReadPlan extends ViewedPlan {
  readonly plan: Plan;
}

/** Most tensors of a plan that is shown: far above the largest networks, and below what a page can hold. */
export const MOST_TENSORS = 200_000;

/** Most steps of all programs of a plan that is shown. */
export const MOST_STEPS = 200_000;

/** Why a plan is too large to be shown, as a sentence; null where it is not. Counts before anything else is looked at. */
export function sizeProblem(value: unknown): string | null {
  const { tensors, programs } = (value ?? {}) as { tensors?: unknown; programs?: unknown };
  if (Array.isArray(tensors) && tensors.length > MOST_TENSORS)
    return `it has ${tensors.length} tensors, and plans of at most ${MOST_TENSORS} are shown`;
  const steps = Object.values((programs ?? {}) as object).reduce<number>(
    (sum, program) => sum + listLength((program as { steps?: unknown } | null)?.steps),
    0,
  );
  return steps > MOST_STEPS
    ? `it has ${steps} steps, and plans of at most ${MOST_STEPS} are shown`
    : null;
}

const listLength = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

/** The plans of an input, verified; or the first thing that is wrong. Never throws, whatever the input. */
export function readViewed(
  input: unknown,
): { readonly plans: readonly ReadPlan[] } | { readonly problem: string } {
  const { plans } = (input ?? {}) as { plans?: unknown };
  if (!Array.isArray(plans) || plans.length === 0) return { problem: 'there is no plan to show' };
  const found: ReadPlan[] = [];
  for (const viewed of plans as readonly (ViewedPlan | null)[]) {
    const tooLarge = sizeProblem(viewed?.plan);
    if (tooLarge !== null) return { problem: `this plan is not shown: ${tooLarge}` };
    const read = readPlan(viewed?.plan);
    if ('problems' in read) return { problem: `this is no valid plan: ${read.problems[0]}` };
    found.push({ ...viewed, plan: read.plan });
  }
  return { plans: found };
}
