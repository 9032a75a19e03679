// What a traced session measures: plain data that the runtime makes and the command line reads.

/**
 * What steps were timed by. `timestamps`: the GPU's own, written when a step begins and ends. `queue`: on a device without
 * them, the host's clock whenever the queue says that a step is done, so that a step has its share of handing over and polling.
 * `host`: the host's clock around each step, which runs on the host.
 */
export type TraceClock = 'timestamps' | 'queue' | 'host';

/** Of all times: seconds since the session was loaded. Where steps overlap, what they share counts for the earlier one. */
export interface TimeSpan {
  readonly startSeconds: number;
  readonly seconds: number;
}

/** One run of a program, from its first input to its last output. */
export interface RunTime extends TimeSpan {
  readonly program: string;
  /** Counts the runs of the session from 0. */
  readonly run: number;
}

/** One step of a run. */
export interface StepTime extends TimeSpan {
  readonly program: string;
  readonly run: number;
  /** Index into the program's steps. */
  readonly step: number;
  /** Name of its kernel. */
  readonly kernel: string;
}

/**
 * A copy between host and device. A copy in takes as long as the host is busy with it; a copy out, from when its step is done
 * and the copies before it have arrived, until it has arrived.
 */
export interface CopyTime extends TimeSpan {
  readonly program: string;
  readonly run: number;
  readonly direction: 'in' | 'out';
  /** `swap`: a transfer of the plan, or a snapshot; `interface`: inputs and outputs. */
  readonly purpose: 'swap' | 'interface';
  /** Names of the tensors: one, or all outputs that are read together. */
  readonly tensors: readonly string[];
  readonly bytes: number;
  /** In: the step before which it is wanted; out: the step behind which it is made. */
  readonly step: number;
}

/** What `Session.trace` gives, each list in the order of time. */
export interface SessionTrace {
  readonly clock: TraceClock;
  readonly runs: readonly RunTime[];
  readonly steps: readonly StepTime[];
  readonly copies: readonly CopyTime[];
}
