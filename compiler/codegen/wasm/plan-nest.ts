import { isFloat } from '../../../ir/dtypes.ts';
import type { Affine, Bound, Expression, Kernel } from '../../../ir/kernel.ts';
import { kernelBody } from '../../../ir/kernel-text.ts';
import { rememberByText } from '../../../ir/remember.ts';
import { SCALAR_OPS } from '../../../ir/scalar.ts';
import { callsOf } from '../work.ts';
import { type Analysis, analyse } from './analysis.ts';
import { type Cuts, cutsOf } from './bounds.ts';
import { localityCost, type TilePart } from './locality.ts';
import { type Loop, type Nest, segmentsOf } from './nest.ts';
import { SCALAR_TEXT } from './scalar-text.ts';
import { isTurned } from './transposition.ts';
import { LANES } from './types.ts';
import { distinctShare, stepsOf } from './windows.ts';

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
/** Vectors of a function side by side. */
const CALL_TILE = 4;
/** Statements that a body of unrolled points may have. */
const MAX_BODY = 96;
/** Steps of a reduced loop at once, and those of one that is no longer, such as the taps of a window. */
const UNROLLED = 4;
const SHORT = 7;

/** The cheapest loops for a kernel; its first `outer` axes, which are parallel, are the outermost loops as they stand. */
export function planNest(kernel: Kernel, outer = 0): Nest {
  return cheapest(kernel, outer, TILES).nest;
}

/** About the price of these loops. */
export function nestTime(kernel: Kernel, outer = 0): number {
  return cheapest(kernel, outer, COARSE_TILES).cost;
}

/** About the price of these loops, and of what they do beside bringing lines into caches. */
export function tilePartTime(
  kernel: Kernel,
  tileAxes: number,
): TilePart & { readonly computing: number } {
  const { nest, cost } = cheapest(kernel, tileAxes, COARSE_TILES);
  const analysis = analyse(kernel, tileAxes);
  return { kernel, nest, analysis, computing: cost - localityCost(kernel, nest, analysis) };
}

interface PricedNest {
  readonly nest: Nest;
  readonly cost: number;
}

/** By the text of a kernel: models repeat their kernels, and compilations of a model all of them. */
const remembered = rememberByText<PricedNest>(4096);

function cheapest(kernel: Kernel, outer: number, tiles: readonly number[]): PricedNest {
  const key = `${outer} ${tiles.length} ${kernelBody(kernel)}`;
  return remembered(key, () => search(kernel, outer, tiles));
}

function search(kernel: Kernel, outer: number, tiles: readonly number[]): PricedNest {
  const analysis = analyse(kernel);
  const cuts = cutsOf(kernel, analysis, outer);
  const steps = kernel.nodes.map((_, index) => {
    const own = analysis.forms?.[index];
    return own ? stepsOf(own, kernel.axes.length) : null;
  });
  const long = kernel.axes.flatMap(({ extent, kind }, axis) =>
    axis >= outer && extent >= LANES && kind !== 'sequential' ? [axis] : [],
  );
  const ways = [-1, ...long].map((vectorAxis, rank) => {
    const prices = pricesOf(kernel, analysis, cuts, steps, vectorAxis);
    return { vectorAxis, rank, prices, least: leastCost(kernel, analysis, vectorAxis, prices) };
  });
  let best: { readonly nest: Nest; readonly rank: number } | null = null;
  let cost = Number.POSITIVE_INFINITY;
  // Promising ones first, so that the others need not be looked at. Of equal ones the first in the order of axes is taken.
  for (const { vectorAxis, rank, prices, least } of ways.sort((x, y) => x.least - y.least)) {
    if (least > cost) continue;
    for (const nest of candidates(kernel, analysis, { outer, tiles, vectorAxis, cuts })) {
      const found = costOf(kernel, analysis, nest, prices, cost);
      if (best && (found > cost || (found === cost && rank >= best.rank))) continue;
      best = { nest, rank };
      cost = found;
    }
  }
  return { nest: best!.nest, cost };
}

/** Sums in another order differ by so much at most. */
const ROUNDING = 1 - 1e-9;

