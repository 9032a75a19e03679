import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { type ContractionCode, range } from './contraction-functions.ts';
import { assembleModule, type WgslModule } from './module.ts';
import { TUNING } from './tuning.ts';

/**
 * Tiles in registers alone. The rows of a tile are neighbours; its columns are a quarter of N apart, so that neighbouring
 * invocations read and write neighbouring elements.
 */
export function emitRegisterTiles(
  { kernel, extents, helpers, functions }: ContractionCode,
  limits: TargetLimits,
): WgslModule {
  const [tilesM, tilesN] = [Math.ceil(extents.m / 4), Math.ceil(extents.n / 4)];
  const tiles = extents.batch * tilesM * tilesN;
  const workgroupSize = TUNING.contraction.registersWorkgroupSize;
  const lefts = range(4).map((c) => `left(batch, first_m + ${c}, k)`);
  const rights = range(4).map((c) => `right(batch, first_n + ${c * tilesN}, k)`);
  const totals = range(4).map((row) => `c${row}`);
  const blocks = cascade(kernel, [extents.k]);
  const sums = new BlockSums(totals, 'vec4<f32>', blocks);
  const body = [
    `let tile = group * ${workgroupSize} + local;`,
    `if (tile >= ${tiles}) { return; }`,
    `let first_n = tile % ${tilesN};`,
    `let first_m = tile / ${tilesN} % ${tilesM} * 4;`,
    `let batch = tile / ${tilesN * tilesM};`,
    ...totals.map((total) => `var ${total} = vec4<f32>();`),
    ...sums.declarations(),
    ...blockedLoop(
      { name: 'k', first: '0', end: extents.k, step: 1 },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        `let b = vec4<f32>(${rights.join(', ')});`,
        ...totals.map((total, row) => `${total} += ${lefts[row]} * b;`),
      ],
    ),
    ...sums.totals(),
    `var results = array<vec4<f32>, 4>(${totals.join(', ')});`,
    'for (var i = 0; i < 4; i++) {',
    'for (var j = 0; j < 4; j++) {',
    `finish(batch, first_m + i, first_n + j * ${tilesN}, results[i][j]);`,
    '}',
    '}',
  ];
  const groups = Math.ceil(tiles / workgroupSize);
  const parts = { body, declarations: functions, workgroupSize, groups };
  return assembleModule(kernel, helpers, parts, limits);
}
