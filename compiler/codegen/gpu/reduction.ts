import { DTYPES, type DType } from '../../../ir/dtypes.ts';
import { combinerIdentity, type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands, nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade, levelsOf } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import { type Dialect, VECTOR_WIDTH } from './dialect.ts';
import { unitAxes } from './elementwise.ts';
import { exchangeElements, exchangeLines, exchangeReach, type SharedSums } from './exchange.ts';
import { innerScope, newScope, type Scope, scopeBehind } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { evaluatePoints, quadAccesses, quadBuffers, storePoints } from './points.ts';
import { TUNING } from './tuning.ts';
import type { ReductionVariant } from './variant.ts';
import { combineText, literalText, newWriter } from './writer.ts';

/** A kernel with reductions of any kind. */
export function emitReduction(
  dialect: Dialect,
  kernel: Kernel,
  variant: ReductionVariant,
  limits: TargetLimits,
): GpuModule {
  const { outputs, reducers, reducersFirst, width, terms: each } = variant;
  const vectors = reductionVectors(kernel, variant);
  const writer = newWriter(dialect, quadBuffers(kernel, vectors.terms, vectors.results));
  const units = pointCount(kernel, 'parallel') / width;
  const terms = pointCount(kernel, 'reduced') / each;
  const groups = Math.ceil(units / outputs);
  const exact = units % outputs === 0 && !gridOvershoots(groups, limits.maxWorkgroupsPerDimension);

  const parallelAxes = axesOfKind(kernel, 'parallel');
  const reducedAxes = axesOfKind(kernel, 'reduced');
  const [across, along] = [parallelAxes.at(-1), reducedAxes.at(-1)];
  const pointAxes = unitAxes(kernel, across, width);
  const parallel = decompose(dialect, pointAxes, parallelAxes, dialect.names.point);
  const reduced = decompose(dialect, unitAxes(kernel, along, each), reducedAxes, 'term');
  const shared: string[] = [];
  const firstPoint = first(dialect, shared, parallel.names, across, width, 'first_point');
  const own: string[] = [];
  const firstTerm = first(dialect, own, reduced.names, along, each, 'first_term');
  /** The points of an invocation at one of its terms; terms are innermost. */
  const points = range(width).map((p) => ({
    scope: newScope(kernel, writer, shifted(firstPoint, across, p), p === 0 ? '' : `_p${p}`),
    at: kernel.axes.map((_, axis) => (axis === across && width > 1 ? p : 0)),
  }));
  const invariant = evaluatePoints(points, loopInvariants(kernel), vectors.terms);
  const termPoints = points.flatMap(({ scope, at }, p) =>
    range(each).map((t) => ({
      scope: {
        ...innerScope(scope, shifted(firstTerm, along, t)),
        suffix: `_${p}_${t}`,
      } satisfies Scope,
      at: at.map((place, axis) => (axis === along && each > 1 ? t : place)),
    })),
  );
  const values = kernel.reductions.map(({ value }) => value);
  const loopBody = evaluatePoints(termPoints, values, vectors.terms);
  const blocks = cascade(kernel, [Math.ceil(terms / reducers)]);
  const all = kernel.reductions.map((reduction, r): Accumulation => {
    const { combiner, value } = reduction;
    const { dtype } = kernel.nodes[value];
    const total = r === 0 ? 'total' : `total${r + 1}`;
    const totals = range(width).map((p) => (p === 0 ? total : `${total}_${p}`));
    const accumulators = termPoints.map((_, k) =>
      k % each === 0 ? totals[k / each] : `${totals[Math.floor(k / each)]}_t${k % each}`,
    );
    return {
      ...{ dtype, value, totals, accumulators },
      partial: r === 0 ? 'partial' : `partial${r + 1}`,
      identity: literalText(writer, dtype, combinerIdentity(combiner, dtype)),
      combine: (one, other) => `${one} = ${combineText(writer, combiner, dtype, one, other)};`,
      sums: new BlockSums(dialect, accumulators, dtype, {
        ...blocks,
        levels: levelsOf(kernel, reduction, blocks),
      }),
    };
  });

  const final = points.map(({ scope, at }, p) => ({
    scope: scopeBehind(
      scope,
      all.map(({ totals }) => totals[p]),
    ),
    at,
  }));
  const stores = storePoints(final, vectors.results);
  const workgroupSize = outputs * reducers;
  const point = `group * ${outputs} + ${localOutput(dialect, variant)}`;
  // Every invocation must reach the barriers, so those behind the end repeat the last point.
  const clamped = exact ? point : dialect.smaller(point, String(units - 1));
  const mine = exact ? '' : `${point} < ${units}`;
  const guard = [mine, reducers === 1 ? '' : 'reducer == 0']
    .filter((condition) => condition !== '')
    .join(' && ');
  const body = [
    dialect.constant('index', dialect.names.point, clamped),
    ...(reducers === 1
      ? []
      : [
          dialect.constant(
            'index',
            'reducer',
            reducersFirst ? `local % ${reducers}` : dialect.quotient('local', outputs),
          ),
        ]),
    ...parallel.lines,
    ...shared,
    ...invariant,
    ...all.flatMap(({ accumulators, dtype, identity, sums }) => [
      ...accumulators.map((name) => dialect.variable(dtype, name, identity)),
      ...sums.declarations(),
    ]),
    ...blockedLoop(
      dialect,
      { name: 'term', first: reducers === 1 ? '0' : 'reducer', end: terms, step: reducers },
      blocks.cuts[0],
      (level) => all.flatMap(({ sums }) => sums.flush(level)),
      [
        ...reduced.lines,
        ...own,
        ...loopBody,
        ...all.flatMap(({ accumulators, value, combine }) =>
          termPoints.map(({ scope }, k) => combine(accumulators[k], scope.names.get(value)!)),
        ),
      ],
    ),
    ...all.flatMap(({ accumulators, totals, combine, sums }) => [
      ...sums.totals(),
      ...accumulators.flatMap((name, k) =>
        k % each === 0 ? [] : [combine(totals[Math.floor(k / each)], name)],
      ),
    ]),
    ...(reducers === 1 ? [] : combineLines(dialect, variant, all)),
    ...(guard === '' ? stores : [`if (${guard}) {`, ...stores, '}']),
  ];
  const length = partialElements(variant);
  const parts = {
    ...{ body, workgroupSize, groups, exchanges: variant.exchange > 1 },
    workgroupArrays:
      length === 0 ? [] : all.map(({ partial, dtype }) => ({ name: partial, type: dtype, length })),
  };
  return assembleModule(kernel, writer, parts, limits);
}

