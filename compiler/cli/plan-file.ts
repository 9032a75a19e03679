import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { readJsonFile } from './file-kinds.ts';

/** Reads and checks a plan file as a runtime would before it runs one. `refuse` may say what is wrong before the plan is verified. */
export async function readPlanFile(
  file: string,
  refuse: (value: unknown) => Diagnostic | null = () => null,
): Promise<{ plan: Plan } | { diagnostic: Diagnostic }> {
  const invalid = (reason: string) => ({ diagnostic: diagnostic(5001, null, { file, reason }) });
  const found = await readJsonFile(file, 'plan');
  if ('diagnostic' in found) return found;
  const { value } = found;
  if ((value as Partial<Plan> | null)?.format !== PLAN_FORMAT)
    return invalid(`its 'format' is not '${PLAN_FORMAT}'`);
  const refused = refuse(value);
  if (refused) return { diagnostic: refused };
  const read = readPlan(value);
  return 'plan' in read ? read : invalid(read.problems[0]);
}
