import { combinerIdentity, type Kernel, type Reduction } from '../../../ir/kernel.ts';
import type { DType } from '../../../ir/tensor.ts';
import { cascade, levelsOf } from '../cascade.ts';
import { axesOfKind } from '../contraction-groups.ts';
import { BlockSums, blockedLoop } from './blocked-loop.ts';
import { range } from './contraction-functions.ts';
import { unitAxes } from './elementwise.ts';
import { exchangeLines } from './exchange.ts';
import {
  innerScope,
  newScope,
  type Scope,
  scopeBehind,
  storedValues,
  storeLines,
} from './expression.ts';
import { decompose } from './module.ts';
import { evaluatePoints, type Point } from './points.ts';
import { type ProductLines, productLines } from './product-lines.ts';
import { evaluateTile, type RegisterTile, tilePoints, tileScopes } from './register-tile.ts';
import {
  byRescaling,
  factorLines,
  factorOf,
  rescaledBy,
  scaledText,
  scopeOfTerms,
} from './rescale.ts';
import {
  type Blocked,
  type Gathered,
  type PartDivision,
  type Spread,
  sharedPoints,
} from './staged-division.ts';
import { combineText, literalText, type Writer } from './writer.ts';

// What the code of one part of a staged kernel is made of, alone or from tile to tile.

