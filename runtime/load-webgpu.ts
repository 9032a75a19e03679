// btc-compiler/runtime/webgpu: the runtime for WebGPU alone.
import type { Plan } from '../ir/plan.ts';
import { readPlan } from '../ir/plan-verify.ts';
import { type LoadOptions, type LoadParts, loadOn } from './load.ts';
import type { Session } from './session.ts';
import * as webgpu from './targets/webgpu.ts';

const PARTS: LoadParts = { targets: { webgpu: () => webgpu }, read: readPlan };

/** `load` of `btc-compiler/runtime` for WebGPU plans, without the code of the other target. */
export function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  return loadOn(PARTS, plan, options);
}
