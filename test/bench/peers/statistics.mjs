// What is said of several measurements of one thing.

/** The value at a share of the sorted values, between neighbours in proportion. */
export function quantile(values, share) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)];
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (values) => quantile(values, 0.5);

/** First and third quartile. */
export const quartiles = (values) => [quantile(values, 0.25), quantile(values, 0.75)];

/** Median of the ratios of two systems, round by round; null where no round has both. Machines drift, so rounds are not mixed. */
export function ratioByRound(times, baseline) {
  const ratios = [...times]
    .filter(([round]) => baseline.has(round))
    .map(([round, ms]) => ms / baseline.get(round));
  return ratios.length > 0 ? median(ratios) : null;
}
