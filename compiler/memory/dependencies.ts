import type { StepAccess } from '../liveness/access.ts';

/**
 * A directed graph over steps in compressed sparse rows: the successors of step `s` are
 * `targets[offsets[s] … offsets[s + 1]]`. An edge may stand twice.
 */
export interface StepGraph {
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
}

/** Builds the rows from edge `i` going from `from[i]` to `to[i]`, keeping the order of the edges in each row. */
export function stepGraph(
  stepCount: number,
  from: readonly number[],
  to: readonly number[],
): StepGraph {
  const offsets = new Int32Array(stepCount + 1);
  for (const step of from) offsets[step + 1]++;
  for (let step = 0; step < stepCount; step++) offsets[step + 1] += offsets[step];
  const next = offsets.slice(0, stepCount);
  const targets = new Int32Array(from.length);
  for (let edge = 0; edge < from.length; edge++) targets[next[from[edge]]++] = to[edge];
  return { offsets, targets };
}

/** The same graph with every edge turned round. */
export function reverseGraph(graph: StepGraph): StepGraph {
  const stepCount = graph.offsets.length - 1;
  const from: number[] = [];
  for (let step = 0; step < stepCount; step++) {
    for (let edge = graph.offsets[step]; edge < graph.offsets[step + 1]; edge++) from.push(step);
  }
  return stepGraph(stepCount, Array.from(graph.targets), from);
}

/**
 * The pairs of steps that must keep their order: read after write, write after read and write after write of
 * one tensor. Writers of one tensor follow one another, so a reader after several partial writers depends on all of
 * them through the last. Each use of a tensor adds at most two edges: linear in the number of operands.
 */
export function stepDependencies(steps: readonly StepAccess[]): StepGraph {
  const from: number[] = [];
  const to: number[] = [];
  const lastWriter = new Map<number, number>();
  const readers = new Map<number, number[]>();
  const depend = (before: number | undefined, after: number) => {
    if (before === undefined || before === after) return;
    from.push(before);
    to.push(after);
  };
  steps.forEach(({ reads, writes }, index) => {
    for (const tensor of reads) depend(lastWriter.get(tensor), index);
    for (const tensor of reads) {
      if (writes.includes(tensor)) continue;
      const list = readers.get(tensor);
      if (list) list.push(index);
      else readers.set(tensor, [index]);
    }
    for (const tensor of writes) {
      const list = readers.get(tensor);
      if (list) for (const reader of list) depend(reader, index);
      else depend(lastWriter.get(tensor), index);
      readers.delete(tensor);
      lastWriter.set(tensor, index);
    }
  });
  return stepGraph(steps.length, from, to);
}
