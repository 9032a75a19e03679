import { range } from './contraction-functions.ts';
import type { VectorType, WorkgroupArray } from './dialect.ts';
import { addressText, innerScope, newScope } from './expression.ts';
import { evaluatePoints, type Point } from './points.ts';
import { factorLines, scaledText, scopeOfTerms } from './rescale.ts';
import type { Blocked } from './staged-division.ts';
import { type Part, printedReduction } from './staged-parts.ts';
import { lanesOf } from './staged-product.ts';
import { ROWS, type Rows, reducersOf } from './staged-rows.ts';
import { combineText } from './writer.ts';

/** The statements for the rows of a product whose left factor is powers by their maxima. */
export interface RowsLines {
  /** Which rows an invocation has; declares what it knows of them. */
  readonly start: readonly string[];
  /** Of a tile: puts powers in the place of exponents, and the factors by which what was summed up before is rescaled in their array. */
  readonly step: readonly string[];
  /** Rescales the sums of an invocation's block, row by row, and adds others to them, which are lost. */
  readonly rescale: (
    type: VectorType,
    sums: readonly string[],
    others: readonly string[],
  ) => readonly string[];
  /** Puts what is known of the rows into the arrays that the product is finished with. */
  readonly end: readonly string[];
}

const PARTIAL = 'rows_partial';
const FACTOR = 'rows_factor';

export function rowArrays(rows: Rows, workgroupSize: number): WorkgroupArray[] {
  const { extent } = rows.part.axes[rows.row];
  return [
    { name: PARTIAL, type: 'f32x4', length: workgroupSize },
    { name: FACTOR, type: 'f32x4', length: extent / ROWS },
    ...[...rows.arrays.values()].map((buffer) => ({
      ...{ name: `b${buffer}`, length: extent },
      type: 'f32' as const,
    })),
  ];
}

