/**
 * Results by a text that says all that they are found from. When there are `most` of them all are forgotten: a bound on what they take,
 * not on how many there may be.
 */
export function rememberByText<T>(most: number): (key: string, find: () => T) => T {
  const known = new Map<string, T>();
  return (key, find) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= most) known.clear();
    const found = find();
    known.set(key, found);
    return found;
  };
}
