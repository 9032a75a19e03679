import type { Plan } from '../../ir/plan.ts';
import type { CopyTime, SessionTrace, TimeSpan, TraceClock } from '../../ir/trace.ts';
import { planLiveBytes } from '../liveness/plan-lives.ts';
import { placeOf, sourceText } from './places.ts';
import type { PlannedClock, PlannedTrace } from './predicted-trace.ts';
import { roleBytes } from './role-bytes.ts';
import { hostBytes, lastingBytes } from './slot-lives.ts';

// The trace event format of Chrome, "JSON object format": complete events ("X"), counters ("C") and metadata ("M"), times in
// microseconds. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

/** An event; `args` by its category. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'C' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: {
    readonly format: typeof TRACE_FORMAT;
    readonly version: 1;
    readonly plan: string;
    readonly target: string;
    readonly device: string;
    readonly clock: TraceClock | PlannedClock;
  };
}

const TRACE_FORMAT = 'btc-trace';
const PID = 1;
const THREADS = { runs: 1, compute: 2, 'copies in': 3, 'copies out': 4 } as const;

const round = (seconds: number) => Math.round(seconds * 1e9) / 1e3;

/** When a span began and how long it was, to the nanosecond: spans that touch still do. */
function times({ startSeconds, seconds }: TimeSpan): { ts: number; dur: number } {
  const ts = round(startSeconds);
  const nanoseconds = Math.round((startSeconds + seconds) * 1e9) - Math.round(startSeconds * 1e9);
  return { ts, dur: nanoseconds / 1e3 };
}

/** A trace for Perfetto and chrome://tracing. `device` is what the session describes itself as, or where predicted times are from. */
export function chromeTrace(
  plan: Plan,
  trace: SessionTrace | PlannedTrace,
  device: string,
): ChromeTrace {
  return {
    traceEvents: [
      ...metadata(plan, PLANNED.includes(trace.clock) ? `, ${device}` : ` on ${device}`),
      ...trace.runs.map(
        ({ program, run, ...span }): TraceEvent => ({
          ...{ name: program, cat: 'run', ph: 'X', pid: PID, tid: THREADS.runs, ...times(span) },
          args: { run },
        }),
      ),
      ...stepEvents(plan, trace),
      ...trace.copies.map(copyEvent),
      ...liveEvents(plan, trace),
    ],
    displayTimeUnit: 'ms',
    otherData: {
      ...{ format: TRACE_FORMAT, version: 1, plan: plan.name, target: plan.target },
      ...{ device, clock: trace.clock },
    },
  };
}

function metadata(plan: Plan, where: string): TraceEvent[] {
  const event = (name: string, tid: number, args: TraceEvent['args']): TraceEvent => ({
    ...{ name, ph: 'M', pid: PID, tid, args },
  });
  return [
    event('process_name', 0, { name: `${plan.name}${where}` }),
    ...Object.entries(THREADS).flatMap(([name, tid]) => [
      event('thread_name', tid, { name }),
      event('thread_sort_index', tid, { sort_index: tid }),
    ]),
  ];
}

function stepEvents(plan: Plan, { steps }: Pick<SessionTrace, 'steps'>): TraceEvent[] {
  return steps.map(({ program, run, step, kernel, ...span }) => {
    const { label, source, flops, bytesMoved, seconds, recomputed } =
      plan.programs[program].steps[step];
    const { scope, pass } = placeOf(plan, source);
    const at = sourceText(plan, source);
    return {
      ...{ name: kernel, cat: 'step', ph: 'X', pid: PID, tid: THREADS.compute, ...times(span) },
      args: {
        ...{ program, run, step, label },
        ...(scope ? { scope } : {}),
        ...(pass ? { pass } : {}),
        ...(at === null ? {} : { source: at }),
        ...{ flops, bytes: bytesMoved },
        ...(seconds === undefined ? {} : { predictedMicroseconds: round(seconds) }),
        ...(recomputed ? { recomputed } : {}),
      },
    };
  });
}

function copyEvent(copy: CopyTime): TraceEvent {
  const { program, run, direction, purpose, tensors, bytes, step } = copy;
  const tid = THREADS[direction === 'in' ? 'copies in' : 'copies out'];
  return {
    ...{ name: tensors.join(', '), cat: 'copy', ph: 'X', pid: PID, tid, ...times(copy) },
    args: { program, run, step, direction, purpose, tensors, bytes },
  };
}

/** What is counted at each step: the value while it runs, and the one behind it, where that differs before the next. */
interface Counter {
  readonly name: string;
  at(step: number): Readonly<Record<string, number>>;
  behind?(step: number): Readonly<Record<string, number>>;
  /** Between runs. */
  readonly idle: Readonly<Record<string, number>>;
}