export function rowsLines(one: Part, division: Blocked, rows: Rows): RowsLines {
  const { writer, workgroupSize, names } = one;
  const { dialect } = writer;
  const { constant, variable, component, barrier } = dialect;
  const { part, row, term, load, quads, each, maximum, sums, weight, arrays } = rows;
  const [count, terms] = [part.axes[row].extent / ROWS, part.axes[term].extent];
  const reducers = reducersOf(rows, workgroupSize);
  const all = [maximum, ...sums];
  const printed = new Map(all.map((r) => [r, printedReduction(writer, part, part.reductions[r])]));
  const known = (r: number, c: number) => `row${r}_${c}`;
  const found = (c: number) => `found_${c}`;
  const four = range(ROWS);
  const axes = names.with(row, 'first_row').with(term, 'term');
  /** For each of the neighbouring terms, those of all rows. */
  const points = () =>
    range(each).map((t) =>
      four.map((c): Point => {
        const scope = newScope(part, writer, axes, t === 0 ? `_${c}` : `_${c}_t${t}`);
        const at = axes.map((_, axis) => (axis === row ? c : axis === term ? t : 0));
        const shifted = axes.map((name, axis) =>
          at[axis] > 0 ? { outer: name as string, inner: null, shift: at[axis] } : name,
        );
        const totals = part.reductions.map((_, r) => known(r, c));
        return { scope: scopeOfTerms(innerScope(scope, shifted), totals), at };
      }),
    );
  // Invocations behind the last row have no terms.
  const overTerms = (lines: readonly string[]) => [
    `if (reducer < ${reducers}) {`,
    dialect.loop({
      ...{ name: 'term', end: String(terms), step: reducers * each },
      first: each === 1 ? 'reducer' : `reducer * ${each}`,
    }),
    ...lines,
    '}',
    '}',
  ];
  const values = (list: readonly Point[], node: number) =>
    list.map(({ scope }) => scope.names.get(node)!);
  /** Combines what all invocations have found of the same rows, in the same order for each. */
  const combined = (combiner: 'sum' | 'max') => [
    `${PARTIAL}[local] = ${dialect.vector('f32x4', four.map(found))};`,
    barrier,
    ...four.map((c) => `${found(c)} = ${component(`${PARTIAL}[place]`, c)};`),
    dialect.loop({ name: 'other', first: '1', end: String(reducers) }),
    constant('f32x4', 'value', `${PARTIAL}[place + other * ${count}]`),
    ...four.map((c) => {
      const text = combineText(writer, combiner, 'f32', found(c), component('value', c));
      return `${found(c)} = ${text};`;
    }),
    '}',
  ];
  const highest = points();
  const exponent = part.reductions[maximum].value;
  const powers = points();
  const step = [
    '{',
    ...four.map((c) => printed.get(maximum)!.declare(found(c))),
    ...overTerms([
      ...evaluatePoints(highest.flat(), [exponent], quads),
      ...highest.flatMap((rowsOfTerm) =>
        values(rowsOfTerm, exponent).map((value, c) =>
          printed.get(maximum)!.combine(found(c), value),
        ),
      ),
    ]),
    ...combined('max'),
    ...four.flatMap((c) => [
      constant('f32', `before_${c}`, known(maximum, c)),
      printed.get(maximum)!.combine(known(maximum, c), found(c)),
      ...factorLines(writer, `factor_${c}`, `before_${c}`, known(maximum, c)),
      ...sums.map((r) => scaledText(writer, known(r, c), `factor_${c}`)),
    ]),
    'if (reducer == 0) {',
    `${FACTOR}[place] = ${dialect.vector(
      'f32x4',
      four.map((c) => `factor_${c}`),
    )};`,
    '}',
    ...overTerms([
      ...evaluatePoints(
        powers.flat(),
        [...sums.map((r) => part.reductions[r].value), weight],
        quads,
      ),
      ...powers.flatMap((rowsOfTerm) => [
        ...sums.flatMap((r) =>
          values(rowsOfTerm, part.reductions[r].value).map((value, c) =>
            printed.get(r)!.combine(known(r, c), value),
          ),
        ),
        dialect.storeQuad(
          'f32',
          `b${load.buffer}`,
          addressText(rowsOfTerm[0].scope, load.index, undefined),
          dialect.vector('f32x4', values(rowsOfTerm, weight)),
        ),
      ]),
    ]),
    barrier,
    '}',
  ];
  const { threads, extents } = division;
  const lanes = lanesOf(extents, threads);
  const rescale: RowsLines['rescale'] = (type, totals, others) => {
    const each = totals.length / threads[0];
    const vectors = range(threads[0] / ROWS);
    return [
      ...vectors.map((v) => {
        const at = v === 0 ? 'lane_m' : `${v * lanes.m} + lane_m`;
        const isWhole = lanes.m * threads[0] === extents.m;
        const inside = isWhole ? at : dialect.smaller(at, String(count - 1));
        return constant('f32x4', `scale${v}`, `${FACTOR}[${inside}]`);
      }),
      ...totals.flatMap((name, k) => {
        const i = Math.floor(k / each);
        const scale = component(`scale${Math.floor(i / ROWS)}`, i % ROWS);
        return [dialect.addScaled(type, others[k], scale, name), `${name} = ${others[k]};`];
      }),
    ];
  };
  const store = (r: number, c: number, value: string) =>
    dialect.store('f32', `b${arrays.get(r)!}`, c === 0 ? 'first_row' : `first_row + ${c}`, value);
  const end = [
    'if (reducer == 0) {',
    ...four.map((c) => store(maximum, c, known(maximum, c))),
    '}',
    ...sums.flatMap((r) => [
      '{',
      ...four.map((c) => variable('f32', found(c), known(r, c))),
      ...combined('sum'),
      'if (reducer == 0) {',
      ...four.map((c) => store(r, c, found(c))),
      '}',
      barrier,
      '}',
    ]),
    ...(sums.length === 0 ? [barrier] : []),
  ];
  return {
    start: [
      constant('index', 'place', `local % ${count}`),
      constant('index', 'reducer', dialect.quotient('local', count)),
      constant('index', 'first_row', `place * ${ROWS}`),
      ...all.flatMap((r) => four.map((c) => printed.get(r)!.declare(known(r, c)))),
    ],
    ...{ step, rescale, end },
  };
}
