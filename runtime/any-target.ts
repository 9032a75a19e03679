import type { Plan } from '../ir/plan.ts';
import { type LoadOptions, loadOn, type TargetModules } from './load.ts';
import type { Session } from './session.ts';

/** Both targets, each imported by the first plan for it. */
const TARGETS: TargetModules = {
  webgpu: () => import('./targets/webgpu.ts'),
  wasm: () => import('./targets/wasm.ts'),
};

/**
 * Checks a plan, allocates exactly what it says and writes the initial parameters. Errors: `invalid-plan`,
 * `invalid-module`, `invalid-checkpoint`, `invalid-input`, `unknown-name`, `no-adapter`, `limit-too-small`,
 * `out-of-memory`, `kernel-rejected`, `swap-failed`.
 */
export function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  return loadOn(TARGETS, plan, options);
}
