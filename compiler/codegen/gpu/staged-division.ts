import { DTYPES } from '../../../ir/dtypes.ts';
import { type Expression, type Kernel, localArray } from '../../../ir/kernel.ts';
import { arrayBytes, arrayHomes } from '../../../ir/kernel-arrays.ts';
import { nodesUnderReduction } from '../../../ir/kernel-cost.ts';
import {
  partList,
  type StagedKernel,
  tileAxesOf,
  tileParts,
  tileSteps,
} from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { total } from '../work.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { exchangeReach, exchangeWaits, type SharedSums } from './exchange.ts';
import { CHUNK_WAITS, derived, MULTIPLY_ADD } from './operations.ts';
import { type Quads, quadAccesses } from './points.ts';
import { accumulatorBytes, readsAlong } from './reduction.ts';
import { registerTiles, type TiledPoints } from './register-tile.ts';
import { hasRescaled, passesOf, withWholeTerms } from './rescale.ts';
import {
  inTiles,
  type Product,
  type ProductWork,
  productOf,
  productVectors,
  productWork,
  quadsOf,
  type StageArrays,
  storesVectors,
  type Threads,
  threadsOf,
} from './staged-product.ts';
import { reducersOf, rowBytes, rowsOf, rowsWork } from './staged-rows.ts';
import { stepGuards, stepShare } from './step-guards.ts';
import { guardOf, sameGuard, sameSlopes, type TileGuard } from './tile-guards.ts';
import { TUNING } from './tuning.ts';
import type { StagedVariant } from './variant.ts';

// How the invocations of a workgroup share the parts of a staged kernel: its stages and itself.

/** A part whose points are shared out: each invocation computes tiles of them, one after the other. */
export interface Spread extends TiledPoints, Terms {
  readonly kind: 'spread';
}

/** A reduction whose few points are each computed by `reducers` invocations, which add up what they have found. */
export interface Gathered extends Terms {
  readonly kind: 'gathered';
  readonly points: number;
  readonly reducers: number;
  /** Whether neighbouring invocations have neighbouring terms, not points. */
  readonly reducersFirst: boolean;
  /** Reducers of a point that combine what they have in a subgroup; 1: all combine it in workgroup memory. */
  readonly exchange: number;
}

/** How an invocation takes the terms of a sum. */
export interface Terms {
  /** So many neighbours along an axis at once; 1 without an axis. */
  readonly each: 1 | 4;
  readonly axis: number | undefined;
  /** Those of its loads that are vectors along the axis. */
  readonly quads: Quads;
}

/** A contraction in blocks, and what all invocations do for it in a tile. */
export interface Blocked extends Product {
  readonly threads: Threads;
  readonly work: ProductWork;
  readonly quads: Quads;
}

export type PartDivision = Spread | Gathered | Blocked;

/** One way to run a staged kernel. */
export interface Division {
  readonly workgroupSize: number;
  /** As in a variant. */
  readonly exchange: number;
  readonly terms: 1 | 4;
  readonly chunk: number;
  /** The stages in order, then the kernel; and how each is shared out. */
  readonly kernels: readonly Kernel[];
  readonly parts: readonly PartDivision[];
  /** What an invocation computes, in multiply-adds. */
  readonly time: number;
  /** Steps of loops that it walks, one behind the other. */
  readonly serial: number;
  /** How often it waits for the others. */
  readonly barriers: number;
  /** Tiles, one behind the other, of the mean sum: those that add something to it. */
  readonly steps: number;
  /** How many times as long as alone, for want of workgroup memory that lets others run beside it. */
  readonly crowding: number;
}

/** What adding up costs a level of the tree, in multiply-adds. */
const LEVEL = 6;
/** The same of an exchange in a subgroup. */
const EXCHANGE = 1;
/** What several terms at once wait for, in steps of a term each. */
const TERMS_STEP = 1.3;
/** What a term that an invocation finds alone costs, in multiply-adds. */
const TERM = 5;

