import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import {
  type ContractionCode,
  type Factor,
  factorBlock,
  finishCalls,
  finishFunction,
  range,
  sideOf,
} from './contraction-functions.ts';
import type { Contraction } from './contraction-match.ts';
import { type Dialect, VECTOR_WIDTH, type VectorType } from './dialect.ts';
import { assembleModule, foldGrid, type GpuModule } from './module.ts';
import { TUNING } from './tuning.ts';
import { tilingResources } from './variant.ts';

/**
 * Tiles in workgroup memory. A workgroup fills a chunk of K of both factors into `tiles` (rows of k, vectors of four along m
 * or n), each invocation adds the outer products of its vectors into registers `c<i>_<v>` (row i, vector v of columns)
 * in blocks, and a guarded epilogue stores. Where the chunk is cut into slices, their sums are added in a tree. With two
 * buffers, what the next chunk holds is on its way while this one is computed, and a chunk needs one barrier.
 */
export function emitWorkgroupTiles(code: ContractionCode, limits: TargetLimits): GpuModule {
  const { kernel, contraction, extents, writer } = code;
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const { tileM, tileN, slices } = contraction.tiling;
  const { invocations, vectors } = tilingResources(contraction.tiling);
  const tilesM = Math.ceil(extents.m / tileM);
  const tilesN = Math.ceil(extents.n / tileN);
  const groups = extents.batch * tilesM * tilesN;
  const [x, y] = foldGrid(groups, limits.maxWorkgroupsPerDimension);
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(x * y > groups ? [`if (group >= ${groups}) { return; }`] : []),
    constant('index', 'first_n', `(group % ${tilesN}) * ${tileN}`),
    constant('index', 'first_m', `(${quotient('group', tilesN)}) % ${tilesM} * ${tileM}`),
    constant('index', 'batch', quotient('group', tilesN * tilesM)),
    ...accumulateLines(code),
    ...(slices > 1 ? sliceLines(code) : []),
    ...(slices > 1 ? sharedFinishLines(code) : ownFinishLines(code)),
  ];
  const workgroupArrays = [{ name: 'tiles', type: vectorOf(code), length: vectors }];
  const functions = [finishFunction(code)];
  const parts = { body, workgroupArrays, functions, workgroupSize: invocations, groups };
  return assembleModule(kernel, writer, parts, limits);
}

const vectorOf = ({ dtype }: ContractionCode): VectorType => `${dtype}x4`;