function countersOf(plan: Plan, program: string): Counter[] {
  const live = planLiveBytes(plan, program);
  const roles = [...roleBytes(plan, program)];
  const host = Object.entries(hostBytes(plan, program));
  const hostAt = (half: number) => Object.fromEntries(host.map(([tier, all]) => [tier, all[half]]));
  return [
    { name: 'live arena bytes', at: (step) => ({ bytes: live[step] }), idle: { bytes: 0 } },
    {
      name: 'live arena bytes by role',
      at: (step) => Object.fromEntries(roles.map(([role, all]) => [role, all[step]])),
      idle: Object.fromEntries(roles.map(([role]) => [role, 0])),
    },
    ...(plan.swap
      ? [
          {
            name: 'host bytes',
            at: (step: number) => hostAt(2 * step),
            behind: (step: number) => hostAt(2 * step + 1),
            idle: lastingBytes(plan),
          },
        ]
      : []),
  ];
}

/** Counters of memory by the plan: live arena bytes, the same by role, and host bytes by tier where the plan uses them. */
function liveEvents(plan: Plan, { steps }: Pick<SessionTrace, 'steps'>): TraceEvent[] {
  const counters = new Map(
    Object.keys(plan.programs).map((name) => [name, countersOf(plan, name)]),
  );
  const event = (name: string, seconds: number, args: TraceEvent['args']): TraceEvent => ({
    ...{ name, ph: 'C', pid: PID, tid: 0, ts: round(seconds), args },
  });
  return steps.flatMap(({ program, step, startSeconds, seconds }) => {
    const isLast = step === plan.programs[program].steps.length - 1;
    const end = startSeconds + seconds;
    return counters
      .get(program)!
      .flatMap(({ name, at, behind, idle }) => [
        event(name, startSeconds, at(step)),
        ...(isLast ? [event(name, end, idle)] : behind ? [event(name, end, behind(step))] : []),
      ]);
  });
}

const PLANNED: readonly unknown[] = ['predicted', 'steps'] satisfies readonly PlannedClock[];

/** Whether a value is a trace file of a plan that has not run, of whatever plan. */
export function isPlanned(value: unknown): boolean {
  const { otherData } = (value ?? {}) as Partial<ChromeTrace>;
  return otherData?.format === TRACE_FORMAT && PLANNED.includes(otherData.clock);
}

const CLOCKS: readonly TraceClock[] = ['timestamps', 'queue', 'host'];

const isTime = (value: unknown) => Number.isFinite(value) && (value as number) >= 0;
const isCopy = ({ direction }: TraceEvent['args']) => direction === 'in' || direction === 'out';

/** What a trace file says, and the device that it is of; or why it is no trace of `plan`. */
export function readChromeTrace(
  value: unknown,
  plan: Plan,
): { readonly trace: SessionTrace; readonly device: string } | { readonly reason: string } {
  const { traceEvents, otherData } = (value ?? {}) as Partial<ChromeTrace>;
  if (otherData?.format !== TRACE_FORMAT || !Array.isArray(traceEvents))
    return { reason: 'it is not a file of btc run --trace' };
  const { plan: name, target, device, clock } = otherData;
  if (name !== plan.name || target !== plan.target)
    return { reason: `it is of plan '${name}' for ${target}` };
  if (isPlanned(value)) return { reason: 'its times are predicted, not measured' };
  if (!CLOCKS.includes(clock as TraceClock)) return { reason: `its clock is '${clock}'` };
  const trace = { clock, runs: [] as object[], steps: [] as object[], copies: [] as object[] };
  for (const event of traceEvents as readonly TraceEvent[]) {
    if (event?.ph !== 'X') continue;
    const span = { startSeconds: event.ts! / 1e6, seconds: event.dur! / 1e6 };
    if (![event.ts, event.dur].every(isTime))
      return { reason: `an event '${event.name}' has no time` };
    const args = event.args ?? {};
    if (event.cat === 'run') trace.runs.push({ program: event.name, ...args, ...span });
    if (event.cat === 'copy') {
      if (!isCopy(args)) return { reason: `the copy '${event.name}' has no direction` };
      trace.copies.push({ ...args, ...span });
    }
    if (event.cat !== 'step') continue;
    const { program, step } = args as { program: string; step: number };
    const known = Object.hasOwn(plan.programs, program) && plan.programs[program].steps[step];
    if (!known || plan.kernels[known.kernel].name !== event.name)
      return { reason: `the plan has no step ${step} of '${program}' that runs '${event.name}'` };
    trace.steps.push({ ...args, kernel: event.name, ...span });
  }
  return { trace: trace as unknown as SessionTrace, device: String(device) };
}