/** Numbers of the parallel axes that tell the points of one part inside of a tile apart. */
export function ownAxes(part: Kernel, tile: readonly number[]): number[] {
  return axesOfKind(part, 'parallel').filter((axis) => !tile.includes(axis));
}

/** Terms of a part's sums that are in one tile. */
const termsIn = ({ axes }: Kernel, tile: readonly number[]): number =>
  axes.reduce(
    (count, { kind, extent }, axis) =>
      kind === 'reduced' && !tile.includes(axis) ? count * extent : count,
    1,
  );

/** Axes of each part that tell tiles apart. */
export function tileAxesByPart({ axes, staging }: StagedKernel): number[][] {
  const own = tileAxesOf(axes, staging);
  return [...staging.stages.map(() => [...own.keys()]), own];
}

/**
 * The divisions of a kernel by sizes of workgroups; `every` of them, or those that are left where several terms at once and exchanges,
 * which no model finds slower, are taken wherever they can be.
 */
export function divideTiles(
  kernel: StagedKernel,
  limits: TargetLimits,
  every = true,
): readonly Division[] {
  const key = `${every} ${limits.maxWorkgroupInvocations} ${limits.maxWorkgroupBytes} ${limits.minSubgroupSize}`;
  return derived(kernel, `divisions ${key}`, () => findDivisions(kernel, limits, every));
}

function findDivisions(kernel: StagedKernel, limits: TargetLimits, every: boolean): Division[] {
  const { chunks, productSizes, workgroupSizes } = TUNING.staged;
  const tiles = tileAxesByPart(kernel);
  const parts = partsOf(kernel);
  const one = parts.map((part, k): PartWays => {
    const tiled = registerTiles(part, ownAxes(part, tiles[k]), termsIn(part, tiles[k]));
    return { ...termsOf(kernel, part, tiles[k], 1), tiled };
  });
  const four = parts.map((part, k): PartWays => {
    const terms = termsOf(kernel, part, tiles[k], VECTOR_WIDTH);
    const { loads } = terms.quads;
    // Without vectors, tiles take what they take with one term at a time.
    if (loads.size === 0) return { ...terms, tiled: one[k].tiled };
    return {
      ...terms,
      tiled: registerTiles(part, ownAxes(part, tiles[k]), termsIn(part, tiles[k]), loads),
    };
  });
  const sizes = new Set(
    workgroupSizes.map((size) => Math.min(size, limits.maxWorkgroupInvocations)),
  );
  const { minSubgroupSize = 1 } = limits;
  const exchanges = minSubgroupSize > 1 ? [1, minSubgroupSize] : [1];
  const hasTerms = four.some(({ each }) => each > 1);
  const within = (
    wanted: readonly number[],
    chunk: number,
    products: readonly (Product | null)[],
  ) =>
    [one, four].flatMap((way, k) => {
      const terms = k === 0 ? 1 : VECTOR_WIDTH;
      if (terms > 1 ? !hasTerms : hasTerms && !every) return [];
      const divided = (workgroupSize: number, exchange: number) =>
        divide(
          kernel,
          parts,
          tiles,
          way,
          products,
          { workgroupSize, exchange, terms, chunk },
          limits,
        );
      if (every)
        return exchanges.flatMap((exchange) =>
          wanted
            .flatMap((workgroupSize) => divided(workgroupSize, exchange) ?? [])
            .filter((one) => exchange === 1 || one.parts.some(exchangesSums)),
        );
      return wanted.flatMap((workgroupSize) => {
        const most = divided(workgroupSize, exchanges.at(-1)!);
        if (!most) return [];
        return most.exchange === 1 || most.parts.some(exchangesSums)
          ? most
          : (divided(workgroupSize, 1) ?? []);
      });
    });
  const none = parts.map(() => null);
  return [
    ...within([...sizes], 0, none),
    ...chunks.flatMap((chunk) => {
      const products = productsOf(kernel, parts, tiles, chunk);
      const fitting = productSizes.filter((size) => size <= limits.maxWorkgroupInvocations);
      return products.some((product) => product) ? within(fitting, chunk, products) : [];
    }),
  ];
}