function accumulateLines(code: ContractionCode): string[] {
  const { kernel, contraction, extents, writer } = code;
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const type = vectorOf(code);
  const { tileM, tileN, tileK, threadM, threadN, slices, buffers } = contraction.tiling;
  const { invocationsPerSlice, strideM, strideN, tileVectors } = tilingResources(
    contraction.tiling,
  );
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const perSlice = tileK / slices;
  const base = buffers === 1 ? '' : 'now + ';
  const vector = (name: string, first: string, vectors: number, lanes: number) =>
    range(vectors).map((v) =>
      constant(type, `${name}${v}`, `tiles[${base}${first}${v === 0 ? '' : ` + ${v * lanes}`}]`),
    );
  const products = range(threadM).flatMap((row) =>
    range(threadN / VECTOR_WIDTH).map((v) =>
      dialect.addScaled(
        type,
        `c${row}_${v}`,
        dialect.component(`a${Math.floor(row / VECTOR_WIDTH)}`, row % VECTOR_WIDTH),
        `b${v}`,
      ),
    ),
  );
  const totals = registers(contraction);
  const blocks = cascade(kernel, [Math.ceil(extents.k / tileK)], perSlice);
  const sums = new BlockSums(dialect, totals, type, blocks);
  const compute = unrolledRows(dialect, perSlice, products.length * VECTOR_WIDTH, (step) => [
    constant('index', 'row', slices === 1 ? step : `slice * ${perSlice} + ${step}`),
    ...vector('a', `row * ${strideM} + lane_m`, threadM / VECTOR_WIDTH, lanesM),
    ...vector(
      'b',
      `${tileK * strideM} + row * ${strideN} + lane_n`,
      threadN / VECTOR_WIDTH,
      lanesN,
    ),
    ...products,
  ]);
  const fills = [
    ...fillSlots(code, 'left', 'chunk', { stride: strideM, first: 0 }),
    ...fillSlots(code, 'right', 'chunk', { stride: strideN, first: tileK * strideM }),
  ];
  const loop = (body: readonly string[]) =>
    blockedLoop(
      dialect,
      { name: 'chunk', first: '0', end: extents.k, step: tileK },
      blocks.cuts[0],
      (level) => sums.flush(level),
      body,
    );
  const start = [
    constant('index', 'slice', quotient('local', invocationsPerSlice)),
    ...laneLines(dialect, lanesM, lanesN),
    ...totals.map((total) => dialect.variable(type, total, dialect.zero(type))),
    ...sums.declarations(),
    ...unique(fills.flatMap(({ hoisted }) => hoisted)),
  ];
  const load = (which: readonly FillSlot[]) => [
    ...unique(which.flatMap(({ indices }) => indices)),
    ...which.flatMap(({ lines }) => lines),
  ];
  const store = (to: string) => fills.flatMap(({ store: lines }) => lines(to));
  if (buffers === 1)
    return [
      ...start,
      ...declared(fills),
      ...loop([...load(fills), ...store(''), dialect.barrier, ...compute, dialect.barrier]),
      ...sums.totals(),
    ];
  const ahead = [
    ...fillSlots(code, 'left', 'ahead', { stride: strideM, first: 0 }),
    ...fillSlots(code, 'right', 'ahead', { stride: strideN, first: tileK * strideM }),
  ];
  const more = `ahead < ${extents.k}`;
  return [
    ...start,
    ...unique(ahead.flatMap(({ hoisted }) => hoisted)).filter((line) => !start.includes(line)),
    ...declared(fills),
    '{',
    constant('index', 'chunk', '0'),
    ...load(fills),
    ...store(''),
    '}',
    dialect.barrier,
    ...loop([
      // From the number of the chunk, so that compilers see that all places are inside, and add no checks.
      constant('index', 'now', `${dialect.digit('chunk', tileK, 2)} * ${tileVectors}`),
      constant('index', 'other', `${tileVectors} - now`),
      constant('index', 'ahead', `chunk + ${tileK}`),
      `if (${more}) {`,
      ...load(ahead),
      '}',
      ...compute,
      `if (${more}) {`,
      ...store('other + '),
      '}',
      dialect.barrier,
    ]),
    ...sums.totals(),
  ];
}

/** Blocks of outputs that neighbouring invocations have: near to a square, so that they read few vectors of each factor. */
const PATCH = { m: 4, n: 8 };

/**
 * Which block of outputs an invocation has of `lanesM` by `lanesN`: neighbours have a patch of them, patches lie row by row. Slices of
 * the invocations have the same blocks.
 */
function laneLines({ constant, digit }: Dialect, lanesM: number, lanesN: number): string[] {
  const [m, n] = [largestPart(lanesM, PATCH.m), largestPart(lanesN, PATCH.n)];
  const across = lanesN / n;
  const of = (stride: number, extent: number) => digit('local', stride, extent);
  return [
    constant('index', 'lane_m', `${of(m * n * across, lanesM / m)} * ${m} + ${of(n, m)}`),
    constant('index', 'lane_n', `${of(m * n, across)} * ${n} + ${of(1, n)}`),
  ];
}

/** The largest divisor of a number that is at most so large. */
const largestPart = (count: number, most: number): number =>
  range(Math.min(count, most)).findLast((less) => count % (less + 1) === 0)! + 1;

/**
 * The rows of a chunk, so many of them written out one after the other as have `TUNING.contraction.mostProducts` products together:
 * their places are then constants, and their loads are under way while the rows before are computed.
 */
export function unrolledRows(
  { loop }: Dialect,
  rows: number,
  products: number,
  body: (row: string) => readonly string[],
): string[] {
  const most = Math.max(1, Math.floor(TUNING.contraction.mostProducts / products));
  const together = largestPart(rows, most);
  const written = (row: (k: number) => string) =>
    range(together).flatMap((k) => ['{', ...body(row(k)), '}']);
  if (together === rows) return written(String);
  // In steps of one, from which compilers see how large the number of a row may be.
  const head = loop({ name: 'step', first: '0', end: String(rows / together) });
  const first = together === 1 ? 'step' : `step * ${together}`;
  return [head, ...written((k) => (k === 0 ? first : `${first} + ${k}`)), '}'];
}

