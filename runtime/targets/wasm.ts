// btc-compiler/runtime/wasm: the runtime for WebAssembly alone.
import type { Plan } from '../../ir/plan.ts';
import { RuntimeError } from '../errors.ts';
import { type LoadOptions, loadOn, type OpenedTarget, withSlots } from '../load.ts';
import type { Session } from '../session.ts';
import { createWasmExecutor } from '../wasm.ts';

/** Instantiates the module of a checked plan. */
export async function openTarget(plan: Plan, options: LoadOptions): Promise<OpenedTarget> {
  const { module } = options;
  if (!module)
    throw new RuntimeError(
      'invalid-module',
      `the plan runs in WebAssembly; pass the bytes of '${plan.module?.file}' as 'module'`,
    );
  const executor = await withSlots(plan, options, (slots) =>
    createWasmExecutor(plan, module, slots),
  );
  return { executor, ownDevice: null };
}

/** `load` of `btc-compiler/runtime` for wasm plans, without the code of the other target. */
export function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  return loadOn({ wasm: () => ({ openTarget }) }, plan, options);
}
