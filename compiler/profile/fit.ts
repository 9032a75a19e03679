/** A measured time and the amounts that it should be a sum of rates over. */
export interface Sample<Resource extends string> {
  readonly amounts: Readonly<Partial<Record<Resource, number>>>;
  readonly seconds: number;
}

/** What samples say of one resource. */
export interface FittedCost {
  /** Seconds per unit. */
  readonly seconds: number;
  /** Whether the samples tell it: if not, it is a bound, the most that it can be; infinite where nothing has any. */
  readonly isDetermined: boolean;
}

const ROUNDS = 20_000;
/** A resource that takes less than this of every sample is lost in the noise of the others. */
const LEAST_SHARE = 0.2;

/**
 * Seconds per unit of each resource, none negative, so that the sums over all resources are as close to the measured times
 * as can be: the least sum of squares of relative errors, by descent along one coordinate after the other. A resource that is
 * no share of any sample to speak of is refused. Its bound: more than a fifth of a sample would have been seen, and of `others`,
 * whose times are of something else, it took no more than all.
 */
export function fitRates<Resource extends string>(
  resources: readonly Resource[],
  samples: readonly Sample<Resource>[],
  others: readonly Sample<Resource>[] = [],
): Record<Resource, FittedCost> {
  const rowOf = ({ amounts, seconds }: Sample<Resource>) =>
    resources.map((resource) => (amounts[resource] ?? 0) / seconds);
  const rows = samples.map(rowOf);
  const all = [...rows, ...others.map(rowOf)];
  const costs = descend(rows, resources.length);
  return Object.fromEntries(
    resources.map((resource, k): [Resource, FittedCost] => {
      const most = (list: readonly (readonly number[])[]) =>
        list.reduce((sum, row) => Math.max(sum, row[k]), 0);
      const isDetermined = most(rows) * costs[k] >= LEAST_SHARE;
      const bound = Math.min(LEAST_SHARE / most(rows), 1 / most(all));
      return [resource, { isDetermined, seconds: isDetermined ? costs[k] : bound }];
    }),
  ) as Record<Resource, FittedCost>;
}

/** Coordinate descent from zero; `rows` are amounts over seconds. */
function descend(rows: readonly (readonly number[])[], count: number): number[] {
  const costs = new Array<number>(count).fill(0);
  const rests = rows.map(() => 1);
  for (let round = 0; round < ROUNDS; round++) {
    let change = 0;
    for (let k = 0; k < count; k++) {
      let [along, square] = [0, 0];
      rows.forEach((row, i) => {
        along += row[k] * rests[i];
        square += row[k] ** 2;
      });
      if (square === 0) continue;
      const next = Math.max(0, costs[k] + along / square);
      const step = next - costs[k];
      costs[k] = next;
      rows.forEach((row, i) => {
        rests[i] -= row[k] * step;
        change = Math.max(change, Math.abs(row[k] * step));
      });
    }
    if (change < 1e-9) break;
  }
  return costs;
}
