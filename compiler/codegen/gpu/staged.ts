import type { DType } from '../../../ir/dtypes.ts';
import { combinerIdentity, type Kernel } from '../../../ir/kernel.ts';
import {
  partList,
  type StagedKernel,
  tileCount,
  tileParts,
  tileSteps,
} from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { cascade } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import type { Dialect, WorkgroupArray } from './dialect.ts';
import { unitAxes } from './elementwise.ts';
import { exchangeElements, exchangeLines } from './exchange.ts';
import {
  innerScope,
  newScope,
  type Scope,
  scopeBehind,
  storedValues,
  storeLines,
} from './expression.ts';
import { assembleModule, decompose, type GpuModule, gridOvershoots } from './module.ts';
import { evaluatePoints, type Point, quadBuffers } from './points.ts';
import { evaluateTile, type RegisterTile, tilePoints, tileScopes } from './register-tile.ts';
import {
  divisionOf,
  type Gathered,
  ownAxes,
  type PartDivision,
  type Spread,
  sharedPoints,
  tileAxesByPart,
} from './staged-division.ts';
import type { StagedVariant } from './variant.ts';
import { combineText, literalText, newWriter, type Writer } from './writer.ts';

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
  const list = partList(tileParts(kernel));
  const quads = list.flatMap((part, k) => [...quadBuffers(part, division.parts[k].quads)]);
  const writer = newWriter(dialect, new Set(quads));
  const { workgroupSize } = division;
  const tiles = tileAxesByPart(kernel);
  const inKernel = tiles.at(-1)!;
  const tile = decompose(dialect, axes, inKernel.slice(0, staging.tileAxes), 'group', 't');
  const step = decompose(dialect, axes, inKernel.slice(staging.tileAxes), 'step', 't');
  const names = inKernel.map((axis) => tile.names[axis] ?? step.names[axis]);
  const parts = list.map(
    (part, k): Part => ({
      ...{ part, writer, workgroupSize, own: ownAxes(part, tiles[k]) },
      names: part.axes.map((_, axis) => names[tiles[k].indexOf(axis)] ?? null),
      division: division.parts[k],
    }),
  );
  const stages = parts.slice(0, -1).flatMap((part) => [...partLines(part), dialect.barrier]);
  const last = parts.at(-1)!;
  const body = [
    // A uniform condition, so the barriers behind it stay legal.
    ...(gridOvershoots(groups, limits.maxWorkgroupsPerDimension)
      ? [`if (group >= ${groups}) { return; }`]
      : []),
    ...tile.lines,
    ...(staging.tileTerms === 0
      ? [...stages, ...partLines(last)]
      : carriedLines(last, [...step.lines, ...stages], tileSteps(kernel))),
  ];
  const arrays = staging.stages.map(
    ({ local }, k): WorkgroupArray => ({
      ...{ name: `b${kernel.buffers.length + k}`, type: local.dtype, length: local.elements },
    }),
  );
  const workgroupArrays = [...arrays, ...partialArrays(parts)];
  const exchanges = variant.exchange > 1;
  const module = { body, workgroupArrays, workgroupSize, groups, exchanges };
  return assembleModule(kernel, writer, module, limits);
}

/** One of the computations of a tile. */
interface Part {
  readonly part: Kernel;
  readonly writer: Writer;
  readonly workgroupSize: number;
  /** Parallel axes inside of the tile. */
  readonly own: readonly number[];
  /** What tells the tile. */
  readonly names: readonly (string | null)[];
  readonly division: PartDivision;
}

function partLines(part: Part): string[] {
  const { division } = part;
  return division.kind === 'spread' ? spreadLines(part, division) : gatheredLines(part, division);
}

/** The points of an invocation: its number among the units of a part, and a scope for each point of the unit. */
function unitScopes(
  { part, writer, own, names }: Part,
  tile: RegisterTile,
  unit: string,
): { readonly lines: readonly string[]; readonly scopes: readonly Scope[] } {
  const steps = part.axes.map(({ extent, kind }, axis) => ({ extent: extent / tile[axis], kind }));
  const indices = decompose(writer.dialect, steps, own, unit, `${unit}_`);
  const all = names.map((name, axis) => name ?? indices.names[axis]);
  return { lines: indices.lines, scopes: tileScopes(part, writer, tile, all) };
}

function spreadLines(one: Part, division: Spread): string[] {
  const { tile, units } = division;
  const { part, writer, workgroupSize } = one;
  const unit = unitScopes(one, tile, 'unit');
  const totals = unit.scopes.map((_, k) => `total_${k}`);
  const finals = unit.scopes.map((scope, k) => scopeBehind(scope, totals[k]));
  return [
    writer.dialect.loop({ name: 'unit', first: 'local', end: String(units), step: workgroupSize }),
    ...unit.lines,
    ...(part.reduction ? sumLines(part, unit.scopes, division, totals) : []),
    ...evaluateTile(finals, tile, storedValues(part)),
    ...finals.flatMap(storeLines),
    '}',
  ];
}

