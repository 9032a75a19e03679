import type { StorageType } from './dtypes.ts';
import { roundToHalf } from './half.ts';
import type {
  Affine,
  Axis,
  Bound,
  Expression,
  Indirection,
  Kernel,
  Reduction,
  Store,
} from './kernel.ts';
import { combinerIdentity } from './kernel.ts';
import { nodesUnderReduction } from './kernel-cost.ts';
import { isStaged, partList, splitStages } from './kernel-stage.ts';
import { uniformElement } from './random.ts';
import { scalarMeaning } from './scalar.ts';

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
  const point: Point = {
    buffers,
    values: new Float64Array(kernel.nodes.length),
    at: new Int32Array(kernel.axes.length),
    accumulators: new Float64Array(kernel.reductions.length),
  };
  runPoints(prepared(kernel), point);
}

/** Where the evaluation of a kernel is. */
interface Point {
  readonly buffers: readonly Float64Array[];
  readonly values: Float64Array;
  readonly at: Int32Array;
  readonly accumulators: Float64Array;
}

type Action = (point: Point) => void;
type Index = (at: Int32Array) => number;
type Test = (at: Int32Array) => boolean;

/** A kernel as functions of the point, so that nothing is looked up at each. */
interface Prepared {
  /** Sets the accumulators to what changes nothing. */
  readonly begin: Action;
  readonly underReduction: readonly Action[];
  readonly combine: readonly Action[];
  /** Of sums that are rescaled, behind all others: their maxima are known. */
  readonly combineRescaled: readonly Action[];
  readonly afterReduction: readonly Action[];
  readonly stores: readonly Action[];
  readonly outer: Advance;
  readonly inner: Advance;
}

const known = new WeakMap<Kernel, Prepared>();

function prepared(kernel: Kernel): Prepared {
  const before = known.get(kernel);
  if (before) return before;
  const { axes, nodes, reductions, stores } = kernel;
  const under = nodesUnderReduction(kernel);
  const where = (wanted: number) =>
    nodes.flatMap((node, index) =>
      under[index] === wanted ? [assignment(index, evaluation(node, kernel))] : [],
    );
  const made: Prepared = {
    begin: ({ accumulators }) => {
      for (const [k, { combiner, value }] of reductions.entries())
        accumulators[k] = combinerIdentity(combiner, nodes[value].dtype);
    },
    underReduction: where(1),
    combine: combining(kernel, ({ rescaled }) => rescaled === undefined),
    combineRescaled: combining(kernel, ({ rescaled }) => rescaled !== undefined),
    afterReduction: where(0),
    stores: stores.map((one) => storing(one, kernel)),
    outer: advance(axes, ({ kind }) => kind !== 'reduced'),
    inner: advance(axes, ({ kind }) => kind === 'reduced'),
  };
  known.set(kernel, made);
  return made;
}

function runPoints(kernel: Prepared, point: Point): void {
  const { begin, combine, combineRescaled, afterReduction, stores, outer } = kernel;
  const { at } = point;
  do {
    if (combine.length > 0) {
      begin(point);
      runTerms(kernel, combine, point);
      if (combineRescaled.length > 0) runTerms(kernel, combineRescaled, point);
    }
    for (const act of afterReduction) act(point);
    for (const act of stores) act(point);
  } while (outer(at));
}

function runTerms(
  { underReduction, inner }: Prepared,
  combine: readonly Action[],
  point: Point,
): void {
  do {
    for (const act of underReduction) act(point);
    for (const act of combine) act(point);
  } while (inner(point.at));
}

/** Steps indices to the next point in row-major order; false, and all zero, after the last. */
type Advance = (at: Int32Array) => boolean;

function advance(axes: readonly Axis[], isWanted: (axis: Axis) => boolean): Advance {
  const own = axes.flatMap((axis, place) => (isWanted(axis) ? [place] : [])).reverse();
  const extents = own.map((place) => axes[place].extent);
  return (at) => {
    for (let i = 0; i < own.length; i++) {
      if (++at[own[i]] < extents[i]) return true;
      at[own[i]] = 0;
    }
    return false;
  };
}

