/** Indices of the words that are none; a label of `NONE` counts nothing in the loss. */
export const START = 0;
export const END = 1;
export const UNKNOWN = 2;
export const NONE = -1;
const MARKS = ['<start>', '<end>', '<unknown>'];

/**
 * The words of the training captions, after the marks; all others are <unknown>.
 *
 * @typedef {{ words: string[], indexOf: (word: string) => number, textOf: (indices: number[]) => string[] }} Vocabulary
 * @returns {Vocabulary}
 */
export function makeVocabulary(pairs) {
  const words = [...MARKS, ...[...new Set(pairs.flatMap(({ words }) => words))].sort()];
  const index = new Map(words.map((word, k) => [word, k]));
  return {
    words,
    indexOf: (word) => index.get(word) ?? UNKNOWN,
    textOf: (indices) => indices.map((k) => words[k]),
  };
}

/**
 * What the decoder reads and what it is to say, `length` positions each: `<start> red heart` and `red heart <end>`, filled
 * up. A caption of null says nothing: it fills a batch up.
 *
 * @param {readonly (readonly string[] | null)[]} captions
 * @returns {{ words: Int32Array, targets: Int32Array }} each [captions, length]
 */
export function teach(vocabulary, captions, length) {
  const words = new Int32Array(captions.length * length).fill(END);
  const targets = new Int32Array(captions.length * length).fill(NONE);
  captions.forEach((caption, k) => {
    if (caption === null) return;
    if (caption.length >= length)
      throw new Error(`a caption of ${caption.length} words does not fit ${length} positions`);
    const indices = caption.map((word) => vocabulary.indexOf(word));
    words.set([START, ...indices], k * length);
    targets.set([...indices, END], k * length);
  });
  return { words, targets };
}
