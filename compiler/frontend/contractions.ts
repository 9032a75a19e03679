import { formatEquation, letterExtents, parseEquation } from '../../ir/einsum.ts';
import { formatShape } from '../format.ts';
import { broadcastShapes } from './broadcast.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { explicitEquation } from './einsum-notation.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo, reshape } from './views.ts';

/**
 * Einstein summation over any number of f32 operands: `einsum('bij,jk->bik', x, w)`. Letters in the output are kept, all others
 * are summed; a letter may stand in any number of operands. The order of pairwise contractions is found by exact search.
 *
 * An operand has an axis for each of its letters, the result one for each letter of the output. As in numpy and PyTorch, `...` stands for
 * the axes without a letter, which are broadcast, and without an arrow the output has the letters that stand once, in alphabetical order.
 *
 * Errors: BTC2005 for a letter of the output that no operand has, BTC2006 for an equation that does not fit the operands, BTC2007 for
 * extents of a letter that disagree.
 */
export function einsum(equation: string, ...given: Tensor[]): Tensor {
  const fallback = { dtype: 'f32', shape: [] } as const;
  if (given.some(isPoisoned)) return poisoned(fallback);
  const explicit = explicitEquation(equation, given);
  if ('reason' in explicit) return mistake(2006, { equation, reason: explicit.reason }, fallback);
  const { operands, added } = explicit;
  const parsed = parseEquation(explicit.equation);
  if ('reason' in parsed) return mistake(2006, { equation, reason: parsed.reason }, fallback);
  if (parsed.operands.length !== operands.length) {
    return mistake(
      2006,
      {
        equation,
        reason: `the equation has ${parsed.operands.length} operands, ${operands.length} are given`,
      },
      fallback,
    );
  }
  const misfit = operands.findIndex((operand, k) => operand.rank !== parsed.operands[k].length);
  if (misfit >= 0) {
    const reason = `'${parsed.operands[misfit]}' names ${parsed.operands[misfit].length} axes, operand ${misfit} has shape ${formatShape(operands[misfit].shape)}`;
    return mistake(2006, { equation, reason }, fallback);
  }
  const integer = operands.findIndex((operand) => operand.dtype !== 'f32');
  if (integer >= 0)
    return mistake(
      2006,
      { equation, reason: `operand ${integer} is i32; einsum takes f32` },
      fallback,
    );
  const extents = letterExtents(
    parsed,
    operands.map((operand) => operand.shape),
  );
  if (!(extents instanceof Map)) {
    const { letter, first, second, i, j } = extents;
    const place = added.indexOf(letter);
    if (place < 0) return mistake(2007, { equation, ...extents }, fallback);
    const reason = `axis ${place - added.length} of '...' is ${first} in operand ${i} and ${second} in operand ${j}`;
    return mistake(2006, { equation, reason }, fallback);
  }
  const letter = [...parsed.output].find((candidate) => !extents.has(candidate));
  if (letter) {
    const letters = [...extents.keys()].filter((one) => !added.includes(one)).join(', ');
    return mistake(2005, { equation, letter, letters }, fallback);
  }
  return apply('contract', operands, { equation: formatEquation(parsed) });
}

/**
 * Matrix product over the last two axes, leading axes broadcast as in numpy: [.., m, k] by [.., k, n] gives [.., m, n].
 * A vector is a row on the left and a column on the right, and its axis goes.
 *
 * Errors: BTC2003 for scalars, BTC2004 for inner extents that differ.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (isPoisoned(a) || isPoisoned(b))
    return poisoned({ dtype: 'f32', shape: [...a.shape.slice(0, -1), ...b.shape.slice(-1)] });
  if (a.rank === 0 || b.rank === 0) {
    return mistake(
      2003,
      { op: 'matmul', wanted: 'tensors with at least one axis', given: 'a scalar' },
      a.type,
    );
  }
  const inner = a.shape[a.rank - 1];
  const outer = b.shape[Math.max(0, b.rank - 2)];
  if (inner !== outer) {
    const shape = [...a.shape.slice(0, -1), ...(b.rank > 1 ? b.shape.slice(-1) : [])];
    return mistake(
      2004,
      { left: formatShape(a.shape), right: formatShape(b.shape), inner, outer },
      { dtype: 'f32', shape },
    );
  }
  if (a.rank === 1 && b.rank === 1) return einsum('k,k->', a, b);
  if (a.rank === 1 && b.rank === 2) return einsum('k,kn->n', a, b);
  if (b.rank === 1) return flattened(a, (rows) => einsum('mk,k->m', rows, b), []);
  if (b.rank === 2) return flattened(a, (rows) => einsum('mk,kn->mn', rows, b), [b.shape[1]]);
  return batched(a, b);
}

/** A product with one matrix is one contraction, whatever the leading axes of the left operand are. */
function flattened(a: Tensor, product: (rows: Tensor) => Tensor, tail: readonly number[]): Tensor {
  const lead = a.shape.slice(0, -1);
  const rows = a.rank === 2 ? a : reshape(a, [-1, a.shape[a.rank - 1]]);
  return reshape(product(rows), [...lead, ...tail]);
}

function batched(a: Tensor, b: Tensor): Tensor {
  const left = a.rank === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const lead = broadcastShapes(left.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!lead)
    return mistake(
      2001,
      { op: 'matmul', left: formatShape(a.shape), right: formatShape(b.shape) },
      a.type,
    );
  const batch = (x: Tensor) =>
    reshape(broadcastTo(x, [...lead, ...x.shape.slice(-2)]), [-1, ...x.shape.slice(-2)]);
  const product = einsum('zmk,zkn->zmn', batch(left), batch(b));
  const shape = [...lead, left.shape[left.rank - 2], b.shape[b.rank - 1]];
  return reshape(product, a.rank === 1 ? shape.toSpliced(-2, 1) : shape);
}
