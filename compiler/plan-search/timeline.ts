import { LiveEvents } from '../liveness/events.ts';
import type { AppliedProgram } from './apply.ts';
import { type Curve, liveCurve } from './curve.ts';
import type { ValueProgram } from './program.ts';

/** Times and rates of copies between the device and the host. */
export interface TransferCosts {
  readonly deviceToHostBytesPerSecond: number;
  readonly hostToDeviceBytesPerSecond: number;
  /** Fixed cost of one transfer, in seconds. */
  readonly transferSeconds: number;
  /** 0 … 1: the part of a transfer that can hide behind computation. */
  readonly overlap: number;
}

/** An applied program as questions about its times: who is resident when, how long it takes from here to there. */
export interface Timeline {
  readonly program: ValueProgram;
  readonly applied: AppliedProgram;
  readonly curve: Curve;
  /** Seconds of computation before each time; one more entry than times. */
  readonly computed: Float64Array;
  /** Seconds of transfers that belong to earlier times. */
  readonly transferred: Float64Array;
  /** For each time the step of the program, not repeated, that runs then or next; the number of steps behind the last. */
  readonly nextStep: Int32Array;
  /** Bytes of the versions that live across the start of each time. */
  readonly crossing: Float64Array;
  /** Per value the time of the first copy to the host, or infinity; 0 where it is there from the start. */
  readonly hostedFrom: Float64Array;
  /** Versions of value v: `versionOf[versionOffsets[v] … versionOffsets[v + 1]]`. */
  readonly versionOffsets: Int32Array;
  readonly versionOf: Int32Array;
}

export function transferTime(costs: TransferCosts, kind: 'out' | 'in', bytes: number): number {
  const rate = kind === 'out' ? costs.deviceToHostBytesPerSecond : costs.hostToDeviceBytesPerSecond;
  return costs.transferSeconds + bytes / rate;
}

export function timeline(
  program: ValueProgram,
  applied: AppliedProgram,
  onHost: (value: number) => boolean,
  costs: TransferCosts,
): Timeline {
  const curve = liveCurve(program, applied, onHost);
  const { ops, versions } = applied;
  const count = curve.opOf.length;
  const computed = new Float64Array(count + 1);
  const nextStep = new Int32Array(count + 1).fill(program.steps.length);
  for (let time = count - 1; time >= 0; time--) {
    const op = ops[curve.opOf[time]];
    nextStep[time] = op.kind === 'step' && !op.recomputed ? op.step : nextStep[time + 1];
  }
  for (let time = 0; time < count; time++) {
    const op = ops[curve.opOf[time]];
    const seconds = op.kind === 'step' ? program.steps[op.step].seconds : 0;
    computed[time + 1] = computed[time] + seconds;
  }
  const transferred = new Float64Array(count + 1);
  const hostedFrom = new Float64Array(program.values.length).fill(Number.POSITIVE_INFINITY);
  program.values.forEach(({ kind }, value) => {
    if (kind === 'persistent' && onHost(value)) hostedFrom[value] = 0;
  });
  const { times } = curve;
  ops.forEach((op, i) => {
    if (op.kind === 'step') return;
    const { value } = versions[op.version];
    transferred[Math.min(times[i] + 1, count)] += transferTime(
      costs,
      op.kind,
      program.values[value].bytes,
    );
    if (op.kind === 'out') hostedFrom[value] = Math.min(hostedFrom[value], times[i]);
  });
  for (let time = 0; time < count; time++) transferred[time + 1] += transferred[time];
  return {
    program,
    applied,
    curve,
    computed,
    transferred,
    nextStep,
    crossing: crossingBytes(program, applied, curve, onHost),
    hostedFrom,
    ...versionsByValue(program, applied),
  };
}

function crossingBytes(
  program: ValueProgram,
  { versions }: AppliedProgram,
  { first, last, live }: Curve,
  onHost: (value: number) => boolean,
): Float64Array {
  const events = new LiveEvents(live.length);
  versions.forEach(({ value }, version) => {
    const { kind, bytes } = program.values[value];
    if (kind !== 'persistent' || onHost(value))
      events.live(first[version] + 1, last[version], bytes);
  });
  return events.sums();
}

function versionsByValue(program: ValueProgram, { versions }: AppliedProgram) {
  const versionOffsets = new Int32Array(program.values.length + 1);
  for (const { value } of versions) versionOffsets[value + 1]++;
  for (let value = 0; value < program.values.length; value++)
    versionOffsets[value + 1] += versionOffsets[value];
  const next = versionOffsets.slice(0, program.values.length);
  const versionOf = new Int32Array(versions.length);
  versions.forEach(({ value }, version) => {
    versionOf[next[value]++] = version;
  });
  return { versionOffsets, versionOf };
}

/** Whether some version of `value` is in device memory right before `time`, for `time` to read. */
export function isResident(
  { curve, versionOffsets, versionOf }: Timeline,
  value: number,
  time: number,
): boolean {
  for (let i = versionOffsets[value]; i < versionOffsets[value + 1]; i++) {
    const version = versionOf[i];
    if (curve.first[version] < time && curve.last[version] >= time) return true;
  }
  return false;
}

/** For each version the last time before `time` and the first one after it at which something touches it; -1 where none does. */
export function neighbours(
  { applied: { ops, versions }, curve }: Timeline,
  time: number,
): { readonly before: Int32Array; readonly after: Int32Array; readonly touched: Uint8Array } {
  const before = new Int32Array(versions.length).fill(-1);
  const after = new Int32Array(versions.length).fill(-1);
  const touched = new Uint8Array(versions.length);
  const { times } = curve;
  const touch = (version: number, at: number) => {
    if (at < time) before[version] = at;
    else if (at === time) touched[version] = 1;
    else if (after[version] < 0) after[version] = at;
  };
  ops.forEach((op, i) => {
    if (op.kind !== 'step') {
      touch(op.version, times[i]);
      return;
    }
    for (const version of op.reads) touch(version, times[i]);
    for (const version of op.writes) touch(version, times[i]);
  });
  return { before, after, touched };
}
