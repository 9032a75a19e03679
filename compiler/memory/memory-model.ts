import type { ProgramAccess } from '../liveness/access.ts';

/**
 * What the steps of one program do to memory, in dense arrays: steps are those of the program, tensors are
 * renumbered to the arena tensors that it touches. A tensor takes its bytes from the first step that touches it
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
  /** In step `s`, tensor `pairTo[i]` may take over the memory of `pairFrom[i]`, for i from `pairOffsets[s]` on. */
  readonly pairOffsets: Int32Array;
  readonly pairFrom: Int32Array;
  readonly pairTo: Int32Array;
}

/** The model of a program, with its arena tensors renumbered. */
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
  const pairFrom: number[] = [];
  const pairTo: number[] = [];
  const pairOffsets = [0];
  for (const { reads, writes, pairs } of steps) {
    for (const used of new Set([...reads, ...writes])) {
      const tensor = localOf(used);
      if (tensor >= 0) uses.push(tensor);
    }
    useOffsets.push(uses.length);
    for (const { from, to } of pairs) {
      pairFrom.push(localOf(from));
      pairTo.push(localOf(to));
    }
    pairOffsets.push(pairFrom.length);
  }
  return {
    stepCount: steps.length,
    bytes: Float64Array.from(tensors, bytesOf),
    openAtStart: Uint8Array.from(tensors, (_, index) => (index < inputCount ? 1 : 0)),
    neverCloses: Uint8Array.from(tensors, (tensor) => (isOutput(tensor) ? 1 : 0)),
    useOffsets: Int32Array.from(useOffsets),
    uses: Int32Array.from(uses),
    ...usersOf(tensors.length, useOffsets, uses),
    pairOffsets: Int32Array.from(pairOffsets),
    pairFrom: Int32Array.from(pairFrom),
    pairTo: Int32Array.from(pairTo),
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
    pairFrom: model.pairTo,
    pairTo: model.pairFrom,
  };
}

/** Most bytes live at any step when the steps run in `order`, with every in-place handover that `shareInPlace` would take. */
export function peakOfOrder(model: MemoryModel, order: Int32Array): number {
  const { bytes, useOffsets, uses, pairOffsets, pairFrom, pairTo } = model;
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
  const change = new Float64Array(order.length + 2);
  for (let tensor = 0; tensor < tensorCount; tensor++) {
    if (model.openAtStart[tensor]) first[tensor] = 0;
    if (model.neverCloses[tensor]) last[tensor] = Math.max(0, order.length - 1);
    change[first[tensor]] += bytes[tensor];
    change[last[tensor] + 1] -= bytes[tensor];
  }
  for (let position = 0; position < order.length; position++) {
    const step = order[position];
    // Buffers of a kernel are few: the pairs already taken in this step fit into a small list.
    const taken: number[] = [];
    for (let pair = pairOffsets[step]; pair < pairOffsets[step + 1]; pair++) {
      const from = pairFrom[pair];
      const to = pairTo[pair];
      if (last[from] !== position || first[to] !== position || model.openAtStart[to]) continue;
      if (taken.includes(from) || taken.includes(to)) continue;
      taken.push(from, to);
      change[position] -= bytes[to];
      change[position + 1] += bytes[to];
    }
  }
  let live = 0;
  let peak = 0;
  for (const bytesMore of change) {
    live += bytesMore;
    peak = Math.max(peak, live);
  }
  return peak;
}
