import { type DType, isFloat } from '../../../ir/dtypes.ts';
import {
  combinerIdentity,
  type Expression,
  type Kernel,
  pointCount,
  soleReduction,
} from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade, levelsOf } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import { type Dialect, type ValueType, VECTOR_WIDTH } from './dialect.ts';
import { type AxisSum, type Hoisted, newScope, scopeBehind, storedValues } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import {
  distinctValues,
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
  const parallelAxes = axesOfKind(kernel, 'parallel');
  const units = pointCount(kernel, 'parallel') / sizeOf(sides, parallelAxes);
  const groups = Math.ceil(units / workgroupSize);
  const exact =
    units % workgroupSize === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);
  const parallel = decompose(dialect, inSides(kernel, sides), parallelAxes, point);
  const lines = [
    dialect.constant('index', point, `group * ${workgroupSize} + local`),
    ...(exact ? [] : [`if (${point} >= ${units}) { return; }`]),
    ...parallel.lines,
    ...blockLines(kernel, writer, { sides, quads }, parallel.names),
  ];
  return assembleModule(kernel, writer, { body: lines, workgroupSize, groups }, limits);
}

/** What an invocation has of a kernel: so many neighbours along each axis, and the vectors among its accesses. */
export interface Block {
  readonly sides: readonly number[];
  readonly quads: Quads;
}

/** The axes in steps of a block. */
export const inSides = ({ axes }: Kernel, sides: readonly number[]): Kernel['axes'] =>
  axes.map(({ extent, kind }, axis) => ({ extent: extent / sides[axis], kind }));

/**
 * Statements that reduce a kernel at all points of a block and store what it stores; `names` number the block along its parallel axes.
 *
 * @param hasVectors whether four neighbouring sums of products may be one vector
 */
export function blockLines(
  kernel: Kernel,
  writer: Writer,
  { sides, quads }: Block,
  names: readonly (string | null)[],
  hasVectors = true,
): string[] {
  const { dialect } = writer;
  const [parallelAxes, reducedAxes] = [
    axesOfKind(kernel, 'parallel'),
    axesOfKind(kernel, 'reduced'),
  ];
  const each = sizeOf(sides, reducedAxes);
  const steps = pointCount(kernel, 'reduced') / each;
  const unitAxes = inSides(kernel, sides);
  const reduced = decompose(dialect, unitAxes, reducedAxes, 'term', 't');

  const firsts: string[] = [];
  const nameFirst = (name: string | null, axis: number, lines: string[]) => {
    if (name === null || sides[axis] === 1) return name;
    lines.push(dialect.constant('index', `first${axis}`, `${name} * ${sides[axis]}`));
    return `first${axis}`;
  };
  const varies = (axis: number) => unitAxes[axis].extent > 1;
  const outer = names.map((name, axis) => (varies(axis) ? nameFirst(name, axis, firsts) : null));
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
  if (kernel.reductions.length === 0) {
    const stores = storePoints(points, quads);
    return [...firsts, ...hoisted.lines, ...stores];
  }
  const invariant = evaluatePoints(points, loopInvariants(kernel), quads);
  const places = points.flatMap((own, p) =>
    placesOf(sides, reducedAxes).map((term, t): Point => {
      const at = own.at.map((place, axis) => place + term[axis]);
      const made = pointAt(at, `_${p}_${t}`);
      return { ...made, scope: { ...made.scope, names: new Map(own.scope.names) } };
    }),
  );
  const { totals: all, step } = hasVectors
    ? summation(writer, quads, places, each)
    : plainSummation(writer, quads, places, each);
  const blocks = cascade(kernel, [steps], each);
  const sums = all.map(
    ({ accumulators, type }, r) =>
      new BlockSums(dialect, accumulators, type, {
        ...blocks,
        levels: levelsOf(kernel, kernel.reductions[r], blocks),
      }),
  );
  const finals = points.map(
    ({ scope, at }, p): Point => ({
      scope: scopeBehind(
        scope,
        all.map(({ totals }) => totals[p]),
      ),
      ...{ at, isShift: true },
    }),
  );
  const stores = storePoints(finals, quads);
  return [
    ...firsts,
    ...hoisted.lines,
    ...invariant,
    ...all.flatMap(({ accumulators, type, identity }, r) => [
      ...accumulators.map((total) => dialect.variable(type, total, identity)),
      ...sums[r].declarations(),
    ]),
    ...(isLoop
      ? blockedLoop(
          dialect,
          { name: 'term', first: '0', end: steps, step: 1 },
          blocks.cuts[0],
          (level) => sums.flatMap((one) => one.flush(level)),
          [...reduced.lines, ...terms, ...step],
        )
      : ['{', ...step, '}']),
    ...sums.flatMap((one) => one.totals()),
    ...stores,
  ];
}

