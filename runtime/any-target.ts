import type { Plan } from '../ir/plan.ts';
import { readPlan } from '../ir/plan-verify.ts';
import { type LoadOptions, type LoadParts, loadOn, type TargetModules } from './load.ts';
import type { Session } from './session.ts';

/** All targets, each imported by the first plan for it. */
const PARTS: LoadParts = {
  targets: {
    webgpu: () => import('./targets/webgpu.ts'),
    wasm: () => import('./targets/wasm.ts'),
  } satisfies Required<TargetModules>,
  read: readPlan,
};

/**
 * Checks a plan, allocates exactly what it says and writes the initial parameters. Errors: `invalid-plan`,
 * `invalid-module`, `invalid-checkpoint`, `invalid-input`, `unknown-name`, `no-adapter`, `limit-too-small`,
 * `out-of-memory`, `kernel-rejected`, `swap-failed`.
 */
export function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  return loadOn(PARTS, plan, options);
}
