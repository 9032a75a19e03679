import { DTYPES } from '../../ir/dtypes.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { Factorisation } from '../factorised/factorisation.ts';
import { type MatrixNetwork, parameterCount } from '../factorised/network.ts';
import { productMacs } from '../factorised/product-macs.ts';
import { type Choice, factorisationOf } from './request.ts';

// Ranks that are not given but follow from a size or an error: one rank for all places, cut to what each can carry.

/** The network that a factorisation has for the matrix at hand, or null and why there is none. */
export type NetworkOf = (factorisation: Factorisation) => {
  readonly matrix: MatrixNetwork | null;
  readonly diagnostics: readonly Diagnostic[];
};

/** No form is of use at a rank above this. */
const MOST_RANK = 2 ** 16;

/** The network of the largest rank within the choice's parameters or bytes, or diagnostics. */
export function largestWithin(
  choice: Choice,
  networkOf: NetworkOf,
): MatrixNetwork | readonly Diagnostic[] {
  const { parameters = Infinity, bytes = Infinity } = choice;
  const most = Math.min(parameters, bytes / DTYPES.f32.bytes);
  const first = networkOf(factorisationOf(choice, 1));
  if (!first.matrix) return first.diagnostics;
  const within = (rank: number): MatrixNetwork | null => {
    const { matrix } = networkOf(factorisationOf(choice, rank));
    return matrix && parameterCount(matrix) <= most ? matrix : null;
  };
  if (!within(1)) return [tooSmall(first.matrix)];
  return within(lastTrue(1, MOST_RANK, (rank) => within(rank) !== null))!;
}

function tooSmall(matrix: MatrixNetwork): Diagnostic {
  return diagnostic(2021, null, {
    form: matrix.form,
    parameters: parameterCount(matrix).toLocaleString('en'),
    macs: productMacs(matrix, 1).toLocaleString('en'),
    batch: 1,
  });
}

/**
 * The fit of the smallest rank whose relative error is at most the choice's, by doubling and bisection. Ranks at which the
 * cores hold as many numbers as the matrix are of no use: BTC5014 where the search comes to them.
 *
 * @param foretold the error at a rank, where it is known without the fit
 */
export function smallestWithin<Fitted extends { readonly relativeError: number }>(
  choice: Choice,
  networkOf: NetworkOf,
  denseCount: number,
  approximate: (matrix: MatrixNetwork) => Fitted,
  foretold: ((rank: number) => number) | null,
): Fitted | readonly Diagnostic[] {
  const first = networkOf(factorisationOf(choice, 1));
  if (!first.matrix) return first.diagnostics;
  const useful = (rank: number): MatrixNetwork | null => {
    const { matrix } = networkOf(factorisationOf(choice, rank));
    return matrix && parameterCount(matrix) < denseCount ? matrix : null;
  };
  const tried = new Map<number, Fitted | null>();
  const attempt = (rank: number): Fitted | null => {
    const known = tried.get(rank);
    if (known !== undefined) return known;
    const matrix = useful(rank);
    const found = matrix && approximate(matrix);
    tried.set(rank, found);
    return found;
  };
  const errorAt = (rank: number): number => {
    if (!foretold) return attempt(rank)?.relativeError ?? 0;
    return useful(rank) ? foretold(rank) : 0;
  };
  const failing = (rank: number) => rank === 0 || errorAt(rank) > choice.error!;
  let high = 1;
  while (failing(high)) high *= 2;
  const last = lastTrue(high >> 1, high - 1, failing);
  const found = attempt(last + 1);
  if (found) return found;
  return [
    diagnostic(5014, null, {
      form: first.matrix.form,
      error: choice.error!,
      best: last === 0 ? 'none' : `${attempt(last)!.relativeError.toPrecision(3)} at rank ${last}`,
    }),
  ];
}

/** The largest number from `low` to `high` that holds, where `low` does and none behind one that does not. */
function lastTrue(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.ceil((from + to) / 2);
    if (holds(middle)) from = middle;
    else to = middle - 1;
  }
  return from;
}
