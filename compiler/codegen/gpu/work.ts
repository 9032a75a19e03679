import { type Expression, type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands, nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import { isStaged, tileCount } from '../../../ir/kernel-stage.ts';
import { SCALAR_OPS } from '../../../ir/scalar.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import {
  callsOf,
  type KernelWork,
  NOTHING,
  type Operations,
  plainly,
  scaled,
  total,
} from '../work.ts';
import { collapseAxes } from './collapse.ts';
import {
  type Contraction,
  extentOf,
  matchContraction,
  tilingResources,
} from './contraction-match.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { divideReduction, loopInvariants } from './reduction.ts';
import { divideTiles } from './staged.ts';
import { TUNING } from './tuning.ts';

// Operations of the modules that this folder prints. A multiply-add is two.

const MULTIPLY_ADD = 2;
/** An address in a buffer and the access. */
const ACCESS = 3;
/** An index and two comparisons. */
const BOUND = 3;
/** Recovering an index of one of several axes from their common number. */
const DIVISION = 3;
/** Counting, comparing and jumping. */
const LOOP_STEP = 3;
/** An address in workgroup memory and the access. */
const WORKGROUP_ACCESS = 2;

/** What a module of `emitGpu` does in one dispatch. */
export function gpuWork(kernel: Kernel, limits: TargetLimits): KernelWork {
  if (isStaged(kernel)) {
    const { workgroupSize, halves } = divideTiles(kernel, limits);
    const invocations = tileCount(kernel) * workgroupSize;
    const steps = halves.reduce((sum, { units, unitTime }) => sum + units * unitTime, 0);
    const plain = MULTIPLY_ADD * tileCount(kernel) * steps;
    const shape = { form: 'staged', workgroups: tileCount(kernel), serial: 0 } as const;
    return { ...NOTHING, plain, barriers: invocations, invocations, ...shape };
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
  const each = total(finishing(kernel), plainly(LOOP_STEP * Number(repeats > 1)));
  const own = total(indexing(kernel, 'parallel'), scaled(each, repeats));
  const workgroups = Math.ceil(invocations / TUNING.elementwise.workgroupSize);
  const shape = { form: 'points', workgroups, serial: repeats > 1 ? repeats : 0 } as const;
  return { ...scaled(own, invocations), barriers: 0, invocations, ...shape };
}

function reductionWork(kernel: Kernel, limits: TargetLimits): KernelWork {
  const { outputs, reducers } = divideReduction(kernel, limits);
  const invocations = pointCount(kernel, 'parallel') * reducers;
  const terms = Math.ceil(pointCount(kernel, 'reduced') / reducers);
  const under = nodesUnderReduction(kernel);
  const invariant = new Set(loopInvariants(kernel));
  const looped = [...under.keys()].filter((node) => under[node] && !invariant.has(node));
  const each = total(
    operationsOf(kernel, looped),
    indexing(kernel, 'reduced'),
    plainly(1 + LOOP_STEP),
  );
  const levels = Math.log2(reducers);
  const own = total(
    indexing(kernel, 'parallel'),
    operationsOf(kernel, [...invariant]),
    scaled(each, terms),
    plainly(levels * (LOOP_STEP + 2 * WORKGROUP_ACCESS)),
    scaled(finishing(kernel), 1 / reducers),
  );
  const workgroups = Math.ceil(pointCount(kernel, 'parallel') / outputs);
  const shape = { form: 'reduction', workgroups, serial: terms } as const;
  return { ...scaled(own, invocations), barriers: invocations * levels, invocations, ...shape };
}

function registerWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { left, right, finish } = partsOf(kernel, contraction);
  const tiles = tileCounts(kernel, contraction);
  const step = total(
    scaled(left, VECTOR_WIDTH),
    scaled(right, VECTOR_WIDTH),
    plainly(VECTOR_WIDTH ** 2 * MULTIPLY_ADD + LOOP_STEP),
  );
  const own = total(scaled(step, pointCount(kernel, 'reduced')), scaled(finish, VECTOR_WIDTH ** 2));
  const workgroups = Math.ceil(tiles / TUNING.contraction.registersWorkgroupSize);
  const shape = { form: 'registers', workgroups, serial: pointCount(kernel, 'reduced') } as const;
  return { ...scaled(own, tiles), barriers: 0, invocations: tiles, ...shape };
}

