import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import {
  type ContractionCode,
  factorBlock,
  finishCalls,
  finishFunction,
  range,
} from './contraction-functions.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import { assembleModule, type GpuModule } from './module.ts';
import { TUNING } from './tuning.ts';

/**
 * Tiles in registers alone: each invocation computes `tileM` x `tileN` outputs, `tileK` steps of K at a time, straight from
 * memory. Neighbouring invocations have neighbouring columns.
 */
export function emitRegisterTiles(code: ContractionCode, limits: TargetLimits): GpuModule {
  const { kernel, contraction, dtype, extents, writer } = code;
  const { dialect } = writer;
  const { constant, quotient } = dialect;
  const vector = `${dtype}x4` as const;
  const { tileM, tileN } = contraction.tiling;
  const steps = stepsOf(code);
  const [tilesM, tilesN] = [Math.ceil(extents.m / tileM), Math.ceil(extents.n / tileN)];
  const tiles = extents.batch * tilesM * tilesN;
  const workgroupSize = TUNING.contraction.registersWorkgroupSize;
  const vectors = tileN / VECTOR_WIDTH;
  const totals = range(tileM).flatMap((row) => range(vectors).map((v) => `c${row}_${v}`));
  const blocks = cascade(kernel, [extents.k / steps], steps);
  const sums = new BlockSums(dialect, totals, vector, blocks);
  const common = { inner: 'k', outer: null, stride: steps, steps };
  const left = factorBlock(code, {
    ...{ factor: 'left', sides: tileM, first: 'first_m', tag: 'l' },
    ...common,
  });
  const right = factorBlock(code, {
    ...{ factor: 'right', sides: tileN, first: 'first_n', tag: 'r' },
    ...common,
  });
  const body = [
    constant('index', 'tile', `group * ${workgroupSize} + local`),
    `if (tile >= ${tiles}) { return; }`,
    constant('index', 'first_n', `tile % ${tilesN} * ${tileN}`),
    constant('index', 'first_m', `${quotient('tile', tilesN)} % ${tilesM} * ${tileM}`),
    constant('index', 'batch', quotient('tile', tilesN * tilesM)),
    ...totals.map((total) => dialect.variable(vector, total, dialect.zero(vector))),
    ...sums.declarations(),
    ...new Set([...left.hoisted, ...right.hoisted]),
    ...blockedLoop(
      dialect,
      { name: 'k', first: '0', end: extents.k, step: steps },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        ...new Set([...left.indices, ...right.indices]),
        ...left.lines,
        ...right.lines,
        ...range(steps).flatMap((u) => [
          ...range(vectors).map((v) =>
            constant(
              vector,
              `b${u}_${v}`,
              dialect.vector(
                vector,
                range(VECTOR_WIDTH).map((c) => right.at(v * VECTOR_WIDTH + c, u)),
              ),
            ),
          ),
          ...range(tileM).flatMap((row) =>
            range(vectors).map((v) =>
              dialect.addScaled(vector, `c${row}_${v}`, left.at(row, u), `b${u}_${v}`),
            ),
          ),
        ]),
      ],
    ),
    ...sums.totals(),
    ...range(tileM).flatMap((row) =>
      range(vectors).flatMap((v) =>
        finishCalls(code, `first_m + ${row}`, `first_n + ${v * VECTOR_WIDTH}`, `c${row}_${v}`),
      ),
    ),
  ];
  const groups = Math.ceil(tiles / workgroupSize);
  const functions = [finishFunction(code)];
  return assembleModule(kernel, writer, { body, functions, workgroupSize, groups }, limits);
}

/** Steps of K at a time: those of the tiling where they divide K and, of several axes, the innermost. */
function stepsOf({ kernel, contraction, extents }: ContractionCode): number {
  const { tileK } = contraction.tiling;
  const axis = contraction.k.at(-1);
  const innermost = axis === undefined ? 1 : kernel.axes[axis].extent;
  return innermost % tileK === 0 && extents.k % tileK === 0 ? tileK : 1;
}
