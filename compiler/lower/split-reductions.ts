import {
  type Affine,
  type Axis,
  type Combiner,
  combinerIdentity,
  type Kernel,
  pointCount,
} from '../../ir/kernel.ts';
import { mapAffines } from '../../ir/kernel-affines.ts';
import { kernelCost, nodeOperands, nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { append } from '../../ir/lists.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { byteCount, type DType } from '../../ir/tensor.ts';
import { canonicalise } from './canonicalise.ts';
import type { StageModel } from './cluster-staging.ts';
import { bindTensors } from './finalise.ts';
import { type LoopNest, NodeList, withAxes } from './loop-nest.ts';
import type { LoweredModule } from './lowered.ts';
import { bindingRanges } from './ranges.ts';

// A reduction of many terms to few results keeps a large GPU busy only when it is divided among workgroups. Without atomics, whose
// order would change results from run to run, that takes two kernels: one reduces each of so many parts of the terms, and one
// reduces the parts and goes on with what the whole reduction did with its result. For contractions this is "split K"
// (NVIDIA, CUTLASS: Efficient GEMM, parallelized reductions).

/** Numbers of parts that are tried. */
const PARTS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** And by the best of them: between powers of two the last round of workgroups may be nearly full where theirs are nearly empty. */
const BESIDE = [0.75, 0.875, 1.25];

/** Parts of so many terms or more that are not all equal have a multiple of `ROUND`. */
const LONG_PART = 256;
const ROUND = 16;

/** What is worth a look. */
export interface SplitBounds {
  /** Terms that a part has at least. */
  readonly leastTerms: number;
  /** Reductions of fewer terms stay whole. */
  readonly fewTerms: number;
  /** As do those of more results. */
  readonly manyResults: number;
  /** Two kernels must take at most this part of the time: models are not trusted with less of a gain. */
  readonly mostOfTime: number;
  /** Storage bindings of one kernel. */
  readonly maxBindings: number;
  /** Which reductions are looked at. */
  readonly mayCut: (nest: LoopNest) => boolean;
  /** The results of parts take at most this part of the memory that the reduction reads. */
  readonly mostOfReads: number;
}

/** As `mostOfReads`: results of parts that take no more than this are small. */
export const SMALL_PARTS = 1 / 16;

export const BOUNDS: SplitBounds = {
  leastTerms: 16,
  fewTerms: 256,
  manyResults: 2 ** 22,
  mostOfTime: 0.85,
  mostOfReads: 0.75,
  maxBindings: Number.POSITIVE_INFINITY,
  mayCut: () => true,
};

/** Cuts reductions in two where the target's model expects a gain. */
export function splitReductionsOf(
  lowered: LoweredModule,
  { stages, ...given }: { readonly stages: StageModel } & Partial<SplitBounds>,
): LoweredModule {
  const bounds: SplitBounds = { ...BOUNDS, ...given };
  const tensors: ScheduleTensor[] = [...lowered.tensors];
  const remarks = [...lowered.remarks];
  /** By kernel of the whole reduction, in how many parts it goes; 1: it stays whole. */
  const decisions = new Map<unknown, number>();
  let hasLargeParts = false;
  const programs = lowered.programs.map((program, index) => ({
    ...program,
    nests: program.nests.flatMap((nest) => {
      if (!maySplit(nest, bounds)) return [nest];
      const { kernel } = bindTensors(nest, tensors);
      let parts = decisions.get(kernel);
      if (parts === 1) return [nest];
      const simple = canonicalise(nest);
      if (parts === undefined) {
        parts = bestParts(simple, tensors, index, stages, bounds);
        decisions.set(kernel, parts);
        if (parts === 1) return [nest];
      }
      const made = inParts(simple, parts, tensors, index, bounds)!;
      hasLargeParts ||= bytesOf(made) > SMALL_PARTS * kernelCost({ name: '', ...kernel }).bytes;
      for (const held of made.held)
        remarks.push(`t${tensors.push(held) - 1} ${held.name} holds ${parts} parts of a reduction`);
      return made.nests;
    }),
  }));
  return { ...lowered, tensors, programs, remarks, ...(hasLargeParts ? { hasLargeParts } : {}) };
}

/** Whether a reduction is worth a look. */
export function maySplit(nest: LoopNest, { fewTerms, manyResults, mayCut }: SplitBounds): boolean {
  return (
    nest.reductions.length > 0 &&
    !nest.staging &&
    nest.axes.every(({ kind }) => kind !== 'sequential') &&
    pointCount(nest, 'reduced') >= fewTerms &&
    pointCount(nest, 'parallel') <= manyResults &&
    mayCut(nest)
  );
}

/** The number of parts that takes the least time. */
export function bestParts(
  nest: LoopNest,
  tensors: readonly ScheduleTensor[],
  program: number,
  { time, leastSeconds = () => 0 }: StageModel,
  bounds: SplitBounds,
): number {
  const kernelOf = (one: LoopNest, all: readonly ScheduleTensor[]): Kernel => ({
    name: '',
    ...bindTensors(one, all).kernel,
  });
  const whole = kernelOf(nest, tensors);
  const reads = kernelCost(whole).bytes;
  let [best, least] = [1, bounds.mostOfTime * time(whole)];
  if (leastSeconds(reads, 2) >= least) return best;
  const tried = new Set<string>();
  const all = [...tensors];
  /** Whether so many parts are possible, and what is larger may be. */
  const attempt = (wanted: number) => {
    const cut = cutFor(nest, wanted, bounds);
    if (!cut) return false;
    // Numbers of parts that are close to each other come to the same.
    const extents = cut.nest.axes.map(({ extent }) => extent).join();
    if (tried.has(extents)) return true;
    tried.add(extents);
    const made = halvesOf(nest, cut, tensors, program, bounds);
    if (!made) return false;
    const bytes = bytesOf(made);
    if (bytes > bounds.mostOfReads * reads) return false;
    // The results of parts are written and read.
    if (leastSeconds(reads + 2 * bytes, 2) >= least) return true;
    all.length = tensors.length;
    append(all, made.held);
    const [parts, rest] = made.nests.map((one) => kernelOf(one, all));
    const first = time(parts);
    const seconds = first < least ? first + time(rest) : first;
    if (seconds < least) {
      [best, least] = [wanted, seconds];
      return true;
    }
    // More parts move more, and where memory is what these wait for already, they gain nothing by it.
    return first > leastSeconds(kernelCost(parts).bytes, 1);
  };
  for (const wanted of PARTS) if (!attempt(wanted)) break;
  if (best > 1)
    for (const wanted of new Set(BESIDE.map((share) => Math.round(share * best)))) attempt(wanted);
  return best;
}

export interface Halves {
  /** The tensors of the parts' results: one for all reductions of a dtype. */
  readonly held: readonly ScheduleTensor[];
  /** The two kernels, where `held` come behind all tensors that there were. */
  readonly nests: readonly [LoopNest, LoopNest];
}

/** Where the results of the parts of one reduction lie: from this element of a tensor on. */
interface PartResults {
  readonly dtype: DType;
  readonly tensor: number;
  readonly start: number;
}

const bytesOf = ({ held }: Halves) => held.reduce((sum, one) => sum + byteCount(one), 0);

/** The two kernels, for a number of parts that is at least about as large as what was asked; null where there are too few terms. */
export function inParts(
  nest: LoopNest,
  wanted: number,
  tensors: readonly ScheduleTensor[],
  program: number,
  bounds: SplitBounds,
): Halves | null {
  const cut = cutFor(nest, wanted, bounds);
  return cut && halvesOf(nest, cut, tensors, program, bounds);
}

function cutFor(nest: LoopNest, wanted: number, { leastTerms }: SplitBounds): CutTerms | null {
  return pointCount(nest, 'reduced') < wanted * leastTerms ? null : cutTerms(nest, wanted);
}

function halvesOf(
  nest: LoopNest,
  cut: CutTerms,
  tensors: readonly ScheduleTensor[],
  program: number,
  { maxBindings }: SplitBounds,
): Halves | null {
  const { axes } = cut.nest;
  const points = axes.flatMap(({ kind }, axis) =>
    kind === 'parallel' && axis >= cut.parts ? [axis] : [],
  );
  const results = points.reduce((product, axis) => product * axes[axis].extent, 1);
  const cuts = [...Array(cut.parts).keys()];
  const parts = cuts.reduce((product, axis) => product * axes[axis].extent, 1);
  const stored = tensors[nest.stores[0].buffer];
  const types = nest.reductions.map(({ value }) => nest.nodes[value].dtype);
  const dtypes = [...new Set(types)];
  const held = dtypes.map((dtype, k): ScheduleTensor => {
    const count = types.filter((type) => type === dtype).length;
    const shape = count === 1 ? [parts, results] : [count, parts, results];
    return {
      ...{ name: `${stored.name}.parts${k === 0 ? '' : k + 1}`, dtype, shape, role: 'activation' },
      ...{ program, source: stored.source },
      ...(stored.scope === undefined ? {} : { scope: stored.scope }),
      ...(stored.pass === undefined ? {} : { pass: stored.pass }),
    };
  });
  const placed = types.map((dtype, r): PartResults => {
    const before = types.slice(0, r).filter((type) => type === dtype).length;
    const tensor = tensors.length + dtypes.indexOf(dtype);
    return { dtype, tensor, start: before * parts * results };
  });
  const nests = [
    partsNest(cut.nest, [...cuts, ...points], placed),
    wholeNest(nest, parts, results, placed),
  ] as const;
  const fits = nests.every((one) => bindingRanges(one).length <= maxBindings);
  return fits ? { held, nests } : null;
}

/** A nest whose first axes count parts of its terms and are parallel to the others. */
interface CutTerms {
  readonly nest: LoopNest;
  /** How many axes these are. */
  readonly parts: number;
}

/** Cuts one axis of the terms; where all are too short, the outermost goes as a whole, and the next is cut. */
function cutTerms(nest: LoopNest, wanted: number): CutTerms | null {
  const reduced = nest.axes.flatMap(({ kind, extent }, axis) =>
    kind === 'reduced' && extent > 1 ? [axis] : [],
  );
  if (reduced.length === 0) return null;
  // The outermost axis that is long enough; of several that are too short, the longest.
  const longest = reduced.reduce((a, b) => (nest.axes[b].extent > nest.axes[a].extent ? b : a));
  const axis = reduced.find((one) => nest.axes[one].extent >= wanted) ?? longest;
  if (nest.axes[axis].extent >= wanted / 2) return cutAxis(nest, axis, wanted);
  const { extent } = nest.axes[reduced[0]];
  const outer = cutAxis(nest, reduced[0], extent);
  const inner = outer && cutTerms(outer.nest, Math.ceil(wanted / extent));
  return inner && { nest: inner.nest, parts: inner.parts + 1 };
}

function cutAxis(nest: LoopNest, axis: number, wanted: number): CutTerms | null {
  const { extent } = nest.axes[axis];
  const parts = Math.min(wanted, extent);
  if (parts < 2) return null;
  const divisor = divisorNear(extent, parts);
  const most = Math.ceil(extent / (divisor ?? parts));
  // Vectors of terms begin at multiples of their width, and tiles are whole, in all parts but the last one.
  const chunk = divisor === null && most >= LONG_PART ? ROUND * Math.ceil(most / ROUND) : most;
  const count = Math.ceil(extent / chunk);
  const axes: Axis[] = [
    { extent: count, kind: 'parallel' },
    ...nest.axes.map((one, k) => (k === axis ? { ...one, extent: chunk } : one)),
  ];
  const rewrite = ({ offset, coefficients }: Affine): Affine => ({
    offset,
    coefficients: [coefficients[axis] * chunk, ...coefficients],
  });
  const split = withAxes(nest, axes, rewrite);
  const whole = count * chunk === extent;
  return { nest: whole ? split : guarded(split, axis + 1, chunk, extent), parts: 1 };
}

/** A divisor of `extent` from three quarters of `parts` to `parts`; null where there is none. */
function divisorNear(extent: number, parts: number): number | null {
  for (let divisor = parts; divisor >= 0.75 * parts && divisor > 1; divisor--)
    if (extent % divisor === 0) return divisor;
  return null;
}

/** The nest with nothing behind the end of the cut axis: no load there, and terms that change no result. */
function guarded(nest: LoopNest, inner: number, chunk: number, extent: number): LoopNest {
  const coefficients = nest.axes.map((_, axis) => (axis === 0 ? chunk : axis === inner ? 1 : 0));
  const bound = { index: { offset: 0, coefficients }, extent };
  const under = nodesUnderReduction(nest);
  const varies = ({ coefficients: all }: Affine) => all[0] !== 0 || all[inner] !== 0;
  const list = new NodeList();
  const image = new Int32Array(nest.nodes.length);
  const identity = (combiner: Combiner, dtype: DType) =>
    list.add({ kind: 'constant', dtype, value: combinerIdentity(combiner, dtype) });
  const inside = () => list.add({ kind: 'inBounds', dtype: 'i32', bounds: [bound] });
  const select = (node: number, combiner: Combiner, dtype: DType) =>
    list.add({
      ...{ kind: 'apply', dtype, op: 'select' },
      operands: [inside(), node, identity(combiner, dtype)],
    });
  nest.nodes.forEach((given, k) => {
    const mapped = mapOperands(given, (operand) => image[operand]);
    const outside = under[k] && mapped.kind === 'load' && (varies(mapped.index) || mapped.indirect);
    const node = outside ? { ...mapped, bounds: [...mapped.bounds, bound] } : mapped;
    image[k] = list.add(node);
  });
  const reductions = nest.reductions.map(({ combiner, value }) => {
    const node = list.nodes[image[value]];
    // Factors of a product are guarded one by one, so that it stays a product; 0 for both, as neither may be NaN. What is loaded under
    // the bound is 0 outside already.
    const product = node.kind === 'apply' && node.op === 'mul' && combiner === 'sum';
    const isGuarded = (one: number) => {
      const factor = list.nodes[one];
      return factor.kind === 'load' && factor.bounds.includes(bound);
    };
    const factorOf = (one: number) => (isGuarded(one) ? one : select(one, 'sum', node.dtype));
    const term = product
      ? list.add({ ...node, operands: node.operands.map(factorOf) })
      : select(image[value], combiner, node.dtype);
    return { combiner, value: term };
  });
  return {
    ...nest,
    nodes: list.nodes,
    reductions,
    stores: nest.stores.map((store) => mapStored(store, (node) => image[node])),
  };
}

/** Reduces the terms of each part; results lie in an order of the parallel axes, those of a part together. */
function partsNest(
  nest: LoopNest,
  order: readonly number[],
  placed: readonly PartResults[],
): LoopNest {
  const list = new NodeList();
  const under = nodesUnderReduction(nest);
  const image = new Int32Array(nest.nodes.length);
  nest.nodes.forEach((node, k) => {
    if (under[k]) image[k] = list.add(mapOperands(node, (operand) => image[operand]));
  });
  const coefficients = nest.axes.map(() => 0);
  let stride = 1;
  for (const axis of order.toReversed()) {
    coefficients[axis] = stride;
    stride *= nest.axes[axis].extent;
  }
  const { macs } = nest;
  return {
    axes: nest.axes,
    nodes: list.nodes,
    reductions: nest.reductions.map((one) => ({ ...one, value: image[one.value] })),
    stores: placed.map(({ dtype, tensor, start }, reduction) => ({
      ...{ buffer: tensor, index: { offset: start, coefficients }, accumulate: false },
      value: list.add({ kind: 'accumulator', dtype, reduction }),
    })),
    ops: [...nest.ops.slice(0, 1), 'parts'],
    origins: nest.origins,
    ...(macs === undefined ? {} : { macs }),
  };
}

/** Reduces the parts, and does with the result what the whole nest does. */
function wholeNest(
  nest: LoopNest,
  parts: number,
  results: number,
  placed: readonly PartResults[],
): LoopNest {
  const points = nest.axes.flatMap(({ kind }, axis) => (kind === 'parallel' ? [axis] : []));
  const axes: Axis[] = [
    ...points.map((axis) => nest.axes[axis]),
    { extent: parts, kind: 'reduced' },
  ];
  const rewrite = ({ offset, coefficients }: Affine): Affine => ({
    offset,
    coefficients: [...points.map((axis) => coefficients[axis]), 0],
  });
  const list = new NodeList();
  const strides: number[] = [];
  let stride = 1;
  for (const axis of points.toReversed()) {
    strides.unshift(stride);
    stride *= nest.axes[axis].extent;
  }
  const reductions = placed.map(({ dtype, tensor, start }, r) => {
    const index = { offset: start, coefficients: [...strides, results] };
    const value = list.add({ kind: 'load', dtype, buffer: tensor, index, bounds: [] });
    return { combiner: nest.reductions[r].combiner, value };
  });
  const needed = neededByStores(nest);
  const image = new Int32Array(nest.nodes.length);
  nest.nodes.forEach((node, k) => {
    if (needed[k])
      image[k] = list.add(
        mapAffines(
          mapOperands(node, (operand) => image[operand]),
          rewrite,
        ),
      );
  });
  const { macs: _, ...rest } = nest;
  return {
    ...rest,
    axes,
    nodes: list.nodes,
    reductions,
    stores: nest.stores.map((store) => ({
      ...mapStored(store, (node) => image[node]),
      index: rewrite(store.index),
    })),
  };
}

/** 1 for nodes that stores need; what only the reduction needs is behind the accumulator. */
function neededByStores({ nodes, stores }: LoopNest): Uint8Array {
  const needed = new Uint8Array(nodes.length);
  for (const { value, indirect } of stores) {
    needed[value] = 1;
    if (indirect) needed[indirect.node] = 1;
  }
  for (let k = nodes.length - 1; k >= 0; k--)
    if (needed[k]) for (const operand of nodeOperands(nodes[k])) needed[operand] = 1;
  return needed;
}
