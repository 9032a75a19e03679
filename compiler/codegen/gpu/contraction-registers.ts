import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { type ContractionCode, range } from './contraction-functions.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { assembleModule, type GpuModule } from './module.ts';
import { TUNING } from './tuning.ts';

/**
 * Tiles in registers alone. The rows of a tile are neighbours; its columns are a quarter of N apart, so that neighbouring
 * invocations read and write neighbouring elements.
 */
export function emitRegisterTiles(
  { kernel, dtype, extents, writer, functions }: ContractionCode,
  limits: TargetLimits,
): GpuModule {
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const vector = `${dtype}x4` as const;
  const [tilesM, tilesN] = [
    Math.ceil(extents.m / VECTOR_WIDTH),
    Math.ceil(extents.n / VECTOR_WIDTH),
  ];
  const tiles = extents.batch * tilesM * tilesN;
  const workgroupSize = TUNING.contraction.registersWorkgroupSize;
  const lefts = range(VECTOR_WIDTH).map((c) => `left(batch, first_m + ${c}, k)`);
  const rights = range(VECTOR_WIDTH).map((c) => `right(batch, first_n + ${c * tilesN}, k)`);
  const totals = range(VECTOR_WIDTH).map((row) => `c${row}`);
  const blocks = cascade(kernel, [extents.k]);
  const sums = new BlockSums(dialect, totals, vector, blocks);
  const body = [
    constant('index', 'tile', `group * ${workgroupSize} + local`),
    `if (tile >= ${tiles}) { return; }`,
    constant('index', 'first_n', `tile % ${tilesN}`),
    constant('index', 'first_m', `${quotient('tile', tilesN)} % ${tilesM} * ${VECTOR_WIDTH}`),
    constant('index', 'batch', quotient('tile', tilesN * tilesM)),
    ...totals.map((total) => dialect.variable(vector, total, dialect.zero(vector))),
    ...sums.declarations(),
    ...blockedLoop(
      dialect,
      { name: 'k', first: '0', end: extents.k, step: 1 },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        constant(vector, 'b', dialect.vector(vector, rights)),
        ...totals.map((total, row) => dialect.addScaled(vector, total, lefts[row], 'b')),
      ],
    ),
    ...sums.totals(),
    dialect.array(vector, 'results', totals),
    dialect.loop({ name: 'i', first: '0', end: `${VECTOR_WIDTH}` }),
    dialect.loop({ name: 'j', first: '0', end: `${VECTOR_WIDTH}` }),
    `finish(batch, first_m + i, first_n + j * ${tilesN}, ${dialect.lane('results[i]', 'j')});`,
    '}',
    '}',
  ];
  const groups = Math.ceil(tiles / workgroupSize);
  return assembleModule(kernel, writer, { body, functions, workgroupSize, groups }, limits);
}
