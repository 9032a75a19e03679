import type { Target } from '../../ir/plan.ts';
import type { AllocatedSchedule, TargetLimits } from '../../ir/schedule.ts';
import type { GroupModel } from '../group/index.ts';
import { codeModel } from '../profile/code-model.ts';
import { busySeconds, predictSeconds } from '../profile/predict.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { TARGETS } from '../targets/index.ts';

/** What steps of a target gain by a dispatch that they share, on the device of a profile; null where there are no dispatches. */
export function groupModel(
  target: Target,
  limits: TargetLimits,
  profile: DeviceProfile,
): GroupModel | null {
  const { dispatches } = TARGETS[target];
  if (!dispatches) return null;
  return {
    dispatchSeconds: profile.dispatchSeconds,
    busySeconds: (kernels) => busySeconds(kernels, profile, limits),
    sharesDispatch: (kernels) => dispatches.shares(kernels, limits, codeModel(profile)),
    vectors: (kernel) => dispatches.vectors(kernel, limits, codeModel(profile)),
  };
}

interface Placed {
  readonly allocated: AllocatedSchedule;
}

/** By program: seconds that a run takes less for the dispatches that steps share. */
export function savedByGroups(
  { allocated: before }: Placed,
  { allocated: after }: Placed,
  profile: DeviceProfile,
  limits: TargetLimits,
): readonly number[] {
  if (before === after) return before.programs.map(() => 0);
  const [all, fewer] = [before, after].map(({ programs, kernels }) =>
    programs.map(({ steps }) =>
      steps.reduce((sum, step) => sum + predictSeconds(kernels[step.kernel], profile, limits), 0),
    ),
  );
  return all.map((seconds, p) => Math.max(0, seconds - fewer[p]));
}
