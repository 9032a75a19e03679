// Counts the peak and the time of a sequence by itself: it shares no code with the planner. What a copy holds is followed as
// well, so that a sequence which runs a step on stale or missing operands is refused, and not only a large one.

export interface ReplayedProgram {
  readonly steps: readonly ReplayedStep[];
  readonly values: readonly ReplayedValue[];
}

export interface ReplayedStep {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** Result `to` may take the place of operand `from` where that is freed behind the step. */
  readonly pairs: readonly { readonly from: number; readonly to: number }[];
  readonly seconds: number;
}

export interface ReplayedValue {
  readonly bytes: number;
  readonly kind: 'input' | 'output' | 'temporary' | 'persistent';
  /** Whether a later writer needs what earlier ones left there; otherwise each writes a part of its own. */
  readonly accumulated: boolean;
}

/** Copies are numbers of the sequence's own. `write` names one more where the step makes it. */
export type Action =
  | {
      readonly do: 'run';
      readonly step: number;
      readonly reads: readonly number[];
      readonly writes: readonly number[];
      readonly again: boolean;
    }
  | { readonly do: 'free'; readonly copy: number }
  | { readonly do: 'out'; readonly copy: number }
  | { readonly do: 'in'; readonly copy: number; readonly value: number }
  /** It is in device memory before the first step. */
  | { readonly do: 'start'; readonly copy: number; readonly value: number }
  /** The value is on the host before the first step. */
  | { readonly do: 'host'; readonly value: number };

export interface ReplayedCosts {
  readonly outSeconds: (bytes: number) => number;
  readonly inSeconds: (bytes: number) => number;
}

export interface Replay {
  readonly peakBytes: number;
  /** Of all steps, repeated ones included. */
  readonly computeSeconds: number;
  /** Until the last step and the last copy have ended: steps, copies out and copies in queue up apart. */
  readonly seconds: number;
  readonly repeated: number;
  readonly copies: number;
}

const NO_COPIES: ReplayedCosts = {
  outSeconds: () => Number.POSITIVE_INFINITY,
  inSeconds: () => Number.POSITIVE_INFINITY,
};

/** What a value holds: by its writers so far, each with what it read. Equal texts are equal contents. */
type Content = ReadonlyMap<number, number>;

interface Copy {
  readonly value: number;
  content: Content;
  readyAt: number;
}

/**
 * Replays `actions` of `program`.
 *
 * @throws Error that names the first action which is impossible: a copy that is not there, a step on other operands than it had in
 *   the original order, a step that is left out, an output that is lost
 */
