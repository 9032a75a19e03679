import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import type { SessionTrace } from '../../ir/trace.ts';

/** A plan to show, with what else is known of it. */
export interface ViewedPlan {
  /** What should be a plan. Strangers' plans are fine: it is verified before anything is shown. */
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

/** The title of a page that shows it, for tabs and bookmarks: names of plans come first, since tabs are narrow. */
export function pageTitle({ plans }: ViewInput): string {
  const names = [...new Set(plans.map(nameOf).filter((name) => name !== ''))];
  const more = names.length > 2 ? ` and ${names.length - 1} more` : '';
  const shown = names.length > 2 ? names[0] : names.join(', ');
  return shown === '' ? 'btc view' : `${shown}${more} - btc view`;
}

function nameOf({ label, plan }: ViewedPlan): string {
  if (label !== undefined) return label;
  const name = (plan as { readonly name?: unknown } | null)?.name;
  return typeof name === 'string' ? name : '';
}

/** A plan that was verified. */
export interface ReadPlan extends ViewedPlan {
  readonly plan: Plan;
}

/** Most tensors of a plan that is shown: far above the largest networks, and below what a page can hold. */
export const MOST_TENSORS = 200_000;

/** Most steps of all programs of a plan that is shown. */
export const MOST_STEPS = 200_000;

/** Why a page cannot show what may be a plan, as a part of a sentence; null where it can. Counts before anything else is looked at. */
export function showProblem(value: unknown): string | null {
  const { tensors, programs } = (value ?? {}) as { tensors?: unknown; programs?: unknown };
  if (Array.isArray(tensors) && tensors.length > MOST_TENSORS)
    return `it has ${tensors.length} tensors, and plans of at most ${MOST_TENSORS} are shown`;
  const all = typeof programs === 'object' && programs !== null ? Object.values(programs) : null;
  if (all === null) return null;
  if (all.length === 0) return 'it has no program';
  const steps = all.reduce<number>(
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
    const plan = viewed?.plan;
    if ((plan as { format?: unknown } | null | undefined)?.format === PLAN_FORMAT) {
      const reason = showProblem(plan);
      if (reason !== null) return { problem: `this plan is not shown: ${reason}` };
    }
    const read = readPlan(plan);
    if ('problems' in read) return { problem: `this is no valid plan: ${read.problems[0]}` };
    const beside = besideProblem(read.plan, viewed!);
    if (beside !== null) return { problem: `this plan is not shown: ${beside}` };
    found.push({ ...viewed, plan: read.plan });
  }
  return { plans: found };
}

/** What is wrong with what stands beside a plan; null where all of it is as it should be. */
function besideProblem(
  { programs }: Plan,
  { label, trace, sources = {} }: ViewedPlan,
): string | null {
  if (label !== undefined && typeof label !== 'string') return 'its label is no text';
  const texts = typeof sources === 'object' && sources !== null ? Object.values(sources) : [null];
  if (!texts.every((text) => typeof text === 'string')) return 'its sources are no texts';
  if (trace === undefined) return null;
  const { runs, steps, copies } = (trace?.trace ?? {}) as Partial<SessionTrace>;
  const isTrace =
    [runs, steps, copies].every((list) => Array.isArray(list)) &&
    runs!.every((run) => Number.isFinite(run?.seconds)) &&
    steps!.every((each) => {
      const known = Object.hasOwn(programs, String(each?.program));
      return known && each.step in programs[each.program].steps && Number.isFinite(each.seconds);
    }) &&
    copies!.every(
      (copy) =>
        Number.isFinite(copy?.seconds) &&
        Array.isArray(copy.tensors) &&
        copy.tensors.every((name: unknown) => typeof name === 'string'),
    );
  return isTrace ? null : 'its trace is of another plan';
}
