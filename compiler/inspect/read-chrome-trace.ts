import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace, TimeSpan, TraceClock } from '../../ir/trace.ts';
import { type ChromeTrace, PLANNED, TRACE_FORMAT, type TraceEvent } from './chrome-trace.ts';

/** Whether a value is a trace file of a plan that has not run, of whatever plan. */
export function isPlanned(value: unknown): boolean {
  const { otherData } = (value ?? {}) as Partial<ChromeTrace>;
  return otherData?.format === TRACE_FORMAT && PLANNED.includes(otherData.clock);
}

const CLOCKS: readonly TraceClock[] = ['timestamps', 'queue', 'host'];

const isTime = (value: unknown) => Number.isFinite(value) && (value as number) >= 0;

/** What a trace file says, each list in the order of time, and the device that it is of; or why it is no trace of `plan`. */
export function readChromeTrace(
  value: unknown,
  plan: Plan,
): { readonly trace: SessionTrace; readonly device: string } | { readonly reason: string } {
  const { traceEvents, otherData } = (value ?? {}) as Partial<ChromeTrace>;
  if (otherData?.format !== TRACE_FORMAT || !Array.isArray(traceEvents))
    return { reason: 'btc run --trace did not write it' };
  const { plan: name, target, device, clock } = otherData;
  if (name !== plan.name || target !== plan.target)
    return {
      reason: `it is of plan '${name}' for ${target}, and this is '${plan.name}' for ${plan.target}`,
    };
  if (isPlanned(value)) return { reason: 'its times are predicted, not measured' };
  if (!CLOCKS.includes(clock as TraceClock))
    return { reason: `its clock is '${clock}', and not one of ${CLOCKS.join(', ')}` };
  const lists = { runs: [] as TimeSpan[], steps: [] as TimeSpan[], copies: [] as TimeSpan[] };
  for (const event of traceEvents as readonly TraceEvent[]) {
    const kind = event?.ph === 'X' ? KINDS.get(event.cat) : undefined;
    if (kind === undefined) continue;
    if (![event.ts, event.dur].every(isTime))
      return { reason: `its event '${event.name}' has no 'ts' and 'dur' of 0 or more` };
    const reason = kind.refuse(event.args ?? {}, event.name, plan);
    if (reason !== null) return { reason };
    const span = { startSeconds: event.ts! / 1e6, seconds: event.dur! / 1e6 };
    lists[kind.list].push({ ...event.args, ...kind.named(event.name), ...span });
  }
  for (const list of Object.values(lists)) list.sort((a, b) => a.startSeconds - b.startSeconds);
  return { trace: { clock, ...lists } as unknown as SessionTrace, device: String(device) };
}

/** A kind of events: the list that they belong to, what their names are there, and what is wrong with the arguments of one. */
interface Kind {
  readonly list: 'runs' | 'steps' | 'copies';
  named(name: string): object;
  refuse(args: TraceEvent['args'], name: string, plan: Plan): string | null;
}

/** By category. */
const KINDS: ReadonlyMap<unknown, Kind> = new Map(
  Object.entries<Kind>({
    run: {
      list: 'runs',
      named: (program) => ({ program }),
      refuse: (_, name, { programs }) =>
        Object.hasOwn(programs, name)
          ? null
          : `the plan has no program '${name}', of which it has a run`,
    },
    step: { list: 'steps', named: (kernel) => ({ kernel }), refuse: stepProblem },
    copy: {
      list: 'copies',
      named: () => ({}),
      refuse: ({ direction }, name) =>
        direction === 'in' || direction === 'out'
          ? null
          : `its copy '${name}' goes neither 'in' nor 'out'`,
    },
  }),
);

function stepProblem(
  { program, step }: TraceEvent['args'],
  name: string,
  { programs, kernels }: Plan,
): string | null {
  if (typeof program !== 'string' || typeof step !== 'number')
    return `its step '${name}' has no 'program' and 'step'`;
  if (!Object.hasOwn(programs, program))
    return `the plan has no program '${program}', of which it has a step`;
  const known = programs[program].steps[step];
  if (known === undefined)
    return `it has a step ${step} of '${program}', and the plan ${programs[program].steps.length}`;
  const kernel = kernels[known.kernel].name;
  return kernel === name
    ? null
    : `step ${step} of '${program}' is '${name}' in it, and '${kernel}' in the plan`;
}
