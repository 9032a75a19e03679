import type { Affine, Axis } from '../../ir/kernel.ts';
import { nodeOperands } from '../../ir/kernel-cost.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { type LoopNest, NodeList, withAxes } from './loop-nest.ts';

/** The same kernel without dead nodes and with few axes; the first `fixed` axes and `terms` reduced ones stay as they are. */
export function canonicalise(nest: LoopNest, fixed = 0, terms = 0): LoopNest {
  return coalesce(dropUnitAxes(dropDeadNodes(nest), fixed, terms), fixed, terms);
}

/** The same kernel without its reductions and their axes, if nothing that it stores is what they give. */
export function withoutUnusedReductions(nest: LoopNest): LoopNest {
  const { reductions, nodes, axes } = nest;
  if (reductions.length === 0) return nest;
  const alive = aliveNodes(nest);
  if (nodes.some(({ kind }, k) => alive[k] && kind === 'accumulator')) return nest;
  // Nothing else that is stored varies along a reduced axis.
  const pure = dropDeadNodes({ ...nest, reductions: [] });
  const kept = [...axes.keys()].filter((axis) => axes[axis].kind !== 'reduced');
  return withAxes(
    pure,
    kept.map((axis) => axes[axis]),
    ({ offset, coefficients }) => ({
      offset,
      coefficients: kept.map((axis) => coefficients[axis]),
    }),
  );
}

/** Numbers of the axes that stay as they are. */
function fixedAxes({ axes }: LoopNest, fixed: number, terms: number): ReadonlySet<number> {
  const reduced = axes.flatMap(({ kind }, axis) => (kind === 'reduced' ? [axis] : []));
  return new Set([...Array(fixed).keys(), ...reduced.slice(0, terms)]);
}

/** 1 for each node that a store needs, other than through an accumulator. */
function aliveNodes({ nodes, stores }: LoopNest): Uint8Array {
  const alive = new Uint8Array(nodes.length);
  for (const { value, indirect } of stores) {
    alive[value] = 1;
    if (indirect) alive[indirect.node] = 1;
  }
  markOperands(nodes, alive);
  return alive;
}

function markOperands(nodes: LoopNest['nodes'], alive: Uint8Array): void {
  for (let k = nodes.length - 1; k >= 0; k--)
    if (alive[k]) for (const operand of nodeOperands(nodes[k])) alive[operand] = 1;
}

function dropDeadNodes(nest: LoopNest): LoopNest {
  const alive = aliveNodes(nest);
  const used = usedReductions(nest, alive);
  for (const reduction of used) alive[nest.reductions[reduction].value] = 1;
  markOperands(nest.nodes, alive);
  const list = new NodeList();
  const image = new Int32Array(nest.nodes.length);
  nest.nodes.forEach((node, k) => {
    if (!alive[k]) return;
    const own =
      node.kind === 'accumulator' ? { ...node, reduction: used.indexOf(node.reduction) } : node;
    image[k] = list.add(mapOperands(own, (operand) => image[operand]));
  });
  return {
    ...nest,
    nodes: list.nodes,
    reductions: used.map((reduction) => {
      const one = nest.reductions[reduction];
      const { rescaled } = one;
      return {
        ...{ ...one, value: image[one.value] },
        ...(rescaled === undefined ? {} : { rescaled: used.indexOf(rescaled) }),
      };
    }),
    stores: nest.stores.map((store) => mapStored(store, (node) => image[node])),
  };
}

/** The numbers of the reductions whose results are alive, or that these are rescaled by; of all, where none is. */
function usedReductions({ nodes, reductions }: LoopNest, alive: Uint8Array): number[] {
  const all = [...reductions.keys()];
  const isAlive = (reduction: number) =>
    nodes.some(
      (node, k) => alive[k] && node.kind === 'accumulator' && node.reduction === reduction,
    );
  const used = all.filter(
    (reduction) =>
      isAlive(reduction) ||
      reductions.some(({ rescaled }, k) => rescaled === reduction && isAlive(k)),
  );
  return used.length > 0 ? used : all;
}

function dropUnitAxes(nest: LoopNest, fixed: number, terms: number): LoopNest {
  const stay = fixedAxes(nest, fixed, terms);
  const kept = nest.axes
    .map((axis, k) => (stay.has(k) || axis.extent > 1 ? k : -1))
    .filter((k) => k >= 0);
  // A reduction keeps at least one reduced axis, a scatter one sequential axis: they give the kernel its meaning.
  for (const kind of ['reduced', 'sequential'] as const) {
    const first = nest.axes.findIndex((axis) => axis.kind === kind);
    if (first >= 0 && !kept.some((k) => nest.axes[k].kind === kind)) kept.push(first);
  }
  kept.sort((a, b) => a - b);
  if (kept.length === nest.axes.length) return nest;
  return withAxes(
    nest,
    kept.map((k) => nest.axes[k]),
    (affine) => ({
      offset: affine.offset,
      coefficients: kept.map((k) => affine.coefficients[k]),
    }),
  );
}

/** Merges neighbouring axes of one kind that every address walks through as one. */
function coalesce(nest: LoopNest, fixed: number, terms: number): LoopNest {
  let current = nest;
  const stay = fixedAxes(nest, fixed, terms);
  for (let outer = nest.axes.length - 2; outer >= fixed; outer--) {
    // Axes behind this one may be fewer by now, but their kinds are as they were.
    if (!stay.has(outer) && mergeable(current, outer)) current = mergeAxes(current, outer);
  }
  return current;
}

/** Whether every address walks through an axis and the next as one. */
export function mergeable(nest: LoopNest, outer: number): boolean {
  const inner = outer + 1;
  const [a, b]: Axis[] = [nest.axes[outer], nest.axes[inner]];
  if (a.kind !== b.kind) return false;
  return affinesOf(nest).every(
    ({ coefficients }) => coefficients[outer] === coefficients[inner] * b.extent,
  );
}

function affinesOf(nest: LoopNest): Affine[] {
  const affines: Affine[] = nest.stores.map((store) => store.index);
  for (const node of nest.nodes) {
    if (node.kind === 'load') affines.push(node.index, ...node.bounds.map((bound) => bound.index));
    else if (node.kind === 'index') affines.push(node.index);
    else if (node.kind === 'inBounds') affines.push(...node.bounds.map((bound) => bound.index));
    else if (node.kind === 'random') affines.push(node.counter);
  }
  return affines;
}

/** Makes one axis of an axis and the next. */
export function mergeAxes(nest: LoopNest, outer: number): LoopNest {
  const merged = {
    extent: nest.axes[outer].extent * nest.axes[outer + 1].extent,
    kind: nest.axes[outer].kind,
  };
  return withAxes(nest, nest.axes.toSpliced(outer, 2, merged), ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.toSpliced(outer, 2, coefficients[outer + 1]),
  }));
}
