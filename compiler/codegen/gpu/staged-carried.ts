import type { Dialect } from './dialect.ts';
import { innerScope, scopeBehind, storedValues, storeLines } from './expression.ts';
import type { ProductLines } from './product-lines.ts';
import { evaluateTile } from './register-tile.ts';
import {
  byRescaling,
  factorLines,
  factorOf,
  rescaledBy,
  scaledText,
  scopeOfTerms,
} from './rescale.ts';
import { type RowsLines, rowsLines } from './rows-lines.ts';
import {
  type GatheredParts,
  gatheredParts,
  type Part,
  printedReduction,
  productOfPart,
  sumLines,
  totalNames,
  unitScopes,
} from './staged-parts.ts';

// A staged kernel whose sums go on from tile to tile.

/** What a kernel does in each of its steps before it goes on with its sums. */
export interface Steps {
  readonly steps: number;
  /** Names the tile. */
  readonly start: readonly string[];
  /** Conditions of the tile which all hold where there is something to do: uniform ones, so that barriers behind them stay legal. */
  readonly guard: readonly string[];
  readonly stages: readonly string[];
}

/** The kernel behind its stages, all of them in a loop over tile terms: the sums of an invocation's points go on from step to step. */
export function carriedLines(one: Part, steps: Steps): string[] {
  const { part, writer, workgroupSize, division } = one;
  if (division.kind === 'product')
    return carriedProduct(
      one,
      productOfPart(one, division),
      division.rows && rowsLines(one, division, division.rows),
      steps,
    );
  if (division.kind === 'gathered')
    return carriedGathered(one, gatheredParts(one, division), steps);
  const { dialect } = writer;
  const { tile, units } = division;
  const all = part.reductions.map((reduction) => printedReduction(writer, part, reduction));
  const { plain, rescaled } = byRescaling(part);
  const bases = rescaledBy(part);
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
    ...stepLines(
      dialect,
      steps,
      rounds.flatMap(({ scopes, totals }) => {
        const inner = totals.map((_, k) => totalNames(part, (r) => `total${r}_${k}`));
        const add = (numbers: readonly number[]) =>
          totals.flatMap((ofPoint, k) =>
            numbers.map((r) => all[r].combine(ofPoint[r], inner[k][r])),
          );
        return [
          '{',
          ...sumLines(
            part,
            scopes.map((scope) => innerScope(scope)),
            division,
            inner,
            plain,
          ),
          ...totals.flatMap((ofPoint, k) =>
            bases.map((r) => dialect.constant('f32', `before${r}_${k}`, ofPoint[r])),
          ),
          ...add(plain),
          ...(rescaled.length === 0
            ? []
            : [
                ...totals.flatMap((ofPoint, k) => [
                  ...bases.flatMap((r) =>
                    factorLines(writer, `factor${r}_${k}`, `before${r}_${k}`, ofPoint[r]),
                  ),
                  ...rescaled.map((r) =>
                    scaledText(writer, ofPoint[r], `${factorOf(part, r)}_${k}`),
                  ),
                ]),
                ...sumLines(
                  part,
                  scopes.map((scope, k) => scopeOfTerms(scope, totals[k])),
                  division,
                  inner,
                  rescaled,
                ),
                ...add(rescaled),
              ]),
          '}',
        ];
      }),
    ),
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
  rows: RowsLines | null,
  steps: Steps,
): string[] {
  const { dialect } = writer;
  const [own, carried] = [names('c').flat(), names('carried')];
  return [
    ...lanes,
    ...(rows?.start ?? []),
    ...carried.flat().map((name) => dialect.variable(type, name, dialect.zero(type))),
    ...stepLines(dialect, steps, [
      ...(rows?.step ?? []),
      '{',
      ...zero,
      ...sum,
      ...(rows?.rescale(type, carried.flat(), own) ??
        carried.flat().map((name, k) => dialect.add(type, name, own[k]))),
      '}',
    ]),
    ...(rows?.end ?? []),
    dialect.constant('index', 'batch', `group * ${steps.steps}`),
    ...finish(carried),
  ];
}

/** The same of a reduction that several invocations share at each point: each goes on with what it has found. */
function carriedGathered(
  { part, writer }: Part,
  { start, named, declare, sum, addTo, takeFrom, combine }: GatheredParts,
  steps: Steps,
): string[] {
  const { dialect } = writer;
  const { plain, rescaled } = byRescaling(part);
  const bases = rescaledBy(part);
  const carried = named('carried');
  return [
    ...start,
    ...declare('carried'),
    ...stepLines(dialect, steps, [
      '{',
      ...declare('total'),
      ...sum(plain),
      ...bases.map((r) => dialect.constant('f32', `before${r}`, carried[r])),
      ...plain.map((r) => addTo('carried', r)),
      ...bases.flatMap((r) => factorLines(writer, `factor${r}`, `before${r}`, carried[r])),
      ...rescaled.map((r) => scaledText(writer, carried[r], factorOf(part, r))),
      ...(rescaled.length === 0 ? [] : sum(rescaled, 'carried')),
      ...rescaled.map((r) => addTo('carried', r)),
      '}',
    ]),
    '{',
    ...declare('total'),
    ...takeFrom('carried'),
    ...combine,
    '}',
  ];
}

/** A loop over the steps that go on with sums. */
function stepLines(
  dialect: Dialect,
  { steps, start, guard, stages }: Steps,
  body: readonly string[],
): string[] {
  return [
    dialect.loop({ name: 'step', first: '0', end: String(steps) }),
    ...start,
    ...(guard.length > 0 ? [`if (${guard.join(' && ')}) {`] : []),
    ...stages,
    ...body,
    // The arrays are filled again.
    dialect.barrier,
    ...(guard.length > 0 ? ['}'] : []),
    '}',
  ];
}