/** Elements of workgroup memory in which partial results are combined. */
export function partialElements(variant: ReductionVariant): number {
  const { outputs, reducers, width, exchange } = variant;
  if (reducers === 1) return 0;
  return width * (exchange > 1 ? exchangeElements(sharedSums(variant)) : outputs * reducers);
}

/** How the reducers of a variant with exchanges share its sums. */
export function sharedSums(variant: ReductionVariant): SharedSums {
  const { outputs, reducers, reducersFirst, exchange } = variant;
  return { places: outputs, reducers, stride: reducersFirst ? 1 : outputs, exchange };
}

/** How one of a kernel's reductions is accumulated. */
interface Accumulation {
  readonly dtype: DType;
  readonly value: NodeIndex;
  /** Its results at the points of an invocation. */
  readonly totals: readonly string[];
  /** Per point and term that an invocation has at a time. */
  readonly accumulators: readonly string[];
  /** The array in workgroup memory that invocations share. */
  readonly partial: string;
  readonly identity: string;
  readonly combine: (total: string, other: string) => string;
  readonly sums: BlockSums;
}

/** The vectors that a reduction reads and stores. */
export function reductionVectors(kernel: Kernel, { width, terms }: ReductionVariant) {
  const [across, along] = [
    axesOfKind(kernel, 'parallel').at(-1),
    axesOfKind(kernel, 'reduced').at(-1),
  ];
  const nodes = [...kernel.nodes.keys()];
  const results = quadAccesses(
    kernel,
    width === VECTOR_WIDTH ? across : undefined,
    nodes,
    kernel.stores,
  );
  return { results, terms: terms === VECTOR_WIDTH ? quadAccesses(kernel, along, nodes) : results };
}

/** The names of axes, where the index of `inner` counts steps of `width`. */
function first(
  dialect: Dialect,
  lines: string[],
  names: readonly (string | null)[],
  inner: number | undefined,
  width: number,
  name: string,
): (string | null)[] {
  if (width === 1 || inner === undefined) return [...names];
  lines.push(dialect.constant('index', name, `${names[inner]} * ${width}`));
  return names.with(inner, name);
}

const shifted = (
  names: readonly (string | null)[],
  inner: number | undefined,
  shift: number,
): Scope['axes'] =>
  names.map((name, axis) =>
    axis === inner && shift > 0 ? { outer: name, inner: null, shift } : name,
  );

function localOutput(
  { quotient }: Dialect,
  { outputs, reducers, reducersFirst }: ReductionVariant,
): string {
  if (reducers === 1) return 'local';
  if (outputs === 1) return '0';
  return reducersFirst ? quotient('local', reducers) : `local % ${outputs}`;
}

function combineLines(
  dialect: Dialect,
  variant: ReductionVariant,
  all: readonly Accumulation[],
): string[] {
  const { outputs, reducers, reducersFirst } = variant;
  if (variant.exchange > 1)
    return all.flatMap(({ dtype, totals, combine, partial }) => {
      const lines = exchangeLines(dialect, sharedSums(variant), {
        ...{ type: dtype, totals, combine, array: partial, hasIdle: false },
        place: localOutput(dialect, variant),
      });
      // Each has names of its own.
      return all.length > 1 ? ['{', ...lines, '}'] : lines;
    });
  const {
    barrier,
    halving,
    names: { half },
  } = dialect;
  const size = outputs * reducers;
  const stride = reducersFirst ? 1 : outputs;
  const place = (partial: string, p: number, other = '') =>
    `${partial}[local${other}${p === 0 ? '' : ` + ${p * size}`}]`;
  return [
    ...all.flatMap(({ partial, totals }) =>
      totals.map((total, p) => `${place(partial, p)} = ${total};`),
    ),
    halving(half, reducers / 2),
    barrier,
    `if (reducer < ${half}) {`,
    ...all.flatMap(({ partial, totals, combine }) =>
      totals.flatMap((total, p) => [
        combine(total, place(partial, p, ` + ${half} * ${stride}`)),
        `${place(partial, p)} = ${total};`,
      ]),
    ),
    '}',
    '}',
  ];
}

