import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { type ContractionCode, range } from './contraction-functions.ts';
import { type Contraction, tilingResources } from './contraction-match.ts';
import { VECTOR_WIDTH, type VectorType } from './dialect.ts';
import { assembleModule, foldGrid, type GpuModule } from './module.ts';

/**
 * Tiles in workgroup memory. A workgroup fills a chunk of K of both factors into `tiles` (rows of k, vectors of four along m
 * or n), each invocation adds the outer products of its vectors into registers `c<i>_<v>` (row i, vector v of columns)
 * in blocks, and a guarded epilogue stores. Where the chunk is cut into slices, their sums are added in a tree.
 */
export function emitWorkgroupTiles(code: ContractionCode, limits: TargetLimits): GpuModule {
  const { kernel, contraction, extents, writer, functions } = code;
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
  const parts = { body, workgroupArrays, functions, workgroupSize: invocations, groups };
  return assembleModule(kernel, writer, parts, limits);
}

const vectorOf = ({ dtype }: ContractionCode): VectorType => `${dtype}x4`;

function accumulateLines(code: ContractionCode): string[] {
  const { kernel, contraction, extents, writer } = code;
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const type = vectorOf(code);
  const { tileM, tileN, tileK, threadM, threadN, slices } = contraction.tiling;
  const { invocationsPerSlice, strideM, strideN } = tilingResources(contraction.tiling);
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const firstN = tileK * strideM;
  const perSlice = tileK / slices;
  const vector = (name: string, first: string, vectors: number, lanes: number) =>
    range(vectors).map((v) => constant(type, `${name}${v}`, `tiles[${first} + ${v * lanes}]`));
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
  return [
    constant('index', 'slice', quotient('local', invocationsPerSlice)),
    constant('index', 'lane_m', quotient(`local % ${invocationsPerSlice}`, lanesN)),
    constant('index', 'lane_n', `local % ${lanesN}`),
    ...totals.map((total) => dialect.variable(type, total, dialect.zero(type))),
    ...sums.declarations(),
    ...blockedLoop(
      dialect,
      { name: 'chunk', first: '0', end: extents.k, step: tileK },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        ...fillLines(code, 'left', strideM, 0),
        ...fillLines(code, 'right', strideN, firstN),
        dialect.barrier,
        dialect.loop({ name: 'step', first: '0', end: String(perSlice) }),
        constant('index', 'row', slices === 1 ? 'step' : `slice * ${perSlice} + step`),
        ...vector('a', `row * ${strideM} + lane_m`, threadM / VECTOR_WIDTH, lanesM),
        ...vector('b', `${firstN} + row * ${strideN} + lane_n`, threadN / VECTOR_WIDTH, lanesN),
        ...products,
        '}',
        dialect.barrier,
      ],
    ),
    ...sums.totals(),
  ];
}

/** Fills one factor's tile; neighbouring invocations read along k or along the side, whichever is contiguous. */
function fillLines(
  code: ContractionCode,
  factor: 'left' | 'right',
  stride: number,
  first: number,
): string[] {
  const { kernel, contraction, writer } = code;
  const { constant, loop, quotient, vector } = writer.dialect;
  const { tileM, tileN, tileK } = contraction.tiling;
  const { invocations } = tilingResources(contraction.tiling);
  const side = factor === 'left' ? 'm' : 'n';
  const quads = (factor === 'left' ? tileM : tileN) / VECTOR_WIDTH;
  const slots = quads * tileK;
  const alongK = readsAlongK(kernel, contraction, factor);
  const [row, quad] = alongK
    ? [`slot % ${tileK}`, quotient('slot', tileK)]
    : [quotient('slot', quads), `slot % ${quads}`];
  const element = (c: number) => `${factor}(batch, ${side}${c === 0 ? '' : ` + ${c}`}, k)`;
  return [
    loop({ name: 'slot', first: 'local', end: String(slots), step: invocations }),
    constant('index', 'row', row),
    constant('index', 'quad', quad),
    constant('index', 'k', 'chunk + row'),
    constant('index', side, `first_${side} + quad * ${VECTOR_WIDTH}`),
    `tiles[${first} + row * ${stride} + quad] = ${vector(vectorOf(code), range(VECTOR_WIDTH).map(element))};`,
    '}',
  ];
}

function readsAlongK(kernel: Kernel, contraction: Contraction, factor: 'left' | 'right'): boolean {
  const inner = contraction.k[contraction.k.length - 1];
  const needed = new Set<NodeIndex>([contraction[factor]]);
  let balance = 0;
  const sideAxes = factor === 'left' ? contraction.m : contraction.n;
  const side = sideAxes[sideAxes.length - 1];
  for (let index = contraction[factor]; index >= 0; index--) {
    if (!needed.has(index)) continue;
    const node = kernel.nodes[index];
    if (node.kind === 'apply') for (const operand of node.operands) needed.add(operand);
    if (node.kind !== 'load') continue;
    balance += Number(Math.abs(node.index.coefficients[inner]) === 1);
    balance -= Number(Math.abs(node.index.coefficients[side]) === 1);
  }
  return balance > 0;
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
  const { contraction, writer } = code;
  const { array, constant, lane, loop, quotient } = writer.dialect;
  const { tileM, tileN, threadM, threadN } = contraction.tiling;
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const names = registers(contraction);
  const vectors = threadN / VECTOR_WIDTH;
  return [
    array(vectorOf(code), 'results', names),
    loop({ name: 'i', first: '0', end: String(threadM) }),
    constant(
      'index',
      'm',
      `first_m + (${quotient('i', VECTOR_WIDTH)} * ${lanesM} + lane_m) * ${VECTOR_WIDTH} + i % ${VECTOR_WIDTH}`,
    ),
    loop({ name: 'j', first: '0', end: String(threadN) }),
    constant(
      'index',
      'n',
      `first_n + (${quotient('j', VECTOR_WIDTH)} * ${lanesN} + lane_n) * ${VECTOR_WIDTH} + j % ${VECTOR_WIDTH}`,
    ),
    `finish(batch, m, n, ${lane(`results[i * ${vectors} + ${quotient('j', VECTOR_WIDTH)}]`, `j % ${VECTOR_WIDTH}`)});`,
    '}',
    '}',
  ];
}

/** Slice 0 lays the tile of outputs out in workgroup memory, row-major, and all invocations finish it. */
function sharedFinishLines({ contraction, dtype, writer }: ContractionCode): string[] {
  const { barrier, constant, lane, loop, names, quotient } = writer.dialect;
  const { output } = names;
  const { tileM, tileN, threadM, threadN } = contraction.tiling;
  const { invocations } = tilingResources(contraction.tiling);
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const row = (i: number) =>
    `((${Math.floor(i / VECTOR_WIDTH) * lanesM} + lane_m) * ${VECTOR_WIDTH} + ${i % VECTOR_WIDTH})`;
  return [
    'if (slice == 0) {',
    ...range(threadM).flatMap((i) =>
      range(threadN / VECTOR_WIDTH).map(
        (v) => `tiles[${row(i)} * ${tileN / VECTOR_WIDTH} + ${v * lanesN} + lane_n] = c${i}_${v};`,
      ),
    ),
    '}',
    barrier,
    loop({ name: output, first: 'local', end: String(tileM * tileN), step: invocations }),
    constant(
      dtype,
      'total',
      lane(`tiles[${quotient(output, VECTOR_WIDTH)}]`, `${output} % ${VECTOR_WIDTH}`),
    ),
    `finish(batch, first_m + ${quotient(output, tileN)}, first_n + ${output} % ${tileN}, total);`,
    '}',
  ];
}
