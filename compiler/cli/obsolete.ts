import { join } from 'node:path';
import { bareFileName } from '../../ir/file-name.ts';
import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { PRODUCER } from '../version.ts';
import { readRegularFile, readRegularText } from './read-file.ts';
import { TARGETS } from './targets.ts';

/**
 * Files of an earlier build under the same name that this one does not replace: the plan of another target and its module. The
 * parameters beside them are no longer theirs. Only what btc wrote is meant.
 */
export async function obsoleteOutputs(
  folder: string,
  base: string,
  written: readonly string[],
): Promise<string[]> {
  const obsolete: string[] = [];
  for (const target of TARGETS) {
    const path = `${base}.${target}.plan.json`;
    const plan = written.includes(path) ? null : await readOwnPlan(join(folder, path));
    if (!plan) continue;
    obsolete.push(path);
    const module = `${base}.wasm`;
    if (plan.module?.file !== bareFileName(module) || written.includes(module)) continue;
    const bytes = await readRegularFile(join(folder, module)).catch(() => null);
    if (bytes?.length === plan.module.bytes) obsolete.push(module);
  }
  return obsolete;
}

async function readOwnPlan(file: string): Promise<Partial<Plan> | null> {
  try {
    const plan = JSON.parse(await readRegularText(file)) as Partial<Plan> | null;
    const [name] = PRODUCER.split(' ');
    const own = plan?.format === PLAN_FORMAT && String(plan.producer).split(' ')[0] === name;
    return own ? plan : null;
  } catch {
    return null;
  }
}
