import { join } from 'node:path';
import { bareFileName } from '../../ir/file-name.ts';
import { PLAN_FORMAT, type Plan } from '../../ir/plan.ts';
import { TARGET_NAMES } from '../../ir/targets.ts';
import { PRODUCER } from '../version.ts';
import { isGenerated } from './loader-place.ts';
import { readRegularFile, readRegularText } from './read-file.ts';

/** What loaders end in, whatever their folder is to Node. */
const LOADER_ENDINGS = ['.js', '.mjs', '.worker.js', '.worker.mjs', '.d.ts', '.d.mts'];

/**
 * Files of an earlier build under the same name that this one does not replace: the plan of another target and its module, and
 * loaders for what the folder was to Node. The parameters beside them are no longer theirs. Only what btc wrote is meant.
 */
export async function obsoleteOutputs(
  folder: string,
  base: string,
  written: readonly string[],
): Promise<string[]> {
  const obsolete: string[] = [];
  for (const target of TARGET_NAMES) {
    const path = `${base}.${target}.plan.json`;
    const plan = written.includes(path) ? null : await readOwnPlan(join(folder, path));
    if (!plan) continue;
    obsolete.push(path);
    const module = `${base}.wasm`;
    if (plan.module?.file !== bareFileName(module) || written.includes(module)) continue;
    const bytes = await readRegularFile(join(folder, module)).catch(() => null);
    if (bytes?.length === plan.module.bytes) obsolete.push(module);
  }
  for (const ending of LOADER_ENDINGS) {
    const path = `${base}${ending}`;
    if (!written.includes(path) && (await isGenerated(join(folder, path)))) obsolete.push(path);
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
