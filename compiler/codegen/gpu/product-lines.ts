import type { Kernel } from '../../../ir/kernel.ts';
import { cascade } from '../cascade.ts';
import { extentOf } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import {
  type ContractionCode,
  type Factor,
  finishCalls,
  finishedRows,
  finishFunction,
  range,
} from './contraction-functions.ts';
import { declared, fillSlots, unique, unrolledRows } from './contraction-workgroup.ts';
import { type FunctionDefinition, VECTOR_WIDTH } from './dialect.ts';
import { addressText, newScope } from './expression.ts';
import {
  chunkPlaces,
  lanesOf,
  type Product,
  type ProductSum,
  restFinishing,
  type Threads,
} from './staged-product.ts';
import { workgroupTiles } from './variant.ts';
import type { Writer } from './writer.ts';

/** What the code of a product of a staged kernel is printed from. */
export interface ProductCode {
  readonly part: Kernel;
  readonly product: Product;
  readonly threads: Threads;
  readonly writer: Writer;
  readonly workgroupSize: number;
  /** The number of the part in its kernel. */
  readonly number: number;
}

/**
 * A product in a tile. The statements stand where `batch` is the number of the tile, and are executed by all invocations: each has a
 * block of outputs, and brings its share of each chunk of the factors into `tiles`, but for factors that a stage has left in
 * workgroup memory.
 */
export interface ProductLines {
  /** Which block an invocation has. */
  readonly lanes: readonly string[];
  /** Declares the sums, which are vectors along n. */
  readonly zero: readonly string[];
  /** Adds up all terms of the tile. */
  readonly sum: readonly string[];
  /** Finishes the outputs whose sums have these names, reduction by reduction. */
  readonly finish: (names: readonly (readonly string[])[]) => readonly string[];
  /** Stores what a tile has that does without sums; null where every tile that has something to do has sums. */
  readonly rest: readonly string[] | null;
  /** The names of the sums, likewise, behind `prefix`. */
  readonly names: (prefix: string) => readonly (readonly string[])[];
  readonly type: `${'f32' | 'i32'}x4`;
  readonly functions: readonly FunctionDefinition[];
}

export function productLines(one: ProductCode): ProductLines {
  const { product, threads, writer, workgroupSize } = one;
  const { dialect } = writer;
  const { constant, quotient, smaller } = dialect;
  const lanes = lanesOf(product.extents, threads);
  const codes = product.sums.map((sum) => contractionOf(one, sum));
  const [threadM, threadN] = threads;
  const vectors = range(threadN / VECTOR_WIDTH);
  const names = (prefix: string) =>
    product.sums.map((_, r) =>
      range(threadM).flatMap((row) =>
        vectors.map((v) => `${prefix}${r === 0 ? '' : `${r + 1}_`}${row}_${v}`),
      ),
    );
  const type = `${codes[0].dtype}x4` as const;
  const isWhole = lanes.count === workgroupSize;
  const own = names('c');
  const { needed, guarded } = product;
  const [first] = codes;
  const rest: ContractionCode | null =
    guarded && !needed
      ? {
          ...{ ...first, kernel: guarded.otherwise, finish: `${first.finish}_rest` },
          finishing: restFinishing(one.part, product),
        }
      : null;
  const outputs = (code: ContractionCode, all: readonly (readonly string[])[]) =>
    range(threadM / finishedRows(code)).flatMap((call) => {
      const i = call * finishedRows(code);
      const place = Math.floor(i / VECTOR_WIDTH) * lanes.m;
      const m = `(${place === 0 ? 'lane_m' : `${place} + lane_m`}) * ${VECTOR_WIDTH} + ${i % VECTOR_WIDTH}`;
      return vectors.flatMap((v) => {
        const n = `(${v === 0 ? 'lane_n' : `${v * lanes.n} + lane_n`}) * ${VECTOR_WIDTH}`;
        const totals = all.flatMap((sums) =>
          range(finishedRows(code)).map((row) => sums[(i + row) * vectors.length + v]),
        );
        return finishCalls(code, m, n, ...totals);
      });
    });
  const finished = (lines: readonly string[]) =>
    isWhole ? lines : [`if (local < ${lanes.count}) {`, ...lines, '}'];
  return {
    lanes: [
      // Invocations without a block repeat the last one, and store nothing.
      constant('index', 'lane', isWhole ? 'local' : smaller('local', String(lanes.count - 1))),
      constant('index', 'lane_m', quotient('lane', lanes.n)),
      constant('index', 'lane_n', `lane % ${lanes.n}`),
    ],
    zero: own.flat().map((name) => dialect.variable(type, name, dialect.zero(type))),
    sum: product.sums.flatMap((sum, r) => sumLines(one, codes[r], sum, own[r])),
    finish: (all) => finished(outputs(first, all)),
    rest: rest && finished(outputs(rest, own)),
    ...{ names, type },
    functions: [first, ...(rest ? [rest] : [])].map(finishFunction),
  };
}

