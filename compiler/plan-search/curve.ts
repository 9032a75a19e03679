import type { AppliedProgram, Op } from './apply.ts';
import type { ValueProgram } from './program.ts';

/** When each version lives, and what is live when. Times count the steps of a applied, repeated ones included. */
export interface Curve {
  /** Bytes live during each step; persistent values whose home is the device are not among them. */
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

export function liveCurve(
  program: ValueProgram,
  { ops, versions, last: finalVersion }: AppliedProgram,
  onHost: (value: number) => boolean,
): Curve {
  const times = timesOfOps(ops);
  const first = new Int32Array(versions.length).fill(ops.length);
  const last = new Int32Array(versions.length).fill(-1);
  const brought = new Uint8Array(versions.length);
  const sentLast = new Int32Array(versions.length).fill(-1);
  const opOf: number[] = [];
  const touch = (version: number, time: number) => {
    if (time < first[version]) first[version] = time;
    if (time > last[version]) last[version] = time;
  };
  ops.forEach((op, i) => {
    const time = times[i];
    if (op.kind === 'step') {
      opOf.push(i);
      for (const version of op.reads) touch(version, time);
      for (const version of op.writes) touch(version, time);
      return;
    }
    touch(op.version, time);
    if (op.kind === 'in') brought[op.version] = 1;
    else sentLast[op.version] = time;
  });
  const end = Math.max(0, opOf.length - 1);
  const counted = (version: number) => {
    const { value } = versions[version];
    return program.values[value].kind !== 'persistent' || onHost(value);
  };
  versions.forEach(({ value, by }, version) => {
    const { kind } = program.values[value];
    if (kind === 'input' && by === 'original') touch(version, 0);
    if (kind === 'output' && finalVersion[value] === version) touch(version, end);
  });
  const change = new Float64Array(opOf.length + 2);
  versions.forEach(({ value }, version) => {
    if (!counted(version) || first[version] > last[version]) return;
    change[first[version]] += program.values[value].bytes;
    change[last[version] + 1] -= program.values[value].bytes;
  });
  opOf.forEach((index, time) => {
    const op = ops[index];
    if (op.kind !== 'step') return;
    const step = program.steps[op.step];
    const taken: number[] = [];
    for (const { from, to } of step.pairs) {
      const source = op.reads[step.reads.indexOf(from)];
      const target = op.writes[step.writes.indexOf(to)];
      if (last[source] !== time || sentLast[source] === time) continue;
      if (first[target] !== time || brought[target]) continue;
      if (taken.includes(source) || taken.includes(target)) continue;
      taken.push(source, target);
      change[time] -= program.values[to].bytes;
      change[time + 1] += program.values[to].bytes;
    }
  });
  let sum = 0;
  let peak = 0;
  let peakTime = 0;
  const live = new Float64Array(opOf.length);
  for (let time = 0; time < live.length; time++) {
    sum += change[time];
    live[time] = sum;
    if (sum <= peak) continue;
    peak = sum;
    peakTime = time;
  }
  return { live, times, opOf: Int32Array.from(opOf), first, last, peak, peakTime };
}