/** Nodes that the loop needs and that no reduced axis changes. */
export function loopInvariants(kernel: Kernel): NodeIndex[] {
  const reduced = axesOfKind(kernel, 'reduced');
  const varies = (coefficients: readonly number[]) => reduced.some((a) => coefficients[a] !== 0);
  const changes = new Uint8Array(kernel.nodes.length);
  kernel.nodes.forEach((node, index) => {
    changes[index] = Number(
      node.kind === 'accumulator' ||
        nodeOperands(node).some((operand) => changes[operand]) ||
        ((node.kind === 'load' || node.kind === 'index') && varies(node.index.coefficients)) ||
        (node.kind === 'random' && varies(node.counter.coefficients)) ||
        ((node.kind === 'load' || node.kind === 'inBounds') &&
          node.bounds.some((bound) => varies(bound.index.coefficients))),
    );
  });
  const needed = nodesUnderReduction(kernel);
  return kernel.nodes.flatMap((_, index) => (needed[index] && !changes[index] ? [index] : []));
}

/** How a reduction is divided among invocations: by how many it takes to keep a large device busy. */
export function divideReduction(
  kernel: Kernel,
  limits: TargetLimits,
  width: 1 | 4 = 1,
  terms: 1 | 4 = 1,
  most = Number.POSITIVE_INFINITY,
): ReductionVariant {
  const { workgroupSize, fewWorkgroupSize, leastTerms, contiguousReducers, contiguousOutputs } =
    TUNING.reduction;
  const points = pointCount(kernel, 'parallel') / width;
  const count = pointCount(kernel, 'reduced') / terms;
  const along = readsAlong(kernel);
  const size = floorPower(Math.min(workgroupSize, limits.maxWorkgroupInvocations));
  // Outputs of a workgroup at least: what its invocations read in one step.
  const columns =
    along === 'parallel' ? Math.min(size, contiguousOutputs / width, ceilPower(points)) : 1;
  // Dividing takes workgroup memory for the partial results of each invocation.
  const bytes = size * width * accumulatorBytes(kernel);
  const divisible =
    limits.maxWorkgroupBytes < bytes
      ? 1
      : Math.min(size / columns, floorPower(Math.max(1, count / leastTerms)), most);
  const wanted = ceilPower(TUNING.wantedInvocations / points);
  const least = along === 'reduced' ? Math.min(contiguousReducers, divisible) : 1;
  const reducers = Math.max(least, Math.min(wanted, divisible));
  const wide = points * reducers < size * 64 ? Math.min(size, fewWorkgroupSize) : size;
  const outputs = Math.max(1, Math.min(wide / reducers, ceilPower(points)));
  const reducersFirst = along === 'reduced';
  return { form: 'reduction', outputs, reducers, reducersFirst, width, terms, exchange: 1 };
}

/** The variant with exchanges in subgroups of the device; null where none reaches another reducer. */
export function exchanging(
  variant: ReductionVariant,
  { minSubgroupSize = 1 }: TargetLimits,
): ReductionVariant | null {
  const { reducers, stride } = sharedSums(variant);
  const exchange = exchangeReach(reducers, stride, minSubgroupSize);
  return exchange > 1 ? { ...variant, exchange } : null;
}

/** Bytes of the accumulators of all reductions of a kernel at one point. */
export function accumulatorBytes({ nodes, reductions }: Kernel): number {
  return reductions.reduce((sum, { value }) => sum + DTYPES[nodes[value].dtype].bytes, 0);
}

/** Which axis neighbouring invocations should walk so that they read neighbouring elements. */
export function readsAlong(kernel: Kernel): 'reduced' | 'parallel' {
  const innermost = (kind: 'parallel' | 'reduced') => axesOfKind(kernel, kind).at(-1);
  const [parallel, reduced] = [innermost('parallel'), innermost('reduced')];
  if (reduced === undefined) return 'parallel';
  if (parallel === undefined) return 'reduced';
  const under = nodesUnderReduction(kernel);
  let balance = 0;
  kernel.nodes.forEach((node, index) => {
    if (!under[index] || node.kind !== 'load') return;
    const { coefficients } = node.index;
    balance += Number(Math.abs(coefficients[reduced]) === 1);
    balance -= Number(Math.abs(coefficients[parallel]) === 1);
  });
  return balance > 0 ? 'reduced' : 'parallel';
}

const floorPower = (value: number) => 2 ** Math.floor(Math.log2(value));
const ceilPower = (value: number) => 2 ** Math.ceil(Math.log2(Math.max(1, value)));
