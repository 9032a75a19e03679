import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import type { StageModel } from '../lower/index.ts';
import { leastSeconds, predictSeconds } from '../profile/predict.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { TARGETS } from '../targets/index.ts';

/** What a target can do with the array of a stage, and its times of kernels with and without one, on the device of a profile. */
export function stageModel(
  target: Target,
  limits: TargetLimits,
  profile: DeviceProfile = TARGETS[target].profile,
): StageModel {
  const { stageNeedsHolder, hasWorkgroups, time } = TARGETS[target];
  return {
    arrayBytes: limits.maxWorkgroupBytes,
    needsHolder: stageNeedsHolder,
    clusters: hasWorkgroups,
    splitsReductions: hasWorkgroups,
    ...(time
      ? { time }
      : {
          time: (kernel) => predictSeconds(kernel, profile, limits),
          leastSeconds: (bytes, kernels) => leastSeconds(bytes, kernels, profile),
        }),
  };
}