/** What all loops cost at least whose vectors run along an axis: each point of each node once. */
function leastCost(
  kernel: Kernel,
  { depends, all }: Analysis,
  vectorAxis: number,
  { nodes, stores }: Prices,
): number {
  const points = (axes: ArrayLike<number>, vector: number, scalar: number) => {
    let count = 1;
    for (let axis = 0; axis < kernel.axes.length; axis++)
      if (axes[axis] === 1 && axis !== vectorAxis) count *= kernel.axes[axis].extent;
    if (vectorAxis < 0 || axes[vectorAxis] !== 1) return count * Math.min(vector, scalar);
    const { extent } = kernel.axes[vectorAxis];
    const vectors = Math.floor(extent / LANES);
    return (
      count * (vectors * Math.min(vector, LANES * scalar) + (extent - LANES * vectors) * scalar)
    );
  };
  const cheapestOf = (vector: number) => Math.min(vector, TURNED);
  let cost = 0;
  for (const { index, scalar, vector, steps } of nodes)
    cost += points(depends[index], cheapestOf(vector), scalar) / (steps ? SHORT : 1);
  const stored = all.map((_, axis) => (kernel.axes[axis].kind === 'reduced' ? 0 : 1));
  for (const vector of stores) cost += points(stored, vector, 1);
  return ROUNDING * (cost + kernel.reductions.length * points(all, 1, 1));
}

function* candidates(
  kernel: Kernel,
  analysis: Analysis,
  {
    outer,
    tiles,
    vectorAxis,
    cuts,
  }: {
    readonly outer: number;
    readonly tiles: readonly number[];
    readonly vectorAxis: number;
    readonly cuts: Cuts;
  },
): Generator<Nest> {
  const tiled = (...own: readonly (readonly [axis: number, tile: number])[]) =>
    build(kernel, analysis, vectorAxis, cuts, own);
  const parallel = analysis.axes.parallel.slice(outer);
  if (kernel.reductions.length === 0) {
    for (const tile of pointTiles(kernel)) yield tiled([vectorAxis, tile]);
    for (const across of acrossAxes(kernel, parallel, vectorAxis))
      for (const tile of TURNED_TILES) yield tiled([across, tile], [vectorAxis, 1]);
    return;
  }
  const inParallel = parallel.includes(vectorAxis);
  const others = parallel.filter((axis) => axis !== vectorAxis && kernel.axes[axis].extent > 1);
  const first = inParallel ? [vectorAxis] : [...others, -1];
  for (const a of first)
    for (const b of [-1, ...others]) {
      if (a === b && a >= 0) continue;
      const stretches = inParallel && b < 0 ? [STRETCH] : [];
      for (const tileA of a < 0 ? [1] : [...tiles, ...stretches])
        for (const tileB of b < 0 ? [1] : tiles) yield tiled([b, tileB], [a, tileA]);
    }
}

