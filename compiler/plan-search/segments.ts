import type { ValueProgram } from './program.ts';

// The definition that gives the extra steps of SuperNeurons' Table 1 for AlexNet and both residual networks: a value that no
// backward step reads (the last batch normalisation before a sum, a branch's gradient needing nothing of it) is in no segment,
// and a fork's result has memory of its own, so that the layers before it are rematerialised only for their own gradients.

/** Values that cheap steps of the forward pass compute from one another, and that the backward pass reads. */
export interface Segment {
  /** In the order in which they are made. */
  readonly values: readonly number[];
  /** Peak bytes at backward steps that use the segment, if it is computed once and held: what is left of it, and the step's other operands. */
  readonly heldBytes: number;
}

/** Which use of a value is its first in the backward pass, where it has one in the forward pass as well; else 0. */
export function turnUse({ values, turn }: ValueProgram, value: number): number {
  const { uses } = values[value];
  let low = 0;
  let high = uses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (uses[middle] < turn) low = middle + 1;
    else high = middle;
  }
  return low < uses.length ? low : 0;
}

/**
 * The segments of a program. A value is in none if only an expensive step could rematerialise it, or if what it needs is dead or
 * overwritten by then. Near-linear in the operands of all steps.
 */
export function findSegments(program: ValueProgram): Segment[] {
  const { steps, values } = program;
  const made = valuesInOrder(program);
  const neededUntil = lastNeeds(program, made);
  // By value: a value of the same segment nearer to its root, itself at the root; -1 for those in none.
  const parent = new Int32Array(values.length).fill(-1);
  const rootOf = (value: number) => {
    let root = value;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root]];
      root = parent[root];
    }
    return root;
  };
  const isThere = (value: number, writer: number, until: number) => {
    const { kind, uses, writers, accumulated } = values[value];
    if (kind === 'persistent') return writers.every((step) => step <= writer || step >= until);
    if (accumulated && writers[writers.length - 1] > writer) return false;
    return kind === 'output' || uses[uses.length - 1] >= until;
  };
  for (const value of made) {
    const { writers } = values[value];
    const isRecomputable = writers.every((writer) =>
      steps[writer].reads.every(
        (read) => parent[read] >= 0 || isThere(read, writer, neededUntil[value]),
      ),
    );
    if (!isRecomputable) continue;
    parent[value] = value;
    for (const writer of writers)
      for (const read of steps[writer].reads)
        if (parent[read] >= 0) parent[rootOf(read)] = rootOf(value);
  }
  const members = new Map<number, number[]>();
  for (const value of made) {
    if (parent[value] < 0) continue;
    const root = rootOf(value);
    const list = members.get(root);
    if (list) list.push(value);
    else members.set(root, [value]);
  }
  return [...members.values()].map((list) => ({
    values: list,
    heldBytes: heldBytes(program, list),
  }));
}

/** What cheap steps of the forward pass make once and the backward pass reads, in the order in which it is made. */
function valuesInOrder(program: ValueProgram): number[] {
  const { steps, values, turn } = program;
  return steps.slice(0, turn).flatMap(({ writes }, step) =>
    writes.filter((value) => {
      const { kind, writers, accumulated } = values[value];
      return (
        kind === 'temporary' &&
        !accumulated &&
        turnUse(program, value) > 0 &&
        writers[writers.length - 1] === step &&
        writers.every((writer) => steps[writer].repeatable && !steps[writer].checkpoint)
      );
    }),
  );
}

/** By value of `made`: the last step before which it, or what is computed from it, may have to be rematerialised. */
function lastNeeds(program: ValueProgram, made: readonly number[]): Int32Array {
  const { steps, values } = program;
  const needed = new Int32Array(values.length).fill(-1);
  for (const value of made) needed[value] = values[value].uses[turnUse(program, value)];
  for (const value of made.toReversed()) {
    for (const writer of values[value].writers)
      for (const read of steps[writer].reads)
        if (needed[read] >= 0) needed[read] = Math.max(needed[read], needed[value]);
  }
  return needed;
}

function heldBytes({ steps, values, turn }: ValueProgram, members: readonly number[]): number {
  const inside = new Set(members);
  const lastUse = (value: number) => values[value].uses[values[value].uses.length - 1];
  const falling = members.toSorted((a, b) => lastUse(a) - lastUse(b));
  const backward = new Set(members.flatMap((value) => values[value].uses.filter((s) => s >= turn)));
  let held = members.reduce((sum, value) => sum + values[value].bytes, 0);
  let dead = 0;
  let most = 0;
  for (const step of [...backward].sort((a, b) => a - b)) {
    for (; dead < falling.length && lastUse(falling[dead]) < step; dead++)
      held -= values[falling[dead]].bytes;
    let others = 0;
    for (const value of new Set([...steps[step].reads, ...steps[step].writes]))
      if (!inside.has(value) && values[value].kind !== 'persistent') others += values[value].bytes;
    most = Math.max(most, held + others);
  }
  return most;
}
