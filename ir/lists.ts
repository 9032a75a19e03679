/**
 * Lists of any length: spread into a call, the elements of a long one overflow the stack.
 */

export function append<T>(list: T[], items: Iterable<T>): void {
  for (const item of items) list.push(item);
}

/** The largest of the numbers and `least`. */
export function largest(numbers: Iterable<number>, least = Number.NEGATIVE_INFINITY): number {
  let most = least;
  for (const number of numbers) if (!(number <= most)) most = number;
  return most;
}

export function smallest(numbers: Iterable<number>, most = Number.POSITIVE_INFINITY): number {
  let least = most;
  for (const number of numbers) if (!(number >= least)) least = number;
  return least;
}
