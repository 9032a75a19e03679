/**
 * A text with its parts replaced: `edits` are { start, end, text }, and do not overlap. Of insertions at one place the first goes first.
 */
export function applied(text, edits) {
  const sorted = edits
    .map((edit, order) => ({ ...edit, order }))
    .sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
  let made = '';
  let at = 0;
  for (const { start, end, text: replacement } of sorted) {
    made += text.slice(at, start) + replacement;
    at = end;
  }
  return made + text.slice(at);
}
