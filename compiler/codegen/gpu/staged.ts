import {
  combinerIdentity,
  type Kernel,
  type LocalArray,
  type Reduction,
} from '../../../ir/kernel.ts';
import { arrayHomes } from '../../../ir/kernel-arrays.ts';
import { type StagedKernel, tileCount, tileSteps } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { DType } from '../../../ir/tensor.ts';
import { cascade, levelsOf } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import { type Dialect, VECTOR_WIDTH, type WorkgroupArray } from './dialect.ts';
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
import { type ProductLines, productLines } from './product-lines.ts';
import { evaluateTile, type RegisterTile, tilePoints, tileScopes } from './register-tile.ts';
import {
  type Blocked,
  divisionOf,
  type Gathered,
  ownAxes,
  type PartDivision,
  type Spread,
  sharedPoints,
  tileAxesByPart,
} from './staged-division.ts';
import { productVectors } from './staged-product.ts';
import { guardText, type TileGuard } from './tile-guards.ts';
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
    ...(staging.tileTerms === 0
      ? [...batch('group'), ...stages, ...partLines(last)]
      : carriedLines(last, [...batch(`group * ${steps} + step`), ...step.lines, ...stages], steps)),
  ];
  const workgroupArrays = [
    ...staging.stages.flatMap(({ local }, k) =>
      homes[k] === k ? [stageArray(kernel, local, k, quads)] : [],
    ),
    ...chunkArrays(parts),
    ...partialArrays(parts),
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

/** One of the computations of a tile. */
interface Part {
  readonly part: Kernel;
  readonly number: number;
  readonly writer: Writer;
  readonly workgroupSize: number;
  /** Parallel axes inside of the tile. */
  readonly own: readonly number[];
  /** What tells the tile: by axis of the part, and by axis of the tile. */
  readonly names: readonly (string | null)[];
  readonly tile: readonly (string | null)[];
  readonly division: PartDivision;
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

const productOfPart = (
  { part, number, writer, workgroupSize }: Part,
  product: Blocked,
): ProductLines =>
  productLines({ part, number, writer, workgroupSize, product, threads: product.threads });

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

/** A name for each reduction of a part; the first has no number. */
const totalNames = ({ reductions }: Kernel, name: (number: string) => string) =>
  reductions.map((_, r) => name(r === 0 ? '' : String(r + 1)));

/** What printing needs of one of the reductions. */
function printedReduction(writer: Writer, { nodes }: Kernel, { combiner, value }: Reduction) {
  const { dtype } = nodes[value];
  return {
    ...{ dtype, value },
    declare: (name: string) =>
      writer.dialect.variable(
        dtype,
        name,
        literalText(writer, dtype, combinerIdentity(combiner, dtype)),
      ),
    combine: (total: string, other: string) =>
      `${total} = ${combineText(writer, combiner, dtype, total, other)};`,
  };
}

/** The reductions at each point of a register tile, into variables `totals`; a loop per reduced axis that has no name yet. */
function sumLines(
  part: Kernel,
  scopes: readonly Scope[],
  { tile, each, axis: along, quads }: Spread,
  totals: readonly (readonly string[])[],
): string[] {
  const { writer } = scopes[0];
  const { dialect } = writer;
  const reduced = axesOfKind(part, 'reduced').filter((axis) => scopes[0].axes[axis] === null);
  const terms = part.axes.map((_, axis) => (reduced.includes(axis) ? `r${axis}` : null));
  const loops = termPoints(scopes, tile, terms, along, each);
  const extents = reduced.map((axis) => part.axes[axis].extent);
  const steps = extents.map((extent, k) => (reduced[k] === along ? extent / each : extent));
  const blocks = cascade(part, steps, each);
  const all = part.reductions.map((reduction, r) => {
    const names = totals.map((ofPoint) => ofPoint[r]);
    const printed = printedReduction(writer, part, reduction);
    const levels = levelsOf(part, reduction, blocks);
    return {
      ...{ ...printed, names },
      sums: new BlockSums(dialect, names, printed.dtype, { ...blocks, levels }),
    };
  });
  const step = [
    ...evaluatePoints(
      loops,
      all.map(({ value }) => value),
      quads,
    ),
    ...all.flatMap(({ names, value, combine }) =>
      range(each).flatMap((t) =>
        names.map((total, k) => combine(total, loops[k * each + t].scope.names.get(value)!)),
      ),
    ),
  ];
  return [
    ...all.flatMap(({ names, declare, sums }) => [...names.map(declare), ...sums.declarations()]),
    ...reduced.reduceRight(
      (body, axis, k) =>
        blockedLoop(
          dialect,
          { name: `r${axis}`, first: '0', end: extents[k], step: axis === along ? each : 1 },
          blocks.cuts[k],
          (level) => all.flatMap(({ sums }) => sums.flush(level)),
          body,
        ),
      step,
    ),
    ...all.flatMap(({ sums }) => sums.totals()),
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
  const { start, declare, sum, combine } = gatheredParts(one, division);
  return ['{', ...start, ...declare('total'), ...sum, ...combine, '}'];
}

/** The statements of such a reduction. */
interface GatheredParts {
  /** Which point and which of its terms an invocation has. */
  readonly start: readonly string[];
  /** Declares sums whose names begin like this. */
  readonly declare: (prefix: string) => readonly string[];
  /** Adds the terms of a tile to `total` and what follows it. */
  readonly sum: readonly string[];
  /** Adds that to other sums. */
  readonly addTo: (prefix: string) => readonly string[];
  /** Makes `total` what the other sums are. */
  readonly takeFrom: (prefix: string) => readonly string[];
  /** Combines what the invocations of each point have in `total`, and stores. */
  readonly combine: readonly string[];
}

function gatheredParts(one: Part, division: Gathered): GatheredParts {
  const { points, reducers, reducersFirst, each, axis: along, quads } = division;
  const { part, writer, own, names, workgroupSize } = one;
  const { dialect } = writer;
  const [place, reducer] = reducersFirst
    ? [dialect.quotient('local', reducers), `local % ${reducers}`]
    : [`local % ${points}`, dialect.quotient('local', points)];
  const apart = reducersFirst ? 1 : points;
  const indices = decompose(dialect, part.axes, own, 'unit', 'unit');
  const reduced = axesOfKind(part, 'reduced').filter((axis) => names[axis] === null);
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
  const partials = partialNames(part);
  const totals = totalNames(part, (r) => `total${r}`);
  const all = part.reductions.map((reduction, r) => {
    const [total, partial] = [totals[r], partials[r].name];
    const printed = printedReduction(writer, part, reduction);
    const levels = levelsOf(part, reduction, blocks);
    return {
      ...{ ...printed, total, partial },
      sums: new BlockSums(dialect, [total], printed.dtype, { ...blocks, levels }),
    };
  });
  const { half } = dialect.names;
  const final = scopeBehind(scope, totals);
  // Invocations behind the last point repeat it, those behind the last reducer add what nobody asks for.
  const isWhole = points * reducers === workgroupSize;
  const clamped = reducersFirst && !isWhole;
  const start = [
    dialect.constant('index', 'reducer', reducer),
    dialect.constant('index', 'unit', clamped ? dialect.smaller(place, String(points - 1)) : place),
    ...indices.lines,
  ];
  const named = (prefix: string) => totalNames(part, (r) => `${prefix}${r}`);
  const sum = [
    ...all.flatMap(({ sums }) => sums.declarations()),
    ...blockedLoop(
      dialect,
      { name: 'term', first: 'reducer', end: count, step: reducers },
      blocks.cuts[0],
      (level) => all.flatMap(({ sums }) => sums.flush(level)),
      [
        ...terms.lines,
        ...(firstTerm === null ? [] : [dialect.constant('index', 'first_term', firstTerm)]),
        ...evaluatePoints(
          loops,
          all.map(({ value }) => value),
          quads,
        ),
        ...all.flatMap(({ total, value, combine }) =>
          loops.map(({ scope: { names: own } }) => combine(total, own.get(value)!)),
        ),
      ],
    ),
    ...all.flatMap(({ sums }) => sums.totals()),
  ];
  const combine = [
    ...(division.exchange > 1
      ? all.flatMap(({ total, partial, dtype, combine }) => {
          const lines = exchangeLines(dialect, sharedPoints(division), {
            ...{ type: dtype, totals: [total], array: partial, place, hasIdle: !isWhole, combine },
          });
          // Each has names of its own.
          return all.length > 1 ? ['{', ...lines, '}'] : lines;
        })
      : [
          ...all.map(({ total, partial }) => `${partial}[local] = ${total};`),
          dialect.halving(half, reducers / 2),
          dialect.barrier,
          `if (reducer < ${half}) {`,
          ...all.flatMap(({ total, partial, combine }) => [
            combine(total, `${partial}[local + ${half} * ${apart}]`),
            `${partial}[local] = ${total};`,
          ]),
          '}',
          '}',
        ]),
    `if (reducer == 0${isWhole ? '' : ` && local < ${points * reducers}`}) {`,
    ...evaluateTile([final], none, storedValues(part)),
    ...storeLines(final),
    '}',
  ];
  return {
    ...{ start, sum, combine },
    declare: (prefix) => named(prefix).map((name, r) => all[r].declare(name)),
    addTo: (prefix) => named(prefix).map((name, r) => all[r].combine(name, totals[r])),
    takeFrom: (prefix) => named(prefix).map((name, r) => `${totals[r]} = ${name};`),
  };
}

/** An array for each reduction of a part, by its dtype and how many of that are in front of it. */
function partialNames({
  nodes,
  reductions,
}: Kernel): { readonly name: string; readonly type: DType }[] {
  const types = reductions.map(({ value }) => nodes[value].dtype);
  return types.map((type, r) => {
    const before = types.slice(0, r).filter((other) => other === type).length;
    return { name: `partial_${type}${before === 0 ? '' : `_${before + 1}`}`, type };
  });
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

/** The kernel behind its stages, all of them in a loop over tile terms: the sums of an invocation's points go on from step to step. */
function carriedLines(one: Part, stages: readonly string[], steps: number): string[] {
  const { part, writer, workgroupSize, division } = one;
  if (division.kind === 'product')
    return carriedProduct(one, productOfPart(one, division), stages, steps);
  if (division.kind === 'gathered')
    return carriedGathered(one, gatheredParts(one, division), stages, steps);
  const { dialect } = writer;
  const { tile, units } = division;
  const all = part.reductions.map((reduction) => printedReduction(writer, part, reduction));
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
      totals: scopes.map((_, k) =>
        totalNames(part, (r) => `carried${r === '' ? '' : `${r}_`}${round}_${k}`),
      ),
    };
  });
  return [
    ...rounds.flatMap(({ declarations, totals }) => [
      ...declarations,
      ...totals.flatMap((ofPoint) => ofPoint.map((total, r) => all[r].declare(total))),
    ]),
    dialect.loop({ name: 'step', first: '0', end: String(steps) }),
    ...stages,
    ...rounds.flatMap(({ scopes, totals }) => {
      const inner = totals.map((_, k) => totalNames(part, (r) => `total${r}_${k}`));
      return [
        '{',
        ...sumLines(
          part,
          scopes.map((scope) => innerScope(scope)),
          division,
          inner,
        ),
        ...totals.flatMap((ofPoint, k) =>
          ofPoint.map((total, r) => all[r].combine(total, inner[k][r])),
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

/** The same of a contraction in blocks. */
function carriedProduct(
  { writer }: Part,
  { lanes, zero, sum, finish, names, type }: ProductLines,
  stages: readonly string[],
  steps: number,
): string[] {
  const { dialect } = writer;
  const [own, carried] = [names('c').flat(), names('carried')];
  return [
    ...lanes,
    ...carried.flat().map((name) => dialect.variable(type, name, dialect.zero(type))),
    dialect.loop({ name: 'step', first: '0', end: String(steps) }),
    ...stages,
    '{',
    ...zero,
    ...sum,
    ...carried.flat().map((name, k) => dialect.add(type, name, own[k])),
    '}',
    // The arrays are filled again.
    dialect.barrier,
    '}',
    dialect.constant('index', 'batch', `group * ${steps}`),
    ...finish(carried),
  ];
}

/** The same of a reduction that several invocations share at each point: each goes on with what it has found. */
function carriedGathered(
  { writer }: Part,
  { start, declare, sum, addTo, takeFrom, combine }: GatheredParts,
  stages: readonly string[],
  steps: number,
): string[] {
  const { dialect } = writer;
  return [
    ...start,
    ...declare('carried'),
    dialect.loop({ name: 'step', first: '0', end: String(steps) }),
    ...stages,
    '{',
    ...declare('total'),
    ...sum,
    ...addTo('carried'),
    '}',
    // The arrays are filled again.
    dialect.barrier,
    '}',
    '{',
    ...declare('total'),
    ...takeFrom('carried'),
    ...combine,
    '}',
  ];
}
