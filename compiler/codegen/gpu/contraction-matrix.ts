import { DTYPES } from '../../../ir/dtypes.ts';
import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import type { SubgroupMatrix, TargetLimits } from '../../../ir/schedule.ts';
import type { ContractionGroups } from '../contraction-groups.ts';
import {
  type ContractionCode,
  finishCalls,
  finishFunction,
  range,
} from './contraction-functions.ts';
import { declared, type FillSlot, fillSlots, unique } from './contraction-workgroup.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { assembleModule, foldGrid, type GpuModule } from './module.ts';
import { type ContractionVariant, type MatrixVariant, workgroupTiles } from './variant.ts';

/** Terms that are added up in the sums of matrices before these go to sums of their own: as many as a block of a cascade. */
const BLOCK = 128;

/** Outputs that a subgroup has along each side, and terms of a chunk. */
const SIDES = [32, 16, 8];
const CHUNK = 32;

/** The ways to compute a contraction by products of matrices. */
export function matrixVariants(
  kernel: Kernel,
  groups: ContractionGroups,
  { subgroupMatrices = [], maxWorkgroupBytes, maxWorkgroupInvocations }: TargetLimits,
): MatrixVariant[] {
  const fitting = subgroupMatrices.filter(
    (product) =>
      CHUNK % product.k === 0 &&
      [groups.left, groups.right].every((factor) => holds(kernel, factor, product)),
  );
  return fitting
    .flatMap((product) =>
      SIDES.filter((side) => side % product.m === 0 && side % product.n === 0).flatMap((side) => [
        matrixTiles(product, side, 2),
        matrixTiles(product, side, 1),
      ]),
    )
    .filter(
      (variant) =>
        matrixInvocations(variant) <= maxWorkgroupInvocations &&
        matrixBytes(variant) <= maxWorkgroupBytes &&
        fillTiling(variant) !== null,
    );
}

/** Tiles of `count` x `count` subgroups. */
const matrixTiles = (product: SubgroupMatrix, side: number, count: number): MatrixVariant => ({
  ...{ form: 'matrix', tileM: side * count, tileN: side * count, tileK: CHUNK },
  ...{ product, rows: count, columns: count },
});

/** Whether the factors of a product of matrices hold the values of a factor as they are. */
function holds({ nodes, buffers }: Kernel, factor: NodeIndex, { component }: SubgroupMatrix) {
  const node = nodes[factor];
  if (node.dtype !== 'f32') return false;
  return component === 'f32' || (node.kind === 'load' && buffers[node.buffer]?.dtype === 'f16');
}

export const matrixInvocations = ({ rows, columns, product }: MatrixVariant) =>
  rows * columns * product.subgroupSize;

/** Workgroup memory: chunks of both factors, and the tile of sums. */
export function matrixBytes({ tileM, tileN, tileK, product }: MatrixVariant): number {
  const component = product.component === 'f16' ? 2 : DTYPES.f32.bytes;
  return tileK * (tileM + tileN) * component + tileM * tileN * DTYPES.f32.bytes;
}

/** The tiling by which invocations fill the chunks and finish the sums; null where they do not share these evenly. */
export function fillTiling(variant: MatrixVariant): ContractionVariant | null {
  const { tileM, tileN, tileK } = variant;
  const each = (tileM * tileN) / matrixInvocations(variant);
  const threads = (
    [
      [4, 4],
      [8, 4],
      [8, 8],
    ] as const
  ).find(([m, n]) => m * n === each);
  return threads ? workgroupTiles([tileM, tileN, tileK], threads, 1, 1) : null;
}

/**
 * Tiles of outputs by products of matrices: a workgroup fills a chunk of K of both factors, each subgroup multiplies its part of them,
 * matrix by matrix, and adds up in f32. Every {@link BLOCK} terms the sums go by way of workgroup memory to those that invocations
 * keep of their outputs, and finish at the end.
 */