/** The parts over the arrays of one tile, each where it lies. */
const partsOf = (kernel: StagedKernel): readonly Kernel[] =>
  partList(
    tileParts(
      kernel,
      arrayHomes(kernel).map((home) => kernel.buffers.length + home),
    ),
  ).map(withWholeTerms);

/** Bytes of workgroup memory that the contractions in blocks of a variant take beside the arrays of stages. */
export function chunkBytes(
  kernel: StagedKernel,
  { chunk, workgroupSize }: Pick<StagedVariant, 'chunk' | 'workgroupSize'>,
): number {
  if (chunk === 0) return 0;
  const parts = partsOf(kernel);
  return bytesOf(productsOf(kernel, parts, tileAxesByPart(kernel), chunk), workgroupSize);
}

function bytesOf(products: readonly (Product | null)[], workgroupSize: number): number {
  const vectors = products.map((product) => {
    const threads = product && threadsOf(product, workgroupSize);
    return threads ? productVectors(product, threads) : 0;
  });
  const ofRows = products.map((product) =>
    product?.rows ? rowBytes(product.rows, workgroupSize) : 0,
  );
  return Math.max(...vectors) * VECTOR_WIDTH * DTYPES.f32.bytes + Math.max(...ofRows);
}

/** The contractions among the parts; what all stages that fill an array store in vectors, later ones can read so. */
function productsOf(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  tiles: readonly (readonly number[])[],
  chunk: number,
): (Product | null)[] {
  const first = kernel.buffers.length;
  const homes = arrayHomes(kernel);
  const scalars = new Set(accumulated(kernel));
  // An array is found to be none of vectors by one of the stages that fill it, and those before are looked at again.
  for (;;) {
    const vectors = new Set<number>();
    const known = scalars.size;
    const found = parts.map((part, k) => {
      const arrays: StageArrays = { first, vectors, scalars };
      if (k === parts.length - 1)
        return productOf(part, tiles[k], arrays, chunk) ?? weighted(part, tiles[k], arrays, chunk);
      const product = productOf(part, tiles[k], arrays, chunk);
      const array = first + homes[k];
      if (product && storesVectors(part, product, array)) vectors.add(array);
      else scalars.add(array);
      return product;
    });
    if (scalars.size === known)
      return found.map((product, k) => product && guardedProduct(kernel, parts, tiles, product, k));
  }
}

/** A kernel whose sums are rescaled as a product over its rows; null where it is none, or has its left factor not in an array. */
function weighted(
  part: Kernel,
  tile: readonly number[],
  arrays: StageArrays,
  chunk: number,
): Product | null {
  const rows = hasRescaled(part) ? rowsOf(part, tile, arrays.first) : null;
  if (!rows || !arrays.vectors.has(rows.load.buffer)) return null;
  const product = productOf(rows.product, tile, arrays, chunk);
  if (!product) return null;
  const isInPlace = product.m.join() === String(rows.row) && product.sums[0].inPlace.left;
  return isInPlace ? { ...product, rows } : null;
}

/** A product of a stage, in the tiles that need it. */
function guardedProduct(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  tiles: readonly (readonly number[])[],
  product: Product,
  number: number,
): Product {
  const { stages } = kernel.staging;
  if (number === stages.length) return product;
  const guard = (k: number, nodes: readonly Expression[], isMeant: (node: Expression) => boolean) =>
    guardOf(parts[k], tiles[k], new Set(nodes.flatMap((node, n) => (isMeant(node) ? [n] : []))));
  const every = stepGuards(kernel);
  /** What holds in all steps that add something is no condition in them. */
  const isSaid = (one: TileGuard) =>
    every.some((said) => sameSlopes(said, one) && said.offset <= one.offset);
  const accumulators = guard(number, stages[number].nodes, ({ kind }) => kind === 'accumulator');
  const guarded = accumulators && isSaid(accumulators.guard) ? null : accumulators;
  const isRead = (node: Expression) => node.kind === 'load' && node.buffer === localArray(number);
  const readers = [...stages, kernel].flatMap(({ nodes }, k) =>
    nodes.some(isRead) ? [guard(k, nodes, isRead)?.guard ?? null] : [],
  );
  const [needed = null] = readers;
  const isOne =
    stages[number].stores.length === 1 &&
    readers.every((one) => one !== null && needed !== null && sameGuard(one, needed));
  const extents = tiles[number].map((axis) => parts[number].axes[axis].extent);
  const own = isOne && needed && !isSaid(needed) ? needed : null;
  return inTiles(parts[number], product, own, guarded, extents);
}