export const unique = (lines: readonly string[]) => [...new Set(lines)];

/** One vector that an invocation brings into workgroup memory in each chunk. */
export interface FillSlot {
  readonly hoisted: readonly string[];
  /** The register that the vector passes through. */
  readonly declaration: string;
  readonly indices: readonly string[];
  readonly lines: readonly string[];
  readonly store: (to: string) => readonly string[];
}

export const declared = (slots: readonly FillSlot[]) => slots.map(({ declaration }) => declaration);

/** A tile in `tiles`, from a vector on; the rows of K are `stride` vectors. */
interface FilledVectors {
  readonly first: number;
  readonly stride: number;
}

/** A tile anywhere: the statement that stores the element at a step of the chunk and an index along the side. */
interface FilledElements {
  readonly element: (row: string, at: string, value: string) => string;
}

/**
 * What an invocation fills of one factor's tile: vectors along the side, with neighbouring invocations along the side or along K,
 * or vectors along K of one index of the side, where those are vectors in memory.
 */
export function fillSlots(
  code: ContractionCode,
  factor: Factor,
  inner: string,
  to: FilledVectors | FilledElements,
): FillSlot[] {
  const { contraction, extents, invocations, reads, writer } = code;
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const { tileM, tileN, tileK } = contraction.tiling;
  const side = sideOf(factor);
  const tile = side === 'm' ? tileM : tileN;
  const slots = (tile / VECTOR_WIDTH) * tileK;
  const alongK = reads[factor].along === 'k';
  const vectorsAlongK =
    alongK &&
    reads[factor].quads.loads.size > 0 &&
    extents.k % VECTOR_WIDTH === 0 &&
    tileK % VECTOR_WIDTH === 0;
  const type = vectorOf(code);
  return range(Math.ceil(slots / invocations)).map((slot) => {
    const tag = `${factor[0]}${slot}`;
    const number = slot === 0 ? 'local' : `local + ${slot * invocations}`;
    const id = `slot_${tag}`;
    const [row, at] = vectorsAlongK
      ? [`${id} % ${tileK / VECTOR_WIDTH} * ${VECTOR_WIDTH}`, quotient(id, tileK / VECTOR_WIDTH)]
      : alongK
        ? [`${id} % ${tileK}`, `${quotient(id, tileK)} * ${VECTOR_WIDTH}`]
        : [quotient(id, tile / VECTOR_WIDTH), `${id} % ${tile / VECTOR_WIDTH} * ${VECTOR_WIDTH}`];
    const [rowName, atName] = [`row_${tag}`, `at_${tag}`];
    const block = factorBlock(code, {
      factor,
      sides: vectorsAlongK ? 1 : VECTOR_WIDTH,
      steps: vectorsAlongK ? VECTOR_WIDTH : 1,
      first: `first_${side} + ${atName}`,
      ...{ inner, outer: rowName, stride: tileK, tag },
    });
    const register = `next_${tag}`;
    const parts = range(VECTOR_WIDTH).map((c) => (vectorsAlongK ? block.at(0, c) : block.at(c, 0)));
    const guards = [
      ...((slot + 1) * invocations > slots ? [`${id} < ${slots}`] : []),
      ...(extents.k % tileK === 0 ? [] : [`${inner} + ${rowName} < ${extents.k}`]),
    ];
    const value = [...block.lines, `${register} = ${dialect.vector(type, parts)};`];
    const place = (base: string): string[] => {
      if ('element' in to)
        return range(VECTOR_WIDTH).map((c) =>
          vectorsAlongK
            ? to.element(`${rowName} + ${c}`, atName, dialect.component(register, c))
            : to.element(rowName, `${atName} + ${c}`, dialect.component(register, c)),
        );
      const at = (row: string) =>
        `tiles[${base}${to.first} + ${row} * ${to.stride} + ${quotient(atName, VECTOR_WIDTH)}]`;
      if (!vectorsAlongK) return [`${at(rowName)} = ${register};`];
      return range(VECTOR_WIDTH).map((c) => {
        const lane = dialect.lane(at(`(${rowName} + ${c})`), `${atName} % ${VECTOR_WIDTH}`);
        return `${lane} = ${dialect.component(register, c)};`;
      });
    };
    const within = (slot + 1) * invocations > slots;
    return {
      hoisted: [
        constant('index', id, number),
        constant('index', rowName, row),
        constant('index', atName, at),
        ...block.hoisted,
      ],
      declaration: dialect.variable(type, register, dialect.zero(type)),
      indices: block.indices,
      lines: [
        ...(extents.k % tileK === 0 ? [] : [`${register} = ${dialect.zero(type)};`]),
        ...(guards.length === 0
          ? block.lines.length === 0
            ? value
            : ['{', ...value, '}']
          : [`if (${guards.join(' && ')}) {`, ...value, '}']),
      ],
      store: (base) => {
        const lines = place(base);
        return within ? [`if (${id} < ${slots}) {`, ...lines, '}'] : lines;
      },
    };
  });
}