/** The variables of one of a kernel's reductions. */
interface Totals {
  readonly type: ValueType;
  readonly accumulators: readonly string[];
  /** Per point. */
  readonly totals: readonly string[];
  readonly identity: string;
}

interface Summation {
  readonly totals: readonly Totals[];
  /** Adds so many terms to every one of the sums. */
  readonly step: readonly string[];
}

/**
 * How the sums of points are called, and the statements that add `each` terms to every one of them. Of a lone sum of products,
 * four neighbours are one vector, where that leaves none over.
 */
function summation(
  writer: Writer,
  quads: Quads,
  places: readonly Point[],
  each: number,
): Summation {
  const { kernel } = places[0].scope;
  const sum = soleReduction(kernel);
  const node = kernel.nodes[sum?.value ?? 0];
  const isProduct =
    sum?.combiner === 'sum' && node.kind === 'apply' && node.op === 'mul' && isFloat(node.dtype);
  const isAcross = kernel.axes[quads.axis]?.kind === 'parallel';
  // Loads may be vectors along the terms alone, of fewer points than a vector has.
  const inFours = (places.length / each) % VECTOR_WIDTH === 0;
  return isProduct && inFours && isAcross && quads.loads.size > 0
    ? productSummation(writer, quads, places, each, node)
    : plainSummation(writer, quads, places, each);
}

function plainSummation(
  writer: Writer,
  quads: Quads,
  places: readonly Point[],
  each: number,
): Summation {
  const { kernel } = places[0].scope;
  const { nodes, reductions } = kernel;
  const sides = kernel.axes.map((_, axis) => 1 + Math.max(...places.map(({ at }) => at[axis])));
  const axes = [...sides.keys()];
  const all = reductions.map(({ combiner, value }, r) => {
    const type = nodes[value].dtype;
    const totals = range(places.length / each).map((p) => `total${r === 0 ? '' : r + 1}_${p}`);
    const add = (total: string, { scope }: Point) =>
      `${total} = ${combineText(writer, combiner, type, total, scope.names.get(value)!)};`;
    return {
      ...{ type, accumulators: totals, totals },
      identity: literalText(writer, type, combinerIdentity(combiner, type)),
      add,
    };
  });
  const values = reductions.map(({ value }) => value);
  // A term that is of one sum alone is computed where it is added: few values are in registers at a time.
  const own = values.filter(
    (value) => distinctValues(kernel, value, sides, axes) === places.length,
  );
  const shared = evaluatePoints(
    places,
    [
      ...values.filter((value) => !own.includes(value)),
      ...own.flatMap((value) => nodeOperands(nodes[value])),
    ],
    quads,
  );
  const adding = range(places.length / each).flatMap((p) =>
    places
      .slice(p * each, (p + 1) * each)
      .flatMap((place) => [
        ...evaluatePoints([place], own),
        ...all.map(({ add, totals }) => add(totals[p], place)),
      ]),
  );
  return { totals: all, step: [...shared, ...adding] };
}

function productSummation(
  writer: Writer,
  quads: Quads,
  places: readonly Point[],
  each: number,
  node: Expression & { readonly kind: 'apply' },
): Summation {
  const { dialect } = writer;
  const { dtype } = node;
  const count = places.length / each;
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
  const totals = accumulators.flatMap((name) =>
    range(VECTOR_WIDTH).map((c) => dialect.component(name, c)),
  );
  return {
    totals: [{ type, accumulators, totals, identity: dialect.zero(type) }],
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
  const nodes = neededNodes(kernel, [
    ...storedValues(kernel),
    ...kernel.reductions.map(({ value }) => value),
  ]);
  return quadAccesses(kernel, isWide ? across : undefined, nodes, kernel.stores);
}

export const sizeOf = (sides: readonly number[], axes: readonly number[]) =>
  axes.reduce((product, axis) => product * sides[axis], 1);