export function replay(
  program: ReplayedProgram,
  actions: readonly Action[],
  costs: ReplayedCosts = NO_COPIES,
): Replay {
  const known = new Map<string, number>();
  const intern = (text: string) => {
    const number = known.get(text) ?? known.size;
    known.set(text, number);
    return number;
  };
  const wanted = originalContents(program, intern);
  const copies = new Map<number, Copy>();
  const host = new Map<number, { content: Content; readyAt: number }>();
  let live = 0;
  let peakBytes = 0;
  let next = 0;
  let computeSeconds = 0;
  let now = 0;
  let outFree = 0;
  let inFree = 0;
  let repeated = 0;
  let transfers = 0;
  const bytesOf = (value: number) => program.values[value].bytes;
  const copyAt = (copy: number, index: number, what: string): Copy =>
    copies.get(copy) ?? refuse(index, `${what} copy ${copy}, which is not there`);
  const make = (copy: number, value: number, content: Content, readyAt: number, index: number) => {
    if (copies.has(copy)) refuse(index, `makes copy ${copy} twice`);
    copies.set(copy, { value, content, readyAt });
    live += bytesOf(value);
  };
  actions.forEach((action, index) => {
    if (action.do === 'start') {
      const { kind } = program.values[action.value];
      if (kind !== 'input' && kind !== 'persistent') refuse(index, 'starts with a temporary');
      make(action.copy, action.value, new Map(), 0, index);
    } else if (action.do === 'host') {
      if (program.values[action.value].kind !== 'persistent') refuse(index, 'starts on the host');
      host.set(action.value, { content: new Map(), readyAt: 0 });
    } else if (action.do === 'free') {
      live -= bytesOf(copyAt(action.copy, index, 'frees').value);
      copies.delete(action.copy);
    } else if (action.do === 'out') {
      const copy = copyAt(action.copy, index, 'sends out');
      const copying = costs.outSeconds(bytesOf(copy.value));
      outFree = Math.max(outFree, now) + copying;
      // There are two buffers for copies to the host: what is behind the second one waits.
      now = Math.max(now, outFree - 2 * copying);
      host.set(copy.value, { content: copy.content, readyAt: outFree });
      transfers++;
    } else if (action.do === 'in') {
      const held =
        host.get(action.value) ?? refuse(index, `value ${action.value} is not on the host`);
      inFree = Math.max(inFree, now, held.readyAt) + costs.inSeconds(bytesOf(action.value));
      make(action.copy, action.value, held.content, inFree, index);
      transfers++;
    } else {
      const step = program.steps[action.step];
      if (!action.again && action.step !== next)
        refuse(index, `runs step ${action.step}, not ${next}`);
      if (action.again && action.step >= next)
        refuse(index, `repeats step ${action.step} before its time`);
      next += action.again ? 0 : 1;
      step.reads.forEach((value, k) => {
        const copy = copyAt(action.reads[k], index, 'reads');
        if (copy.value !== value) refuse(index, `reads another value than ${value}`);
        if (
          !holds(
            copy.content,
            wanted.steps[action.step].reads[k],
            program.values[value].accumulated,
          )
        )
          refuse(index, `step ${action.step} reads a stale value ${value}`);
        now = Math.max(now, copy.readyAt);
      });
      const before = new Set(copies.keys());
      step.writes.forEach((value, k) => {
        const name = action.writes[k];
        if (!copies.has(name)) make(name, value, new Map(), 0, index);
        const copy = copies.get(name)!;
        if (copy.value !== value) refuse(index, `writes another value than ${value}`);
        now = Math.max(now, copy.readyAt);
        const { key, id } = wanted.steps[action.step].writes[k];
        const content = new Map(copy.content);
        // The host's copy of a value that is written again is no longer what it holds.
        if (!action.again) host.delete(value);
        content.set(key, id);
        copies.set(name, { ...copy, content });
      });
      peakBytes = Math.max(peakBytes, live - sharedBytes(program, action, actions, index, before));
      computeSeconds += step.seconds;
      now += step.seconds;
      repeated += action.again ? 1 : 0;
    }
    if (action.do === 'in') peakBytes = Math.max(peakBytes, live);
  });
  if (next !== program.steps.length) refuse(actions.length, `ends before step ${next}`);
  const atEnd = [...host].map(([value, { content }]) => ({ value, content }));
  for (const { value, content } of copies.values()) atEnd.push({ value, content });
  program.values.forEach(({ kind }, value) => {
    if (kind !== 'output' && kind !== 'persistent') return;
    const kept = atEnd.some(
      (copy) => copy.value === value && holds(copy.content, wanted.final[value], true),
    );
    if (!kept) refuse(actions.length, `loses ${kind} ${value}`);
  });
  return {
    peakBytes,
    computeSeconds,
    seconds: Math.max(now, outFree, inFree),
    repeated,
    copies: transfers,
  };
}

function refuse(index: number, what: string): never {
  throw new Error(`action ${index}: ${what}`);
}

function holds(content: Content, wanted: Content, exactly: boolean): boolean {
  if (exactly && content.size !== wanted.size) return false;
  return [...wanted].every(([writer, id]) => content.get(writer) === id);
}

interface StepContents {
  readonly reads: readonly Content[];
  readonly writes: readonly { readonly key: number; readonly id: number }[];
}

/** What each step reads and leaves in the original order. */
function originalContents(
  { steps, values }: ReplayedProgram,
  intern: (text: string) => number,
): { readonly steps: StepContents[]; readonly final: readonly Content[] } {
  const now: Content[] = values.map(() => new Map());
  const contents = steps.map(({ reads, writes }, s) => {
    const read = reads.map((value) => now[value]);
    const operands = read
      .map((content, k) => `${reads[k]}:${[...content].map(([a, b]) => `${a}=${b}`).join(',')}`)
      .join(';');
    const written = writes.map((value) => ({ key: s, id: intern(`${s}/${value}(${operands})`) }));
    writes.forEach((value, k) => {
      now[value] = new Map(now[value]).set(written[k].key, written[k].id);
    });
    return { reads: read, writes: written };
  });
  return { steps: contents, final: now };
}

/** Bytes of results that take the place of operands which are freed right behind the step. */
function sharedBytes(
  { steps, values }: ReplayedProgram,
  run: Extract<Action, { do: 'run' }>,
  actions: readonly Action[],
  index: number,
  before: ReadonlySet<number>,
): number {
  const freed = new Set<number>();
  for (let i = index + 1; i < actions.length; i++) {
    const action = actions[i];
    if (action.do !== 'free') break;
    freed.add(action.copy);
  }
  const { reads, writes, pairs } = steps[run.step];
  const taken = new Set<number>();
  let bytes = 0;
  for (const { from, to } of pairs) {
    const source = run.reads[reads.indexOf(from)];
    const target = run.writes[writes.indexOf(to)];
    if (!freed.has(source) || before.has(target) || taken.has(source) || taken.has(target))
      continue;
    taken.add(source).add(target);
    bytes += Math.min(values[from].bytes, values[to].bytes);
  }
  return bytes;
}
