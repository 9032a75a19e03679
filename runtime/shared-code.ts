// Kernels of deep networks often differ in nothing but extents and strides. Where a device has immediates (numbers that are set
// with a dispatch), such kernels are one module that reads these numbers, so that the driver compiles it once.
//
// What a driver gains from knowing a number stays a literal, and so keeps kernels apart: divisors where they are used often,
// bounds of short loops, which are unrolled, sizes of arrays and workgroups, shifts, exchanges in subgroups. Numbers of elements (floats) stay too.

/** Code to compile, and the numbers that are set before it is dispatched. */
export interface SharedCode {
  readonly code: string;
  readonly numbers: Int32Array | null;
}

/** A text that is cut at the literals that may be read instead. */
interface Cut {
  readonly text: string;
  /** One more than there are literals. */
  readonly pieces: readonly string[];
  readonly literals: readonly string[];
}

const LITERAL = /(?<![\w.])\d+[iu]?(?![\w.])/g;
/** Loops of so many rounds or fewer are unrolled. */
const MOST_UNROLLED = 16;
const NUMBER_BYTES = 4;

/** The code of each text, with at most `mostBytes` of numbers. Texts that share with no other are as they were. */
export function shareCode(texts: readonly string[], mostBytes: number): SharedCode[] {
  const most = Math.floor(mostBytes / NUMBER_BYTES);
  const families = new Map<string, Cut[]>();
  for (const text of new Set(texts)) {
    const cut = cutAtLiterals(text);
    const key = cut.pieces.join('\0');
    const family = families.get(key);
    if (family) family.push(cut);
    else families.set(key, [cut]);
  }
  const shared = new Map<string, SharedCode>();
  for (const family of families.values())
    for (const members of withinLimit(family, most)) share(members, shared);
  return texts.map((text) => shared.get(text) ?? { code: text, numbers: null });
}

/** Per literal the number that it is among those in which the members differ, in the order of their first use; -1 where they agree. */
function differences(members: readonly Cut[]): { of: number[]; first: number[] } {
  const known = new Map<string, number>();
  const first: number[] = [];
  const of = members[0].literals.map((literal, i) => {
    if (members.every(({ literals }) => literals[i] === literal)) return -1;
    const values = members.map(({ literals }) => literals[i]).join();
    let number = known.get(values);
    if (number === undefined) {
      number = first.length;
      known.set(values, number);
      first.push(i);
    }
    return number;
  });
  return { of, first };
}

/** The family in parts that differ in at most `most` numbers; a part of one member shares nothing. */
function withinLimit(family: readonly Cut[], most: number): (readonly Cut[])[] {
  const { first } = differences(family);
  if (first.length <= most) return [family];
  const kinds = (i: number) => new Set(family.map(({ literals }) => literals[i])).size;
  const fewest = first.reduce((best, i) => (kinds(i) < kinds(best) ? i : best));
  const parts = new Map<string, Cut[]>();
  for (const member of family) {
    const value = member.literals[fewest];
    parts.set(value, [...(parts.get(value) ?? []), member]);
  }
  return [...parts.values()].flatMap((part) => withinLimit(part, most));
}

function share(members: readonly Cut[], shared: Map<string, SharedCode>): void {
  if (members.length === 1) return;
  const { of, first } = differences(members);
  const [{ pieces, literals }] = members;
  const isUnsigned = (i: number) => literals[i].endsWith('u');
  const body = pieces.map((piece, i) => {
    if (i === literals.length) return piece;
    return piece + (of[i] < 0 ? literals[i] : `btc_numbers.n${of[i]}`);
  });
  const fields = first.map((i, n) => `n${n}: ${isUnsigned(i) ? 'u32' : 'i32'}`);
  const declarations = `struct BtcNumbers { ${fields.join(', ')} }\nvar<immediate> btc_numbers: BtcNumbers;\n`;
  const [, directives, rest] = /^((?:enable [^;]*;\s*)*)([\s\S]*)$/.exec(body.join(''))!;
  const code = `requires immediate_address_space;\n${directives}${declarations}${rest}`;
  for (const member of members)
    shared.set(member.text, {
      code,
      numbers: Int32Array.from(first, (i) => Number.parseInt(member.literals[i], 10)),
    });
}

function cutAtLiterals(text: string): Cut {
  const pieces: string[] = [];
  const literals: string[] = [];
  const hasLoop = /^\s*for /m.test(text);
  /** Per open block whether it is one of a loop. */
  const blocks: boolean[] = [];
  let from = 0;
  let start = 0;
  for (const line of text.split('\n')) {
    const isLoop = /^\s*for /.test(line);
    const isOften = !hasLoop || isLoop || blocks.includes(true);
    if (/^ /.test(line))
      for (const match of line.matchAll(LITERAL)) {
        if (isFixed(line, match.index, match[0], isLoop, isOften)) continue;
        pieces.push(text.slice(from, start + match.index));
        literals.push(match[0]);
        from = start + match.index + match[0].length;
      }
    for (const [brace] of line.matchAll(/[{}]/g)) {
      if (brace === '{') blocks.push(isLoop);
      else blocks.pop();
    }
    start += line.length + 1;
  }
  pieces.push(text.slice(from));
  return { text, pieces, literals };
}

function isFixed(
  line: string,
  at: number,
  literal: string,
  isLoop: boolean,
  isOften: boolean,
): boolean {
  const before = line.slice(0, at);
  if (/array<|\bsubgroup/.test(line) || /(?:<<|>>|[-+*/]=) $/.test(before)) return true;
  if (before.endsWith('[') && line[at + literal.length] === ']') return true;
  if (isLoop && !(/; \w+ < $/.test(before) && Number.parseInt(literal, 10) > MOST_UNROLLED))
    return true;
  return isOften && /[/%] $/.test(before);
}
