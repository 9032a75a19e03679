import type { Plan } from '../../ir/plan.ts';
import { readPlan } from '../../ir/plan-verify.ts';
import type { OptionValue } from '../frontend/option.ts';
import { buildShown } from './build-progress.ts';
import { startBuilder } from './builder.ts';
import type { ReportedDiagnostic } from './report.ts';

/** The plan of a model file for WebAssembly, of which only the names and types of tensors are looked at; no file is written. */
export async function planOfModel(
  file: string,
  set: Readonly<Record<string, OptionValue>> | undefined,
): Promise<{ readonly plan: Plan } | { readonly diagnostics: readonly ReportedDiagnostic[] }> {
  const { outputs, diagnostics } = await buildShown(startBuilder(), {
    ...{ file, profiles: new Map(), limits: null },
    options: { outDir: '.', target: ['wasm'], ...(set ? { set } : {}) },
  });
  const written = outputs.find(({ path }) => path.endsWith('.plan.json'));
  if (!written) return { diagnostics };
  const read = readPlan(JSON.parse(written.content as string));
  if ('plan' in read) return read;
  throw new Error(`internal error: the plan is not valid: ${read.problems[0]}`);
}