function workgroupWork(kernel: Kernel, contraction: Contraction): KernelWork {
  const { tileM, tileN, tileK, threadM, threadN, slices } = contraction.tiling;
  const { left, right, finish } = partsOf(kernel, contraction);
  const { invocations } = tilingResources(contraction.tiling);
  const workgroups = tileCounts(kernel, contraction);
  const chunks = Math.ceil(pointCount(kernel, 'reduced') / tileK);
  const fill = total(
    scaled(left, tileK * tileM),
    scaled(right, tileK * tileN),
    plainly(tileK * (tileM + tileN)),
  );
  const reads = ((threadM + threadN) / VECTOR_WIDTH) * WORKGROUP_ACCESS;
  const step = threadM * threadN * MULTIPLY_ADD + reads + LOOP_STEP;
  const levels = Math.log2(slices);
  const own = total(
    scaled(fill, chunks),
    plainly(invocations * chunks * (tileK / slices) * step),
    plainly(invocations * levels * (threadM * threadN + WORKGROUP_ACCESS)),
    scaled(finish, tileM * tileN),
  );
  const waits = 2 * chunks + 2 * levels + Number(slices > 1);
  return {
    ...scaled(own, workgroups),
    barriers: workgroups * invocations * waits,
    invocations: workgroups * invocations,
    form: 'tiles',
    workgroups,
    // What an invocation loads to fill a chunk, one after the other.
    serial: (chunks * tileK * (tileM + tileN)) / invocations,
  };
}

function tileCounts(kernel: Kernel, { batch, m, n, tiling }: Contraction): number {
  const along = (axes: readonly number[], tile: number) => Math.ceil(extentOf(kernel, axes) / tile);
  return extentOf(kernel, batch) * along(m, tiling.tileM) * along(n, tiling.tileN);
}

/** Operations of one call of the functions `left`, `right` and `finish` of a contraction's module. */
function partsOf(kernel: Kernel, { left, right, batch, m, n, k }: Contraction) {
  const divisions = (...groups: (readonly number[])[]) =>
    plainly(DIVISION * groups.reduce((sum, { length }) => sum + (length > 1 ? length : 0), 0));
  return {
    left: total(operationsOf(kernel, neededBy(kernel, [left])), divisions(batch, m, k)),
    right: total(operationsOf(kernel, neededBy(kernel, [right])), divisions(batch, n, k)),
    finish: total(finishing(kernel), divisions(batch, m, n)),
  };
}

/** What the nodes behind the reduction and the stores take at one point. */
function finishing(kernel: Kernel): Operations {
  const under = nodesUnderReduction(kernel);
  const nodes = storedNodes(kernel).filter((node) => !under[node]);
  const stores = kernel.stores.reduce(
    (sum, { accumulate, indirect }) =>
      sum + ACCESS + (accumulate ? ACCESS : 0) + (indirect ? 2 : 0),
    0,
  );
  return total(operationsOf(kernel, nodes), plainly(stores));
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

function operationsOf(kernel: Kernel, nodes: readonly NodeIndex[]): Operations {
  return total(
    ...nodes.map((index) => {
      const node = kernel.nodes[index];
      const calls = callsOf(node);
      return { plain: calls.functions + calls.randoms > 0 ? 0 : plainOf(node), ...calls };
    }),
  );
}

function plainOf(node: Expression): number {
  switch (node.kind) {
    case 'load':
      return ACCESS + BOUND * node.bounds.length + (node.indirect ? ACCESS : 0);
    case 'inBounds':
      return BOUND * node.bounds.length;
    case 'apply':
      return SCALAR_OPS[node.op].cost;
    case 'index':
      return 1;
    default:
      return 0;
  }
}

/** What it takes an invocation to recover the indices of the axes of a kind. */
function indexing({ axes }: Kernel, kind: 'parallel' | 'reduced'): Operations {
  const count = axes.filter((axis) => axis.kind === kind).length;
  return plainly(count > 1 ? DIVISION * count : 0);
}
