import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import { rememberByText } from '../../ir/remember.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import type { StageModel } from '../lower/index.ts';
import { codeModel } from '../profile/code-model.ts';
import { leastSeconds, leastSecondsInRegisters, predictSeconds } from '../profile/predict.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { TARGETS } from '../targets/index.ts';

/** What a target can do with the array of a stage, and its times of kernels with and without one, on the device of a profile. */
export function stageModel(
  target: Target,
  limits: TargetLimits,
  profile: DeviceProfile = TARGETS[target].profile,
): StageModel {
  const {
    stageNeedsHolder,
    hasWorkgroups,
    privateElements,
    privateMultiplyAdd,
    time: timeOf,
    work: workOf,
  } = TARGETS[target];
  const seconds = onceEach((kernel) => predictSeconds(kernel, profile, limits));
  return {
    arrayBytes: limits.maxWorkgroupBytes,
    needsHolder: stageNeedsHolder,
    clusters: true,
    hasWorkgroups,
    splitsReductions: hasWorkgroups,
    privateElements,
    ...(hasWorkgroups
      ? { isAlone: (kernel) => workOf(kernel, limits, codeModel(profile)).barriers === 0 }
      : {}),
    ...(timeOf
      ? { time: onceEach(timeOf), seconds }
      : {
          time: seconds,
          leastSeconds: (bytes, kernels) => leastSeconds(bytes, kernels, profile),
          leastAlone: (multiplyAdds) =>
            leastSecondsInRegisters(multiplyAdds * privateMultiplyAdd, profile),
        }),
  };
}

/**
 * `find` for kernels, called once for those that say the same: slices of one kernel differ in where they begin in a tensor, which their
 * bindings say, and the next attempt of a search makes most kernels of the last one.
 */
function onceEach(find: (kernel: Kernel) => number): (kernel: Kernel) => number {
  const remembered = rememberByText<number>(1 << 14);
  return (kernel) => remembered(JSON.stringify(kernel), () => find(kernel));
}
