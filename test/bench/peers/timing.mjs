// Times of one workload in one process.
import { median } from './statistics.mjs';

const LEAST_STEPS = 5;
const MOST_STEPS = 400;
const WARM_UP_STEPS = 2;
/** A stretch of calls of a kernel is long enough for the clock and for the wait at its end. */
const STRETCH_MS = 30;

const now = () => performance.now();
const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

/** What steps are timed by, in milliseconds: the wall's clock or the processor's. How long is measured is the wall's matter. */
export const clockOf = ({ cpu }) => (cpu ? processorTime : now);

/** Losses of the first steps, and what the first one took from host arrays to its loss. */
export async function firstSteps(prepare, count) {
  const started = now();
  const run = await prepare();
  const losses = [await run.step()];
  const firstStepMs = now() - started;
  while (losses.length < count) losses.push(await run.step());
  return { run, losses, firstStepMs };
}

/** Median time of a step in milliseconds, over as many as `seconds` allow, and what each of them counts. */
export async function timeSteps(run, job, counts) {
  const { seconds } = job;
  const clock = clockOf(job);
  for (let k = 0; k < WARM_UP_STEPS; k++) await run.step();
  const before = counts();
  const times = [];
  const until = now() + 1e3 * seconds;
  while (times.length < MOST_STEPS && (now() < until || times.length < LEAST_STEPS)) {
    const started = clock();
    await run.step();
    times.push(clock() - started);
    // Something that takes minutes is told by fewer steps.
    if (now() > until + 10e3) break;
  }
  return { ms: median(times), steps: times.length, ...perStep(before, counts(), times.length) };
}

/** The same of a kernel: stretches of calls, each with one wait at its end. */
export async function timeCalls(run, job, counts, wait) {
  const { seconds } = job;
  const clock = clockOf(job);
  const stretch = async (calls) => {
    const started = clock();
    for (let k = 0; k < calls; k++) await run.call();
    await wait();
    return clock() - started;
  };
  await stretch(1);
  const beforeOne = counts();
  const once = Math.max(1e-3, await stretch(1));
  // A call that takes longer than all of the measuring is its own measurement.
  if (once > 1e3 * seconds) return { ms: once, steps: 1, ...perStep(beforeOne, counts(), 1) };
  const calls = Math.max(1, Math.min(1000, Math.round(STRETCH_MS / once)));
  await stretch(calls);
  const before = counts();
  const times = [];
  const until = now() + 1e3 * seconds;
  while (now() < until || times.length < 3) {
    times.push((await stretch(calls)) / calls);
    if (now() > until + 10e3) break;
  }
  const steps = times.length * calls;
  return { ms: median(times), steps, ...perStep(before, counts(), steps) };
}

/** Null without WebGPU, and where a native library does it, whose calls cannot be seen. */
function perStep(before, after, steps) {
  const of = (name) => Math.round((after[name] - before[name]) / steps) || null;
  return { dispatches: of('dispatches'), submits: of('submits') };
}
