import type { TargetLimits } from '../../../ir/schedule.ts';
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
  const parts = { body, declarations: functions, workgroupSize, groups };
  return assembleModule(kernel, helpers, parts, limits);
}