/** What adds the terms of some reductions to their accumulators. */
const combining = (
  { nodes, reductions }: Kernel,
  isWanted: (one: Reduction) => boolean,
): Action[] =>
  reductions.flatMap((one, k): Action[] => {
    if (!isWanted(one)) return [];
    const { combiner, value, rescaled } = one;
    const combine = scalarMeaning(combiner === 'sum' ? 'add' : combiner, nodes[value].dtype);
    if (rescaled === undefined)
      return [
        ({ accumulators, values }) => {
          accumulators[k] = combine(accumulators[k], values[value], 0);
        },
      ];
    const exponent = reductions[rescaled].value;
    return [
      ({ accumulators, values }) => {
        const power = Math.exp(values[exponent] - accumulators[rescaled]);
        accumulators[k] = combine(accumulators[k], values[value] * power, 0);
      },
    ];
  });

const assignment =
  (index: number, evaluate: (point: Point) => number): Action =>
  (point) => {
    point.values[index] = evaluate(point);
  };

function evaluation(node: Expression, { nodes }: Kernel): (point: Point) => number {
  switch (node.kind) {
    case 'load': {
      const { buffer, indirect } = node;
      const [within, place, row] = [inside(node.bounds), affine(node.index), clamped(indirect)];
      return ({ buffers, values, at }) =>
        within(at) ? buffers[buffer][place(at) + row(values)] : 0;
    }
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'index': {
      const place = affine(node.index);
      return ({ at }) => place(at) | 0;
    }
    case 'inBounds': {
      const within = inside(node.bounds);
      return ({ at }) => (within(at) ? 1 : 0);
    }
    case 'apply': {
      const [a, b = a, c = a] = node.operands;
      // The last operand carries the dtype: the condition of a select does not.
      const meaning = scalarMeaning(node.op, nodes[node.operands[node.operands.length - 1]].dtype);
      return ({ values }) => meaning(values[a], values[b], values[c]);
    }
    case 'random': {
      const { seed, stream, step } = node;
      const counter = affine(node.counter);
      return ({ values, at }) => uniformElement(seed, stream, counter(at), values[step]);
    }
    case 'accumulator': {
      const { reduction } = node;
      return ({ accumulators }) => accumulators[reduction];
    }
  }
}

function storing({ buffer, index, indirect, value, accumulate }: Store, kernel: Kernel): Action {
  const place = affine(index);
  const { dtype } = kernel.buffers[buffer];
  return ({ buffers, values, at }) => {
    let address = place(at);
    if (indirect) {
      const row = values[indirect.node];
      if (row < 0 || row >= indirect.extent) return;
      address += row * indirect.stride;
    }
    if (accumulate) buffers[buffer][address] += values[value];
    else buffers[buffer][address] = narrowed(dtype, values[value]);
  };
}

/** What memory keeps of a value: float64 stands for f32. */
const narrowed = (type: StorageType, value: number): number =>
  type === 'f16' ? roundToHalf(value) : value;

function affine({ offset, coefficients }: Affine): Index {
  const axes = coefficients.flatMap((coefficient, axis) => (coefficient === 0 ? [] : [axis]));
  const steps = axes.map((axis) => coefficients[axis]);
  return (at) => {
    let sum = offset;
    for (let i = 0; i < axes.length; i++) sum += steps[i] * at[axes[i]];
    return sum;
  };
}

function inside(bounds: readonly Bound[]): Test {
  const tests = bounds.map(({ index, extent }): Test => {
    const place = affine(index);
    return (at) => {
      const value = place(at);
      return value >= 0 && value < extent;
    };
  });
  return (at) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i](at)) return false;
    return true;
  };
}

function clamped(indirect: Indirection | undefined): (values: Float64Array) => number {
  if (!indirect) return () => 0;
  const { node, extent, stride } = indirect;
  return (values) => stride * Math.max(0, Math.min(extent - 1, values[node]));
}
