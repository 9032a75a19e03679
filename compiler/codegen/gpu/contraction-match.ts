import { DTYPES, isFloat } from '../../../ir/dtypes.ts';
import { type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { axesOfKind } from './module.ts';
import { type ContractionTiling, TUNING } from './tuning.ts';

/**
 * A kernel seen as C[batch, m, n] = Σ_k left[batch, m, k] · right[batch, k, n]. The groups list axes, outermost
 * first; `left` does not depend on the axes of `n`, nor `right` on those of `m`. What the factors compute from
 * their loads is free: windows with bounds, gathers and elementwise work are all evaluated while a tile is filled.
 */
export interface Contraction {
  readonly left: NodeIndex;
  readonly right: NodeIndex;
  readonly batch: readonly number[];
  readonly m: readonly number[];
  readonly n: readonly number[];
  readonly k: readonly number[];
  readonly tiling: ContractionTiling;
}

export type ContractionGroups = Omit<Contraction, 'tiling'>;

/** The tiled form of a reduction, or null where there is none or where a plain reduction is faster. */
export function matchContraction(kernel: Kernel, limits: TargetLimits): Contraction | null {
  const groups = classifyContraction(kernel);
  if (!groups) return null;
  const { leastM, leastN, leastK, leastOutputs } = TUNING.contraction;
  const [m, n] = [extentOf(kernel, groups.m), extentOf(kernel, groups.n)];
  const k = pointCount(kernel, 'reduced');
  if (m < leastM || n < leastN || k < leastK || m * n < leastOutputs) return null;
  const tiling = chooseTiling(kernel, groups, limits);
  return tiling && { ...groups, tiling };
}

/** The factors and index groups of a sum of products; null where the kernel is none. */
export function classifyContraction(kernel: Kernel): ContractionGroups | null {
  const { combiner, value } = kernel.reduction!;
  const product = kernel.nodes[value];
  if (combiner !== 'sum' || product.kind !== 'apply' || product.op !== 'mul') return null;
  if (!isFloat(product.dtype) || product.operands[0] === product.operands[1]) return null;
  const [left, right] = product.operands;
  const depends = axisDependence(kernel);
  const parallel = axesOfKind(kernel, 'parallel');
  const m = parallel.filter((a) => depends[left][a] && !depends[right][a]);
  const n = parallel.filter((a) => depends[right][a] && !depends[left][a]);
  const batch = parallel.filter((a) => depends[left][a] === depends[right][a]);
  const k = axesOfKind(kernel, 'reduced');
  return storesAlong(kernel, m)
    ? { left: right, right: left, batch, m: n, n: m, k }
    : { left, right, batch, m, n, k };
}

export function extentOf(kernel: Kernel, axes: readonly number[]): number {
  return axes.reduce((product, axis) => product * kernel.axes[axis].extent, 1);
}

/** For each node, 1 at every axis that its value depends on, but for an accumulator, which stands for none. */
export function axisDependence(kernel: Kernel): Uint8Array[] {
  const depends: Uint8Array[] = [];
  for (const node of kernel.nodes) {
    const own = new Uint8Array(kernel.axes.length);
    const add = (coefficients: readonly number[]) => {
      coefficients.forEach((coefficient, axis) => {
        if (coefficient !== 0) own[axis] = 1;
      });
    };
    for (const operand of nodeOperands(node)) add([...depends[operand]]);
    if (node.kind === 'load' || node.kind === 'index') add(node.index.coefficients);
    if (node.kind === 'random') add(node.counter.coefficients);
    if (node.kind === 'load' || node.kind === 'inBounds')
      for (const { index } of node.bounds) add(index.coefficients);
    depends.push(own);
  }
  return depends;
}

/** Whether neighbouring outputs in memory are neighbours along the innermost of `axes`. */
function storesAlong(kernel: Kernel, axes: readonly number[]): boolean {
  return axes.length > 0 && kernel.stores[0].index.coefficients[axes[axes.length - 1]] === 1;
}

/** The tiling that should take the least time. Null: no tiling. */
function chooseTiling(
  kernel: Kernel,
  groups: ContractionGroups,
  limits: TargetLimits,
): ContractionTiling | null {
  let best: ContractionTiling | null = null;
  let least = plainTime(kernel, limits);
  const elementBytes = DTYPES[kernel.nodes[kernel.reduction!.value].dtype].bytes;
  for (const tiling of TUNING.contraction.tilings) {
    const { invocations, memoryElements } = tilingResources(tiling);
    const fits = memoryElements * elementBytes <= limits.maxWorkgroupBytes;
    if (invocations > limits.maxWorkgroupInvocations || !fits) continue;
    const time = tilingTime(kernel, { ...groups, tiling });
    if (time < least) [best, least] = [tiling, time];
  }
  return best;
}

/** Work over throughput and occupancy: relative time of a contraction. */
const timeOf = (work: number, invocations: number, throughput: number) =>
  work / throughput / Math.min(1, invocations / TUNING.wantedInvocations);

/** Relative time of a sum of products as a plain reduction. */
export function plainTime(kernel: Kernel, limits: TargetLimits): number {
  const outputs = pointCount(kernel, 'parallel');
  const k = pointCount(kernel, 'reduced');
  // A plain reduction is divided among invocations only where workgroup memory allows.
  const reducers = limits.maxWorkgroupBytes > 0 ? k / TUNING.reduction.leastTerms : 1;
  return timeOf(outputs * k, outputs * Math.max(1, reducers), TUNING.contraction.plainThroughput);
}

/** Relative time of a contraction in tiles: padding counts as work. */
export function tilingTime(kernel: Kernel, { batch, m, n, tiling }: Contraction): number {
  const { invocations } = tilingResources(tiling);
  const tiles =
    Math.ceil(extentOf(kernel, m) / tiling.tileM) * Math.ceil(extentOf(kernel, n) / tiling.tileN);
  const workgroups = extentOf(kernel, batch) * tiles;
  const depth = Math.ceil(pointCount(kernel, 'reduced') / tiling.tileK) * tiling.tileK;
  const work = workgroups * tiling.tileM * tiling.tileN * depth;
  return timeOf(work, workgroups * invocations, tiling.throughput);
}

/** Sizes that follow from a tiling; the strides of tile rows, in vectors, are odd to spread over memory banks. */
export function tilingResources(tiling: ContractionTiling) {
  const { memory, tileM, tileN, tileK, threadM, threadN, slices } = tiling;
  const invocationsPerSlice = (tileM / threadM) * (tileN / threadN);
  const [strideM, strideN] = [tileM / VECTOR_WIDTH + 1, tileN / VECTOR_WIDTH + 1];
  const vectorsPerInvocation = (threadM * threadN) / VECTOR_WIDTH;
  const tileVectors = tileK * (strideM + strideN);
  const sliceVectors =
    slices === 1
      ? 0
      : Math.max(
          (slices / 2) * invocationsPerSlice * vectorsPerInvocation,
          (tileM * tileN) / VECTOR_WIDTH,
        );
  const vectors = memory === 'registers' ? 0 : Math.max(tileVectors, sliceVectors);
  return {
    invocationsPerSlice,
    invocations: invocationsPerSlice * slices,
    strideM,
    strideN,
    vectorsPerInvocation,
    vectors,
    memoryElements: vectors * VECTOR_WIDTH,
  };
}