function contractionOf(
  { part, product, threads, writer, workgroupSize, number }: ProductCode,
  sum: ProductSum,
): ContractionCode {
  const { extents, chunk, finishing } = product;
  const [threadM, threadN] = threads;
  const lanes = lanesOf(extents, threads);
  const sides = [lanes.m * threadM, lanes.n * threadN, chunk] as const;
  const tiling = workgroupTiles(sides, threads, 1, 1);
  return {
    ...{ kernel: part, contraction: { ...sum, tiling }, reads: sum.reads, finishing, writer },
    dtype: part.nodes[part.reductions[0].value].dtype,
    extents: { batch: extentOf(part, sum.batch), ...extents },
    ...{ invocations: workgroupSize, finish: `finish${number}` },
  };
}

/** Adds the terms of one sum to its names, chunk by chunk. */
function sumLines(
  { part, product, threads, writer }: ProductCode,
  code: ContractionCode,
  sum: ProductSum,
  names: readonly string[],
): string[] {
  const { dialect } = writer;
  const { constant } = dialect;
  const { extents, chunk } = product;
  const type = `${code.dtype}x4` as const;
  const { strides, first } = chunkPlaces(product, threads, sum);
  const lanes = lanesOf(extents, threads);
  const blocks = cascade(part, [Math.ceil(extents.k / chunk)], chunk);
  const sums = new BlockSums(dialect, names, type, blocks);
  const fills = (['left', 'right'] as const)
    .filter((which) => !sum.inPlace[which])
    .flatMap((which) =>
      fillSlots(code, which, 'chunk', { stride: strides[which], first: first[which] }),
    );
  const side = (which: Factor) => {
    const [letter, lane, count, threadSide] =
      which === 'left'
        ? (['a', 'lane_m', lanes.m, threads[0]] as const)
        : (['b', 'lane_n', lanes.n, threads[1]] as const);
    return range(threadSide / VECTOR_WIDTH).flatMap((v) => {
      const at = v === 0 ? lane : `${v * count} + ${lane}`;
      if (sum.inPlace[which]) return arrayVector(code, sum, which, `${letter}${v}`, at);
      const line = `${first[which] === 0 ? '' : `${first[which]} + `}row * ${strides[which]}`;
      return [constant(type, `${letter}${v}`, `tiles[${line} + ${at}]`)];
    });
  };
  const [threadM, threadN] = threads;
  const products = range(threadM).flatMap((row) =>
    range(threadN / VECTOR_WIDTH).map((v) =>
      dialect.addScaled(
        type,
        names[row * (threadN / VECTOR_WIDTH) + v],
        dialect.component(`a${Math.floor(row / VECTOR_WIDTH)}`, row % VECTOR_WIDTH),
        `b${v}`,
      ),
    ),
  );
  const row = [...side('left'), ...side('right'), ...products];
  const compute =
    extents.k % chunk === 0
      ? unrolledRows(dialect, chunk, products.length * VECTOR_WIDTH, (number) => [
          constant('index', 'row', number),
          ...row,
        ])
      : [
          constant('index', 'terms', dialect.smaller(String(chunk), `${extents.k} - chunk`)),
          dialect.loop({ name: 'row', first: '0', end: 'terms' }),
          ...row,
          '}',
        ];
  const fill = [
    ...unique(fills.flatMap(({ indices }) => indices)),
    ...fills.flatMap(({ lines }) => lines),
    ...fills.flatMap(({ store }) => store('')),
    dialect.barrier,
  ];
  return [
    '{',
    constant('index', 'first_m', '0'),
    constant('index', 'first_n', '0'),
    ...sums.declarations(),
    ...unique(fills.flatMap(({ hoisted }) => hoisted)),
    ...declared(fills),
    ...blockedLoop(
      dialect,
      { name: 'chunk', first: '0', end: extents.k, step: chunk },
      blocks.cuts[0],
      (level) => sums.flush(level),
      fills.length > 0 ? [...fill, ...compute, dialect.barrier] : compute,
    ),
    ...sums.totals(),
    '}',
  ];
}

/** Reads a vector of a factor from the array of a stage, at vector `at` of its side and the term `chunk + row`. */
function arrayVector(
  { kernel, contraction, extents, writer, dtype }: ContractionCode,
  sum: ProductSum,
  which: Factor,
  name: string,
  at: string,
): string[] {
  const { dialect } = writer;
  const load = kernel.nodes[sum[which]];
  if (load.kind !== 'load') throw new Error('only loads are in place');
  const [axis] = which === 'left' ? contraction.m : contraction.n;
  const count = which === 'left' ? extents.m : extents.n;
  const tile = which === 'left' ? contraction.tiling.tileM : contraction.tiling.tileN;
  const first = `(${at}) * ${VECTOR_WIDTH}`;
  const axes = kernel.axes.map((_, own) =>
    own === axis ? `${name}_at` : own === contraction.k[0] ? '(chunk + row)' : null,
  );
  const address = addressText(newScope(kernel, writer, axes), load.index, undefined);
  return [
    dialect.constant(
      'index',
      `${name}_at`,
      tile === count ? first : dialect.smaller(first, String(count - VECTOR_WIDTH)),
    ),
    dialect.constant(
      `${dtype}x4`,
      name,
      dialect.loadQuad(kernel.buffers[load.buffer].dtype, `b${load.buffer}`, address),
    ),
  ];
}