/** The ways of a part with so many terms at a time. */
interface PartWays extends Terms {
  readonly tiled: readonly TiledPoints[];
}

/** How a part takes `most` terms at once, where its innermost reduced axis is in such parts. */
function termsOf(kernel: StagedKernel, part: Kernel, tile: readonly number[], most: 1 | 4): Terms {
  const axis =
    part.reductions.length > 0
      ? axesOfKind(part, 'reduced').findLast((one) => !tile.includes(one))
      : undefined;
  const each = axis !== undefined && part.axes[axis].extent % most === 0 ? most : 1;
  const under = nodesUnderReduction(part);
  const added = new Set(accumulated(kernel));
  const nodes = part.nodes.flatMap((node, index) =>
    under[index] &&
    node.kind === 'load' &&
    node.buffer < kernel.buffers.length &&
    !added.has(node.buffer)
      ? [index]
      : [],
  );
  return { each, axis, quads: quadAccesses(part, each > 1 ? axis : undefined, nodes) };
}

/** Buffers that something is added to, which are no arrays of vectors. */
function accumulated({ stores, staging }: StagedKernel): number[] {
  return [stores, ...staging.stages.map((stage) => stage.stores)].flatMap((all) =>
    all.flatMap(({ accumulate, buffer }) => (accumulate ? [buffer] : [])),
  );
}

const exchangesSums = (part: PartDivision) => part.kind === 'gathered' && part.exchange > 1;

/** The division for one size of workgroup. */
export function divisionOf(
  kernel: StagedKernel,
  { workgroupSize, exchange, terms, chunk }: Omit<StagedVariant, 'form'>,
  limits: TargetLimits,
): Division {
  const isIt = (one: Division) =>
    one.workgroupSize === workgroupSize &&
    one.exchange === exchange &&
    one.terms === terms &&
    one.chunk === chunk;
  return divideTiles(kernel, limits, false).find(isIt) ?? divideTiles(kernel, limits).find(isIt)!;
}

