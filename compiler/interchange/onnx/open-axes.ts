import type { Shape } from '../../../ir/tensor.ts';
import type { Dimensions, Imported } from './import.ts';
import type { Argument, Call } from './recorder.ts';
import { OnnxError } from './refusal.ts';

/** A call in which extents that follow options are texts: `batch * 49`. */
export interface OpenCall extends Omit<Call, 'args'> {
  readonly args: readonly OpenArgument[];
}

export type OpenArgument =
  | Exclude<Argument, { readonly kind: 'list' | 'object' }>
  | { readonly kind: 'list'; readonly items: readonly OpenArgument[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, OpenArgument])[] }
  | { readonly kind: 'text'; readonly text: string };

/** Calls that hold for other extents too. */
export interface OpenCalls {
  readonly calls: readonly OpenCall[];
  /** Of the outputs, in their order: extents as numbers or texts. */
  readonly shapes: readonly (readonly (number | string)[])[];
  /** Axes that are options. */
  readonly open: readonly string[];
  /** Axes that are not, since what is computed follows them in ways that no formula was found for. */
  readonly fixed: readonly string[];
  /** The import whose weights and names are those of the calls. */
  readonly imported: Imported;
}

/** Extents that imports are compared at. */
type Point = ReadonlyMap<string, number>;

/** How far an axis is moved, by the first two that the model takes: numbers that a formula is unlikely to fit by chance. */
const MOVES = [4, 33, 1, 7, -1, -3];
const WANTED_MOVES = 2;

/** Runs the import once more, elsewhere. */
export type ImportAt = (dimensions: Dimensions) => Imported;

/**
 * Finds how the numbers in the calls of an import follow its open axes: the import is run for several extents, and each number that
 * differs is one of them with a factor and an addend, a quotient, or a product. An axis for which the calls themselves differ, or a
 * number follows no such formula, is fixed at its default.
 *
 * Errors are those of the import at the defaults.
 */
export function openCalls(importAt: ImportAt, defaults: Dimensions): OpenCalls {
  const fixed = new Set<string>();
  for (;;) {
    const names = [...defaults.keys()].filter((name) => !fixed.has(name));
    const found = attempt(importAt, defaults, names);
    if ('imported' in found) return { ...found, open: names, fixed: [...fixed] };
    for (const name of found.unclear) fixed.add(name);
  }
}

/** One example is a special case: what is 1 broadcasts, and its axes are squeezed. */
const away = (extent: number) => (extent === 1 ? 3 : extent);

function attempt(
  importAt: ImportAt,
  defaults: Dimensions,
  names: readonly string[],
): Pick<OpenCalls, 'calls' | 'imported' | 'shapes'> | { readonly unclear: readonly string[] } {
  if (names.length === 0) {
    const imported = importAt(defaults);
    return { imported, calls: imported.session.recorder.calls, shapes: shapesOf(imported) };
  }
  const base: Point = new Map(
    [...defaults].map(([name, extent]) => [name, names.includes(name) ? away(extent) : extent]),
  );
  const first = tried(importAt, base);
  if (!first) return { unclear: names };
  const calls = first.session.recorder.calls;
  const runs: Run[] = [];
  const together = new Map(base);
  for (const name of names) {
    const taken = MOVES.flatMap((by) => {
      const extent = base.get(name)! + by;
      return extent > 1 ? [{ extent, at: new Map(base).set(name, extent) }] : [];
    });
    let found = 0;
    for (const { extent, at } of taken) {
      if (found === WANTED_MOVES) break;
      const run = tried(importAt, at);
      if (!run) continue;
      if (!sameCalls(calls, run.session.recorder.calls)) return { unclear: [name] };
      if (found === 0) together.set(name, extent);
      runs.push({ at, calls: run.session.recorder.calls, shapes: shapesOf(run) });
      found++;
    }
    if (found < WANTED_MOVES) return { unclear: [name] };
  }
  const all = names.length > 1 ? tried(importAt, together) : null;
  if (names.length > 1 && !all) return { unclear: names };
  if (all) {
    const own = all.session.recorder.calls;
    if (!sameCalls(calls, own)) return { unclear: names };
    runs.push({ at: together, calls: own, shapes: shapesOf(all) });
  }
  const unclear = new Set<string>();
  const numbers = (value: number, others: readonly number[]): OpenArgument => {
    const formula = formulaOf(base, value, runs, others, names);
    if ('text' in formula) return { kind: 'text', text: formula.text };
    for (const name of formula.follows) unclear.add(name);
    return { kind: 'plain', value };
  };
  const opened = calls.map((call, k) => ({
    ...call,
    args: call.args.map((argument, j) =>
      openArgument(
        argument,
        runs.map((run) => run.calls[k].args[j]),
        numbers,
      ),
    ),
  }));
  if (unclear.size > 0) return { unclear: [...unclear] };
  const shapes = shapesOf(first).map((shape, output) =>
    shape.map((extent, axis) => {
      const others = runs.map((run) => run.shapes[output][axis]);
      if (others.every((other) => other === extent)) return extent;
      const formula = formulaOf(base, extent, runs, others, names);
      return 'text' in formula ? formula.text : extent;
    }),
  );
  return { imported: first, calls: opened, shapes };
}

interface Run {
  readonly at: Point;
  readonly calls: readonly Call[];
  readonly shapes: readonly Shape[];
}

const shapesOf = ({ outputs }: Imported): readonly Shape[] =>
  outputs.map(({ tensor }) => tensor.shape);

