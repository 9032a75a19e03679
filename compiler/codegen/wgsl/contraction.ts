import { type Kernel, type NodeIndex, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { type Contraction, extentOf, tilingResources } from './contraction-match.ts';
import { evaluate, newScope, storeLines } from './expression.ts';
import type { Helper } from './helpers.ts';
import { assembleModule, decompose, foldGrid, indent, type WgslModule } from './module.ts';
import { TUNING } from './tuning.ts';

/**
 * A contraction in tiles. A workgroup fills a chunk of K of both factors into workgroup memory (`tiles`: rows of k, vectors
 * of four along m or n), each invocation adds the outer products of its vectors into registers `c<i>_<v>` (row i, vector
 * v of columns), and a guarded epilogue stores. Where the chunk is cut into slices, slices are added in a tree.
 */
export function emitContraction(
  kernel: Kernel,
  contraction: Contraction,
  limits: TargetLimits,
): WgslModule {
  const helpers = new Set<Helper>();
  const shape = {
    batch: extentOf(kernel, contraction.batch),
    m: extentOf(kernel, contraction.m),
    n: extentOf(kernel, contraction.n),
    k: pointCount(kernel, 'reduced'),
  };
  const declarations = [
    factorFunction(kernel, contraction, helpers, 'left', shape),
    factorFunction(kernel, contraction, helpers, 'right', shape),
    finishFunction(kernel, contraction, helpers, shape),
  ];
  if (contraction.tiling.memory === 'registers')
    return emitRegisters(kernel, helpers, shape, declarations, limits);
  const { tileM, tileN, slices } = contraction.tiling;
  const { invocations, vectors } = tilingResources(contraction.tiling);
  const tilesM = Math.ceil(shape.m / tileM);
  const tilesN = Math.ceil(shape.n / tileN);
  const groups = shape.batch * tilesM * tilesN;
  const [x, y] = foldGrid(groups, limits.maxWorkgroupsPerDimension);
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(x * y > groups ? [`if (group >= ${groups}) { return; }`] : []),
    `let first_n = (group % ${tilesN}) * ${tileN};`,
    `let first_m = (group / ${tilesN}) % ${tilesM} * ${tileM};`,
    `let batch = group / ${tilesN * tilesM};`,
    ...accumulateLines(kernel, contraction, shape.k),
    ...(slices > 1 ? sliceLines(contraction) : []),
    ...(slices > 1 ? sharedFinishLines(contraction) : ownFinishLines(contraction)),
  ];
  declarations.unshift(`var<workgroup> tiles: array<vec4<f32>, ${vectors}>;`);
  const parts = { body, declarations, workgroupSize: invocations, groups };
  return assembleModule(kernel, helpers, parts, limits);
}

/**
 * Tiles in registers alone. The rows of a tile are neighbours; its columns are a quarter of N apart, so that neighbouring
 * invocations read and write neighbouring elements.
 */
function emitRegisters(
  kernel: Kernel,
  helpers: Set<Helper>,
  extents: Extents,
  declarations: readonly string[],
  limits: TargetLimits,
): WgslModule {
  const [tilesM, tilesN] = [Math.ceil(extents.m / 4), Math.ceil(extents.n / 4)];
  const tiles = extents.batch * tilesM * tilesN;
  const workgroupSize = TUNING.contraction.registersWorkgroupSize;
  const lefts = range(4).map((c) => `left(batch, first_m + ${c}, k)`);
  const rights = range(4).map((c) => `right(batch, first_n + ${c * tilesN}, k)`);
  const body = [
    `let tile = group * ${workgroupSize} + local;`,
    `if (tile >= ${tiles}) { return; }`,
    `let first_n = tile % ${tilesN};`,
    `let first_m = tile / ${tilesN} % ${tilesM} * 4;`,
    `let batch = tile / ${tilesN * tilesM};`,
    ...range(4).map((row) => `var c${row} = vec4<f32>();`),
    `for (var k = 0; k < ${extents.k}; k++) {`,
    `let b = vec4<f32>(${rights.join(', ')});`,
    ...range(4).map((row) => `c${row} += ${lefts[row]} * b;`),
    '}',
    'var results = array<vec4<f32>, 4>(c0, c1, c2, c3);',
    'for (var i = 0; i < 4; i++) {',
    'for (var j = 0; j < 4; j++) {',
    `finish(batch, first_m + i, first_n + j * ${tilesN}, results[i][j]);`,
    '}',
    '}',
  ];
  const groups = Math.ceil(tiles / workgroupSize);
  return assembleModule(kernel, helpers, { body, declarations, workgroupSize, groups }, limits);
}

interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Indices of all axes from the numbers `batch`, `m`, `n` and `k` within their groups. */
function axisLines(
  kernel: Kernel,
  groups: Partial<Record<'batch' | 'm' | 'n' | 'k', readonly number[]>>,
) {
  const lines: string[] = [];
  const names = new Array<string | null>(kernel.axes.length).fill(null);
  for (const [name, axes] of Object.entries(groups)) {
    const part = decompose(kernel.axes, axes, name);
    lines.push(...part.lines);
    for (const axis of axes) names[axis] = part.names[axis];
  }
  return { lines, names };
}

/** `left(batch, m, k)` or `right(batch, n, k)`: one element of a factor, 0 behind its edges. */
function factorFunction(
  kernel: Kernel,
  contraction: Contraction,
  helpers: Set<Helper>,
  factor: 'left' | 'right',
  extents: Extents,
): string {
  const { batch, k, tiling } = contraction;
  const side = factor === 'left' ? 'm' : 'n';
  const tile = factor === 'left' ? tiling.tileM : tiling.tileN;
  const edges = [
    ...(extents[side] % tile === 0 ? [] : [`${side} >= ${extents[side]}`]),
    ...(extents.k % tiling.tileK === 0 ? [] : [`k >= ${extents.k}`]),
  ];
  const axes = axisLines(kernel, { batch, [side]: contraction[side], k });
  const scope = newScope(kernel, helpers, axes.names);
  const root: NodeIndex = contraction[factor];
  const values = evaluate(scope, [root]);
  return [
    `fn ${factor}(batch: i32, ${side}: i32, k: i32) -> f32 {`,
    indent([
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return 0f; }`]),
      ...axes.lines,
      ...values,
      `return ${scope.names.get(root)};`,
    ]),
    '}',
  ].join('\n');
}

/** `finish(batch, m, n, total)`: the epilogue and the stores of one output, nothing behind the edges. */
function finishFunction(
  kernel: Kernel,
  contraction: Contraction,
  helpers: Set<Helper>,
  extents: Extents,
): string {
  const { batch, m, n, tiling } = contraction;
  const edges = [
    ...(extents.m % tiling.tileM === 0 ? [] : [`m >= ${extents.m}`]),
    ...(extents.n % tiling.tileN === 0 ? [] : [`n >= ${extents.n}`]),
  ];
  const axes = axisLines(kernel, { batch, m, n });
  const scope = newScope(kernel, helpers, axes.names);
  kernel.nodes.forEach((node, index) => {
    if (node.kind === 'accumulator') scope.names.set(index, 'total');
  });
  return [
    'fn finish(batch: i32, m: i32, n: i32, total: f32) {',
    indent([
      ...(edges.length === 0 ? [] : [`if (${edges.join(' || ')}) { return; }`]),
      ...axes.lines,
      ...storeLines(scope),
    ]),
    '}',
  ].join('\n');
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

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
  return [
    `let slice = local / ${invocationsPerSlice};`,
    `let lane_m = local % ${invocationsPerSlice} / ${lanesN};`,
    `let lane_n = local % ${lanesN};`,
    ...range(threadM).flatMap((row) =>
      range(threadN / 4).map((v) => `var c${row}_${v} = vec4<f32>();`),
    ),
    `for (var chunk = 0; chunk < ${extentK}; chunk += ${tileK}) {`,
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
    '}',
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
