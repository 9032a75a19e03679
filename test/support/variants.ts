import {
  chooseVariant,
  type Dialect,
  emitGpu,
  emitWgsl,
} from '../../compiler/codegen/gpu/index.ts';
import type { GpuModule } from '../../compiler/codegen/gpu/module.ts';
import { codeModel } from '../../compiler/profile/code-model.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';

/** What choices between variants go by in tests that do not say. */
export const TEST_MODEL = codeModel(SHIPPED_PROFILES.h100);

/** A kernel's code in the variant that a large GPU would get. */
export function chosenModule(
  dialect: Dialect,
  kernel: Kernel,
  limits: TargetLimits = WEBGPU_DEFAULT_LIMITS,
): GpuModule {
  return emitGpu(dialect, kernel, chooseVariant(kernel, limits, TEST_MODEL), limits);
}

/** {@link chosenModule} in WGSL. */
export function chosenWgsl(kernel: Kernel, limits: TargetLimits = WEBGPU_DEFAULT_LIMITS) {
  return emitWgsl(kernel, chooseVariant(kernel, limits, TEST_MODEL), limits);
}
