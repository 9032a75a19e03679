import type { Dialect } from './dialect.ts';

// Parts of a dispatch that are the same code but for some numbers, as the updates of many parameters are. Such parts are written
// once, over names that stand for the numbers.

/** Parts whose statements are the same, but for numbers. */
export interface Family {
  /** By rising number. */
  readonly parts: readonly number[];
  /** The statements, with the names of {@link Family.numbers} in place of numbers. */
  readonly lines: readonly string[];
  /** What differs: a name, and its number by member. */
  readonly numbers: readonly { readonly name: string; readonly values: readonly string[] }[];
}

/** Whole numbers of type `index`: none that is a part of another literal or of a name. */
const NUMBER = /(?<![\w.]|e[-+])\d+(?![\w.])/g;
/** Divisors and shifts are faster where they are known. */
const KEPT_NUMBER = /(?:<<|>>|[/%]) $/;

interface Cut {
  readonly part: number;
  /** One more than there are numbers. */
  readonly pieces: readonly string[];
  readonly numbers: readonly string[];
}

/**
 * Parts by families, in the order of their first members. `null` stands for the statements of a part that is to be written by
 * itself, and lines that match `keepsNumbers` stay as they are. Names begin with `number`.
 */
export function familiesOf(
  parts: readonly (readonly string[] | null)[],
  keepsNumbers: Dialect['keepsNumbers'],
): Family[] {
  const families = new Map<string, Cut[]>();
  parts.forEach((lines, part) => {
    if (!lines) {
      families.set(`alone ${part}`, [{ part, pieces: [], numbers: [] }]);
      return;
    }
    const cut = cutLines(lines, part, keepsNumbers);
    const key = cut.pieces.join('\0');
    const known = families.get(key);
    if (known) known.push(cut);
    else families.set(key, [cut]);
  });
  return [...families.values()].map((members) => {
    const own = members.map(({ part }) => part);
    return members.length === 1
      ? { parts: own, lines: parts[own[0]] ?? [], numbers: [] }
      : { parts: own, ...overNames(members) };
  });
}

function cutLines(
  lines: readonly string[],
  part: number,
  keepsNumbers: Dialect['keepsNumbers'],
): Cut {
  const pieces: string[] = [];
  const numbers: string[] = [];
  let piece = '';
  lines.forEach((line, k) => {
    let from = 0;
    if (!keepsNumbers.test(line))
      for (const match of line.matchAll(NUMBER)) {
        if (KEPT_NUMBER.test(line.slice(0, match.index))) continue;
        pieces.push(piece + line.slice(from, match.index));
        numbers.push(match[0]);
        piece = '';
        from = match.index + match[0].length;
      }
    piece += line.slice(from) + (k < lines.length - 1 ? '\n' : '');
  });
  return { part, pieces: [...pieces, piece], numbers };
}

function overNames(members: readonly Cut[]): Pick<Family, 'lines' | 'numbers'> {
  const [{ pieces, numbers: first }] = members;
  const names = new Map<string, Family['numbers'][number]>();
  const text = pieces.map((piece, i) => {
    if (i === first.length) return piece;
    const values = members.map(({ numbers }) => numbers[i]);
    if (values.every((value) => value === values[0])) return piece + values[0];
    const key = values.join();
    const known = names.get(key) ?? { name: `number${names.size}`, values };
    names.set(key, known);
    return piece + known.name;
  });
  return { lines: text.join('').split('\n'), numbers: [...names.values()] };
}
