/**
 * Leads from offsets in one text to the same characters in another, where what was typed in between is one piece: all before and all
 * behind it has moved as a whole. Null within the piece.
 */
export function movedOffsets(from: string, to: string): (offset: number) => number | null {
  if (from === to) return (offset) => offset;
  const shorter = Math.min(from.length, to.length);
  let before = 0;
  while (before < shorter && from[before] === to[before]) before++;
  let behind = 0;
  while (behind < shorter - before && from[from.length - 1 - behind] === to[to.length - 1 - behind])
    behind++;
  const moved = to.length - from.length;
  return (offset) => {
    if (offset <= before) return offset;
    return offset >= from.length - behind ? offset + moved : null;
  };
}
