import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { type ContractionCode, range } from './contraction-functions.ts';
import { type Contraction, tilingResources } from './contraction-match.ts';
import { assembleModule, foldGrid, type WgslModule } from './module.ts';

/**
 * Tiles in workgroup memory. A workgroup fills a chunk of K of both factors into `tiles` (rows of k, vectors of four along m
 * or n), each invocation adds the outer products of its vectors into registers `c<i>_<v>` (row i, vector v of columns)
 * in blocks, and a guarded epilogue stores. Where the chunk is cut into slices, their sums are added in a tree.
 */
export function emitWorkgroupTiles(
  { kernel, contraction, extents, helpers, functions }: ContractionCode,
  limits: TargetLimits,
): WgslModule {
  const { tileM, tileN, slices } = contraction.tiling;
  const { invocations, vectors } = tilingResources(contraction.tiling);
  const tilesM = Math.ceil(extents.m / tileM);
  const tilesN = Math.ceil(extents.n / tileN);
  const groups = extents.batch * tilesM * tilesN;
  const [x, y] = foldGrid(groups, limits.maxWorkgroupsPerDimension);
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(x * y > groups ? [`if (group >= ${groups}) { return; }`] : []),
    `let first_n = (group % ${tilesN}) * ${tileN};`,
    `let first_m = (group / ${tilesN}) % ${tilesM} * ${tileM};`,
    `let batch = group / ${tilesN * tilesM};`,
    ...accumulateLines(kernel, contraction, extents.k),
    ...(slices > 1 ? sliceLines(contraction) : []),
    ...(slices > 1 ? sharedFinishLines(contraction) : ownFinishLines(contraction)),
  ];
  const declarations = [`var<workgroup> tiles: array<vec4<f32>, ${vectors}>;`, ...functions];
  const parts = { body, declarations, workgroupSize: invocations, groups };
  return assembleModule(kernel, helpers, parts, limits);
}

function accumulateLines(kernel: Kernel, contraction: Contraction, extentK: number): string[] {
  const { tileM, tileN, tileK, threadM, threadN, slices } = contraction.tiling;
  const { invocationsPerSlice, strideM, strideN } = tilingResources(contraction.tiling);
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const firstN = tileK * strideM;
  const perSlice = tileK / slices;
  const vector = (name: string, first: string, vectors: number, lanes: number) =>
    range(vectors).map((v) => `let ${name}${v} = tiles[${first} + ${v * lanes}];`);
  const products = range(threadM).flatMap((row) =>
    range(threadN / 4).map((v) => `c${row}_${v} += a${row >> 2}.${'xyzw'[row & 3]} * b${v};`),
  );
  const totals = registers(contraction);
  const blocks = cascade(kernel, [Math.ceil(extentK / tileK)], perSlice);
  const sums = new BlockSums(totals, 'vec4<f32>', blocks);
  return [
    `let slice = local / ${invocationsPerSlice};`,
    `let lane_m = local % ${invocationsPerSlice} / ${lanesN};`,
    `let lane_n = local % ${lanesN};`,
    ...totals.map((total) => `var ${total} = vec4<f32>();`),
    ...sums.declarations(),
    ...blockedLoop(
      { name: 'chunk', first: '0', end: extentK, step: tileK },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        ...fillLines(kernel, contraction, 'left', strideM, 0),
        ...fillLines(kernel, contraction, 'right', strideN, firstN),
        'workgroupBarrier();',
        `for (var step = 0; step < ${perSlice}; step++) {`,
        `let row = ${slices === 1 ? 'step' : `slice * ${perSlice} + step`};`,
        ...vector('a', `row * ${strideM} + lane_m`, threadM / 4, lanesM),
        ...vector('b', `${firstN} + row * ${strideN} + lane_n`, threadN / 4, lanesN),
        ...products,
        '}',
        'workgroupBarrier();',
      ],
    ),
    ...sums.totals(),
  ];
}

