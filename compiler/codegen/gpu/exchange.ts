import type { DType } from '../../../ir/tensor.ts';
import type { Dialect } from './dialect.ts';

// What several invocations of a workgroup have found of one sum is combined in subgroups: values go from register to register, and
// only one of each subgroup's goes through workgroup memory to the next round. The order of the sums follows from the numbers of
// invocations alone, whatever the size of the subgroups: an exchange reaches no further than the smallest that a device may choose.

/** Invocations of a workgroup that share sums: `reducers` (a power of two) for each of `places` sums. */
export interface SharedSums {
  readonly places: number;
  readonly reducers: number;
  /** How far apart the numbers of neighbouring reducers of a sum are, a power of two. */
  readonly stride: number;
  /** Reducers of a sum that one exchange reaches, a power of two of at least 2; all of them are in one subgroup. */
  readonly exchange: number;
}

/**
 * How many of `reducers` that are `stride` apart are in one subgroup of at least `subgroup` invocations, and stand in it as they do
 * in the workgroup; 1 where a stride is no power of two.
 */
export function exchangeReach(reducers: number, stride: number, subgroup: number): number {
  if (!Number.isInteger(Math.log2(stride))) return 1;
  return 2 ** Math.floor(Math.log2(Math.max(1, Math.min(reducers, subgroup / stride))));
}

/** Values of one sum that are left before each round. */
export function exchangeRounds({ reducers, exchange }: SharedSums): number[] {
  const rounds: number[] = [];
  for (let left = reducers; left > 1; left /= Math.min(left, exchange)) rounds.push(left);
  return rounds;
}

/** Elements of workgroup memory that it takes to combine one value of each sum. */
export function exchangeElements(sums: SharedSums): number {
  return exchangeRounds(sums)
    .slice(1)
    .reduce((elements, left) => elements + sums.places * left, 0);
}

/** How often invocations wait for one another. */
export const exchangeWaits = (sums: SharedSums) => exchangeRounds(sums).length - 1;

/** Names of the sums that invocations combine, in an array of workgroup memory. */
export interface CombinedSums {
  readonly type: DType;
  readonly totals: readonly string[];
  /** The statement that combines a total with another value, given by its name or access. */
  readonly combine: (total: string, other: string) => string;
  /** {@link exchangeElements} for each of the totals. */
  readonly array: string;
  /** Expression of which sum an invocation takes part in; behind `places`, or with a `reducer` behind the last, in none. */
  readonly place: string;
  /** Whether there are invocations that take part in none. */
  readonly hasIdle: boolean;
}

/** Statements after which every reducer has the whole totals. They see `reducer`; all invocations of a workgroup must execute them. */
export function exchangeLines(dialect: Dialect, sums: SharedSums, named: CombinedSums): string[] {
  const { places, reducers, stride, exchange } = sums;
  const { type, totals, combine, array, place, hasIdle } = named;
  const { constant, barrier, quotient } = dialect;
  const elements = exchangeElements(sums);
  const rounds = exchangeRounds(sums);
  const lines: string[] = [];
  let base = 0;
  rounds.forEach((left, round) => {
    if (round > 0) {
      // What one of each exchange has left, by its place and its number.
      const before = rounds[round - 1];
      const apart = before / left;
      const at = (p: number, number: string) =>
        `${array}[${sumOf(base + p * elements, place, left, number)}]`;
      const isWriter = [
        ...(hasIdle ? [`${place} < ${places}`, `reducer < ${before}`] : []),
        ...(!hasIdle && before < reducers ? [`reducer < ${before}`] : []),
        `reducer % ${apart} == 0`,
      ].join(' && ');
      const other = hasIdle ? dialect.smaller(place, String(places - 1)) : place;
      lines.push(
        `if (${isWriter}) {`,
        ...totals.map((total, p) => `${at(p, quotient('reducer', apart))} = ${total};`),
        '}',
        barrier,
        ...(other === '0' ? [] : [constant('index', `place${round}`, other)]),
        constant('index', `value${round}`, `reducer % ${left}`),
        ...totals.map(
          (total, p) =>
            `${total} = ${array}[${sumOf(base + p * elements, other === '0' ? other : `place${round}`, left, `value${round}`)}];`,
        ),
      );
      base += places * left;
    }
    for (let step = Math.min(left, exchange) / 2; step >= 1; step /= 2)
      for (const total of totals)
        lines.push(
          '{',
          dialect.exchange(type, 'other', total, step * stride),
          combine(total, 'other'),
          '}',
        );
  });
  return lines;
}

/** Where value `number` of a place is, of `left` that each has. */
function sumOf(base: number, place: string, left: number, number: string): string {
  const terms = [base > 0 ? String(base) : '', place === '0' ? '' : `(${place}) * ${left}`, number];
  return terms.filter((term) => term !== '').join(' + ');
}
