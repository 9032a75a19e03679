import type { Kernel, LocalArray } from '../../../ir/kernel.ts';
import { arrayHomes } from '../../../ir/kernel-arrays.ts';
import { type StagedKernel, tileCount, tileSteps } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { DType } from '../../../ir/tensor.ts';
import { type Dialect, VECTOR_WIDTH, type WorkgroupArray } from './dialect.ts';
import { exchangeElements } from './exchange.ts';
import { scopeBehind, storedValues, storeLines } from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { quadBuffers } from './points.ts';
import { productLines } from './product-lines.ts';
import { evaluateTile } from './register-tile.ts';
import { rowArrays } from './rows-lines.ts';
import { carriedLines } from './staged-carried.ts';
import {
  type Blocked,
  divisionOf,
  type Gathered,
  ownAxes,
  type Spread,
  sharedPoints,
  tileAxesByPart,
} from './staged-division.ts';
import {
  gatheredParts,
  type Part,
  partialNames,
  productOfPart,
  sumLines,
  totalNames,
  unitScopes,
} from './staged-parts.ts';
import { productVectors } from './staged-product.ts';
import { hasSteps, stepGuards } from './step-guards.ts';
import { guardText, type TileGuard } from './tile-guards.ts';
import type { StagedVariant } from './variant.ts';
import { newWriter } from './writer.ts';

/**
 * A kernel with stages: a workgroup per tile. Its invocations fill the arrays in workgroup memory, one behind the other with
 * barriers between, and compute from them what the kernel stores. With tile terms they do so for one tile term after the other,
 * and keep the sums of their points in registers.
 */
export function emitStaged(
  dialect: Dialect,
  kernel: StagedKernel,
  variant: StagedVariant,
  limits: TargetLimits,
): GpuModule {
  const { axes, staging } = kernel;
  const groups = tileCount(kernel);
  const division = divisionOf(kernel, variant, limits);
  const list = division.kernels;
  const quads = new Set(list.flatMap((part, k) => [...quadBuffers(part, division.parts[k].quads)]));
  const writer = newWriter(dialect, quads);
  const { workgroupSize } = division;
  const tiles = tileAxesByPart(kernel);
  const inKernel = tiles.at(-1)!;
  const tile = decompose(dialect, axes, inKernel.slice(0, staging.tileAxes), 'group', 't');
  const step = decompose(dialect, axes, inKernel.slice(staging.tileAxes), 'step', 't');
  const names = inKernel.map((axis) => tile.names[axis] ?? step.names[axis]);
  const parts = list.map(
    (part, k): Part => ({
      ...{ part, number: k, writer, workgroupSize, own: ownAxes(part, tiles[k]) },
      names: part.axes.map((_, axis) => names[tiles[k].indexOf(axis)] ?? null),
      tile: names,
      division: division.parts[k],
    }),
  );
  const products = parts.flatMap((one) =>
    one.division.kind === 'product' ? [productOfPart(one, one.division)] : [],
  );
  const steps = tileSteps(kernel);
  const homes = arrayHomes(kernel);
  const batch = (text: string) =>
    products.length > 0 ? [dialect.constant('index', 'batch', text)] : [];
  const last = parts.at(-1)!;
  // What other invocations have read, the last part may overwrite.
  const overwrites = list
    .slice(0, -1)
    .some(({ nodes }) =>
      nodes.some(
        (node) =>
          node.kind === 'load' && last.part.stores.some(({ buffer }) => buffer === node.buffer),
      ),
    );
  const barrier = overwrites ? dialect.bufferBarrier : dialect.barrier;
  const stages = parts.slice(0, -1).flatMap((part) => [...partLines(part), barrier]);
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(gridOvershoots(groups, limits.maxWorkgroupsPerDimension)
      ? [`if (group >= ${groups}) { return; }`]
      : []),
    ...tile.lines,
    ...(!hasSteps(kernel)
      ? [...batch('group'), ...stages, ...partLines(last)]
      : carriedLines(last, {
          ...{ steps, stages },
          start: [...batch(`group * ${steps} + step`), ...step.lines],
          guard: stepGuards(kernel).map((guard) => guardText(guard, names)),
        })),
  ];
  const workgroupArrays = [
    ...staging.stages.flatMap(({ local }, k) =>
      homes[k] === k ? [stageArray(kernel, local, k, quads)] : [],
    ),
    ...chunkArrays(parts),
    ...partialArrays(parts),
    ...parts.flatMap(({ division, workgroupSize }) =>
      division.kind === 'product' && division.rows ? rowArrays(division.rows, workgroupSize) : [],
    ),
  ];
  const exchanges = variant.exchange > 1;
  const functions = products.flatMap((product) => product.functions);
  const module = { body, workgroupArrays, functions, workgroupSize, groups, exchanges };
  return assembleModule(kernel, writer, module, limits);
}

