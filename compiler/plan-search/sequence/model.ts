import type { ValueProgram } from '../program.ts';

/** How a value is made once more: all steps that wrote it, in their order. */
export interface Recipe {
  readonly steps: readonly number[];
  readonly seconds: number;
  /** Values that count, which must be in memory. */
  readonly reads: readonly number[];
  /** Values whose writers all run: each is in memory anew behind it. */
  readonly creates: readonly number[];
  /** Outputs that are written over with what they hold. */
  readonly rewrites: readonly number[];
  /** Bytes of results that nobody asked for, which exist only meanwhile. */
  readonly scratchBytes: number;
  readonly scratch: readonly number[];
  /** All of `reads`, `creates` and `rewrites`. */
  readonly touched: readonly number[];
  /** It can run before step `from` at the earliest and before step `until` at the latest: then what it reads is written over. */
  readonly from: number;
  readonly until: number;
}

/**
 * A value program as the sequence search sees it: what never changes while steps are repeated and values are copied. Values that
 * count are all but the persistent ones that stay on the device.
 */
export interface SequenceModel {
  readonly program: ValueProgram;
  readonly stepCount: number;
  /** 1 for each value that counts. */
  readonly counted: Uint8Array;
  /** 1 for persistent values that live on the host. */
  readonly hosted: Uint8Array;
  readonly bytes: Float64Array;
  readonly isOutput: Uint8Array;
  readonly isInput: Uint8Array;
  readonly firstWriter: Int32Array;
  readonly lastWriter: Int32Array;
  /** By step: the values that count which it touches, each once. */
  readonly touched: readonly (readonly number[])[];
  /** By value: null where it cannot be recomputed. */
  readonly recipes: readonly (Recipe | null)[];
  /** By value: the step behind which it is copied to the host where it is swapped; -1 where the host has it. */
  readonly sentBehind: Int32Array;
}

export function sequenceModel(
  program: ValueProgram,
  onHost: (value: number) => boolean,
): SequenceModel {
  const { values, steps } = program;
  const count = values.length;
  const hosted = Uint8Array.from(values, ({ kind }, value) =>
    kind === 'persistent' && onHost(value) ? 1 : 0,
  );
  const counted = Uint8Array.from(values, ({ kind }, value) =>
    kind !== 'persistent' || hosted[value] ? 1 : 0,
  );
  const firstWriter = new Int32Array(count).fill(-1);
  const lastWriter = new Int32Array(count).fill(-1);
  const sentBehind = new Int32Array(count).fill(-1);
  values.forEach(({ writers, uses, kind }, value) => {
    if (writers.length > 0) {
      firstWriter[value] = writers[0];
      lastWriter[value] = writers[writers.length - 1];
      sentBehind[value] = lastWriter[value];
    } else if (kind === 'input' && uses.length > 0) sentBehind[value] = uses[0];
  });
  const touched = steps.map(({ reads, writes }) => {
    const all = reads.filter((value) => counted[value]);
    for (const value of writes) if (counted[value] && !all.includes(value)) all.push(value);
    return all;
  });
  const model = {
    ...{ program, stepCount: steps.length, counted, hosted },
    bytes: Float64Array.from(values, ({ bytes }, value) => (counted[value] ? bytes : 0)),
    isOutput: Uint8Array.from(values, ({ kind }) => (kind === 'output' ? 1 : 0)),
    isInput: Uint8Array.from(values, ({ kind }) => (kind === 'input' ? 1 : 0)),
    ...{ firstWriter, lastWriter, touched, sentBehind },
  };
  return { ...model, recipes: values.map((_, value) => recipeOf(model, value)) };
}

function recipeOf(model: Omit<SequenceModel, 'recipes'>, value: number): Recipe | null {
  const { program, counted, lastWriter } = model;
  const { values, steps } = program;
  const { kind, writers } = values[value];
  if (kind !== 'temporary' || writers.length === 0) return null;
  const isOwn =
    writers.length === 1 ? (step: number) => step === writers[0] : memberOf(new Set(writers));
  const creates = [value];
  const scratch: number[] = [];
  const rewrites: number[] = [];
  let seconds = 0;
  for (const writer of writers) {
    const step = steps[writer];
    if (!step.repeatable) return null;
    seconds += step.seconds;
    for (const other of step.writes) {
      if (creates.includes(other)) continue;
      if (values[other].kind === 'output') rewrites.push(other);
      else if (values[other].writers.every(isOwn)) creates.push(other);
      else scratch.push(other);
    }
  }
  const reads = new Set<number>();
  let until = steps.length;
  for (const writer of writers) {
    for (const read of steps[writer].reads) {
      if (creates.includes(read)) continue;
      if (values[read].kind === 'persistent') {
        const over = values[read].writers.find((step) => step >= writer);
        if (over !== undefined) until = Math.min(until, over);
      } else if (values[read].accumulated && lastWriter[read] >= writer) return null;
      if (counted[read]) reads.add(read);
    }
  }
  const rewritten = [...new Set(rewrites)].filter((other) => !reads.has(other));
  return {
    ...{ steps: writers, seconds, creates, rewrites: rewritten, reads: [...reads] },
    scratch: [...new Set(scratch)],
    scratchBytes: [...new Set(scratch)].reduce((sum, other) => sum + model.bytes[other], 0),
    touched: [...reads, ...creates, ...rewritten],
    from: creates.reduce((most, other) => Math.max(most, lastWriter[other] + 1), 0),
    until,
  };
}

const memberOf = (set: ReadonlySet<number>) => (step: number) => set.has(step);
