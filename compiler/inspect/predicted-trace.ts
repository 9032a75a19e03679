import type { Plan, PlanProgram, PlanTransfer } from '../../ir/plan.ts';
import type { CopyTime, RunTime, SessionTrace, StepTime, TimeSpan } from '../../ir/trace.ts';
import { stepStarts, transferSpan } from './run-times.ts';

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
/** Files have whole nanoseconds, and no more of them than are exact: 104 days. */
const MOST_SECONDS = Number.MAX_SAFE_INTEGER / 1e9;

/**
 * The times that a plan predicts, one run of each program after the other. A run takes what the plan says of it. Swaps are where the
 * plan's schedule of copies has them, beside the steps. Of a plan that has no such schedule, as before version 3.4, they have shares by bytes of
 * the time that computing waits for them, so that a copy which hides behind steps is shorter than it will be; inputs and outputs
 * always have shares of theirs. A plan with times that no file holds counts as one without.
 */
export function predictedTrace(plan: Plan): PlannedTrace {
  const isPredicted = Object.values(plan.programs).every(({ predicted }) => predicted);
  const predicted = isPredicted ? walkPlan(plan, true) : null;
  const { runs, steps, copies } =
    predicted && predicted.last <= MOST_SECONDS ? predicted : walkPlan(plan, false);
  return { clock: predicted?.runs === runs ? 'predicted' : 'steps', runs, steps, copies };
}

/** The trace in the making, and the time that it has come to. */
interface Walk {
  readonly plan: Plan;
  readonly isPredicted: boolean;
  now: number;
  /** The end of whatever ends last. */
  last: number;
  readonly runs: RunTime[];
  readonly steps: StepTime[];
  readonly copies: CopyTime[];
}

function walkPlan(plan: Plan, isPredicted: boolean): Walk {
  const walk: Walk = { plan, isPredicted, now: 0, last: 0, runs: [], steps: [], copies: [] };
  Object.entries(plan.programs).forEach(([name, program], run) => {
    const startSeconds = walk.now;
    walkProgram(walk, name, program, run);
    // What belongs to no copy, as handing over a run that has none, is at the end.
    const { seconds = 0 } = (isPredicted && program.predicted) || {};
    walk.now = Math.max(walk.now, startSeconds + seconds);
    walk.last = Math.max(walk.last, walk.now);
    walk.runs.push({ program: name, run, startSeconds, seconds: walk.now - startSeconds });
  });
  return walk;
}

type CopyOf = Pick<CopyTime, 'direction' | 'purpose' | 'step'>;

function walkProgram(walk: Walk, name: string, program: PlanProgram, run: number): void {
  const { plan, isPredicted } = walk;
  const { steps, inputs, outputs, predicted } = program;
  const interfaceSeconds = (isPredicted && predicted?.interfaceSeconds) || 0;
  const interfaceRate = secondsPerByte(plan, [...inputs, ...outputs], interfaceSeconds);
  const copy = ({ tensor }: { readonly tensor: number }, of: CopyOf, span: TimeSpan) => {
    const { name: tensorName, bytes } = plan.tensors[tensor];
    walk.copies.push({ program: name, run, ...of, tensors: [tensorName], bytes, ...span });
    walk.last = Math.max(walk.last, span.startSeconds + span.seconds);
  };
  const own: ProgramWalk = {
    step: (step, startSeconds, seconds) => {
      const kernel = plan.kernels[steps[step].kernel].name;
      walk.steps.push({ program: name, run, step, kernel, startSeconds, seconds });
      walk.now = startSeconds + seconds;
    },
    swap: (transfer, span) =>
      copy(transfer, { direction: transfer.kind, purpose: 'swap', step: transfer.step }, span),
  };
  const handOver = (each: { readonly tensor: number }, direction: 'in' | 'out', step: number) => {
    const seconds = plan.tensors[each.tensor].bytes * interfaceRate;
    copy(each, { direction, purpose: 'interface', step }, { startSeconds: walk.now, seconds });
    walk.now += seconds;
  };
  for (const input of inputs) handOver(input, 'in', 0);
  if (isPredicted && isScheduled(program)) walkScheduled(walk, program, own);
  else walkInTurn(walk, program, own);
  for (const output of outputs) handOver(output, 'out', Math.max(0, steps.length - 1));
}

/** Takes down what is under way. */
interface ProgramWalk {
  step(step: number, startSeconds: number, seconds: number): void;
  swap(transfer: PlanTransfer, span: TimeSpan): void;
}

const isScheduled = ({ transfers = [] }: PlanProgram) =>
  transfers.length > 0 && transfers.every((transfer) => transferSpan(transfer) !== null);

/** Steps and swaps at their own times. */
function walkScheduled(walk: Walk, program: PlanProgram, own: ProgramWalk): void {
  const { steps, transfers = [], predicted } = program;
  const base = walk.now;
  stepStarts(steps).forEach((start, step) => {
    own.step(step, base + start, steps[step].seconds ?? 0);
  });
  for (const transfer of transfers) {
    const { startSeconds, seconds } = transferSpan(transfer)!;
    own.swap(transfer, { startSeconds: base + startSeconds, seconds });
  }
  // The end is the plan's: where copies and steps share the device, the seconds of a copy by itself may reach beyond it.
  const { stepSeconds = 0, swapSeconds = 0 } = predicted ?? {};
  walk.now = Math.max(walk.now, base + stepSeconds + swapSeconds);
}

/** One thing behind the other. */
function walkInTurn(walk: Walk, program: PlanProgram, own: ProgramWalk): void {
  const { plan, isPredicted } = walk;
  const { steps, transfers = [], predicted } = program;
  const swapRate = secondsPerByte(plan, transfers, (isPredicted && predicted?.swapSeconds) || 0);
  // Transfers are in the order in which they are issued, so those of a step are the next ones.
  let next = 0;
  const swap = (direction: 'in' | 'out', step: number) => {
    for (; transfers[next]?.step === step && transfers[next].kind === direction; next++) {
      const seconds = plan.tensors[transfers[next].tensor].bytes * swapRate;
      own.swap(transfers[next], { startSeconds: walk.now, seconds });
      walk.now += seconds;
    }
  };
  steps.forEach(({ seconds = 0 }, step) => {
    swap('in', step);
    own.step(step, walk.now, isPredicted ? seconds : STEP_SECONDS);
    swap('out', step);
  });
}

function secondsPerByte(
  { tensors }: Plan,
  copies: readonly { readonly tensor: number }[],
  seconds: number,
): number {
  const bytes = copies.reduce((sum, { tensor }) => sum + tensors[tensor].bytes, 0);
  return bytes === 0 ? 0 : seconds / bytes;
}