export function emitMatrixTiles(
  code: ContractionCode,
  variant: MatrixVariant,
  limits: TargetLimits,
): GpuModule {
  const { kernel, extents, writer } = code;
  const { dialect } = writer;
  const { constant, quotient, matrix, barrier } = dialect;
  const { tileM, tileN, tileK, product, rows, columns } = variant;
  const { component, m, n, k, subgroupSize } = product;
  const invocations = matrixInvocations(variant);
  const tilesM = Math.ceil(extents.m / tileM);
  const tilesN = Math.ceil(extents.n / tileN);
  const groups = extents.batch * tilesM * tilesN;
  const [x, y] = foldGrid(groups, limits.maxWorkgroupsPerDimension);

  const fill = (factor: 'left' | 'right', array: string, tile: number) =>
    fillSlots(code, factor, 'chunk', {
      element: (row, at, value) =>
        dialect.store(component, array, `(${row}) * ${tile} + ${at}`, value),
    });
  const fills = [...fill('left', 'lefts', tileM), ...fill('right', 'rights', tileN)];
  const [countM, countN] = [tileM / rows / m, tileN / columns / n];
  const sums = range(countM).flatMap((i) =>
    range(countN).map((j) => ({ i, j, name: `c${i}_${j}` })),
  );
  const multiply = range(tileK / k).flatMap((step) => [
    '{',
    ...range(countM).map((i) =>
      matrix.load(
        'left',
        `a${i}`,
        'lefts',
        `first_row + ${step * k * tileM + i * m}`,
        tileM,
        product,
      ),
    ),
    ...range(countN).map((j) =>
      matrix.load(
        'right',
        `b${j}`,
        'rights',
        `first_column + ${step * k * tileN + j * n}`,
        tileN,
        product,
      ),
    ),
    ...sums.map(({ i, j, name }) => matrix.multiply(name, `a${i}`, `b${j}`)),
    '}',
  ]);
  const vectors = (tileM * tileN) / VECTOR_WIDTH / invocations;
  const across = tileN / VECTOR_WIDTH;
  const own = range(vectors).map((v) => ({
    total: `total${v}`,
    place: v === 0 ? 'local' : `(local + ${v * invocations})`,
  }));
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(x * y > groups ? [`if (group >= ${groups}) { return; }`] : []),
    constant('index', 'first_n', `(group % ${tilesN}) * ${tileN}`),
    constant('index', 'first_m', `(${quotient('group', tilesN)}) % ${tilesM} * ${tileM}`),
    constant('index', 'batch', quotient('group', tilesN * tilesM)),
    constant('index', 'subgroup', quotient('local', subgroupSize)),
    constant('index', 'first_row', `${quotient('subgroup', columns)} * ${tileM / rows}`),
    constant('index', 'first_column', `subgroup % ${columns} * ${tileN / columns}`),
    ...unique(fills.flatMap(({ hoisted }) => hoisted)),
    ...declared(fills),
    ...own.map(({ total }) => dialect.variable('f32x4', total, dialect.zero('f32x4'))),
    dialect.loop({ name: 'block', first: '0', end: String(extents.k), step: BLOCK }),
    ...sums.map(({ name }) => matrix.zero(name, product)),
    constant('index', 'block_end', dialect.smaller(`block + ${BLOCK}`, String(extents.k))),
    dialect.loop({ name: 'chunk', first: 'block', end: 'block_end', step: tileK }),
    ...filled(fills),
    barrier,
    ...multiply,
    barrier,
    '}',
    ...sums.map(({ i, j, name }) =>
      matrix.store(
        'sums',
        `(first_row + ${i * m}) * ${tileN} + first_column + ${j * n}`,
        name,
        tileN,
      ),
    ),
    barrier,
    ...own.flatMap(({ total, place }, v) => {
      const elements = range(VECTOR_WIDTH).map((c) => `sums[${place} * ${VECTOR_WIDTH} + ${c}]`);
      return [
        constant('f32x4', `sum${v}`, dialect.vector('f32x4', elements)),
        dialect.add('f32x4', total, `sum${v}`),
      ];
    }),
    '}',
    ...own.flatMap(({ total, place }, v) => [
      constant('index', `place${v}`, place),
      ...finishCalls(
        code,
        `first_m + ${quotient(`place${v}`, across)}`,
        `first_n + place${v} % ${across} * ${VECTOR_WIDTH}`,
        total,
      ),
    ]),
  ];
  const workgroupArrays = [
    { name: 'lefts', type: component, length: tileK * tileM },
    { name: 'rights', type: component, length: tileK * tileN },
    { name: 'sums', type: 'f32', length: tileM * tileN },
  ] as const;
  const functions = [finishFunction(code)];
  const parts = {
    body,
    workgroupArrays,
    functions,
    workgroupSize: invocations,
    groups,
    matrices: true,
  };
  return assembleModule(kernel, writer, parts, limits);
}

const filled = (slots: readonly FillSlot[]) => [
  ...unique(slots.flatMap(({ indices }) => indices)),
  ...slots.flatMap(({ lines }) => lines),
  ...slots.flatMap(({ store }) => store('')),
];