/** The reduction at each point of a register tile, into variables `totals`; a loop per reduced axis that has no name yet. */
function sumLines(
  part: Kernel,
  scopes: readonly Scope[],
  { tile, each, axis: along, quads }: Spread,
  totals: readonly string[],
): string[] {
  const { combiner, value } = part.reduction!;
  const { dtype } = part.nodes[value];
  const { writer } = scopes[0];
  const { dialect } = writer;
  const identity = literalText(writer, dtype, combinerIdentity(combiner, dtype));
  const reduced = axesOfKind(part, 'reduced').filter((axis) => scopes[0].axes[axis] === null);
  const terms = part.axes.map((_, axis) => (reduced.includes(axis) ? `r${axis}` : null));
  const loops = termPoints(scopes, tile, terms, along, each);
  const extents = reduced.map((axis) => part.axes[axis].extent);
  const steps = extents.map((extent, k) => (reduced[k] === along ? extent / each : extent));
  const blocks = cascade(part, steps, each);
  const sums = new BlockSums(dialect, totals, dtype, blocks);
  const step = [
    ...evaluatePoints(loops, [value], quads),
    ...range(each).flatMap((t) =>
      totals.map((total, k) => {
        const term = loops[k * each + t].scope.names.get(value)!;
        return `${total} = ${combineText(writer, combiner, dtype, total, term)};`;
      }),
    ),
  ];
  return [
    ...totals.map((total) => dialect.variable(dtype, total, identity)),
    ...sums.declarations(),
    ...reduced.reduceRight(
      (body, axis, k) =>
        blockedLoop(
          dialect,
          { name: `r${axis}`, first: '0', end: extents[k], step: axis === along ? each : 1 },
          blocks.cuts[k],
          (level) => sums.flush(level),
          body,
        ),
      step,
    ),
    ...sums.totals(),
  ];
}

/** The points of a tile at `each` neighbouring terms, which are innermost; `terms` are the names of the first. */
function termPoints(
  scopes: readonly Scope[],
  tile: RegisterTile,
  terms: Scope['axes'],
  along: number | undefined,
  each: number,
): Point[] {
  const places = tilePoints(tile);
  return scopes.flatMap((scope, k) =>
    range(each).map((t): Point => {
      const axes = terms.map((name, axis) =>
        axis === along && t > 0 ? { outer: name as string, inner: null, shift: t } : name,
      );
      const inner = innerScope(scope, axes);
      return {
        scope: t === 0 ? inner : { ...inner, suffix: `${scope.suffix}_t${t}` },
        at: places[k].map((place, axis) => (axis === along ? t : place)),
      };
    }),
  );
}

/** A reduction that several invocations share at each point. They all take part in its barriers. */
function gatheredLines(one: Part, division: Gathered): string[] {
  const { points, reducers, reducersFirst, each, axis: along, quads } = division;
  const { part, writer, own, names, workgroupSize } = one;
  const { dialect } = writer;
  const { combiner, value } = part.reduction!;
  const { dtype } = part.nodes[value];
  const [place, reducer] = reducersFirst
    ? [dialect.quotient('local', reducers), `local % ${reducers}`]
    : [`local % ${points}`, dialect.quotient('local', points)];
  const apart = reducersFirst ? 1 : points;
  const indices = decompose(dialect, part.axes, own, 'unit', 'unit');
  const reduced = axesOfKind(part, 'reduced');
  const terms = decompose(dialect, unitAxes(part, along, each), reduced, 'term', 'r');
  const firstTerm = each > 1 ? `${terms.names[along!]} * ${each}` : null;
  const scope = newScope(
    part,
    writer,
    names.map((name, axis) => name ?? indices.names[axis]),
  );
  const firsts = firstTerm === null ? terms.names : terms.names.with(along!, 'first_term');
  const none = part.axes.map(() => 1);
  const loops = termPoints([scope], none, firsts, along, each);
  const count = reduced.reduce((product, axis) => product * part.axes[axis].extent, 1) / each;
  const blocks = cascade(part, [Math.ceil(count / reducers)], each);
  const sums = new BlockSums(dialect, ['total'], dtype, blocks);
  const combine = (other: string) =>
    `total = ${combineText(writer, combiner, dtype, 'total', other)};`;
  const partial = partialName(dtype);
  const { half } = dialect.names;
  const final = scopeBehind(scope, 'total');
  // Invocations behind the last point repeat it, those behind the last reducer add what nobody asks for.
  const isWhole = points * reducers === workgroupSize;
  const clamped = reducersFirst && !isWhole;
  return [
    '{',
    dialect.constant('index', 'reducer', reducer),
    dialect.constant('index', 'unit', clamped ? dialect.smaller(place, String(points - 1)) : place),
    ...indices.lines,
    dialect.variable(dtype, 'total', literalText(writer, dtype, combinerIdentity(combiner, dtype))),
    ...sums.declarations(),
    ...blockedLoop(
      dialect,
      { name: 'term', first: 'reducer', end: count, step: reducers },
      blocks.cuts[0],
      (level) => sums.flush(level),
      [
        ...terms.lines,
        ...(firstTerm === null ? [] : [dialect.constant('index', 'first_term', firstTerm)]),
        ...evaluatePoints(loops, [value], quads),
        ...loops.map(({ scope: { names: own } }) => combine(own.get(value)!)),
      ],
    ),
    ...sums.totals(),
    ...(division.exchange > 1
      ? exchangeLines(dialect, sharedPoints(division), {
          ...{ type: dtype, totals: ['total'], array: partial, place, hasIdle: !isWhole },
          combine: (_total, other) => combine(other),
        })
      : [
          `${partial}[local] = total;`,
          dialect.halving(half, reducers / 2),
          dialect.barrier,
          `if (reducer < ${half}) {`,
          combine(`${partial}[local + ${half} * ${apart}]`),
          `${partial}[local] = total;`,
          '}',
          '}',
        ]),
    `if (reducer == 0${isWhole ? '' : ` && local < ${points * reducers}`}) {`,
    ...evaluateTile([final], none, storedValues(part)),
    ...storeLines(final),
    '}',
    '}',
  ];
}

