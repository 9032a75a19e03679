import type { Plan, Target } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import type { Profiles } from './build.ts';
import { buildShown } from './build-progress.ts';
import { startBuilder } from './builder.ts';
import type { ReportedDiagnostic } from './report.ts';

/** What the plan of a model file is made for. */
export interface PlanWanted {
  readonly target: Target;
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly profiles?: Profiles;
  readonly limits?: DeviceLimits | null;
}

/** The plan of a model file, with what there is to say about it; no file is written. */
export async function planOfModel(
  file: string,
  { target, set, profiles = new Map(), limits = null }: PlanWanted,
): Promise<{ readonly plan?: Plan; readonly diagnostics: readonly ReportedDiagnostic[] }> {
  const { outputs, diagnostics } = await buildShown(startBuilder(), {
    ...{ file, profiles, limits },
    options: { outDir: '.', target: [target], ...(set ? { set } : {}) },
  });
  const written = outputs.find(({ path }) => path.endsWith('.plan.json'));
  if (!written) return { diagnostics };
  const read = readPlan(JSON.parse(written.content as string));
  if ('plan' in read) return { plan: read.plan, diagnostics };
  throw new Error(`internal error: the plan is not valid: ${read.problems[0]}`);
}
