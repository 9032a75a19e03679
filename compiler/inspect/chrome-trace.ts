import type { Plan } from '../../ir/plan.ts';
import type { CopyTime, SessionTrace, StepTime, TimeSpan, TraceClock } from '../../ir/trace.ts';
import { planLiveBytes } from '../liveness/plan-lives.ts';
import { placeOf, sourceText } from './places.ts';
import type { PlannedClock, PlannedTrace } from './predicted-trace.ts';
import { roleBytes } from './role-bytes.ts';
import { hostBytes, lastingBytes } from './slot-lives.ts';
import { lanesOf, microseconds, nanoseconds } from './trace-lanes.ts';

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
  /** Readers may ask for one of every event. */
  readonly cat: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  /** The precision by which chrome://tracing decides what lies within what. */
  readonly displayTimeUnit: 'ns';
  readonly otherData: {
    readonly format: typeof TRACE_FORMAT;
    readonly version: 1;
    readonly plan: string;
    readonly target: string;
    readonly device: string;
    readonly clock: TraceClock | PlannedClock;
  };
}

export const TRACE_FORMAT = 'btc-trace';
const PID = 1;
/** Clocks of plans that have not run. */
export const PLANNED: readonly unknown[] = ['predicted', 'steps'] satisfies readonly PlannedClock[];

/** The first thread of each kind. Further ones, where spans overlap, are `KINDS` apart. */
const THREADS = { runs: 1, compute: 2, 'copies in': 3, 'copies out': 4 } as const;
type Thread = keyof typeof THREADS;
const KINDS = Object.keys(THREADS).length;

/** A span, and what its event says beside times and thread. */
interface Spanned {
  readonly span: TimeSpan;
  readonly event: Pick<TraceEvent, 'name' | 'cat' | 'args'>;
}

/** A trace for Perfetto and chrome://tracing. `device` is what the session describes itself as, or where predicted times are from. */
export function chromeTrace(
  plan: Plan,
  trace: SessionTrace | PlannedTrace,
  device: string,
): ChromeTrace {
  const copies = (direction: CopyTime['direction']) =>
    trace.copies.filter((copy) => copy.direction === direction).map(copyEvent);
  const spans: Readonly<Record<Thread, readonly Spanned[]>> = {
    runs: trace.runs.map(({ program, run, ...span }) => ({
      span,
      event: { name: program, cat: 'run', args: { run } },
    })),
    compute: trace.steps.map((step) => stepEvent(plan, step)),
    'copies in': copies('in'),
    'copies out': copies('out'),
  };
  const threads = Object.keys(THREADS) as Thread[];
  return {
    traceEvents: [
      metadata('process_name', 0, {
        name: `${plan.name}${PLANNED.includes(trace.clock) ? `, ${device}` : ` on ${device}`}`,
      }),
      ...threads.flatMap((thread) => threadEvents(thread, spans[thread])),
      ...liveEvents(plan, trace),
    ],
    displayTimeUnit: 'ns',
    otherData: {
      ...{ format: TRACE_FORMAT, version: 1, plan: plan.name, target: plan.target },
      ...{ device, clock: trace.clock },
    },
  };
}

function metadata(name: string, tid: number, args: TraceEvent['args']): TraceEvent {
  return { name, cat: '__metadata', ph: 'M', pid: PID, tid, args };
}

/** The spans of a kind, those that overlap on threads beside each other. */
function threadEvents(thread: Thread, spans: readonly Spanned[]): TraceEvent[] {
  const times = spans.map(({ span }) => nanoseconds(span));
  const lanes = lanesOf(times);
  const count = lanes.reduce((most, lane) => Math.max(most, lane + 1), 1);
  const first = THREADS[thread];
  return [
    ...Array.from({ length: count }, (_, lane) => {
      const tid = first + lane * KINDS;
      return [
        metadata('thread_name', tid, { name: lane === 0 ? thread : `${thread} ${lane + 1}` }),
        metadata('thread_sort_index', tid, { sort_index: first * 1000 + lane }),
      ];
    }).flat(),
    ...spans.map(({ event: { name, cat, args } }, k): TraceEvent => {
      const { begin, end } = times[k];
      const tid = first + lanes[k] * KINDS;
      const [ts, dur] = [microseconds(begin), microseconds(end - begin)];
      return { name, cat, ph: 'X', pid: PID, tid, ts, dur, args };
    }),
  ];
}

function stepEvent(plan: Plan, { program, run, step, kernel, ...span }: StepTime): Spanned {
  const { label, source, flops, bytesMoved, seconds, recomputed } =
    plan.programs[program].steps[step];
  const { scope, pass } = placeOf(plan, source);
  const at = sourceText(plan, source);
  const args = {
    ...{ program, run, step, label },
    ...(scope ? { scope } : {}),
    ...(pass ? { pass } : {}),
    ...(at === null ? {} : { source: at }),
    ...{ flops, bytes: bytesMoved },
    ...(seconds === undefined ? {} : { predictedMicroseconds: Math.round(seconds * 1e9) / 1e3 }),
    ...(recomputed ? { recomputed } : {}),
  };
  return { span, event: { name: kernel, cat: 'step', args } };
}

function copyEvent(copy: CopyTime): Spanned {
  const { program, run, direction, purpose, tensors, bytes, step } = copy;
  const args = { program, run, step, direction, purpose, tensors, bytes };
  return { span: copy, event: { name: tensors.join(', '), cat: 'copy', args } };
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
  const event = (name: string, time: number, args: TraceEvent['args']): TraceEvent => ({
    ...{ name, cat: 'memory', ph: 'C', pid: PID, tid: 0, ts: microseconds(time), args },
  });
  return steps.flatMap(({ program, step, ...span }) => {
    const isLast = step === plan.programs[program].steps.length - 1;
    const { begin, end } = nanoseconds(span);
    return counters
      .get(program)!
      .flatMap(({ name, at, behind, idle }) => [
        event(name, begin, at(step)),
        ...(isLast ? [event(name, end, idle)] : behind ? [event(name, end, behind(step))] : []),
      ]);
  });
}
