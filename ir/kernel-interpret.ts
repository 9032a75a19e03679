import type { StorageType } from './dtypes.ts';
import { roundToHalf } from './half.ts';
import type { Affine, Bound, Expression, Indirection, Kernel, Store } from './kernel.ts';
import { combinerIdentity } from './kernel.ts';
import { nodesUnderReduction } from './kernel-cost.ts';
import { isStaged, partList, splitStages } from './kernel-stage.ts';
import { uniform } from './random.ts';
import { evaluateScalar } from './scalar.ts';

// The meaning of a kernel, point by point: the witness between lowering and the code generators.

/**
 * Runs `kernel` once in float64. `buffers` holds one array per buffer of the kernel, integers where it is i32, halves where it
 * is f16; stores change them in place.
 */
export function interpretKernel(kernel: Kernel, buffers: readonly Float64Array[]): void {
  if (kernel.parts) {
    for (const { kernel: part, places } of kernel.parts)
      interpretKernel(
        part,
        places.map(({ buffer, start }, b) =>
          buffers[buffer].subarray(start, start + part.buffers[b].elements),
        ),
      );
    return;
  }
  if (isStaged(kernel)) {
    const parts = splitStages(kernel);
    const arrays = parts.body.buffers
      .slice(kernel.buffers.length)
      .map(({ elements }) => new Float64Array(elements).fill(Number.NaN));
    for (const part of partList(parts)) interpretKernel(part, [...buffers, ...arrays]);
    return;
  }
  const { axes, nodes, reductions, stores } = kernel;
  const values = new Float64Array(nodes.length);
  const at = new Array<number>(axes.length).fill(0);
  const under = nodesUnderReduction(kernel);
  const accumulators = new Float64Array(reductions.length);
  const evaluateWhere = (wanted: number) => {
    nodes.forEach((node, index) => {
      if (under[index] === wanted)
        values[index] = evaluate(node, { kernel, buffers, values, at, accumulators });
    });
  };
  const outer = axes.flatMap(({ kind }, axis) => (kind === 'reduced' ? [] : [axis]));
  const inner = axes.flatMap(({ kind }, axis) => (kind === 'reduced' ? [axis] : []));
  do {
    if (reductions.length > 0) {
      reductions.forEach(({ combiner, value }, k) => {
        accumulators[k] = combinerIdentity(combiner, nodes[value].dtype);
      });
      do {
        evaluateWhere(1);
        reductions.forEach(({ combiner, value }, k) => {
          const combine = combiner === 'sum' ? 'add' : combiner;
          const { dtype } = nodes[value];
          accumulators[k] = evaluateScalar(combine, dtype, accumulators[k], values[value]);
        });
      } while (advance(at, kernel, inner));
    }
    evaluateWhere(0);
    for (const one of stores) store(one, kernel, buffers, { values, at });
  } while (advance(at, kernel, outer));
}

/** Steps the indices of `axes` to the next point in row-major order; false, and all zero, after the last. */
function advance(at: number[], kernel: Kernel, axes: readonly number[]): boolean {
  for (let i = axes.length - 1; i >= 0; i--) {
    if (++at[axes[i]] < kernel.axes[axes[i]].extent) return true;
    at[axes[i]] = 0;
  }
  return false;
}

interface Point {
  readonly kernel: Kernel;
  readonly buffers: readonly Float64Array[];
  readonly values: Float64Array;
  readonly at: readonly number[];
  readonly accumulators: Float64Array;
}

function evaluate(node: Expression, { kernel, buffers, values, at, accumulators }: Point): number {
  switch (node.kind) {
    case 'load':
      if (!inside(node.bounds, at)) return 0;
      return buffers[node.buffer][affine(node.index, at) + clamped(node.indirect, values)];
    case 'constant':
      return node.value;
    case 'index':
      return affine(node.index, at) | 0;
    case 'inBounds':
      return inside(node.bounds, at) ? 1 : 0;
    case 'apply': {
      const [a, b, c] = node.operands;
      // The last operand carries the dtype: the condition of a select does not.
      const { dtype } = kernel.nodes[node.operands[node.operands.length - 1]];
      return evaluateScalar(node.op, dtype, values[a], values[b], values[c]);
    }
    case 'random':
      return uniform(node.seed, node.stream, affine(node.counter, at), values[node.step]);
    case 'accumulator':
      return accumulators[node.reduction];
  }
}

function store(
  { buffer, index, indirect, value, accumulate }: Store,
  kernel: Kernel,
  buffers: readonly Float64Array[],
  { values, at }: Pick<Point, 'values' | 'at'>,
): void {
  let address = affine(index, at);
  if (indirect) {
    const row = values[indirect.node];
    if (row < 0 || row >= indirect.extent) return;
    address += row * indirect.stride;
  }
  if (accumulate) buffers[buffer][address] += values[value];
  else buffers[buffer][address] = narrowed(kernel.buffers[buffer].dtype, values[value]);
}

/** What memory keeps of a value: float64 stands for f32. */
const narrowed = (type: StorageType, value: number): number =>
  type === 'f16' ? roundToHalf(value) : value;

function affine({ offset, coefficients }: Affine, at: readonly number[]): number {
  let sum = offset;
  for (let axis = 0; axis < at.length; axis++) sum += coefficients[axis] * at[axis];
  return sum;
}

function inside(bounds: readonly Bound[], at: readonly number[]): boolean {
  return bounds.every(({ index, extent }) => {
    const value = affine(index, at);
    return value >= 0 && value < extent;
  });
}

function clamped(indirect: Indirection | undefined, values: Float64Array): number {
  if (!indirect) return 0;
  return indirect.stride * Math.max(0, Math.min(indirect.extent - 1, values[indirect.node]));
}
