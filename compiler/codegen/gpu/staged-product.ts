import { isFloat } from '../../../ir/dtypes.ts';
import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import {
  axesOfKind,
  axisDependence,
  type ContractionGroups,
  extentOf,
} from '../contraction-groups.ts';
import { NOTHING, type Operations, plainly, scaled, total } from '../work.ts';
import { readsOf } from './contraction.ts';
import type { Factor, FactorReads } from './contraction-functions.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { FILL, factorOperations, LOOP_STEP, MULTIPLY_ADD, WORKGROUP_ACCESS } from './operations.ts';
import { type Quads, quadAccesses, withMore } from './points.ts';
import type { Rows } from './staged-rows.ts';
import { type Guarded, guardedShare, type TileGuard } from './tile-guards.ts';
import { TUNING } from './tuning.ts';

// Parts of a staged kernel that are contractions, each computed by all invocations of a workgroup as a tile of one without stages is.

/** A part whose sums are all products over the same two sides: outputs of its tile in blocks, one for each invocation. */
export interface Product {
  readonly kind: 'product';
  /** One for each reduction. */
  readonly sums: readonly ProductSum[];
  readonly m: readonly number[];
  readonly n: readonly number[];
  readonly finishing: Quads;
  /** Points along both sides, and terms. */
  readonly extents: Readonly<Record<'m' | 'n' | 'k', number>>;
  /** Terms that are in workgroup memory at a time, where a factor is brought there. */
  readonly chunk: number;
  /** Tiles of which somebody needs its results; null: all. */
  readonly needed: TileGuard | null;
  /** Tiles in which its results depend on its sums, and what it is in others; null where that is all. */
  readonly guarded: Guarded | null;
  /** How many of all tiles those are. */
  readonly share: number;
  readonly operations: ProductOperations;
  /** Where its left factor is powers by the maxima of rows. */
  readonly rows: Rows | null;
}

/** What the factors and results of a product take, element by element. */
interface ProductOperations {
  readonly sums: readonly Readonly<Record<Factor | 'index', Operations>>[];
  readonly finish: Operations;
  /** In tiles without sums. */
  readonly rest: Operations;
}

/** One of the sums of a product. */
export interface ProductSum extends ContractionGroups {
  readonly reads: Readonly<Record<Factor, FactorReads>>;
  /** Which factors are in workgroup memory already, as vectors along their side. */
  readonly inPlace: Readonly<Record<Factor, boolean>>;
}

/** Outputs of an invocation along each side. */
export type Threads = readonly [m: 4 | 8, n: 4 | 8];

/** The arrays of a kernel's stages among its buffers: their first number, and those that are arrays of vectors. */
export interface StageArrays {
  readonly first: number;
  readonly vectors: ReadonlySet<number>;
  /** Buffers that are no arrays of vectors. */
  readonly scalars: ReadonlySet<number>;
}

/** A part as a product, with tiles along `tile`; null where it is none. */
export function productOf(
  part: Kernel,
  tile: readonly number[],
  arrays: StageArrays,
  chunk: number,
): Product | null {
  const groups = productGroups(part, tile);
  if (!groups) return null;
  const { m, n, k } = groups[0];
  const extents = { m: extentOf(part, m), n: extentOf(part, n), k: extentOf(part, k) };
  const { leastSide, leastTerms } = TUNING.staged;
  if (Math.min(extents.m, extents.n) < leastSide || extents.k < leastTerms) return null;
  const all = groups.map((one) => ({ one, reads: readsOf(part, one) }));
  const mayLoad = (node: NodeIndex) => {
    const load = part.nodes[node];
    if (load.kind !== 'load' || arrays.scalars.has(load.buffer)) return false;
    return load.buffer < arrays.first || arrays.vectors.has(load.buffer);
  };
  const vectorsOf = (quads: Quads): Quads => ({
    ...quads,
    loads: new Map([...quads.loads].filter(([node]) => mayLoad(node))),
    stores: new Set([...quads.stores].filter(({ buffer }) => !arrays.scalars.has(buffer))),
  });
  const sums = all.map(({ one, reads }): ProductSum => {
    const factor = (which: Factor): FactorReads => ({
      ...reads[which],
      quads: vectorsOf(reads[which].quads),
    });
    const known = { left: factor('left'), right: factor('right') };
    const inPlace = (which: Factor) => isInPlace(part, one, which, known[which], arrays);
    return {
      ...one,
      reads: known,
      inPlace: { left: inPlace('left'), right: inPlace('right') },
    };
  });
  const draws = part.nodes.flatMap((node, index) => (node.kind === 'random' ? [index] : []));
  const finishing = withMore(
    vectorsOf(all[0].reads.finishing),
    quadAccesses(part, m.at(-1), draws),
  );
  const operations = sums.map((sum) => factorOperations(part, sum, { ...sum.reads, finishing }));
  return {
    ...{ kind: 'product', sums, m, n, extents, finishing },
    operations: { sums: operations, finish: operations[0].finish, rest: NOTHING },
    chunk: Math.min(chunk, Math.ceil(extents.k / VECTOR_WIDTH) * VECTOR_WIDTH),
    ...{ needed: null, guarded: null, share: 1, rows: null },
  };
}