const registers = ({ tiling }: Contraction) =>
  range(tiling.threadM).flatMap((row) =>
    range(tiling.threadN / VECTOR_WIDTH).map((v) => `c${row}_${v}`),
  );

/** Adds the sums of all slices into those of slice 0. */
function sliceLines(code: ContractionCode): string[] {
  const { contraction, writer } = code;
  const { add, barrier, constant, halving, names: spelled } = writer.dialect;
  const { half } = spelled;
  const { slices } = contraction.tiling;
  const { invocationsPerSlice } = tilingResources(contraction.tiling);
  const names = registers(contraction);
  const at = (v: number, slice: string) =>
    `tiles[(${v * (slices / 2)} + ${slice}) * ${invocationsPerSlice} + lane]`;
  return [
    constant('index', 'lane', `local % ${invocationsPerSlice}`),
    halving(half, slices / 2),
    `if (slice >= ${half} && slice < 2 * ${half}) {`,
    ...names.map((name, v) => `${at(v, `slice - ${half}`)} = ${name};`),
    '}',
    barrier,
    `if (slice < ${half}) {`,
    ...names.map((name, v) => add(vectorOf(code), name, at(v, 'slice'))),
    '}',
    barrier,
    '}',
  ];
}

/** Each invocation finishes the outputs in its registers. */
function ownFinishLines(code: ContractionCode): string[] {
  const { tileM, tileN, threadM, threadN } = code.contraction.tiling;
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  return range(threadM).flatMap((i) => {
    const m = `first_m + (${Math.floor(i / VECTOR_WIDTH) * lanesM} + lane_m) * ${VECTOR_WIDTH} + ${i % VECTOR_WIDTH}`;
    return range(threadN / VECTOR_WIDTH).flatMap((v) => {
      const n = `first_n + (${v * lanesN} + lane_n) * ${VECTOR_WIDTH}`;
      return finishCalls(code, m, n, `c${i}_${v}`);
    });
  });
}

/** Slice 0 lays the tile of outputs out in workgroup memory, row-major, and all invocations finish it. */
function sharedFinishLines(code: ContractionCode): string[] {
  const { contraction, writer } = code;
  const { barrier, constant, loop, names, quotient } = writer.dialect;
  const { output } = names;
  const { tileM, tileN, threadM, threadN } = contraction.tiling;
  const { invocations } = tilingResources(contraction.tiling);
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const across = tileN / VECTOR_WIDTH;
  const row = (i: number) =>
    `((${Math.floor(i / VECTOR_WIDTH) * lanesM} + lane_m) * ${VECTOR_WIDTH} + ${i % VECTOR_WIDTH})`;
  return [
    'if (slice == 0) {',
    ...range(threadM).flatMap((i) =>
      range(threadN / VECTOR_WIDTH).map(
        (v) => `tiles[${row(i)} * ${across} + ${v * lanesN} + lane_n] = c${i}_${v};`,
      ),
    ),
    '}',
    barrier,
    loop({ name: output, first: 'local', end: String(tileM * across), step: invocations }),
    constant(vectorOf(code), 'total', `tiles[${output}]`),
    ...finishCalls(
      code,
      `first_m + ${quotient(output, across)}`,
      `first_n + ${output} % ${across} * ${VECTOR_WIDTH}`,
      'total',
    ),
    '}',
  ];
}
