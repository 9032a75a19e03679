import type { Kernel } from '../../ir/kernel.ts';
import type { Plan, PlanPrediction, PlanProgram, PlanTransfer } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { copySeconds, predictSeconds, transferSeconds } from './predict.ts';
import type { DeviceProfile } from './profile.ts';

/** The plan with the seconds that it should take on the device of a profile; `kernels` are those of the plan. */
export function predictPlan(
  plan: Plan,
  kernels: readonly Kernel[],
  profile: DeviceProfile,
  limits: TargetLimits,
): Plan {
  const seconds = kernels.map((kernel) => predictSeconds(kernel, profile, limits));
  const programs = Object.entries(plan.programs).map(([name, program]): [string, PlanProgram] => {
    const steps = program.steps.map((step) => ({ ...step, seconds: seconds[step.kernel] }));
    const timed = { ...program, steps };
    return [name, { ...timed, predicted: predictProgram(plan, timed, profile) }];
  });
  const { name, adapter } = profile;
  const of = { profile: name, ...(adapter === '' ? {} : { adapter }) };
  return { ...plan, ...of, programs: Object.fromEntries(programs) };
}

/** Seconds of one run by its parts. */
function predictProgram(
  plan: Plan,
  { steps, transfers = [], inputs, outputs }: PlanProgram,
  profile: DeviceProfile,
): PlanPrediction {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const computing = sum(steps.map((step) => step.seconds ?? 0));
  const recomputing = sum(steps.map((step) => (step.recomputed ? (step.seconds ?? 0) : 0)));
  const copied = (
    list: readonly { readonly tensor: number }[],
    direction: 'hostToDevice' | 'deviceToHost',
  ) => sum(list.map(({ tensor }) => copySeconds(plan.tensors[tensor].bytes, direction, profile)));
  // Transfers hide behind computation as far as the device can do both and there is enough of it.
  const copying = sum(transfers.map((transfer) => swapSeconds(plan, transfer, profile)));
  const swapping = copying - Math.min(profile.overlap * copying, computing);
  const interfacing =
    profile.submitSeconds + copied(inputs, 'hostToDevice') + copied(outputs, 'deviceToHost');
  return {
    seconds: computing + swapping + interfacing,
    stepSeconds: computing,
    recomputeSeconds: recomputing,
    swapSeconds: swapping,
    interfaceSeconds: interfacing,
  };
}

/** Seconds of one transfer by itself, to or from its slot. */
function swapSeconds(plan: Plan, { kind, tensor, slot }: PlanTransfer, profile: DeviceProfile) {
  const { bytes } = plan.tensors[tensor];
  const direction = kind === 'out' ? 'deviceToHost' : 'hostToDevice';
  const device = transferSeconds(bytes, direction, profile);
  if (plan.swap!.slots[slot].tier === 'memory') return device;
  const { fileReadBytesPerSecond, fileWriteBytesPerSecond } = profile;
  return device + bytes / (kind === 'out' ? fileWriteBytesPerSecond : fileReadBytesPerSecond);
}