/** The factors of each sum and its sides, which are those of all; n is along memory where one is. */
function productGroups(part: Kernel, tile: readonly number[]): ContractionGroups[] | null {
  const { nodes, reductions, axes, stores } = part;
  const isOwn = (axis: number) => !tile.includes(axis);
  const own = axesOfKind(part, 'parallel').filter((axis) => isOwn(axis) && axes[axis].extent > 1);
  const k = axesOfKind(part, 'reduced').filter(isOwn);
  if (reductions.length === 0 || k.length === 0) return null;
  const depends = axisDependence(part);
  let sides: { readonly m: readonly number[]; readonly n: readonly number[] } | null = null;
  const groups: ContractionGroups[] = [];
  for (const { combiner, value } of reductions) {
    const product = nodes[value];
    if (combiner !== 'sum' || product.kind !== 'apply' || product.op !== 'mul') return null;
    const [a, b] = product.operands;
    if (!isFloat(product.dtype) || a === b) return null;
    if (own.some((axis) => depends[a][axis] === depends[b][axis])) return null;
    const along = (factor: NodeIndex) => own.filter((axis) => depends[factor][axis] === 1);
    if (!sides) {
      const [m, n] = [along(a), along(b)];
      const storesAlong = (side: readonly number[]) =>
        side.length > 0 && stores[0].index.coefficients[side.at(-1)!] === 1;
      sides = storesAlong(m) ? { m: n, n: m } : { m, n };
    }
    const { m, n } = sides;
    const isSide = (factor: NodeIndex, side: readonly number[]) =>
      along(factor).join() === side.join();
    const common = { batch: tile, m, n, k };
    if (isSide(a, m) && isSide(b, n)) groups.push({ ...common, left: a, right: b });
    else if (isSide(a, n) && isSide(b, m)) groups.push({ ...common, left: b, right: a });
    else return null;
  }
  return groups;
}

/** Whether a factor is nothing but what a stage's array of vectors holds, and these lie along its side. */
function isInPlace(
  part: Kernel,
  groups: ContractionGroups,
  which: Factor,
  { along, quads }: FactorReads,
  { first }: StageArrays,
): boolean {
  const node = part.nodes[groups[which]];
  const side = which === 'left' ? groups.m : groups.n;
  return (
    node.kind === 'load' &&
    node.buffer >= first &&
    along === 'side' &&
    side.length === 1 &&
    groups.k.length === 1 &&
    quads.loads.has(groups[which])
  );
}

/** Whether outputs are finished and stored as vectors of four: of these neighbours along n, only the innermost index differs. */
export function storesVectors(part: Kernel, { n, finishing }: Product, buffer: number): boolean {
  const isFour = n.length > 0 && part.axes[n.at(-1)!].extent % VECTOR_WIDTH === 0;
  return isFour && part.stores.every((one) => one.buffer !== buffer || finishing.stores.has(one));
}

const BLOCKS: readonly Threads[] = [
  [4, 4],
  [4, 8],
  [8, 4],
  [8, 8],
];

/** The smallest blocks with which so many invocations have all outputs of a tile; null where there are too many of these. */
export function threadsOf({ extents }: Product, workgroupSize: number): Threads | null {
  return BLOCKS.find((threads) => lanesOf(extents, threads).count <= workgroupSize) ?? null;
}

/** Blocks along both sides of a tile. */
export function lanesOf({ m, n }: Product['extents'], [threadM, threadN]: Threads) {
  const lanes = { m: Math.ceil(m / threadM), n: Math.ceil(n / threadN) };
  return { ...lanes, count: lanes.m * lanes.n };
}

