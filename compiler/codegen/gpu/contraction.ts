import { type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { type ContractionGroups, extentOf } from '../contraction-groups.ts';
import type { ContractionCode, Factor, FactorReads } from './contraction-functions.ts';
import type { Contraction } from './contraction-match.ts';
import { emitMatrixTiles, fillTiling } from './contraction-matrix.ts';
import { emitRegisterTiles } from './contraction-registers.ts';
import { emitWorkgroupTiles } from './contraction-workgroup.ts';
import type { Dialect } from './dialect.ts';
import type { GpuModule } from './module.ts';
import { neededNodes, quadAccesses, quadBuffers } from './points.ts';
import { type MatrixVariant, tilingResources } from './variant.ts';
import { newWriter } from './writer.ts';

/** A contraction in tiles: by way of workgroup memory, or in registers alone. */
export function emitContraction(
  dialect: Dialect,
  kernel: Kernel,
  contraction: Contraction,
  limits: TargetLimits,
): GpuModule {
  const code = contractionCode(dialect, kernel, contraction);
  return contraction.tiling.form === 'registers'
    ? emitRegisterTiles(code, limits)
    : emitWorkgroupTiles(code, limits);
}

/** A contraction by products of matrices. */
export function emitMatrices(
  dialect: Dialect,
  kernel: Kernel,
  groups: ContractionGroups,
  variant: MatrixVariant,
  limits: TargetLimits,
): GpuModule {
  const tiling = fillTiling(variant);
  if (!tiling) throw new Error('tiles are of as many outputs for each invocation');
  const code = contractionCode(dialect, kernel, { ...groups, tiling });
  return emitMatrixTiles(code, variant, limits);
}

function contractionCode(
  dialect: Dialect,
  kernel: Kernel,
  contraction: Contraction,
): ContractionCode {
  const { finishing, ...reads } = contractionReads(kernel, contraction);
  const vectors = quadBuffers(kernel, reads.left.quads, reads.right.quads, finishing);
  return {
    ...{ kernel, contraction, reads, finishing },
    dtype: kernel.nodes[kernel.reductions[0].value].dtype,
    extents: {
      batch: extentOf(kernel, contraction.batch),
      m: extentOf(kernel, contraction.m),
      n: extentOf(kernel, contraction.n),
      k: pointCount(kernel, 'reduced'),
    },
    writer: newWriter(dialect, vectors),
    invocations: tilingResources(contraction.tiling).invocations,
    finish: 'finish',
  };
}

const known = new WeakMap<Kernel, ReturnType<typeof readsOf>>();

/** How a contraction's factors and results lie in memory, whatever its tiling. */
export function contractionReads(kernel: Kernel, groups: ContractionGroups) {
  let reads = known.get(kernel);
  if (!reads) {
    reads = readsOf(kernel, groups);
    known.set(kernel, reads);
  }
  return reads;
}

/** The same, found anew: for a kernel that is several contractions. */
export const readsOf = (kernel: Kernel, groups: ContractionGroups) => ({
  left: factorReads(kernel, groups, 'left'),
  right: factorReads(kernel, groups, 'right'),
  finishing: quadAccesses(kernel, groups.n.at(-1), kernel.nodes.keys(), kernel.stores),
});

/** Which way most loads of a factor are contiguous, and those that are vectors that way. */
function factorReads(kernel: Kernel, contraction: ContractionGroups, factor: Factor): FactorReads {
  const nodes = neededNodes(kernel, [contraction[factor]]);
  const inner = contraction.k.at(-1);
  const side = (factor === 'left' ? contraction.m : contraction.n).at(-1);
  const contiguous = (axis: number | undefined) =>
    axis === undefined
      ? 0
      : nodes.filter((index: NodeIndex) => {
          const node = kernel.nodes[index];
          return node.kind === 'load' && Math.abs(node.index.coefficients[axis]) === 1;
        }).length;
  const along = contiguous(inner) > contiguous(side) ? 'k' : 'side';
  return { along, quads: quadAccesses(kernel, along === 'k' ? inner : side, nodes) };
}