function divide(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  tiles: readonly (readonly number[])[],
  ways: readonly PartWays[],
  products: readonly (Product | null)[],
  variant: Omit<StagedVariant, 'form'>,
  limits: TargetLimits,
): Division | null {
  const { workgroupSize } = variant;
  const { coreBytes, coreInvocations } = TUNING.staged;
  const arrays = arrayBytes(kernel);
  const carries = kernel.staging.tileTerms > 0;
  const timeOf = ({ units, unitTime }: TiledPoints) => Math.ceil(units / workgroupSize) * unitTime;
  let time = 0;
  let serial = 0;
  let barriers = kernel.staging.stages.length + Number(carries);
  const tileTimes = tileSteps(kernel) * stepShare(kernel);
  const blocked = products.map((product, k) => {
    const threads = product && threadsOf(product, workgroupSize);
    if (!product || !threads) return null;
    const carried = carries && k === parts.length - 1 ? tileTimes : 1;
    const work = productWork(product, threads, workgroupSize, carried);
    const { rows } = product;
    const quads = quadsOf(product);
    if (!rows) return { ...product, threads, work, quads };
    if (reducersOf(rows, workgroupSize) < 1) return null;
    const all = total(work.all, rowsWork(rows, workgroupSize));
    return { ...product, threads, work: { ...work, all }, quads };
  });
  const chunks = bytesOf(products, workgroupSize);
  if (products.some((product, k) => product && !blocked[k])) return null;
  if (arrays + chunks > limits.maxWorkgroupBytes) return null;
  const chosen = parts.map((part, k): PartDivision => {
    const product = blocked[k];
    if (product) {
      const { all, chunks: walked } = product.work;
      time += all.plain / MULTIPLY_ADD / workgroupSize;
      serial += walked * CHUNK_WAITS;
      barriers += 2 * walked + (product.rows ? 2 : 0);
      return product;
    }
    const { tiled, ...terms } = ways[k];
    const count = termsIn(part, tiles[k]);
    const best = tiled.reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a));
    const steps = terms.each > 1 ? TERMS_STEP / terms.each : 1;
    const isCarried = carries && k === parts.length - 1;
    // Partial sums of all invocations have an array of their own beside those of the stages.
    const fits =
      arrays + chunks + workgroupSize * accumulatorBytes(part) <= limits.maxWorkgroupBytes;
    const gathered = fits ? gather(part, tiles[k], variant, terms) : null;
    if (gathered) {
      const levels = Math.log2(gathered.reducers);
      const isExchange = gathered.exchange > 1;
      const waits = isExchange ? exchangeWaits(sharedPoints(gathered)) : levels;
      // Invocations that go on from tile to tile combine what they have once.
      const often = isCarried ? 1 / tileTimes : 1;
      const combining = (waits * LEVEL + (isExchange ? levels * EXCHANGE : 0)) * often;
      const alone = gatheredTime(part, gathered, count) + combining * part.reductions.length;
      if (alone < timeOf(best)) {
        time += alone;
        serial += Math.ceil(count / gathered.reducers) * steps;
        serial += waits * often;
        barriers += waits * often;
        return gathered;
      }
    }
    time += timeOf(best);
    serial += Math.ceil(best.units / workgroupSize) * count * steps;
    return { kind: 'spread', ...best, ...terms };
  });
  const held =
    arrays +
    chunks +
    workgroupSize *
      Math.max(
        0,
        ...chosen.map(({ kind }, k) => (kind === 'gathered' ? accumulatorBytes(parts[k]) : 0)),
      );
  // Two workgroups of the largest fit into a core, whatever a device lets one of them take.
  const core = Math.max(coreBytes, 2 * limits.maxWorkgroupBytes);
  const together = Math.max(1, Math.floor(core / Math.max(1, held)));
  return {
    ...variant,
    kernels: parts.map((part, k) => blocked[k]?.rows?.product ?? part),
    ...{ parts: chosen, time: time * tileTimes },
    ...{ serial: serial * tileTimes, barriers: barriers * tileTimes, steps: tileTimes },
    crowding: Math.max(1, coreInvocations / (together * workgroupSize)),
  };
}

function gather(
  part: Kernel,
  tile: readonly number[],
  { workgroupSize, exchange: subgroup }: Omit<StagedVariant, 'form'>,
  terms: Terms,
): Gathered | null {
  if (part.reductions.length === 0) return null;
  const points = ownAxes(part, tile).reduce((count, axis) => count * part.axes[axis].extent, 1);
  const most = Math.min(workgroupSize / points, termsIn(part, tile) / terms.each / 2);
  if (most < 2) return null;
  const reducers = 2 ** Math.floor(Math.log2(most));
  const reducersFirst = readsAlong(part) === 'reduced';
  const exchange = exchangeReach(reducers, reducersFirst ? 1 : points, subgroup);
  return { kind: 'gathered', points, reducers, reducersFirst, exchange, ...terms };
}

/** How the reducers of a part with exchanges share its points. */
export function sharedPoints({ points, reducers, reducersFirst, exchange }: Gathered): SharedSums {
  return { places: points, reducers, stride: reducersFirst ? 1 : points, exchange };
}

function gatheredTime(part: Kernel, { reducers, quads }: Gathered, count: number): number {
  const under = nodesUnderReduction(part);
  const loads = part.nodes.reduce(
    (sum, node, index) =>
      node.kind === 'load' && under[index]
        ? sum + (quads.loads.has(index) ? 1 / VECTOR_WIDTH : 1)
        : sum,
    0,
  );
  const each = part.reductions.length + TERM * loads * passesOf(part);
  return Math.ceil(count / reducers) * each;
}