/** Where the factors of a sum lie while a chunk is computed, in vectors; rows are apart by an odd number of them, for memory's banks. */
export function chunkPlaces({ extents, chunk }: Product, threads: Threads, sum: ProductSum) {
  const lanes = lanesOf(extents, threads);
  const strides = {
    left: (lanes.m * threads[0]) / VECTOR_WIDTH + 1,
    right: (lanes.n * threads[1]) / VECTOR_WIDTH + 1,
  };
  const vectors = (which: Factor) => (sum.inPlace[which] ? 0 : chunk * strides[which]);
  return {
    strides,
    first: { left: 0, right: vectors('left') },
    vectors: vectors('left') + vectors('right'),
  };
}

/** Vectors in workgroup memory beside the arrays of stages. */
export const productVectors = (product: Product, threads: Threads): number =>
  Math.max(...product.sums.map((sum) => chunkPlaces(product, threads, sum).vectors));

/** What a workgroup does for a tile: all its operations, and what it waits for; of the mean tile, where they differ. */
export interface ProductWork {
  readonly all: Operations;
  readonly chunks: number;
}

/** A product of a stage that has something to do in some tiles alone, of as many as `extents` say. */
export function inTiles(
  part: Kernel,
  product: Product,
  needed: TileGuard | null,
  guarded: Guarded | null,
  extents: readonly number[],
): Product {
  const guard = needed ?? guarded?.guard;
  const share = guard ? guardedShare(guard, extents) : 1;
  const [sum] = product.sums;
  const made = { ...product, needed, guarded, share };
  const rest =
    guarded && !needed
      ? factorOperations(guarded.otherwise, sum, {
          ...{ ...sum.reads, finishing: restFinishing(part, made) },
        }).finish
      : NOTHING;
  return { ...made, operations: { ...product.operations, rest } };
}

/**
 * The work of a tile of a product, counted as that of a contraction without stages is.
 *
 * @param carried how many tiles go on with the sums of the ones before, and finish them once
 */
export function productWork(
  product: Product,
  threads: Threads,
  workgroupSize: number,
  carried: number,
): ProductWork {
  const { extents, operations, share, sums, chunk } = product;
  const [threadM, threadN] = threads;
  const lanes = lanesOf(extents, threads);
  // Those behind the edges included.
  const points = { left: lanes.m * threadM, right: lanes.n * threadN };
  const reads = ((threadM + threadN) / VECTOR_WIDTH) * WORKGROUP_ACCESS;
  const step = threadM * threadN * MULTIPLY_ADD + reads + LOOP_STEP;
  const steps = plainly(workgroupSize * extents.k * step);
  const terms = Math.ceil(extents.k / chunk) * chunk;
  let chunks = 0;
  const summing = sums.map(({ inPlace }, r) => {
    const filled = (['left', 'right'] as const).filter((which) => !inPlace[which]);
    if (filled.length > 0) chunks += terms / chunk;
    const fills = filled.map((which) => {
      const elements = terms * points[which];
      const vectors = elements / VECTOR_WIDTH;
      return total(
        scaled(operations.sums[r][which], elements),
        scaled(operations.sums[r].index, vectors),
        plainly(vectors * (FILL + WORKGROUP_ACCESS)),
      );
    });
    return total(steps, ...fills);
  });
  const outputs = points.left * points.right;
  const finish = scaled(operations.finish, outputs / carried);
  const rest = scaled(operations.rest, outputs);
  const adding = carried > 1 ? workgroupSize * sums.length * threadM * threadN : 0;
  return {
    all: total(scaled(total(...summing, finish), share), scaled(rest, 1 - share), plainly(adding)),
    chunks: chunks * share,
  };
}

/** The vectors among what is finished in tiles without sums. */
export function restFinishing(
  part: Kernel,
  { finishing, guarded }: Pick<Product, 'finishing' | 'guarded'>,
): Quads {
  const stores = (guarded?.otherwise.stores ?? []).filter((_, k) =>
    finishing.stores.has(part.stores[k]),
  );
  return { ...finishing, stores: new Set(stores) };
}

/** The vectors among the accesses of a product. */
export function quadsOf({ sums, finishing }: Product): Quads {
  const factors = sums.flatMap(({ reads }) => [reads.left.quads, reads.right.quads]);
  const loads = [...factors, finishing].flatMap((quads) => [...quads.loads]);
  return { ...finishing, loads: new Map(loads) };
}
