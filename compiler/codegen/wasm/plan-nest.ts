import { isFloat } from '../../../ir/dtypes.ts';
import type { Affine, Expression, Kernel } from '../../../ir/kernel.ts';
import { kernelBody } from '../../../ir/kernel-text.ts';
import { SCALAR_OPS } from '../../../ir/scalar.ts';
import { type Analysis, analyse } from './analysis.ts';
import { localityCost } from './locality.ts';
import { type Loop, type Nest, type Segment, segmentsOf } from './nest.ts';
import { SCALAR_TEXT } from './scalar-text.ts';
import { isTurned } from './transposition.ts';
import { LANES } from './types.ts';

// The choice of loops: a few hundred candidates, each priced by the instructions it would run. Numbers are weights
// relative to one vector addition.

/** Tiles, in units, of the two axes whose points are unrolled together. */
const TILES = [1, 2, 3, 4, 5, 6];
/** Enough of them to compare kernels by. */
const COARSE_TILES = [1, 2, 4];
/** Vectors of neighbours that are reduced side by side, three lines of a cache long: where rows are far apart, this is a stretch. */
const STRETCH = 12;
/** 128-bit registers that an engine has for values on x64. */
const REGISTERS = 15;
const SPILL = 0.6;
const GATHER = 6;
/** Tiles across vectors that are turned in blocks; and what a vector of a block costs, in loads and shuffles. */
const TURNED_TILES = [4, 8];
const TURNED = 3;
const PER_LANE = 2;
/** What keeps a row that depends on data within its table. */
const CLAMP = 4;
const LOOP_STEP = 2;
const LEAST_CHAINS = 4;
/** Statements that a body of unrolled points may have. */
const MAX_BODY = 96;

/** The cheapest loops for a kernel; its first `outer` axes, which are parallel, are the outermost loops as they stand. */
export function planNest(kernel: Kernel, outer = 0): Nest {
  return cheapest(kernel, outer, TILES).nest;
}

/** About the price of these loops. */
export function nestTime(kernel: Kernel, outer = 0): number {
  return cheapest(kernel, outer, COARSE_TILES).cost;
}

interface PricedNest {
  readonly nest: Nest;
  readonly cost: number;
}

/** Kernels whose loops are known at a time: a bound on what they take. */
const MOST_KNOWN = 4096;
/** By the text of a kernel: models repeat their kernels, and compilations of a model all of them. */
const known = new Map<string, PricedNest>();

function cheapest(kernel: Kernel, outer: number, tiles: readonly number[]): PricedNest {
  const key = `${outer} ${tiles.length} ${kernelBody(kernel)}`;
  let found = known.get(key);
  if (!found) {
    if (known.size >= MOST_KNOWN) known.clear();
    found = search(kernel, outer, tiles);
    known.set(key, found);
  }
  return found;
}

function search(kernel: Kernel, outer: number, tiles: readonly number[]): PricedNest {
  const analysis = analyse(kernel);
  let best: Nest | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const nest of candidates(kernel, analysis, outer, tiles)) {
    const cost = costOf(kernel, analysis, nest, least);
    if (cost < least) [best, least] = [nest, cost];
  }
  return { nest: best!, cost: least };
}

function* candidates(
  kernel: Kernel,
  analysis: Analysis,
  outer: number,
  tiles: readonly number[],
): Generator<Nest> {
  const parallel = analysis.axes.parallel.slice(outer);
  const long = kernel.axes.flatMap(({ extent, kind }, axis) =>
    axis >= outer && extent >= LANES && kind !== 'sequential' ? [axis] : [],
  );
  for (const vectorAxis of [-1, ...long]) {
    if (kernel.reductions.length === 0) {
      for (const tile of [1, 2]) yield build(kernel, analysis, vectorAxis, [[vectorAxis, tile]]);
      for (const across of acrossAxes(kernel, parallel, vectorAxis))
        for (const tile of TURNED_TILES)
          yield build(kernel, analysis, vectorAxis, [
            [across, tile],
            [vectorAxis, 1],
          ]);
      continue;
    }
    const inParallel = parallel.includes(vectorAxis);
    const others = parallel.filter((axis) => axis !== vectorAxis && kernel.axes[axis].extent > 1);
    const first = inParallel ? [vectorAxis] : [...others, -1];
    for (const a of first)
      for (const b of [-1, ...others]) {
        if (a === b && a >= 0) continue;
        const stretches = inParallel && b < 0 ? [STRETCH] : [];
        for (const tileA of a < 0 ? [1] : [...tiles, ...stretches])
          for (const tileB of b < 0 ? [1] : tiles)
            yield build(kernel, analysis, vectorAxis, [
              [b, tileB],
              [a, tileA],
            ]);
      }
  }
}

