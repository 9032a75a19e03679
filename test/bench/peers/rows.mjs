// From what the processes of all rounds report to the rows of the table and of `--json`.
import { median, quartiles, ratioByRound } from './statistics.mjs';

/** Of losses and of results of kernels, beside the largest of the reference. */
export const TOLERANCE = 1e-3;

/** Null where two lists of values agree, else what differs from those of `other`. */
export function disagreement(values, reference, other = 'btc', tolerance = TOLERANCE) {
  if (values.length !== reference.length)
    return `${values.length} values where ${other} has ${reference.length}`;
  const scale = Math.max(...reference.slice(-61).map(Math.abs), Number.MIN_VALUE);
  for (const [k, value] of values.entries()) {
    const expected = reference[k];
    const bound = tolerance * Math.max(scale, Math.abs(expected));
    if (!(Math.abs(value - expected) <= bound))
      return `value ${k + 1} is ${shorten(value)}, of ${other} ${shorten(expected)}`;
  }
  return null;
}

const shorten = (value) => Number(value.toPrecision(6));

/**
 * The row of one system on one workload. `rounds` has what its process of each round measured, `baseline` the same of btc;
 * `work` is { flops, bytes }, each null where it does not apply; `ceilings` is { gflops, gbs } or null.
 */
export function summarise({
  model,
  system,
  target,
  check,
  rounds,
  baseline,
  work,
  ceilings,
  reason,
}) {
  const times = new Map([...rounds].map(([round, { ms }]) => [round, ms]));
  const base = new Map([...baseline].map(([round, { ms }]) => [round, ms]));
  const all = [...rounds.values()];
  const measured = all.length > 0 && !reason;
  const ms = measured ? median([...times.values()]) : null;
  const last = all.at(-1);
  const rates = measured ? ratesOf(ms, work, ceilings) : { gflops: null, gbs: null, share: null };
  return {
    model,
    system,
    target,
    ms,
    spread: measured ? quartiles([...times.values()]) : null,
    ratio: measured ? ratioByRound(times, base) : null,
    rounds: all.length,
    dispatches: last?.dispatches ?? null,
    submits: last?.submits ?? null,
    deviceBytes: last?.deviceBytes ?? check?.deviceBytes ?? null,
    firstStepMs: measured ? median(all.map(({ firstStepMs }) => firstStepMs)) : null,
    ...rates,
    reason: reason ?? (measured ? null : 'nothing was measured'),
  };
}

function ratesOf(ms, { flops, bytes }, ceilings) {
  const gflops = flops ? flops / ms / 1e6 : null;
  const gbs = bytes ? bytes / ms / 1e6 : null;
  if (!ceilings) return { gflops, gbs, share: null };
  // What limits it: the ceiling that it is nearer to.
  const share = Math.max((gflops ?? 0) / ceilings.gflops, (gbs ?? 0) / ceilings.gbs);
  return { gflops, gbs, share };
}