function tried(importAt: ImportAt, at: Point): Imported | null {
  try {
    return importAt(at);
  } catch (error) {
    if (error instanceof OnnxError) return null;
    throw error;
  }
}

function sameCalls(a: readonly Call[], b: readonly Call[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      (call, k) =>
        JSON.stringify(call.callee) === JSON.stringify(b[k].callee) &&
        call.args.length === b[k].args.length &&
        call.args.every((argument, j) => sameForm(argument, b[k].args[j])),
    )
  );
}

/** The same but for numbers. */
function sameForm(a: Argument, b: Argument): boolean {
  if (a.kind === 'list' && b.kind === 'list')
    return (
      a.items.length === b.items.length && a.items.every((item, k) => sameForm(item, b.items[k]))
    );
  if (a.kind === 'object' && b.kind === 'object')
    return (
      a.entries.length === b.entries.length &&
      a.entries.every(
        ([key, entry], k) => key === b.entries[k][0] && sameForm(entry, b.entries[k][1]),
      )
    );
  if (a.kind === 'plain' && b.kind === 'plain')
    return typeof a.value === 'number' ? typeof b.value === 'number' : a.value === b.value;
  return JSON.stringify(a) === JSON.stringify(b);
}

function openArgument(
  argument: Argument,
  others: readonly Argument[],
  numbers: (value: number, others: readonly number[]) => OpenArgument,
): OpenArgument {
  switch (argument.kind) {
    case 'list':
      return {
        kind: 'list',
        items: argument.items.map((item, k) =>
          openArgument(
            item,
            others.map((other) => (other as typeof argument).items[k]),
            numbers,
          ),
        ),
      };
    case 'object':
      return {
        kind: 'object',
        entries: argument.entries.map(([key, entry], k) => [
          key,
          openArgument(
            entry,
            others.map((other) => (other as typeof argument).entries[k][1]),
            numbers,
          ),
        ]),
      };
    case 'plain': {
      if (typeof argument.value !== 'number') return argument;
      const values = others.map((other) => (other as { value: number }).value);
      return values.every((value) => Object.is(value, argument.value))
        ? argument
        : numbers(argument.value, values);
    }
    default:
      return argument;
  }
}

type Formula = { readonly text: string } | { readonly follows: readonly string[] };

function formulaOf(
  base: Point,
  value: number,
  runs: readonly Run[],
  others: readonly number[],
  names: readonly string[],
): Formula {
  const follows = names.filter((name) =>
    runs.some(
      ({ at }, k) =>
        others[k] !== value && at.get(name) !== base.get(name) && isAlone(at, base, name),
    ),
  );
  const fits = (of: (at: Point) => number) =>
    of(base) === value && runs.every(({ at }, k) => of(at) === others[k]);
  for (const candidate of candidates(follows, base, value, runs, others))
    if (fits(candidate.of)) return { text: candidate.text };
  return { follows: follows.length > 0 ? follows : names };
}

const isAlone = (at: Point, base: Point, name: string) =>
  [...at].every(([other, extent]) => other === name || extent === base.get(other));

interface Candidate {
  readonly text: string;
  readonly of: (at: Point) => number;
}

function candidates(
  follows: readonly string[],
  base: Point,
  value: number,
  runs: readonly Run[],
  others: readonly number[],
): Candidate[] {
  const slopes = follows.map((name) => {
    const k = runs.findIndex(
      ({ at }) => at.get(name) !== base.get(name) && isAlone(at, base, name),
    );
    return (others[k] - value) / (runs[k].at.get(name)! - base.get(name)!);
  });
  const product = follows.reduce((all, name) => all * base.get(name)!, 1);
  const list: Candidate[] = [];
  if (slopes.every(Number.isInteger)) {
    const rest = value - follows.reduce((sum, name, k) => sum + slopes[k] * base.get(name)!, 0);
    list.push({
      text: sumText(follows, slopes, rest),
      of: (at) => follows.reduce((sum, name, k) => sum + slopes[k] * at.get(name)!, rest),
    });
  }
  const factor = value / product;
  if (Number.isInteger(factor))
    list.push({
      text: [...follows, ...(factor === 1 ? [] : [factor])].join(' * '),
      of: (at) => follows.reduce((all, name) => all * at.get(name)!, factor),
    });
  if (follows.length === 1) list.push(...quotients(follows[0], base, value));
  return list;
}

/** Extents after strides: half of an axis, rounded down or up. */
function quotients(name: string, base: Point, value: number): Candidate[] {
  return [2, 3, 4, 5, 7, 8, 14, 16, 32, 64].flatMap((divisor) =>
    (['floor', 'ceil'] as const).flatMap((round): Candidate[] => {
      const part = (at: Point) => Math[round](at.get(name)! / divisor);
      const factor = value / part(base);
      if (!Number.isInteger(factor) || factor === 0) return [];
      const text = `Math.${round}(${name} / ${divisor})`;
      return [
        {
          text: factor === 1 ? text : `${text} * ${factor}`,
          of: (at) => part(at) * factor,
        },
      ];
    }),
  );
}

function sumText(names: readonly string[], slopes: readonly number[], rest: number): string {
  const terms = names.map((name, k) => ({
    sign: slopes[k] < 0 ? '-' : '+',
    text: Math.abs(slopes[k]) === 1 ? name : `${name} * ${Math.abs(slopes[k])}`,
  }));
  if (rest !== 0) terms.push({ sign: rest < 0 ? '-' : '+', text: String(Math.abs(rest)) });
  return terms
    .map(({ sign, text }, k) => (k === 0 ? (sign === '-' ? `-${text}` : text) : ` ${sign} ${text}`))
    .join('');
}
