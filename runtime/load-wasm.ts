// btc-compiler/runtime/wasm: the runtime for WebAssembly alone.
import type { Plan } from '../ir/plan.ts';
import { readPlan } from '../ir/plan-verify.ts';
import { type LoadOptions, type LoadParts, loadOn } from './load.ts';
import type { Session } from './session.ts';
import * as wasm from './targets/wasm.ts';

const PARTS: LoadParts = { targets: { wasm: () => wasm }, read: readPlan };

/** `load` of `btc-compiler/runtime` for WebAssembly plans, without the code of the other target. */
export function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  return loadOn(PARTS, plan, options);
}