const partialName = (dtype: string) => `partial_${dtype}`;

/** What the gathered parts add up in: one array for all of a dtype, since they do so one after the other. */
function partialArrays(parts: readonly Part[]): WorkgroupArray[] {
  const lengths = new Map<DType, number>();
  for (const { part, division, workgroupSize } of parts) {
    if (division.kind !== 'gathered') continue;
    const { dtype } = part.nodes[part.reduction!.value];
    const own = division.exchange > 1 ? exchangeElements(sharedPoints(division)) : workgroupSize;
    lengths.set(dtype, Math.max(own, lengths.get(dtype) ?? 0));
  }
  return [...lengths]
    .filter(([, length]) => length > 0)
    .map(([type, length]) => ({ name: partialName(type), type, length }));
}

/** The kernel behind its stages, all of them in a loop over tile terms: the sums of an invocation's points go on from step to step. */
function carriedLines(one: Part, stages: readonly string[], steps: number): string[] {
  const { part, writer, workgroupSize, division } = one;
  if (division.kind !== 'spread') throw new Error('sums over tiles are kept by one invocation');
  const { dialect } = writer;
  const { tile, units } = division;
  const { combiner, value } = part.reduction!;
  const { dtype } = part.nodes[value];
  const identity = literalText(writer, dtype, combinerIdentity(combiner, dtype));
  // Each invocation has so many units; those behind the last one repeat it, and store nothing.
  const rounds = Array.from({ length: Math.ceil(units / workgroupSize) }, (_, round) => {
    const unit = `unit${round}`;
    const shift = round * workgroupSize;
    const number = shift === 0 ? 'local' : `local + ${shift}`;
    const isWhole = shift + workgroupSize <= units;
    const { lines, scopes } = unitScopes(one, tile, unit);
    return {
      declarations: [
        dialect.constant(
          'index',
          unit,
          isWhole ? number : dialect.smaller(number, String(units - 1)),
        ),
        ...lines,
      ],
      guard: isWhole ? null : `${number} < ${units}`,
      scopes,
      totals: scopes.map((_, k) => `carried${round}_${k}`),
    };
  });
  return [
    ...rounds.flatMap(({ declarations, totals }) => [
      ...declarations,
      ...totals.map((total) => dialect.variable(dtype, total, identity)),
    ]),
    dialect.loop({ name: 'step', first: '0', end: String(steps) }),
    ...stages,
    ...rounds.flatMap(({ scopes, totals }) => {
      const inner = totals.map((_, k) => `total_${k}`);
      return [
        '{',
        ...sumLines(
          part,
          scopes.map((scope) => innerScope(scope)),
          division,
          inner,
        ),
        ...totals.map(
          (total, k) => `${total} = ${combineText(writer, combiner, dtype, total, inner[k])};`,
        ),
        '}',
      ];
    }),
    // The arrays are filled again.
    dialect.barrier,
    '}',
    ...rounds.flatMap(({ scopes, totals, guard }) => {
      const finals = scopes.map((scope, k) => scopeBehind(scope, totals[k]));
      return [
        guard === null ? '{' : `if (${guard}) {`,
        ...evaluateTile(finals, tile, storedValues(part)),
        ...finals.flatMap(storeLines),
        '}',
      ];
    }),
  ];
}
