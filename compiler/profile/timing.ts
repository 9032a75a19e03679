import type { TensorArray } from '../../ir/dtypes.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { TARGETS } from '../targets/index.ts';
import { benchmarkPlan, DONE, programName, REPEATS } from './benchmark-plan.ts';
import { type Benchmark, copying, MANY_INVOCATIONS } from './benchmarks.ts';

type Data = TensorArray;

/** What measuring needs of a session of the runtime. */
export interface MeasuredSession {
  run(
    program: string,
    inputs?: Record<string, Data>,
    options?: { read?: readonly string[] | false },
  ): Promise<Record<string, Data>>;
  readParameters(): Promise<Record<string, Data>>;
  writeParameters(values: Record<string, Data>): Promise<void>;
  destroy(): void;
}

export type OpenSession = (plan: Plan, module: Uint8Array | null) => Promise<MeasuredSession>;

/** What a measurement is made with. */
export interface Bench {
  readonly target: Target;
  readonly limits: TargetLimits;
  readonly open: OpenSession;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Measurements end after so long, once there are some. */
const ENOUGH_SECONDS = 0.15;
const LEAST_RUNS = 4;
const MOST_RUNS = 400;
/** Even of runs that are few by then. */
const TOO_MANY_SECONDS = 1;
/** Runs that are longer than this are disturbed by whatever else the machine does. */
const LONG_SECONDS = 0.1;
const LEAST_SECONDS = 1e-9;
const TRANSFERRED = 2 ** 22;

export interface KernelTimes {
  /** Of one step. */
  readonly seconds: number;
  /** Of a run of a program with one such step, its result read. */
  readonly once: number;
}

export async function timeKernel(benchmark: Benchmark, bench: Bench): Promise<KernelTimes> {
  const { plan, module } = await benchmarkPlan(benchmark, bench.target, bench.limits);
  const session = await bench.open(plan, module);
  try {
    const timed = (repeats: (typeof REPEATS)[number]) =>
      best(bench, () => session.run(programName(repeats), {}, { read: [DONE] }));
    const once = await timed(1);
    let seconds = once;
    for (const repeats of REPEATS.slice(1)) {
      if (seconds * repeats > LONG_SECONDS) break;
      seconds = Math.max(LEAST_SECONDS, ((await timed(repeats)) - once) / (repeats - 1));
    }
    return { seconds, once };
  } finally {
    session.destroy();
  }
}

/** Seconds of `action`: the shortest of some runs, the first left out. */
async function best({ now }: Bench, action: () => Promise<unknown>): Promise<number> {
  await action();
  let least = Number.POSITIVE_INFINITY;
  let spent = 0;
  for (let run = 0; run < MOST_RUNS && spent < TOO_MANY_SECONDS; run++) {
    if (run >= LEAST_RUNS && spent >= ENOUGH_SECONDS) break;
    const started = now();
    await action();
    const seconds = (now() - started) / 1000;
    least = Math.min(least, seconds);
    spent += seconds;
  }
  return least;
}

/** Rates of reading and writing a large parameter, and how much of a write hides behind a running program. */
export async function timeTransfers(bench: Bench) {
  const { target, limits, open } = bench;
  const [small, large, busy] = await Promise.all(
    [copying(16), copying(TRANSFERRED), MANY_INVOCATIONS].map(async (benchmark) => {
      const { plan, module } = await benchmarkPlan(benchmark, target, limits);
      return open(plan, module);
    }),
  );
  try {
    const values = { b0: new Float32Array(TRANSFERRED) };
    const bytes = values.b0.byteLength;
    const wait = (session: MeasuredSession) => session.run(programName(1), {}, { read: [DONE] });
    const waiting = await best(bench, () => wait(small));
    const reading = await best(bench, () => large.readParameters());
    const readingLittle = await best(bench, () => small.readParameters());
    const writing = await best(bench, async () => {
      await large.writeParameters(values);
      await wait(small);
    });
    const computing = await best(bench, () => wait(busy));
    const both = await best(bench, async () => {
      await busy.run(programName(1), {}, { read: false });
      await large.writeParameters(values);
      await wait(small);
    });
    const hidden = (computing + writing - waiting - both) / Math.min(computing, writing);
    return {
      deviceToHostBytesPerSecond: bytes / Math.max(LEAST_SECONDS, reading - readingLittle),
      hostToDeviceBytesPerSecond: bytes / Math.max(LEAST_SECONDS, writing - waiting),
      transferSeconds: readingLittle,
      overlap: TARGETS[target].overlaps ? Math.max(0, Math.min(1, hidden)) : 0,
    };
  } finally {
    small.destroy();
    large.destroy();
    busy.destroy();
  }
}