/** Fills one factor's tile; neighbouring invocations read along k or along the side, whichever is contiguous. */
function fillLines(
  kernel: Kernel,
  contraction: Contraction,
  factor: 'left' | 'right',
  stride: number,
  first: number,
): string[] {
  const { tileM, tileN, tileK } = contraction.tiling;
  const { invocations } = tilingResources(contraction.tiling);
  const side = factor === 'left' ? 'm' : 'n';
  const quads = (factor === 'left' ? tileM : tileN) / 4;
  const slots = quads * tileK;
  const alongK = readsAlongK(kernel, contraction, factor);
  const [row, quad] = alongK
    ? [`slot % ${tileK}`, `slot / ${tileK}`]
    : [`slot / ${quads}`, `slot % ${quads}`];
  const element = (c: number) => `${factor}(batch, ${side}${c === 0 ? '' : ` + ${c}`}, k)`;
  return [
    `for (var slot = local; slot < ${slots}; slot += ${invocations}) {`,
    `let row = ${row};`,
    `let quad = ${quad};`,
    'let k = chunk + row;',
    `let ${side} = first_${side} + quad * 4;`,
    `tiles[${first} + row * ${stride} + quad] = vec4<f32>(${range(4).map(element).join(', ')});`,
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
  range(tiling.threadM).flatMap((row) => range(tiling.threadN / 4).map((v) => `c${row}_${v}`));

/** Adds the sums of all slices into those of slice 0. */
function sliceLines(contraction: Contraction): string[] {
  const { slices } = contraction.tiling;
  const { invocationsPerSlice } = tilingResources(contraction.tiling);
  const names = registers(contraction);
  const at = (v: number, slice: string) =>
    `tiles[(${v * (slices / 2)} + ${slice}) * ${invocationsPerSlice} + lane]`;
  return [
    `let lane = local % ${invocationsPerSlice};`,
    `for (var half = ${slices / 2}; half > 0; half /= 2) {`,
    'if (slice >= half && slice < 2 * half) {',
    ...names.map((name, v) => `${at(v, 'slice - half')} = ${name};`),
    '}',
    'workgroupBarrier();',
    'if (slice < half) {',
    ...names.map((name, v) => `${name} += ${at(v, 'slice')};`),
    '}',
    'workgroupBarrier();',
    '}',
  ];
}

/** Each invocation finishes the outputs in its registers. */
function ownFinishLines(contraction: Contraction): string[] {
  const { tileM, tileN, threadM, threadN } = contraction.tiling;
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const names = registers(contraction);
  const vectors = threadN / 4;
  return [
    `var results = array<vec4<f32>, ${names.length}>(${names.join(', ')});`,
    `for (var i = 0; i < ${threadM}; i++) {`,
    `let m = first_m + (i / 4 * ${lanesM} + lane_m) * 4 + i % 4;`,
    `for (var j = 0; j < ${threadN}; j++) {`,
    `let n = first_n + (j / 4 * ${lanesN} + lane_n) * 4 + j % 4;`,
    `finish(batch, m, n, results[i * ${vectors} + j / 4][j % 4]);`,
    '}',
    '}',
  ];
}

/** Slice 0 lays the tile of outputs out in workgroup memory, row-major, and all invocations finish it. */
function sharedFinishLines(contraction: Contraction): string[] {
  const { tileM, tileN, threadM, threadN } = contraction.tiling;
  const { invocations } = tilingResources(contraction.tiling);
  const [lanesM, lanesN] = [tileM / threadM, tileN / threadN];
  const row = (i: number) => `((${(i >> 2) * lanesM} + lane_m) * 4 + ${i & 3})`;
  return [
    'if (slice == 0) {',
    ...range(threadM).flatMap((i) =>
      range(threadN / 4).map(
        (v) => `tiles[${row(i)} * ${tileN / 4} + ${v * lanesN} + lane_n] = c${i}_${v};`,
      ),
    ),
    '}',
    'workgroupBarrier();',
    `for (var output = local; output < ${tileM * tileN}; output += ${invocations}) {`,
    `let total = tiles[output / 4][output % 4];`,
    `finish(batch, first_m + output / ${tileN}, first_n + output % ${tileN}, total);`,
    '}',
  ];
}
