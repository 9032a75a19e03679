import { type DType, isFloat } from '../../../ir/dtypes.ts';
import { combinerIdentity, type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import { type Dialect, VECTOR_WIDTH } from './dialect.ts';
import { type AxisSum, type Hoisted, newScope, scopeBehind, storedValues } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import {
  evaluatePoints,
  neededNodes,
  type Point,
  placesOf,
  type Quads,
  quadAccesses,
  quadBuffers,
  storePoints,
} from './points.ts';
import { loopInvariants } from './reduction.ts';
import type { BlocksVariant } from './variant.ts';
import { combineText, literalText, newWriter, type Writer } from './writer.ts';

/**
 * A reduction in blocks: an invocation has a block of neighbouring points over the last parallel axes, and some terms of each at a
 * time, all in registers. What several of these points and terms need is read once: the windows of a depthwise convolution
 * overlap along a strip of its outputs, and all taps of its weight's gradient go over the same inputs.
 */
export function emitBlocks(
  dialect: Dialect,
  kernel: Kernel,
  variant: BlocksVariant,
  limits: TargetLimits,
): GpuModule {
  const { workgroupSize } = variant;
  const sides = blockSides(kernel, variant)!;
  const quads = blockVectors(kernel, sides);
  const writer = newWriter(dialect, quadBuffers(kernel, quads));
  const { point } = dialect.names;
  const [parallelAxes, reducedAxes] = [
    axesOfKind(kernel, 'parallel'),
    axesOfKind(kernel, 'reduced'),
  ];
  const each = sizeOf(sides, reducedAxes);
  const units = pointCount(kernel, 'parallel') / sizeOf(sides, parallelAxes);
  const steps = pointCount(kernel, 'reduced') / each;
  const groups = Math.ceil(units / workgroupSize);
  const exact =
    units % workgroupSize === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);
  const unitAxes = kernel.axes.map(({ extent, kind }, a) => ({ extent: extent / sides[a], kind }));
  const parallel = decompose(dialect, unitAxes, parallelAxes, point);
  const reduced = decompose(dialect, unitAxes, reducedAxes, 'term', 't');

  const firsts: string[] = [];
  const nameFirst = (name: string | null, axis: number, lines: string[]) => {
    if (name === null || sides[axis] === 1) return name;
    lines.push(dialect.constant('index', `first${axis}`, `${name} * ${sides[axis]}`));
    return `first${axis}`;
  };
  const varies = (axis: number) => unitAxes[axis].extent > 1;
  const outer = parallel.names.map((name, axis) =>
    varies(axis) ? nameFirst(name, axis, firsts) : null,
  );
  const terms: string[] = [];
  const isLoop = steps > 1;
  const inner = reduced.names.map((name, axis) =>
    varies(axis) ? nameFirst(name, axis, terms) : null,
  );
  const hoisted: Hoisted = { lines: [], names: new Map(), prefix: 'base' };
  const pointAt = (at: readonly number[], suffix: string): Point => {
    const axes = kernel.axes.map(
      ({ extent }, axis): AxisSum => ({
        ...{ outer: outer[axis], inner: inner[axis], shift: at[axis] },
        most: extent - sides[axis],
      }),
    );
    return { scope: { ...newScope(kernel, writer, axes, suffix), hoisted }, at, isShift: true };
  };
  const points = placesOf(sides, parallelAxes).map((at, p) => pointAt(at, p === 0 ? '' : `_p${p}`));
  const invariant = evaluatePoints(points, loopInvariants(kernel), quads);
  const places = points.flatMap((own, p) =>
    placesOf(sides, reducedAxes).map((term, t): Point => {
      const at = own.at.map((place, axis) => place + term[axis]);
      const made = pointAt(at, `_${p}_${t}`);
      return { ...made, scope: { ...made.scope, names: new Map(own.scope.names) } };
    }),
  );
  const { type, accumulators, totals, identity, step } = summation(writer, quads, places, each);
  const blocks = cascade(kernel, [steps], each);
  const sums = new BlockSums(dialect, accumulators, type, blocks);
  const finals = points.map(
    ({ scope, at }, p): Point => ({ scope: scopeBehind(scope, totals[p]), at, isShift: true }),
  );
  const stores = storePoints(finals, quads);
  const lines = [
    dialect.constant('index', point, `group * ${workgroupSize} + local`),
    ...(exact ? [] : [`if (${point} >= ${units}) { return; }`]),
    ...parallel.lines,
    ...firsts,
    ...hoisted.lines,
    ...invariant,
    ...accumulators.map((total) => dialect.variable(type, total, identity)),
    ...sums.declarations(),
    ...(isLoop
      ? blockedLoop(
          dialect,
          { name: 'term', first: '0', end: steps, step: 1 },
          blocks.cuts[0],
          (level) => sums.flush(level),
          [...reduced.lines, ...terms, ...step],
        )
      : ['{', ...step, '}']),
    ...sums.totals(),
    ...stores,
  ];
  return assembleModule(kernel, writer, { body: lines, workgroupSize, groups }, limits);
}

