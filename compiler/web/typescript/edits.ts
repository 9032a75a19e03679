/** What replaces a part of a text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text after edits, and where its parts were before. */
export interface Edited {
  readonly text: string;
  /** The offset in the text before of an offset in the text after; in what was put in, the start of what it replaced. */
  readonly originalOf: (offset: number) => number;
}

/** Edits in any order that do not overlap, but that one may lie inside of another, which then counts alone. */
export function applyEdits(text: string, edits: readonly Edit[]): Edited {
  const sorted = [...edits].sort((a, b) => a.start - b.start || b.end - a.end);
  let result = '';
  let end = 0;
  /** By part of the result: where it starts, and where it was; `kept` parts are as they were. */
  const parts: { readonly at: number; readonly from: number; readonly kept: boolean }[] = [];
  const keep = (until: number) => {
    if (until <= end) return;
    parts.push({ at: result.length, from: end, kept: true });
    result += text.slice(end, until);
    end = until;
  };
  for (const edit of sorted) {
    if (edit.start < end) continue;
    keep(edit.start);
    parts.push({ at: result.length, from: edit.start, kept: false });
    result += edit.text;
    end = edit.end;
  }
  keep(text.length);
  return {
    text: result,
    originalOf: (offset) => {
      const part = parts.findLast(({ at }) => at <= offset);
      if (!part) return offset;
      return part.kept ? part.from + offset - part.at : part.from;
    },
  };
}

/** Offsets of the starts of lines. */
export function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (const { index, 0: ending } of text.matchAll(/\r\n|[\n\r\u2028\u2029]/g))
    starts.push(index + ending.length);
  return starts;
}

/** 1-based line and column of an offset. */
export function placeAt(
  lineStarts: readonly number[],
  offset: number,
): { readonly line: number; readonly column: number } {
  let [line, end] = [0, lineStarts.length];
  while (end - line > 1) {
    const middle = (line + end) >> 1;
    if (lineStarts[middle] <= offset) line = middle;
    else end = middle;
  }
  return { line: line + 1, column: offset - lineStarts[line] + 1 };
}
