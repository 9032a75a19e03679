import { partitionPoint } from '../../ir/lists.ts';
import type { Dependences } from './dependences.ts';

/** What decides which steps share a dispatch. */
export interface Packing {
  /** Whether a step may share one at all. */
  readonly joins: (step: number) => boolean;
  /** A dispatch that begins with a step. */
  readonly open: (step: number) => OpenGroup;
}

/** A dispatch to which steps are added that do not depend on each other. */
export interface OpenGroup {
  /** Tensors that a step would add to those of others: the fewest are taken first. */
  readonly added: (step: number) => number;
  /** Adds a step if it may and should be in it, and says whether. */
  readonly take: (step: number) => boolean;
}

/** Ready steps that are looked at for a group: more make it slow, and those far down wait for others. */
const WINDOW = 64;

/**
 * Steps by dispatches, in an order that keeps all dependences. List scheduling: the ready step of the highest rank, and with it
 * as many other ready ones as fit. The rank is by the longest way to the end, or by the order that steps had; what gives fewer
 * dispatches is taken.
 */
export function packSteps(dependences: Dependences, packing: Packing): number[][] {
  const { steps } = dependences;
  const inOrder = schedule(dependences, packing, (node) => -node);
  const heights = heightsOf(dependences);
  const byHeight = schedule(dependences, packing, (node) => heights[node] * steps.length - node);
  return byHeight.length < inOrder.length ? byHeight : inOrder;
}

/** By node: the most steps one after the other from it on. */
function heightsOf({ steps, successors }: Dependences): Int32Array {
  const heights = new Int32Array(steps.length);
  for (let node = steps.length - 1; node >= 0; node--) {
    let most = 0;
    for (const after of successors[node]) most = Math.max(most, heights[after]);
    heights[node] = most + Number(steps[node] >= 0);
  }
  return heights;
}

function schedule(
  { steps, successors }: Dependences,
  { joins, open }: Packing,
  rank: (node: number) => number,
): number[][] {
  const waiting = new Int32Array(steps.length);
  for (const list of successors) for (const node of list) waiting[node]++;
  /** Nodes by falling rank. */
  const ready: number[] = [];
  const enter = (node: number) => {
    if (steps[node] < 0) {
      leave(node);
      return;
    }
    const own = rank(node);
    ready.splice(
      partitionPoint(ready.length, (i) => rank(ready[i]) > own),
      0,
      node,
    );
  };
  const leave = (node: number) => {
    for (const after of successors[node]) if (--waiting[after] === 0) enter(after);
  };
  const first: number[] = [];
  waiting.forEach((count, node) => {
    if (count === 0) first.push(node);
  });
  for (const node of first) enter(node);
  const groups: number[][] = [];
  while (ready.length > 0) {
    const anchor = ready.shift()!;
    const nodes = [anchor];
    const group = [steps[anchor]];
    const candidates = joins(steps[anchor])
      ? ready.slice(0, WINDOW).filter((node) => joins(steps[node]))
      : [];
    const shared = candidates.length > 0 ? open(group[0]) : null;
    while (shared && candidates.length > 0) {
      let best = 0;
      let least = Number.POSITIVE_INFINITY;
      candidates.forEach((node, i) => {
        const more = shared.added(steps[node]);
        if (more < least) [best, least] = [i, more];
      });
      const [node] = candidates.splice(best, 1);
      if (!shared.take(steps[node])) continue;
      nodes.push(node);
      group.push(steps[node]);
      ready.splice(ready.indexOf(node), 1);
    }
    groups.push(group);
    for (const node of nodes) leave(node);
  }
  return groups;
}
