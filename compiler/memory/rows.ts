/** Lists of integers in one array: list `i` is `items` from `starts[i]` to `starts[i + 1]`. */
export interface Rows {
  readonly starts: Int32Array;
  readonly items: Int32Array;
}

/** `each` calls back with every list and item in order, and the same both times that it is run. */
export function rowsOf(
  listCount: number,
  each: (add: (list: number, item: number) => void) => void,
): Rows {
  const starts = new Int32Array(listCount + 1);
  each((list) => {
    starts[list + 1]++;
  });
  for (let list = 0; list < listCount; list++) starts[list + 1] += starts[list];
  const next = starts.slice(0, listCount);
  const items = new Int32Array(starts[listCount]);
  each((list, item) => {
    items[next[list]++] = item;
  });
  return { starts, items };
}
