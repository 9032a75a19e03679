/** A measured time and the amounts that it should be a sum of rates over. */
export interface Sample<Resource extends string> {
  readonly amounts: Readonly<Partial<Record<Resource, number>>>;
  readonly seconds: number;
}

const ROUNDS = 20_000;

/**
 * Seconds per unit of each resource, none negative, so that the sums over all resources are as close to the measured times
 * as can be: the least sum of squares of relative errors, by descent along one coordinate after the other.
 */
export function fitRates<Resource extends string>(
  resources: readonly Resource[],
  samples: readonly Sample<Resource>[],
): Record<Resource, number> {
  const rows = samples.map(({ amounts, seconds }) =>
    resources.map((resource) => (amounts[resource] ?? 0) / seconds),
  );
  const costs = resources.map(() => 0);
  const rests = rows.map(() => 1);
  for (let round = 0; round < ROUNDS; round++) {
    let change = 0;
    resources.forEach((_, k) => {
      let [along, square] = [0, 0];
      rows.forEach((row, i) => {
        along += row[k] * rests[i];
        square += row[k] ** 2;
      });
      if (square === 0) return;
      const next = Math.max(0, costs[k] + along / square);
      const step = next - costs[k];
      costs[k] = next;
      rows.forEach((row, i) => {
        rests[i] -= row[k] * step;
        change = Math.max(change, Math.abs(row[k] * step));
      });
    });
    if (change < 1e-9) break;
  }
  return Object.fromEntries(resources.map((resource, k) => [resource, costs[k]])) as Record<
    Resource,
    number
  >;
}
