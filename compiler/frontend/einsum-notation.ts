import type { Tensor } from './tensor.ts';
import { reshape } from './views.ts';

/** An equation in which every axis has a letter and the output is written out, with operands to match. */
interface Explicit {
  readonly equation: string;
  readonly operands: readonly Tensor[];
  /** Letters of axes under an ellipsis, in order, which the user did not write. */
  readonly added: readonly string[];
}

const ELLIPSIS = '...';

/**
 * Writes out what numpy's and PyTorch's notation leaves out: `...` stands for all axes that have no letter, which are broadcast from
 * the last on, and without an arrow the output has those, then the letters that stand once, in alphabetical order.
 */
export function explicitEquation(
  text: string,
  operands: readonly Tensor[],
): Explicit | { readonly reason: string } {
  const compact = text.replace(/\s+/g, '');
  const arrow = compact.indexOf('->');
  if (arrow >= 0 && !compact.includes(ELLIPSIS)) return { equation: compact, operands, added: [] };
  const terms = (arrow < 0 ? compact : compact.slice(0, arrow)).split(',');
  const output = arrow < 0 ? implicitOutput(terms) : compact.slice(arrow + 2);
  // Their number is checked with all else.
  if (terms.length !== operands.length)
    return { equation: `${terms.join(',')}->${output}`, operands, added: [] };
  const ranks = terms.map((term, k) =>
    term.includes(ELLIPSIS) ? operands[k].rank - (term.length - ELLIPSIS.length) : 0,
  );
  const short = ranks.findIndex((rank) => rank < 0);
  if (short >= 0) {
    const letters = terms[short].length - ELLIPSIS.length;
    return {
      reason: `'${terms[short]}' names ${letters} axes, operand ${short} has ${operands[short].rank}`,
    };
  }
  const letters = freshLetters(compact, Math.max(0, ...ranks));
  const extents = letters.map((_, j) =>
    Math.max(
      ...operands.map((x, k) => ellipsisExtent(x, terms[k], ranks[k], j - letters.length) ?? 1),
    ),
  );
  const expanded = operands.map((x, k) => withLetters(x, terms[k], ranks[k], letters, extents));
  const equation = `${expanded.map(({ term }) => term).join(',')}->${output.replace(ELLIPSIS, letters.join(''))}`;
  return { equation, operands: expanded.map(({ operand }) => operand), added: letters };
}

function implicitOutput(terms: readonly string[]): string {
  const letters = [...terms.join('').replaceAll(ELLIPSIS, '')];
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return (terms.some((term) => term.includes(ELLIPSIS)) ? ELLIPSIS : '') + once.sort().join('');
}

/** Letters that the equation does not use. */
function freshLetters(text: string, count: number): string[] {
  const letters: string[] = [];
  for (let code = 'A'.charCodeAt(0); letters.length < count; code++) {
    const letter = String.fromCharCode(code);
    if (/^\p{L}$/u.test(letter) && !text.includes(letter)) letters.push(letter);
  }
  return letters;
}

/** Extent of an axis under the ellipsis, counted from its end by a negative number; undefined where it has no such axis. */
function ellipsisExtent(
  { shape }: Tensor,
  term: string,
  rank: number,
  fromEnd: number,
): number | undefined {
  return -fromEnd > rank ? undefined : shape[term.indexOf(ELLIPSIS) + rank + fromEnd];
}

/** The operand's letters; an axis of extent 1 that is broadcast has none, and goes. */
function withLetters(
  x: Tensor,
  term: string,
  rank: number,
  letters: readonly string[],
  extents: readonly number[],
): { readonly term: string; readonly operand: Tensor } {
  const start = term.indexOf(ELLIPSIS);
  if (start < 0) return { term, operand: x };
  const first = letters.length - rank;
  const own = letters.slice(first);
  const isBroadcast = own.map((_, j) => x.shape[start + j] === 1 && extents[first + j] > 1);
  const shape = x.shape.filter((_, axis) => !isBroadcast[axis - start]);
  return {
    term: term.replace(ELLIPSIS, own.filter((_, j) => !isBroadcast[j]).join('')),
    operand: reshape(x, shape),
  };
}
