import { type Expression, type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands, nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { isStaged, tileCount } from '../../../ir/kernel-stage.ts';
import { SCALAR_OPS } from '../../../ir/scalar.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { KernelWork } from '../kernel-work.ts';
import { collapseAxes } from './collapse.ts';
import {
  type Contraction,
  extentOf,
  matchContraction,
  tilingResources,
} from './contraction-match.ts';
import { divideReduction, loopInvariants } from './reduction.ts';
import { divideTiles } from './staged.ts';

// Operations of the modules that this folder prints. A multiply-add is two.

const MULTIPLY_ADD = 2;
/** Recovering an index of one of several axes from their common number. */
const DIVISION = 3;
/** Counting, comparing and jumping. */
const LOOP_STEP = 3;
/** An address in workgroup memory and the access. */
const WORKGROUP_ACCESS = 2;

/** What a module of {@link emitWgsl} does in one dispatch. */
export function wgslWork(kernel: Kernel, limits: TargetLimits): KernelWork {
  if (isStaged(kernel)) {
    const { workgroupSize, halves } = divideTiles(kernel, limits);
    const invocations = tileCount(kernel) * workgroupSize;
    const steps = halves.reduce((sum, { units, unitTime }) => sum + units * unitTime, 0);
    const operations = MULTIPLY_ADD * tileCount(kernel) * steps;
    return { operations, barriers: invocations, invocations };
  }
  const collapsed = collapseAxes(kernel);
  if (!collapsed.reduction) return elementwiseWork(collapsed);
  const contraction = matchContraction(collapsed, limits);
  if (!contraction) return reductionWork(collapsed, limits);
  return contraction.tiling.memory === 'registers'
    ? registerWork(collapsed, contraction)
    : workgroupWork(collapsed, contraction);
}

function elementwiseWork(kernel: Kernel): KernelWork {
  const invocations = pointCount(kernel, 'parallel');
  const repeats = pointCount(kernel, 'sequential');
  const each = operationsOf(kernel, storedNodes(kernel)) + LOOP_STEP * Number(repeats > 1);
  const operations = invocations * (indexing(kernel, 'parallel') + repeats * each);
  return { operations, barriers: 0, invocations };
}

function reductionWork(kernel: Kernel, limits: TargetLimits): KernelWork {
  const { reducers } = divideReduction(kernel, limits);
  const invocations = pointCount(kernel, 'parallel') * reducers;
  const terms = Math.ceil(pointCount(kernel, 'reduced') / reducers);
  const under = nodesUnderReduction(kernel);
  const invariant = new Set(loopInvariants(kernel));
  const looped = [...under.keys()].filter((node) => under[node] && !invariant.has(node));
  const stored = storedNodes(kernel).filter((node) => !under[node]);
  const each = operationsOf(kernel, looped) + indexing(kernel, 'reduced') + 1 + LOOP_STEP;
  const own = indexing(kernel, 'parallel') + operationsOf(kernel, [...invariant]) + terms * each;
  const levels = Math.log2(reducers);
  const tree = levels * (LOOP_STEP + 2 * WORKGROUP_ACCESS);
  const finish = operationsOf(kernel, stored) / reducers;
  return {
    operations: invocations * (own + tree + finish),
    barriers: invocations * levels,
    invocations,
  };
}

function registerWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { left, right, finish } = partsOf(kernel, contraction);
  const tiles = tileCounts(kernel, contraction);
  const step = 4 * left + 4 * right + 16 * MULTIPLY_ADD + LOOP_STEP;
  const operations = tiles * (pointCount(kernel, 'reduced') * step + 16 * finish);
  return { operations, barriers: 0, invocations: tiles };
}

function workgroupWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { tileM, tileN, tileK, threadM, threadN, slices } = contraction.tiling;
  const { left, right, finish } = partsOf(kernel, contraction);
  const { invocations } = tilingResources(contraction.tiling);
  const workgroups = tileCounts(kernel, contraction);
  const chunks = Math.ceil(pointCount(kernel, 'reduced') / tileK);
  const fill = tileK * (tileM * (left + 1) + tileN * (right + 1));
  const reads = ((threadM + threadN) / 4) * WORKGROUP_ACCESS;
  const steps =
    invocations * (tileK / slices) * (threadM * threadN * MULTIPLY_ADD + reads + LOOP_STEP);
  const levels = Math.log2(slices);
  const tree = levels * invocations * (threadM * threadN + WORKGROUP_ACCESS);
  const operations = workgroups * (chunks * (fill + steps) + tree + tileM * tileN * finish);
  const waits = 2 * chunks + 2 * levels + Number(slices > 1);
  return {
    operations,
    barriers: workgroups * invocations * waits,
    invocations: workgroups * invocations,
  };
}

function tileCounts(kernel: Kernel, { batch, m, n, tiling }: Contraction): number {
  const along = (axes: readonly number[], tile: number) => Math.ceil(extentOf(kernel, axes) / tile);
  return extentOf(kernel, batch) * along(m, tiling.tileM) * along(n, tiling.tileN);
}

/** Operations of one call of the functions `left`, `right` and `finish` of a contraction's module. */
function partsOf(kernel: Kernel, { left, right, batch, m, n, k }: Contraction) {
  const divisions = (...groups: (readonly number[])[]) =>
    groups.reduce((sum, axes) => sum + (axes.length > 1 ? DIVISION * axes.length : 0), 0);
  const under = nodesUnderReduction(kernel);
  const stored = storedNodes(kernel).filter((node) => !under[node]);
  return {
    left: operationsOf(kernel, neededBy(kernel, [left])) + divisions(batch, m, k),
    right: operationsOf(kernel, neededBy(kernel, [right])) + divisions(batch, n, k),
    finish: operationsOf(kernel, stored) + divisions(batch, m, n),
  };
}

/** Nodes that the stores need, each with the nodes that it needs. */
function storedNodes(kernel: Kernel): NodeIndex[] {
  const roots = kernel.stores.flatMap(({ value, indirect }) =>
    indirect ? [value, indirect.node] : [value],
  );
  return neededBy(kernel, roots);
}

function neededBy(kernel: Kernel, roots: readonly NodeIndex[]): NodeIndex[] {
  const needed = new Uint8Array(kernel.nodes.length);
  for (const root of roots) needed[root] = 1;
  for (let node = kernel.nodes.length - 1; node >= 0; node--) {
    if (needed[node]) for (const operand of nodeOperands(kernel.nodes[node])) needed[operand] = 1;
  }
  return [...needed.keys()].filter((node) => needed[node]);
}

function operationsOf(kernel: Kernel, nodes: readonly NodeIndex[]): number {
  return nodes.reduce((sum, node) => sum + nodeOperations(kernel.nodes[node]), 0);
}

function nodeOperations(node: Expression): number {
  switch (node.kind) {
    case 'load':
      return 3 + 3 * node.bounds.length + (node.indirect ? 3 : 0);
    case 'inBounds':
      return 3 * node.bounds.length;
    case 'apply':
      return SCALAR_OPS[node.op].cost;
    case 'random':
      return 100;
    case 'index':
      return 1;
    default:
      return 0;
  }
}

/** What it takes an invocation to recover the indices of the axes of a kind. */
function indexing({ axes }: Kernel, kind: 'parallel' | 'reduced'): number {
  const count = axes.filter((axis) => axis.kind === kind).length;
  return count > 1 ? DIVISION * count : 0;
}
