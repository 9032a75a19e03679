/** Values of so many steps. */
interface Bucket {
  sum: number;
  count: number;
}

/** Memory is bounded by this, however many steps there are. */
const MOST_BUCKETS = 4096;

/** A curve of any length in bounded memory: means over equal numbers of steps, which double when there are too many of them. */
export interface Thinned {
  add(value: number): void;
  /** Steps so far. */
  readonly length: () => number;
  /** The curve at `count` places at most, in order: the mean of the finite values there, NaN where there are none. */
  points(count: number): number[];
  /** The first step that is not finite, counted from 1; null for none. */
  readonly firstWrong: () => { readonly step: number; readonly value: number } | null;
  readonly last: () => number;
}

export function createThinned(): Thinned {
  let buckets: Bucket[] = [];
  let [perBucket, length, last] = [1, 0, Number.NaN];
  let wrong: { readonly step: number; readonly value: number } | null = null;
  return {
    add(value) {
      if (length === MOST_BUCKETS * perBucket) {
        buckets = merged(buckets, MOST_BUCKETS / 2);
        perBucket *= 2;
      }
      const at = Math.floor(length / perBucket);
      buckets[at] ??= { sum: 0, count: 0 };
      if (Number.isFinite(value)) {
        buckets[at].sum += value;
        buckets[at].count++;
      } else wrong ??= { step: length + 1, value };
      length++;
      last = value;
    },
    length: () => length,
    points: (count) => merged(buckets, Math.max(1, count)).map(({ sum, count }) => sum / count),
    firstWrong: () => wrong,
    last: () => last,
  };
}

/** Neighbours joined into `count` at most. */
function merged(buckets: readonly Bucket[], count: number): Bucket[] {
  if (buckets.length <= count) return buckets.map((bucket) => ({ ...bucket }));
  const all: Bucket[] = Array.from({ length: count }, () => ({ sum: 0, count: 0 }));
  buckets.forEach((bucket, k) => {
    const into = all[Math.floor((k * count) / buckets.length)];
    into.sum += bucket.sum;
    into.count += bucket.count;
  });
  return all;
}