/** Vectors that are computed side by side: several chains of a function are what keeps a processor busy. */
function pointTiles({ nodes }: Kernel): readonly number[] {
  const calls = nodes.some((node) => callsOf(node).functions > 0);
  return calls && CALL_TILE * nodes.length <= MAX_BODY ? [1, 2, CALL_TILE] : [1, 2];
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
function build(
  kernel: Kernel,
  analysis: Analysis,
  vectorAxis: number,
  cuts: Cuts,
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
    const { extent } = kernel.axes[axis];
    return { axis, segments: segmentsOf(extent, tile, axis === vectorAxis, cuts.at[axis]) };
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
  const most = Math.max(1, Math.floor(MAX_BODY / (points * (nodes + 1))));
  return Math.max(1, Math.min(units, most, units <= SHORT ? SHORT : UNROLLED));
}

/** How often something runs that depends on the axes in `depends`, down to the loop at `level`; weighted by the cost of a unit. */
function times(
  { loops, vectorAxis }: Nest,
  level: number,
  depends: ArrayLike<number>,
  vectorCost: number,
  scalarCost: number,
): number {
  let product = 1;
  let priced = false;
  for (let i = 0; i <= level; i++) {
    const { axis, segments } = loops[i];
    const weighted = axis === vectorAxis;
    priced ||= weighted;
    const isTiled = depends[axis] === 1;
    let sum = 0;
    for (const { iterations, tile, lanes } of segments) {
      const unit = weighted ? (lanes === LANES ? vectorCost : scalarCost) : 1;
      sum += iterations * (isTiled ? tile : 1) * unit;
    }
    product *= sum;
  }
  return priced ? product : product * scalarCost;
}

/** The innermost loop that a value depends on; -1 for none. */
function levelOf({ loops }: Nest, depends: ArrayLike<number>): number {
  let level = loops.length - 1;
  while (level >= 0 && depends[loops[level].axis] !== 1) level--;
  return level;
}

/** What is the same for all loops of a kernel whose vectors run along one axis. */
interface Prices {
  /** Of one point of each node that is computed, one lane and a vector. */
  readonly nodes: readonly {
    readonly index: number;
    readonly scalar: number;
    readonly vector: number;
    /** Of a node that windows share, the steps of what decides its value. */
    readonly steps: Int32Array | null;
  }[];
  /** Of a vector of each store. */
  readonly stores: readonly number[];
  /** Whether vectors of some load can be turned in blocks. */
  readonly turns: boolean;
}

function pricesOf(
  kernel: Kernel,
  { depends, alive }: Analysis,
  { settled }: Cuts,
  steps: readonly (Int32Array | null)[],
  vectorAxis: number,
): Prices {
  const varies = (node: number) => vectorAxis >= 0 && depends[node][vectorAxis] === 1;
  const priceOf = (node: Expression, vector: boolean) =>
    nodeCost(kernel, node, vector, vectorAxis, varies, settled);
  return {
    nodes: kernel.nodes.flatMap((node, index) =>
      alive[index] && node.kind !== 'accumulator'
        ? [
            {
              ...{ index, scalar: priceOf(node, false), vector: priceOf(node, varies(index)) },
              steps: steps[index],
            },
          ]
        : [],
    ),
    stores: kernel.stores.map(({ index }) => (index.coefficients[vectorAxis] !== 1 ? GATHER : 1)),
    turns: kernel.nodes.some((node) =>
      kernel.axes.some((_, axis) => isTurned(kernel, node, vectorAxis, axis)),
    ),
  };
}

/** Whether tiles of a loop are whole blocks of vectors that can be turned. */
const isAcross = ({ axis, segments }: Loop, vectorAxis: number) =>
  axis !== vectorAxis && segments[0].tile % LANES === 0 && segments[0].lanes === 1;

/** The price of loops where it is `limit` at most, else infinity: no term of it is negative. */
function costOf(
  kernel: Kernel,
  analysis: Analysis,
  nest: Nest,
  { nodes, stores, turns }: Prices,
  limit: number,
): number {
  const { loops, outerDepth, vectorAxis } = nest;
  const { depends, all, none } = analysis;
  const across = turns ? loops.find((loop) => isAcross(loop, vectorAxis)) : undefined;
  let cost = 0;
  for (const { index, scalar, vector, steps } of nodes) {
    const isBlock = across && isTurned(kernel, kernel.nodes[index], vectorAxis, across.axis);
    const level = levelOf(nest, depends[index]);
    const share = steps ? distinctShare(nest, steps) : 1;
    cost += share * times(nest, level, depends[index], isBlock ? TURNED : vector, scalar);
    if (cost > limit) return Number.POSITIVE_INFINITY;
  }
  for (const vector of stores) cost += times(nest, outerDepth - 1, all, vector, 1);
  if (kernel.reductions.length > 0) cost += reductionCost(kernel, analysis, nest);
  for (let level = 0; level < loops.length; level++)
    cost += times(nest, level, none, LOOP_STEP, LOOP_STEP);
  if (cost > limit) return Number.POSITIVE_INFINITY;
  const computing = cost * (1 + SPILL * spilled(kernel, analysis, nest));
  if (computing > limit) return Number.POSITIVE_INFINITY;
  return computing + localityCost(kernel, nest, analysis);
}

/** The accumulations, and for vectors along a reduced axis the sums over lanes behind it. */
function reductionCost(kernel: Kernel, { all }: Analysis, nest: Nest): number {
  const { loops, outerDepth, vectorAxis } = nest;
  const terms = times(nest, loops.length - 1, all, 1, 1);
  const along = kernel.axes[vectorAxis]?.kind === 'reduced';
  const behind = times(nest, outerDepth - 1, all, 1, 1);
  return kernel.reductions.length * (terms + behind * (along ? 8 : 1));
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
  settled: Cuts['settled'],
): number {
  const stride = (index: Affine) => index.coefficients[vectorAxis];
  switch (node.kind) {
    case 'load': {
      const open = (bound: Bound) => 1 - (settled.get(bound) ?? 0);
      const unsettled = node.bounds.reduce((sum, bound) => sum + open(bound), 0);
      const checks = unsettled * PER_LANE + (node.indirect ? CLAMP : 0);
      if (!vector) return 1 + checks;
      const byLane = GATHER + LANES * (1 + checks);
      if (node.indirect && varies(node.indirect.node)) return byLane;
      const whole = (stride(node.index) === 1 ? 1 : GATHER) + checks;
      const apart = node.bounds.map((bound) => (stride(bound.index) !== 0 ? open(bound) : 0));
      const share = Math.max(0, ...apart);
      return share * byLane + (1 - share) * whole;
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
