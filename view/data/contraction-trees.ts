import {
  type InspectedContraction,
  inspectContraction,
} from '../../compiler/inspect/contractions.ts';
import type { PlanModel } from './model.ts';

/** A part of a contraction: an operand, or what a step makes of two parts. */
export interface TreeNode {
  /** The letters of its axes. */
  readonly letters: string;
  /** The parts that it is made of; null for an operand. */
  readonly children: readonly [number, number] | null;
  /** Multiply-adds of its step; 0 for an operand. */
  readonly macs: number;
  /** Of the macs of all steps. */
  readonly share: number;
  /** Elements that it has. */
  readonly elements: number;
  /** Where it is drawn: operands at whole numbers in the order of their leaves, others between their parts. */
  readonly x: number;
  /** Levels above the deepest operand of all: operands of the first steps are lowest. */
  readonly level: number;
}

/** An einsum and the order that was chosen for it, equal ones of all programs once. */
export interface ContractionTree {
  readonly equation: string;
  /** The chosen order is one of these steps; the root is the last node. */
  readonly nodes: readonly TreeNode[];
  readonly method: InspectedContraction['method'];
  readonly macs: number;
  readonly leftToRightMacs: number;
  readonly denseMacs: number;
  /** With the gradients; null where none is taken. */
  readonly trainMacs: number | null;
  /** `train (12 times)`. */
  readonly places: readonly string[];
  readonly scope: string | null;
  readonly source: string | null;
}

/** The contractions of a plan, those that take most first. */
export function contractionTrees({ plan }: PlanModel): ContractionTree[] {
  const found = new Map<string, { one: InspectedContraction; places: string[] }>();
  for (const [program, { contractions = [] }] of Object.entries(plan.programs))
    for (const contraction of contractions) {
      const { equation, sizes, order, times, trainMacs } = contraction;
      const key = JSON.stringify([equation, sizes, order]);
      const one = inspectContraction(plan, contraction);
      const entry = found.get(key) ?? { one, places: [] };
      if (trainMacs !== null) entry.one = one;
      entry.places.push(times > 1 ? `${program} (${times} times)` : program);
      found.set(key, entry);
    }
  return [...found.values()]
    .filter(({ one }) => one.steps.length > 0)
    .sort((a, b) => b.one.macs - a.one.macs)
    .map(({ one, places }) => ({
      equation: one.equation,
      nodes: treeNodes(one),
      ...{ method: one.method, macs: one.macs, leftToRightMacs: one.leftToRightMacs },
      ...{ denseMacs: one.denseMacs, trainMacs: one.trainMacs, places },
      ...{ scope: one.scope, source: one.source },
    }));
}

function treeNodes({ operands, steps, sizes }: InspectedContraction): TreeNode[] {
  const children = [
    ...operands.map(() => null),
    ...steps.map(({ left, right }) => [left, right] as const),
  ];
  const xs = new Float64Array(children.length);
  const levels = new Int32Array(children.length);
  for (const [place, leaf] of leavesOf(children).entries()) xs[leaf] = place;
  // A step comes behind the parts that it takes.
  children.forEach((pair, node) => {
    if (!pair) return;
    xs[node] = (xs[pair[0]] + xs[pair[1]]) / 2;
    levels[node] = 1 + Math.max(levels[pair[0]], levels[pair[1]]);
  });
  const total = steps.reduce((sum, { macs }) => sum + macs, 0) || 1;
  return children.map((pair, node) => {
    const step = steps[node - operands.length];
    const letters = step ? step.result : operands[node];
    const macs = step?.macs ?? 0;
    const elements = [...letters].reduce((product, letter) => product * sizes[letter], 1);
    return {
      ...{ letters, children: pair, macs, share: macs / total, elements },
      ...{ x: xs[node], level: levels[node] },
    };
  });
}

/** Operands from left to right, so that no lines of the tree cross. */
function leavesOf(children: readonly (readonly [number, number] | null)[]): number[] {
  const leaves: number[] = [];
  const open = [children.length - 1];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const pair = children[node];
    if (pair) open.push(pair[1], pair[0]);
    else leaves.push(node);
  }
  return leaves;
}
