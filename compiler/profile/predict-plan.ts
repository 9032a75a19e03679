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
    const steps = program.steps.map(({ waitSeconds: _, ...step }) => ({
      ...step,
      seconds: seconds[step.kernel],
    }));
    return [name, predictProgram(plan, { ...program, steps }, profile)];
  });
  const { name, adapter } = profile;
  const of = { profile: name, ...(adapter === '' ? {} : { adapter }) };
  return { ...plan, ...of, programs: Object.fromEntries(programs) };
}

/** The program with the seconds of one run by its parts, and of its transfers. */
function predictProgram(plan: Plan, program: PlanProgram, profile: DeviceProfile): PlanProgram {
  const { transfers } = program;
  if (!transfers) return { ...program, predicted: predictRun(plan, program, 0, profile) };
  const { seconds, ...timed } = timeRun(plan, { ...program, transfers }, profile);
  return { ...program, ...timed, predicted: predictRun(plan, program, seconds, profile) };
}

/** Seconds of one run by its parts; `seconds`: from the first step to the arrival of the last transfer, 0 without any. */
function predictRun(
  plan: Plan,
  { steps, inputs, outputs }: PlanProgram,
  seconds: number,
  profile: DeviceProfile,
): PlanPrediction {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const computing = sum(steps.map((step) => step.seconds ?? 0));
  const recomputing = sum(steps.map((step) => (step.recomputed ? (step.seconds ?? 0) : 0)));
  const copied = (
    list: readonly { readonly tensor: number }[],
    direction: 'hostToDevice' | 'deviceToHost',
  ) => sum(list.map(({ tensor }) => copySeconds(plan.tensors[tensor].bytes, direction, profile)));
  const swapping = Math.max(0, seconds - computing);
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

/** Seconds from the first step to the arrival of the last transfer; transfers with their times, and steps with how long they wait. */
function timeRun(
  plan: Plan,
  {
    steps,
    transfers,
  }: { readonly steps: PlanProgram['steps']; readonly transfers: readonly PlanTransfer[] },
  profile: DeviceProfile,
): {
  readonly seconds: number;
  readonly steps: PlanProgram['steps'];
  readonly transfers: readonly PlanTransfer[];
} {
  const staging = plan.swap?.staging.bytes ?? 0;
  const times = new Map(transfers.map((each) => [each, swapSeconds(plan, each, profile)]));
  const starts = new Map<PlanTransfer, number>();
  const waits = new Float64Array(steps.length);
  const touched = steps.map(({ bindings }) => [...bindings]);
  // What a kernel replaces in place is not bound: its result is, and the value ends with that step.
  for (const { kind, tensor } of transfers) {
    const { lastStep } = plan.tensors[tensor];
    const last = kind === 'in' && lastStep !== undefined ? touched[lastStep] : undefined;
    if (last && !last.includes(tensor)) last.push(tensor);
  }
  let end = 0;
  const seconds = simulateRun(
    {
      seconds: steps.map((step) => step.seconds ?? 0),
      touched: (step) => touched[step],
      copies: transfers,
      copySeconds: (transfer) => times.get(transfer)!,
      pieceSeconds: (transfer) => {
        const time = times.get(transfer)!;
        const { bytes } = plan.tensors[transfer.tensor];
        return staging === 0 ? time : time * Math.min(1, staging / Math.max(1, bytes));
      },
      overlap: profile.overlap,
    },
    {
      step: (step, start) => {
        waits[step] = start - end;
        end = start + (steps[step].seconds ?? 0);
      },
      copy: (transfer, start) => starts.set(transfer, start),
    },
  );
  return {
    seconds,
    steps: steps.map((step, s) => (waits[s] > 0 ? { ...step, waitSeconds: waits[s] } : step)),
    transfers: transfers.map((each) => ({
      ...each,
      startSeconds: starts.get(each)!,
      seconds: times.get(each)!,
    })),
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
