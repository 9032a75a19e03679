import type { Plan, PlanProgram } from '../../ir/plan.ts';
import type { CopyTime, RunTime, SessionTrace, StepTime } from '../../ir/trace.ts';

/**
 * What gives the times of a plan that has not run. `predicted`: its profile. `steps`: the plan has no prediction, so every step is a
 * microsecond, and copies take none.
 */
export type PlannedClock = 'predicted' | 'steps';

/** The trace of a plan that has not run: one run of each program, in the plan's order. */
export interface PlannedTrace extends Omit<SessionTrace, 'clock'> {
  readonly clock: PlannedClock;
}

const STEP_SECONDS = 1e-6;

/**
 * The times that a plan predicts, one run of each program after the other. A run takes what the plan says of it. Copies have shares by
 * bytes of what the plan says of all of them: swaps of the time that computing waits for them, so that a copy which hides behind steps
 * is shorter than it will be; inputs and outputs of theirs.
 */
export function predictedTrace(plan: Plan): PlannedTrace {
  const isPredicted = Object.values(plan.programs).every(({ predicted }) => predicted);
  const walk: Walk = { plan, isPredicted, now: 0, runs: [], steps: [], copies: [] };
  Object.entries(plan.programs).forEach(([name, program], run) => {
    const startSeconds = walk.now;
    walkProgram(walk, name, program, run);
    // What belongs to no copy, as handing over a run that has none, is at the end.
    const { seconds = 0 } = (isPredicted && program.predicted) || {};
    walk.now = Math.max(walk.now, startSeconds + seconds);
    walk.runs.push({ program: name, run, startSeconds, seconds: walk.now - startSeconds });
  });
  const { runs, steps, copies } = walk;
  return { clock: isPredicted ? 'predicted' : 'steps', runs, steps, copies };
}

/** The trace in the making, and the time that it has come to. */
interface Walk {
  readonly plan: Plan;
  readonly isPredicted: boolean;
  now: number;
  readonly runs: RunTime[];
  readonly steps: StepTime[];
  readonly copies: CopyTime[];
}

function walkProgram(walk: Walk, name: string, program: PlanProgram, run: number): void {
  const { plan, isPredicted } = walk;
  const { steps, inputs, outputs, transfers = [], predicted } = program;
  const { swapSeconds = 0, interfaceSeconds = 0 } = (isPredicted && predicted) || {};
  const swapRate = secondsPerByte(plan, transfers, swapSeconds);
  const interfaceRate = secondsPerByte(plan, [...inputs, ...outputs], interfaceSeconds);
  const copy = (
    { tensor }: { readonly tensor: number },
    of: Pick<CopyTime, 'direction' | 'purpose' | 'step'>,
  ) => {
    const { name: tensorName, bytes } = plan.tensors[tensor];
    const seconds = bytes * (of.purpose === 'swap' ? swapRate : interfaceRate);
    const span = { startSeconds: walk.now, seconds };
    walk.copies.push({ program: name, run, ...of, tensors: [tensorName], bytes, ...span });
    walk.now += seconds;
  };
  // Transfers are in the order in which they are issued, so those of a step are the next ones.
  let next = 0;
  const swap = (direction: 'in' | 'out', step: number) => {
    for (; transfers[next]?.step === step && transfers[next].kind === direction; next++)
      copy(transfers[next], { direction, purpose: 'swap', step });
  };
  for (const input of inputs) copy(input, { direction: 'in', purpose: 'interface', step: 0 });
  steps.forEach(({ kernel, seconds = 0 }, step) => {
    swap('in', step);
    const took = isPredicted ? seconds : STEP_SECONDS;
    const span = { startSeconds: walk.now, seconds: took };
    walk.steps.push({ program: name, run, step, kernel: plan.kernels[kernel].name, ...span });
    walk.now += took;
    swap('out', step);
  });
  const last = Math.max(0, steps.length - 1);
  for (const output of outputs)
    copy(output, { direction: 'out', purpose: 'interface', step: last });
}

function secondsPerByte(
  { tensors }: Plan,
  copies: readonly { readonly tensor: number }[],
  seconds: number,
): number {
  const bytes = copies.reduce((sum, { tensor }) => sum + tensors[tensor].bytes, 0);
  return bytes === 0 ? 0 : seconds / bytes;
}