/** One of the computations of a tile. */
export interface Part {
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

/** A part that is a product, as code. */
export const productOfPart = (
  { part, number, writer, workgroupSize }: Part,
  product: Blocked,
): ProductLines =>
  productLines({ part, number, writer, workgroupSize, product, threads: product.threads });

/** The points of an invocation: its number among the units of a part, and a scope for each point of the unit. */
export function unitScopes(
  { part, writer, own, names }: Part,
  tile: RegisterTile,
  unit: string,
): { readonly lines: readonly string[]; readonly scopes: readonly Scope[] } {
  const steps = part.axes.map(({ extent, kind }, axis) => ({ extent: extent / tile[axis], kind }));
  const indices = decompose(writer.dialect, steps, own, unit, `${unit}_`);
  const all = names.map((name, axis) => name ?? indices.names[axis]);
  return { lines: indices.lines, scopes: tileScopes(part, writer, tile, all) };
}

/** A name for each reduction of a part; the first has no number. */
export const totalNames = ({ reductions }: Kernel, name: (number: string) => string) =>
  reductions.map((_, r) => name(r === 0 ? '' : String(r + 1)));

/** What printing needs of one of the reductions. */
export function printedReduction(
  writer: Writer,
  { nodes }: Kernel,
  { combiner, value }: Reduction,
) {
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

/**
 * Some of the reductions at each point of a register tile, into variables that are declared by their names in `totals`; a loop per
 * reduced axis that has no name yet.
 */
export function sumLines(
  part: Kernel,
  scopes: readonly Scope[],
  { tile, each, axis: along, quads }: Spread,
  totals: readonly (readonly string[])[],
  numbers: readonly number[] = [...part.reductions.keys()],
): string[] {
  const { writer } = scopes[0];
  const { dialect } = writer;
  const reduced = axesOfKind(part, 'reduced').filter((axis) => scopes[0].axes[axis] === null);
  const terms = part.axes.map((_, axis) => (reduced.includes(axis) ? `r${axis}` : null));
  const loops = termPoints(scopes, tile, terms, along, each);
  const extents = reduced.map((axis) => part.axes[axis].extent);
  const steps = extents.map((extent, k) => (reduced[k] === along ? extent / each : extent));
  const blocks = cascade(part, steps, each);
  const all = numbers.map((r) => {
    const reduction = part.reductions[r];
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
  // Without a loop around them the nodes of one pass over the terms would meet those of another.
  const isBare = reduced.length === 0 && numbers.length < part.reductions.length;
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
      isBare ? ['{', ...step, '}'] : step,
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

/** The statements of such a reduction. */
export interface GatheredParts {
  /** Which point and which of its terms an invocation has. */
  readonly start: readonly string[];
  /** Names of the reductions behind a prefix. */
  readonly named: (prefix: string) => readonly string[];
  /** Declares them. */
  readonly declare: (prefix: string) => readonly string[];
  /** Adds the terms of a tile to some of the reductions, behind `total`; maxima that are known so far are named behind `known`. */
  readonly sum: (numbers: readonly number[], known?: string) => readonly string[];
  /** Adds that to others, one by one. */
  readonly addTo: (prefix: string, r: number) => string;
  /** Makes `total` what the others are. */
  readonly takeFrom: (prefix: string) => readonly string[];
  /** Combines what the invocations of each point have in `total`, and stores. */
  readonly combine: readonly string[];
}

export function gatheredParts(one: Part, division: Gathered): GatheredParts {
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
  const sum = (numbers: readonly number[], known = 'total') => {
    const own = numbers.map((r) => all[r]);
    const loops = termPoints([scopeOfTerms(scope, named(known))], none, firsts, along, each);
    return [
      ...own.flatMap(({ sums }) => sums.declarations()),
      ...blockedLoop(
        dialect,
        { name: 'term', first: 'reducer', end: count, step: reducers },
        blocks.cuts[0],
        (level) => own.flatMap(({ sums }) => sums.flush(level)),
        [
          ...terms.lines,
          ...(firstTerm === null ? [] : [dialect.constant('index', 'first_term', firstTerm)]),
          ...evaluatePoints(
            loops,
            own.map(({ value }) => value),
            quads,
          ),
          ...own.flatMap(({ total, value, combine }) =>
            loops.map(({ scope: { names: values } }) => combine(total, values.get(value)!)),
          ),
        ],
      ),
      ...own.flatMap(({ sums }) => sums.totals()),
    ];
  };
  const combineSome = (numbers: readonly number[]) => {
    const own = numbers.map((r) => all[r]);
    return division.exchange > 1
      ? own.flatMap(({ total, partial, dtype, combine }) => {
          const lines = exchangeLines(dialect, sharedPoints(division), {
            ...{ type: dtype, totals: [total], array: partial, place, hasIdle: !isWhole, combine },
          });
          // Each has names of its own.
          return all.length > 1 ? ['{', ...lines, '}'] : lines;
        })
      : [
          ...own.map(({ total, partial }) => `${partial}[local] = ${total};`),
          dialect.halving(half, reducers / 2),
          dialect.barrier,
          `if (reducer < ${half}) {`,
          ...own.flatMap(({ total, partial, combine }) => [
            combine(total, `${partial}[local + ${half} * ${apart}]`),
            `${partial}[local] = ${total};`,
          ]),
          '}',
          '}',
        ];
  };
  const { plain, rescaled } = byRescaling(part);
  const bases = rescaledBy(part);
  const first = reducersFirst ? `local - reducer` : place;
  const combine = [
    ...(rescaled.length === 0
      ? combineSome(plain)
      : [
          ...bases.map((r) => dialect.constant(all[r].dtype, `own${r}`, totals[r])),
          ...combineSome(plain),
          // Exchanges give totals to all, a tree to the first of them.
          ...(division.exchange > 1
            ? []
            : [
                dialect.barrier,
                ...bases.map((r) => `${totals[r]} = ${all[r].partial}[${first}];`),
              ]),
          ...bases.flatMap((r) => factorLines(writer, `factor${r}`, `own${r}`, totals[r])),
          ...rescaled.map((r) => scaledText(writer, totals[r], factorOf(part, r))),
          ...combineSome(rescaled),
        ]),
    `if (reducer == 0${isWhole ? '' : ` && local < ${points * reducers}`}) {`,
    ...evaluateTile([final], none, storedValues(part)),
    ...storeLines(final),
    '}',
  ];
  return {
    ...{ start, named, sum, combine },
    declare: (prefix) => named(prefix).map((name, r) => all[r].declare(name)),
    addTo: (prefix, r) => all[r].combine(named(prefix)[r], totals[r]),
    takeFrom: (prefix) => named(prefix).map((name, r) => `${totals[r]} = ${name};`),
  };
}

/** An array for each reduction of a part, by its dtype and how many of that are in front of it. */
export function partialNames({
  nodes,
  reductions,
}: Kernel): { readonly name: string; readonly type: DType }[] {
  const types = reductions.map(({ value }) => nodes[value].dtype);
  return types.map((type, r) => {
    const before = types.slice(0, r).filter((other) => other === type).length;
    return { name: `partial_${type}${before === 0 ? '' : `_${before + 1}`}`, type };
  });
}
