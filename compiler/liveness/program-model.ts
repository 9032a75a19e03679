import { type ProgramAccess, touchedBy } from './access.ts';
import { LiveEvents } from './events.ts';
import { type TensorPair, takeHandovers } from './handovers.ts';

/**
 * What the steps of one program do to memory, in dense arrays: steps are those of the program, tensors are
 * renumbered to those that it touches and that count. A tensor takes its bytes from the first step that touches it
 * (from the start where `openAtStart`) to the last one (to the end where `neverCloses`).
 */
export interface MemoryModel {
  readonly stepCount: number;
  readonly bytes: Float64Array;
  readonly openAtStart: Uint8Array;
  readonly neverCloses: Uint8Array;
  /** Tensors that step `s` touches: `uses[useOffsets[s] … useOffsets[s + 1]]`. */
  readonly useOffsets: Int32Array;
  readonly uses: Int32Array;
  /** Steps that touch tensor `t`, each once: `users[userOffsets[t] … userOffsets[t + 1]]`. */
  readonly userOffsets: Int32Array;
  readonly users: Int32Array;
  /** By step: what may take over whose place. */
  readonly pairs: readonly (readonly TensorPair[])[];
}

/** The model of a program, with its tensors renumbered. */
export function memoryModel({ steps, inputs, bytesOf, isOutput }: ProgramAccess): MemoryModel {
  const local = new Map<number, number>();
  const tensors: number[] = [];
  const localOf = (tensor: number): number => {
    let index = local.get(tensor);
    if (index === undefined) {
      index = bytesOf(tensor) > 0 ? tensors.push(tensor) - 1 : -1;
      local.set(tensor, index);
    }
    return index;
  };
  for (const tensor of inputs) localOf(tensor);
  const inputCount = tensors.length;

  const uses: number[] = [];
  const useOffsets = [0];
  const pairs: TensorPair[][] = [];
  for (const step of steps) {
    for (const used of touchedBy(step)) {
      const tensor = localOf(used);
      if (tensor >= 0) uses.push(tensor);
    }
    useOffsets.push(uses.length);
    pairs.push(step.pairs.map(({ from, to }) => ({ from: localOf(from), to: localOf(to) })));
  }
  return {
    stepCount: steps.length,
    bytes: Float64Array.from(tensors, bytesOf),
    openAtStart: Uint8Array.from(tensors, (_, index) => (index < inputCount ? 1 : 0)),
    neverCloses: Uint8Array.from(tensors, (tensor) => (isOutput(tensor) ? 1 : 0)),
    useOffsets: Int32Array.from(useOffsets),
    uses: Int32Array.from(uses),
    ...usersOf(tensors.length, useOffsets, uses),
    pairs,
  };
}

function usersOf(tensorCount: number, useOffsets: readonly number[], uses: readonly number[]) {
  const userOffsets = new Int32Array(tensorCount + 1);
  for (const tensor of uses) userOffsets[tensor + 1]++;
  for (let tensor = 0; tensor < tensorCount; tensor++)
    userOffsets[tensor + 1] += userOffsets[tensor];
  const next = userOffsets.slice(0, tensorCount);
  const users = new Int32Array(uses.length);
  for (let step = 0; step + 1 < useOffsets.length; step++) {
    for (let use = useOffsets[step]; use < useOffsets[step + 1]; use++)
      users[next[uses[use]]++] = step;
  }
  return { userOffsets, users };
}

/** The same program run backwards: what was open at the start never closes, and the other way round. */
export function reverseModel(model: MemoryModel): MemoryModel {
  return {
    ...model,
    openAtStart: model.neverCloses,
    neverCloses: model.openAtStart,
    pairs: model.pairs.map((pairs) => pairs.map(({ from, to }) => ({ from: to, to: from }))),
  };
}

/** The peak live bytes when the steps run in `order`, with every handover that in-place sharing would take. */
export function peakOfOrder(model: MemoryModel, order: Int32Array): number {
  const { bytes, useOffsets, uses, pairs, openAtStart, neverCloses } = model;
  const tensorCount = bytes.length;
  const first = new Int32Array(tensorCount).fill(-1);
  const last = new Int32Array(tensorCount).fill(0);
  for (let position = 0; position < order.length; position++) {
    const step = order[position];
    for (let use = useOffsets[step]; use < useOffsets[step + 1]; use++) {
      if (first[uses[use]] < 0) first[uses[use]] = position;
      last[uses[use]] = position;
    }
  }
  const end = Math.max(0, order.length - 1);
  const events = new LiveEvents(end + 1);
  for (let tensor = 0; tensor < tensorCount; tensor++) {
    if (openAtStart[tensor]) first[tensor] = 0;
    if (neverCloses[tensor]) last[tensor] = end;
    events.live(first[tensor], last[tensor], bytes[tensor]);
  }
  let position = 0;
  const dies = (tensor: number) => last[tensor] === position;
  const begins = (tensor: number) => first[tensor] === position && !openAtStart[tensor];
  const take = ({ to }: TensorPair) => events.handover(position, bytes[to]);
  for (; position < order.length; position++) {
    const possible = pairs[order[position]];
    if (possible.length > 0) takeHandovers(possible, dies, begins, take);
  }
  return events.peakBytes();
}
