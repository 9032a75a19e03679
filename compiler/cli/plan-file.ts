import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { checkSchema } from '../codegen/schema.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { readRegularText } from './read-file.ts';

/** Reads and checks a plan file as a runtime would before it runs one. */
export async function readPlanFile(
  file: string,
): Promise<{ plan: Plan } | { diagnostic: Diagnostic }> {
  const invalid = (reason: string) => ({ diagnostic: diagnostic(5001, null, { file, reason }) });
  let text: string;
  try {
    text = await readRegularText(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return {
      diagnostic:
        code === 'ENOENT'
          ? diagnostic(6003, null, { file })
          : diagnostic(5002, null, { file, reason: message }),
    };
  }
  let plan: Plan;
  try {
    plan = JSON.parse(text) as Plan;
  } catch {
    return invalid('it is not JSON');
  }
  if (plan?.format !== PLAN_FORMAT) return invalid(`its 'format' is not '${PLAN_FORMAT}'`);
  const [problem] = [...checkSchema(plan), ...verifyPlan(plan)];
  return problem === undefined ? { plan } : invalid(problem);
}