/** The array that a stage fills: of vectors where it is read or written as such. */
function stageArray(
  { buffers }: Kernel,
  { dtype, elements }: LocalArray,
  stage: number,
  quads: ReadonlySet<number>,
): WorkgroupArray {
  const number = buffers.length + stage;
  const name = `b${number}`;
  return quads.has(number)
    ? { name, type: `${dtype}x4`, length: elements / VECTOR_WIDTH }
    : { name, type: dtype, length: elements };
}

/** What products bring their factors into: one array for all of them, since they do so one after the other. */
function chunkArrays(parts: readonly Part[]): WorkgroupArray[] {
  const lengths = parts.map(({ division }) =>
    division.kind === 'product' ? productVectors(division, division.threads) : 0,
  );
  const length = Math.max(...lengths);
  return length > 0 ? [{ name: 'tiles', type: 'f32x4', length }] : [];
}

function partLines(part: Part): string[] {
  const { division } = part;
  switch (division.kind) {
    case 'spread':
      return spreadLines(part, division);
    case 'gathered':
      return gatheredLines(part, division);
    case 'product':
      return blockedLines(part, division);
  }
}

/** A contraction in blocks, whole, in tiles that need it. */
function blockedLines(part: Part, product: Blocked): string[] {
  const { lanes, zero, sum, finish, rest, names } = productLines({
    ...part,
    ...{ product, threads: product.threads },
  });
  const { needed, guarded } = product;
  // Uniform conditions, so that barriers behind them stay legal.
  const inside = (guard: TileGuard) => `if (${guardText(guard, part.tile)}) {`;
  const own = [...sum, ...finish(names('c'))];
  const body = guarded && rest ? [inside(guarded.guard), ...own, '} else {', ...rest, '}'] : own;
  return [needed ? inside(needed) : '{', ...lanes, ...zero, ...body, '}'];
}

function spreadLines(one: Part, division: Spread): string[] {
  const { tile, units } = division;
  const { part, writer, workgroupSize } = one;
  const unit = unitScopes(one, tile, 'unit');
  const totals = unit.scopes.map((_, k) => totalNames(part, (r) => `total${r}_${k}`));
  const finals = unit.scopes.map((scope, k) => scopeBehind(scope, totals[k]));
  return [
    writer.dialect.loop({ name: 'unit', first: 'local', end: String(units), step: workgroupSize }),
    ...unit.lines,
    ...(part.reductions.length > 0 ? sumLines(part, unit.scopes, division, totals) : []),
    ...evaluateTile(finals, tile, storedValues(part)),
    ...finals.flatMap(storeLines),
    '}',
  ];
}

/** A reduction that several invocations share at each point. They all take part in its barriers. */
function gatheredLines(one: Part, division: Gathered): string[] {
  const { start, declare, sum, combine } = gatheredParts(one, division);
  const all = [...one.part.reductions.keys()];
  return ['{', ...start, ...declare('total'), ...sum(all), ...combine, '}'];
}

/** What the gathered parts add up in: the same arrays for all of them, since they do so one after the other. */
function partialArrays(parts: readonly Part[]): WorkgroupArray[] {
  const arrays = new Map<string, { readonly type: DType; readonly length: number }>();
  for (const { part, division, workgroupSize } of parts) {
    if (division.kind !== 'gathered') continue;
    const own = division.exchange > 1 ? exchangeElements(sharedPoints(division)) : workgroupSize;
    for (const { name, type } of partialNames(part))
      arrays.set(name, { type, length: Math.max(own, arrays.get(name)?.length ?? 0) });
  }
  return [...arrays]
    .filter(([, { length }]) => length > 0)
    .map(([name, array]) => ({ name, ...array }));
}
