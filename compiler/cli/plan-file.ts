import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { readRegularText } from './read-file.ts';

/** Reads and checks a plan file as a runtime would before it runs one. `refuse` may say what is wrong before the plan is verified. */
export async function readPlanFile(
  file: string,
  refuse: (value: unknown) => Diagnostic | null = () => null,
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return invalid('it is not JSON');
  }
  if ((value as Partial<Plan> | null)?.format !== PLAN_FORMAT)
    return invalid(`its 'format' is not '${PLAN_FORMAT}'`);
  const refused = refuse(value);
  if (refused) return { diagnostic: refused };
  const read = readPlan(value);
  return 'plan' in read ? read : invalid(read.problems[0]);
}