/**
 * How the sums of points are called, and the statements that add `each` terms to every one of them. Of sums of products, four
 * neighbours are one vector.
 */
function summation(writer: Writer, quads: Quads, places: readonly Point[], each: number) {
  const { dialect } = writer;
  const { kernel } = places[0].scope;
  const { combiner, value } = kernel.reduction!;
  const node = kernel.nodes[value];
  const { dtype } = node;
  const count = places.length / each;
  const isProduct = combiner === 'sum' && node.kind === 'apply' && node.op === 'mul';
  if (!isProduct || !isFloat(dtype) || quads.loads.size === 0) {
    const totals = range(count).map((p) => `total_${p}`);
    const add = (total: string, place: Point) =>
      `${total} = ${combineText(writer, combiner, dtype, total, place.scope.names.get(value)!)};`;
    const identity = literalText(writer, dtype, combinerIdentity(combiner, dtype));
    return {
      ...{ type: dtype, accumulators: totals, totals, identity },
      step: [
        ...evaluatePoints(places, [value], quads),
        ...range(each).flatMap((t) => totals.map((total, p) => add(total, places[p * each + t]))),
      ],
    };
  }
  const type = `${dtype}x4` as const;
  const accumulators = range(count / VECTOR_WIDTH).map((k) => `total_${k}`);
  const add = (k: number, t: number) => {
    const four = range(VECTOR_WIDTH).map((c) => places[(k * VECTOR_WIDTH + c) * each + t]);
    const [a, b] = node.operands.map((factor) => {
      const names = four.map(({ scope }) => scope.names.get(factor)!);
      return vectorText(dialect, dtype, names);
    });
    return dialect.addProduct(type, `total_${k}`, a, b);
  };
  return {
    ...{ type, accumulators, identity: dialect.zero(type) },
    totals: accumulators.flatMap((name) =>
      range(VECTOR_WIDTH).map((c) => dialect.component(name, c)),
    ),
    step: [
      ...evaluatePoints(places, node.operands, quads),
      ...range(each).flatMap((t) => accumulators.map((_, k) => add(k, t))),
    ],
  };
}

/** Four values as a vector; its name where they are one. */
function vectorText(dialect: Dialect, dtype: DType, names: readonly string[]): string {
  const [first] = names;
  const vector = first.slice(0, first.length - dialect.component('', 0).length);
  const isOne = names.every((name, c) => name === dialect.component(vector, c));
  return isOne ? vector : dialect.vector(`${dtype}x4`, names);
}

/** Points and terms of an invocation along each axis; null where a variant does not divide the axes. */
export function blockSides(kernel: Kernel, { block, terms }: BlocksVariant): number[] | null {
  const { axes } = kernel;
  const sides = axes.map(() => 1);
  const parallel = axesOfKind(kernel, 'parallel');
  if (block.length > parallel.length) return null;
  parallel.slice(-block.length).forEach((axis, k) => {
    sides[axis] = block[k];
  });
  let left = terms;
  for (let axis = axes.length - 1; axis >= 0 && left > 1; axis--) {
    if (axes[axis].kind !== 'reduced') continue;
    const { extent } = axes[axis];
    sides[axis] = left % extent === 0 ? extent : left;
    left /= sides[axis];
  }
  return left === 1 && axes.every(({ extent }, axis) => extent % sides[axis] === 0) ? sides : null;
}

/** The vectors among the accesses of blocks. */
export function blockVectors(kernel: Kernel, sides: readonly number[]): Quads {
  const across = axesOfKind(kernel, 'parallel').at(-1);
  const isWide = across !== undefined && sides[across] % VECTOR_WIDTH === 0;
  const nodes = neededNodes(kernel, [...storedValues(kernel), kernel.reduction!.value]);
  return quadAccesses(kernel, isWide ? across : undefined, nodes, kernel.stores);
}

export const sizeOf = (sides: readonly number[], axes: readonly number[]) =>
  axes.reduce((product, axis) => product * sides[axis], 1);
