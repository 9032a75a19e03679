/** The longest name that a message repeats. */
export const LONGEST_NAME = 200;
/** The longest text of others (an exception's, a list of names) that a message repeats. */
const LONGEST_TEXT = 2000;
const TAIL = 40;

/** A name for a message: of a long one the beginning and the end. */
export function shortName(name: string, longest = LONGEST_NAME): string {
  return name.length <= longest
    ? name
    : `${cut(name.slice(0, longest - TAIL - 1), 0, -1)}…${cut(name.slice(-TAIL), 1)}`;
}

/** A sentence whose names are short: words, and what stands between quotes. */
export function shortNames(text: string, longest = LONGEST_TEXT): string {
  const short = text
    // An apostrophe within a word opens nothing.
    .replace(
      /(^|\W)'([^'\n]*)'/g,
      (_, before: string, name: string) => `${before}'${shortName(name)}'`,
    )
    .replace(/\S{201,}/g, (word) => shortName(word));
  return shortName(short, longest);
}

/** Never half of a character that takes two code units. */
function cut(text: string, start: number, end?: number): string {
  const low = start === 1 && /^[\udc00-\udfff]/.test(text);
  const high = end === -1 && /[\ud800-\udbff]$/.test(text);
  return text.slice(low ? 1 : 0, high ? -1 : undefined);
}