/** Axes along which loads are turned into vectors along another one. */
function acrossAxes(kernel: Kernel, parallel: readonly number[], vectorAxis: number): number[] {
  return parallel.filter(
    (axis) =>
      kernel.axes[axis].extent >= LANES &&
      kernel.nodes.some((node) => isTurned(kernel, node, vectorAxis, axis)),
  );
}

/** Tiled axes are the innermost parallel ones, in the order given. */
export function build(
  kernel: Kernel,
  analysis: Analysis,
  vectorAxis: number,
  tiles: readonly (readonly [axis: number, tile: number])[],
): Nest {
  const tiled = tiles.flatMap(([axis]) => (axis >= 0 ? [axis] : []));
  const outer = [
    ...analysis.axes.sequential,
    ...analysis.axes.parallel.filter((axis) => !tiled.includes(axis)),
    ...tiled,
  ];
  const reduced = analysis.axes.reduced.filter((axis) => axis !== vectorAxis);
  if (kernel.axes[vectorAxis]?.kind === 'reduced') {
    reduced.push(vectorAxis);
    outer.splice(0, outer.length, ...outer.filter((axis) => axis !== vectorAxis));
  }
  const points = tiles.reduce((product, [, tile]) => product * tile, 1);
  const inner = reduced[reduced.length - 1];
  const unroll = inner === undefined ? 1 : unrollOf(kernel, analysis, points, inner, vectorAxis);
  const loop = (axis: number): Loop => {
    const tile = axis === inner ? unroll : (tiles.find(([one]) => one === axis)?.[1] ?? 1);
    return { axis, segments: segmentsOf(kernel.axes[axis].extent, tile, axis === vectorAxis) };
  };
  return {
    loops: [...outer, ...reduced].map(loop),
    outerDepth: outer.length,
    vectorAxis,
    chains: points >= LEAST_CHAINS ? 1 : Math.min(unroll, Math.ceil(LEAST_CHAINS / points)),
  };
}

/** Steps of the innermost reduced loop done at once: small axes whole, others as the body allows. */
function unrollOf(
  kernel: Kernel,
  { under, alive }: Analysis,
  points: number,
  axis: number,
  vectorAxis: number,
): number {
  const units = Math.floor(kernel.axes[axis].extent / (axis === vectorAxis ? LANES : 1));
  const nodes = kernel.nodes.filter((_, node) => under[node] && alive[node]).length;
  const most = Math.max(1, Math.min(4, Math.floor(MAX_BODY / (points * (nodes + 1)))));
  return Math.max(1, Math.min(units, most));
}

/** How often something runs that depends on the axes in `depends`, down to the loop at `level`; weighted by lanes. */
function times(
  nest: Nest,
  level: number,
  depends: (axis: number) => boolean,
  unitCost: (lanes: Segment['lanes']) => number,
): number {
  let product = 1;
  let priced = false;
  for (let i = 0; i <= level; i++) {
    const { axis, segments } = nest.loops[i];
    const weighted = axis === nest.vectorAxis;
    priced ||= weighted;
    let sum = 0;
    for (const { iterations, tile, lanes } of segments)
      sum += iterations * (depends(axis) ? tile : 1) * (weighted ? unitCost(lanes) : 1);
    product *= sum;
  }
  return priced ? product : product * unitCost(1);
}

