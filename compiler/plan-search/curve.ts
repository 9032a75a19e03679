import { LiveEvents, peakOf } from '../liveness/events.ts';
import { takeHandovers } from '../liveness/handovers.ts';
import type { AppliedProgram, Op } from './apply.ts';
import type { ValueProgram } from './program.ts';

/** When each version lives, and what is live when. Times count the steps of an applied program, recomputed ones included. */
export interface Curve {
  /** Bytes live during each step; persistent values that are not host-resident are not among them. */
  readonly live: Float64Array;
  /** The time of each op. */
  readonly times: Int32Array;
  /** The op of each time. */
  readonly opOf: Int32Array;
  /** First and last time of each version; first > last for one that is never touched. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly peak: number;
  readonly peakTime: number;
}

/** The step of the schedule that a transfer belongs to: that before an `out`, that behind an `in`. */
export function timesOfOps(ops: readonly Op[]): Int32Array {
  let steps = 0;
  const times = Int32Array.from(ops, ({ kind }) => {
    if (kind === 'step') return steps++;
    return kind === 'out' ? Math.max(0, steps - 1) : steps;
  });
  // Nothing comes in behind the last step.
  return times.map((time) => Math.min(time, Math.max(0, steps - 1)));
}

/** The versions of values as lives over the steps of an applied program, transfers and recomputed steps included. */
export function liveCurve(
  program: ValueProgram,
  applied: AppliedProgram,
  onHost: (value: number) => boolean,
): Curve {
  const { ops, versions } = applied;
  const times = timesOfOps(ops);
  const opOf = ops.flatMap(({ kind }, i) => (kind === 'step' ? [i] : []));
  const { first, last, swappedIn, sentLast } = versionLives(program, applied, times, opOf.length);
  const events = new LiveEvents(opOf.length);
  const bytesOf = (version: number) => program.values[versions[version].value].bytes;
  versions.forEach(({ value }, version) => {
    if (program.values[value].kind !== 'persistent' || onHost(value))
      events.live(first[version], last[version], bytesOf(version));
  });
  let time = 0;
  const dies = (version: number) => last[version] === time && sentLast[version] !== time;
  const begins = (version: number) => first[version] === time && !swappedIn[version];
  const take = ({ to }: { readonly to: number }) => events.handover(time, bytesOf(to));
  for (; time < opOf.length; time++) {
    const op = ops[opOf[time]] as Extract<Op, { kind: 'step' }>;
    const { pairs, reads, writes } = program.steps[op.step];
    if (pairs.length === 0) continue;
    const possible = pairs.map(({ from, to }) => ({
      from: op.reads[reads.indexOf(from)],
      to: op.writes[writes.indexOf(to)],
    }));
    takeHandovers(possible, dies, begins, take);
  }
  const live = events.sums();
  const { bytes: peak, step: peakTime } = peakOf(live);
  return { live, times, opOf: Int32Array.from(opOf), first, last, peak, peakTime };
}

/** First and last time of each version, and whether transfers begin or end it. */
function versionLives(
  program: ValueProgram,
  { ops, versions, last: finalVersion }: AppliedProgram,
  times: Int32Array,
  stepCount: number,
) {
  const first = new Int32Array(versions.length).fill(ops.length);
  const last = new Int32Array(versions.length).fill(-1);
  const swappedIn = new Uint8Array(versions.length);
  const sentLast = new Int32Array(versions.length).fill(-1);
  const touch = (version: number, time: number) => {
    if (time < first[version]) first[version] = time;
    if (time > last[version]) last[version] = time;
  };
  ops.forEach((op, i) => {
    const time = times[i];
    if (op.kind === 'step') {
      for (const version of op.reads) touch(version, time);
      for (const version of op.writes) touch(version, time);
      return;
    }
    touch(op.version, time);
    if (op.kind === 'in') swappedIn[op.version] = 1;
    else sentLast[op.version] = time;
  });
  const end = Math.max(0, stepCount - 1);
  versions.forEach(({ value, by }, version) => {
    const { kind } = program.values[value];
    if (kind === 'input' && by === 'original') touch(version, 0);
    if (kind === 'output' && finalVersion[value] === version) touch(version, end);
  });
  return { first, last, swappedIn, sentLast };
}
