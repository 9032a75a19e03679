// What a program needs of the runtime beside `loadOn` to run on WebAssembly.
import type { Plan } from '../../ir/plan.ts';
import { RuntimeError } from '../errors.ts';
import { type LoadOptions, type OpenedTarget, withSlots } from '../load.ts';
import { Tracer } from '../tracer.ts';
import { createWasmExecutor } from '../wasm.ts';
import { wasmOptions } from '../wasm-options.ts';

/** Instantiates the module of a checked plan. */
export async function openTarget(plan: Plan, options: LoadOptions): Promise<OpenedTarget> {
  const { module } = options;
  if (!module)
    throw new RuntimeError(
      'invalid-module',
      `the plan runs in WebAssembly; pass the bytes of '${plan.module?.file}' as 'module'`,
    );
  const tracer = options.trace ? new Tracer(plan, 'host') : null;
  const chosen = wasmOptions(plan, options);
  const executor = await withSlots(plan, options, (slots) =>
    createWasmExecutor(plan, module, slots, tracer, chosen),
  );
  return { executor, ownDevice: null };
}