/** The price of loops; of those that take `most` or more, some number that is not below it. */
function costOf(kernel: Kernel, analysis: Analysis, nest: Nest, most: number): number {
  const { loops, outerDepth, vectorAxis } = nest;
  const { depends, alive } = analysis;
  const varies = (node: number) => vectorAxis >= 0 && depends[node][vectorAxis] === 1;
  const across = loops.find(({ axis, segments }) => {
    return axis !== vectorAxis && segments[0].tile % LANES === 0 && segments[0].lanes === 1;
  });
  const isBlock = (node: Expression) =>
    across !== undefined && isTurned(kernel, node, vectorAxis, across.axis);
  let cost = 0;
  for (const [index, node] of kernel.nodes.entries()) {
    if (!alive[index] || node.kind === 'accumulator') continue;
    const level = loops.findLastIndex(({ axis }) => depends[index][axis] === 1);
    cost += times(
      nest,
      level,
      (axis) => depends[index][axis] === 1,
      (lanes) =>
        lanes === LANES && isBlock(node)
          ? TURNED
          : nodeCost(kernel, node, lanes === LANES && varies(index), vectorAxis, varies),
    );
    // All that follows makes it dearer.
    if (cost >= most) return cost;
  }
  for (const store of kernel.stores)
    cost += times(
      nest,
      outerDepth - 1,
      () => true,
      (lanes) => (lanes === LANES && store.index.coefficients[vectorAxis] !== 1 ? GATHER : 1),
    );
  if (kernel.reductions.length > 0) cost += reductionCost(kernel, nest);
  loops.forEach((_, level) => {
    cost += times(
      nest,
      level,
      () => false,
      () => LOOP_STEP,
    );
  });
  if (cost >= most) return cost;
  const computing = cost * (1 + SPILL * spilled(kernel, analysis, nest));
  if (computing >= most) return computing;
  return computing + localityCost(kernel, nest, analysis);
}

/** The accumulations, and for vectors along a reduced axis the sums over lanes behind it. */
function reductionCost(kernel: Kernel, nest: Nest): number {
  const { loops, outerDepth, vectorAxis } = nest;
  const all = times(
    nest,
    loops.length - 1,
    () => true,
    () => 1,
  );
  const along = kernel.axes[vectorAxis]?.kind === 'reduced';
  const behind = times(
    nest,
    outerDepth - 1,
    () => true,
    () => 1,
  );
  return kernel.reductions.length * (all + behind * (along ? 8 : 1));
}

/** Accumulators and operands, in registers beyond those that there are, as a fraction of them. */
function spilled(kernel: Kernel, { depends, under, alive }: Analysis, nest: Nest): number {
  if (kernel.reductions.length === 0) return 0;
  const outer = nest.loops.slice(0, nest.outerDepth);
  const tileOf = (axes: (axis: number) => boolean) =>
    outer.reduce((product, { axis, segments }) => {
      return axes(axis) ? product * Math.max(...segments.map(({ tile }) => tile)) : product;
    }, 1);
  const inner = nest.loops[nest.outerDepth]?.axis ?? -1;
  const operands = kernel.nodes.flatMap((node, index) =>
    node.kind === 'load' && under[index] && alive[index] && depends[index][inner]
      ? [tileOf((axis) => depends[index][axis] === 1)]
      : [],
  );
  // The operand with more points stays in registers; the others come and go.
  const points = tileOf(() => true);
  const sums = kernel.reductions.reduce((sum, { combiner, value }) => {
    const beside = combiner !== 'sum' && isFloat(kernel.nodes[value].dtype) ? points : 0;
    return sum + points * nest.chains + beside;
  }, 0);
  const used = sums + Math.max(0, ...operands.slice(1)) + 2;
  return Math.max(0, used - REGISTERS) / REGISTERS;
}

function nodeCost(
  kernel: Kernel,
  node: Expression,
  vector: boolean,
  vectorAxis: number,
  varies: (node: number) => boolean,
): number {
  const stride = (index: Affine) => index.coefficients[vectorAxis];
  switch (node.kind) {
    case 'load': {
      const checks = node.bounds.length * PER_LANE + (node.indirect ? CLAMP : 0);
      if (!vector) return 1 + checks;
      const byLane =
        (node.indirect && varies(node.indirect.node)) ||
        node.bounds.some((bound) => stride(bound.index) !== 0);
      if (byLane) return GATHER + LANES * (1 + checks);
      return (Math.abs(stride(node.index)) === 1 && stride(node.index) > 0 ? 1 : GATHER) + checks;
    }
    case 'apply': {
      const { cost } = SCALAR_OPS[node.op];
      if (!vector) return cost;
      const { dtype } = kernel.nodes[node.operands[node.operands.length - 1]];
      const form = SCALAR_TEXT[node.op].all[dtype];
      return form ? cost : GATHER + LANES * (cost + PER_LANE);
    }
    case 'random':
      return 80;
    case 'constant':
      return 0;
    default:
      return 1;
  }
}
