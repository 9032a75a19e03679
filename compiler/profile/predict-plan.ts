import type { Kernel } from '../../ir/kernel.ts';
import type { Plan, PlanPrediction, PlanProgram, PlanTransfer } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { simulateRun } from '../plan-search/simulate.ts';
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
  const swapping = Math.max(0, runSeconds(plan, { steps, transfers }, profile) - computing);
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

/** Seconds from the first step to the arrival of the last transfer. */
function runSeconds(
  plan: Plan,
  {
    steps,
    transfers,
  }: { readonly steps: PlanProgram['steps']; readonly transfers: readonly PlanTransfer[] },
  profile: DeviceProfile,
): number {
  const staging = plan.swap?.staging.bytes ?? 0;
  return simulateRun({
    seconds: steps.map((step) => step.seconds ?? 0),
    touched: (step) => steps[step].bindings,
    copies: transfers,
    copySeconds: (transfer) => swapSeconds(plan, transfer, profile),
    pieceSeconds: (transfer) => {
      const time = swapSeconds(plan, transfer, profile);
      const { bytes } = plan.tensors[transfer.tensor];
      return staging === 0 ? time : time * Math.min(1, staging / Math.max(1, bytes));
    },
    overlap: profile.overlap,
  });
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
