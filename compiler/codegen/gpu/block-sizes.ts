import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { blockSides, sizeOf } from './blocks.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { TUNING } from './tuning.ts';
import type { BlocksVariant } from './variant.ts';

/** Axes that a block is over. */
const BLOCK_AXES = 3;
/** Strips and squares, as the most outputs along the two axes in front of the innermost. */
const SHAPES = [
  [1, 1],
  [1, 4],
  [1, 8],
  [2, 2],
  [2, 4],
  [4, 4],
];

/**
 * The blocks in which a reduction is worth a look: strips and squares of outputs whose windows overlap, where each has few terms;
 * all taps of a window, where there are few of these and many terms; and neighbours alone, where the terms are a handful.
 */
export function blockVariants(kernel: Kernel, limits: TargetLimits): BlocksVariant[] {
  const { fewTerms, termsAtOnce } = TUNING.blocks;
  const parallel = axesOfKind(kernel, 'parallel').slice(-BLOCK_AXES);
  if (parallel.length === 0) return [];
  const reduced = axesOfKind(kernel, 'reduced').map((axis) => kernel.axes[axis].extent);
  const extents = parallel.map((axis) => kernel.axes[axis].extent);
  const width = extents.at(-1)! % VECTOR_WIDTH === 0 ? VECTOR_WIDTH : 1;
  const count = pointCount(kernel, 'reduced');
  const outer = extents.slice(0, -1);
  let shapes = [outer.map(() => 1)];
  let terms = [count];
  if (hasWindow(kernel)) {
    shapes = count <= fewTerms ? stripsOf(outer) : tapsOf(outer);
    terms = termCounts(reduced, termsAtOnce);
  } else if (count > termsAtOnce || width === 1) return [];
  const found = new Map<string, BlocksVariant>();
  for (const shape of shapes)
    for (const each of terms) {
      const block = [...shape, width];
      const variant = fitting(kernel, block, each, limits);
      if (variant) found.set(`${block} ${each}`, variant);
    }
  return [...found.values()];
}

/** The largest strips and squares that divide the axes. */
function stripsOf(extents: readonly number[]): number[][] {
  const side = (extent: number, most: number) =>
    TUNING.blocks.strips.find((one) => one <= most && extent % one === 0) ?? 1;
  return SHAPES.map((most) =>
    extents.map((extent, k) => side(extent, most[k + 2 - extents.length])),
  );
}

/** The axes of taps as a whole. */
function tapsOf(extents: readonly number[]): number[][] {
  const taps = extents.map((extent) => (extent <= TUNING.blocks.mostTaps ? extent : 1));
  return taps.some((tap) => tap > 1) ? [taps] : [];
}

/** Numbers of terms at once: of whole inner axes, and some of the innermost one. */
function termCounts(extents: readonly number[], most: number): number[] {
  const inner = extents.at(-1)!;
  const counts = new Set([1, ...[2, 4].filter((side) => inner % side === 0)]);
  let whole = 1;
  for (const extent of extents.toReversed()) {
    whole *= extent;
    if (whole > most) break;
    counts.add(whole);
  }
  return [...counts];
}

function fitting(
  kernel: Kernel,
  block: readonly number[],
  terms: number,
  limits: TargetLimits,
): BlocksVariant | null {
  const { mostSums, mostProducts, leastProducts } = TUNING.blocks;
  const { manyPoints, workgroupSize, fewPointsWorkgroupSize } = TUNING.elementwise;
  const plain = { form: 'blocks', block, terms, workgroupSize: 1 } as const;
  const sides = blockSides(kernel, plain);
  if (!sides) return null;
  const sums = sizeOf(sides, axesOfKind(kernel, 'parallel'));
  const products = sums * terms;
  if (sums > mostSums || products > mostProducts || products < leastProducts) return null;
  const many = pointCount(kernel, 'parallel') / sums >= manyPoints;
  const size = many ? workgroupSize : fewPointsWorkgroupSize;
  return { ...plain, workgroupSize: Math.min(limits.maxWorkgroupInvocations, size) };
}

/** Whether a load below the reduction reads the same elements for several points: windows that overlap. */
function hasWindow(kernel: Kernel): boolean {
  const { axes, nodes } = kernel;
  const under = nodesUnderReduction(kernel);
  const parallel = axesOfKind(kernel, 'parallel').filter((axis) => axes[axis].extent > 1);
  const overlaps = (coefficients: readonly number[]) =>
    axesOfKind(kernel, 'reduced').some((term) => {
      const stride = Math.abs(coefficients[term]);
      const reach = stride * axes[term].extent;
      return parallel.some((axis) => {
        const step = Math.abs(coefficients[axis]);
        return step > 0 && step < reach && step % stride === 0;
      });
    });
  return nodes.some(
    (node, index) => under[index] && node.kind === 'load' && overlaps(node.index.coefficients),
  );
}
