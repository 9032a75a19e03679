import type { Gauge } from './gauge.ts';
import type { IterationOptions } from './iteration.ts';
import { leastSquaresSweep } from './least-squares.ts';
import type { CoreValues, Fit, Problem } from './problem.ts';

/** The relative error is known to about 1e-8 from the normal equations; below this there is nothing to see. */
export const RESOLUTION = 1e-8;
/** Sweeps in a row that must gain little before the last one. */
const PATIENCE = 3;

/**
 * Alternating least squares over all cores of a network: each core in turn, with its like in all blocks at once, becomes the
 * least-squares solution with the others fixed. For CP this is CP-ALS (Carroll and Chang 1970), for block-term the algorithm
 * of De Lathauwer and Nion (2008, part III), for the tensor-ring TR-ALS (Zhao et al. 2016).
 *
 * After a sweep all cores are moved on along their last change, by the cube root of the sweeps since the last such step that
 * failed (Bro 1998, section 4.3); if the sweep from there does not end lower, it is undone. The error of the sweeps that
 * stay, which `onSweep` hears, never rises.
 */
export function alternate(
  problem: Problem,
  start: CoreValues,
  gauge: Gauge,
  { sweeps, tolerance, onSweep }: IterationOptions,
): Fit {
  const sweepFrom = (cores: CoreValues): Fit => {
    const found = leastSquaresSweep(problem, cores, gauge);
    return { cores: gauge(found.cores), error: found.error };
  };
  let best = sweepFrom(gauge(start));
  onSweep(best.error);
  let before = best.cores;
  let streak = 0;
  let idle = 0;
  for (let sweep = 1; sweep < sweeps && idle < PATIENCE && best.error > RESOLUTION; sweep++) {
    const step = Math.cbrt(streak);
    const leaped = step > 1;
    const from = leaped ? gauge(moved(before, best.cores, step)) : best.cores;
    const found = sweepFrom(from);
    if (!(found.error <= best.error)) {
      // Least squares from the best cores themselves cannot end higher but for rounding.
      if (!leaped) break;
      streak = 0;
      before = best.cores;
      continue;
    }
    idle = best.error - found.error <= tolerance * best.error ? idle + 1 : 0;
    before = best.cores;
    best = found;
    streak++;
    onSweep(best.error);
  }
  return best;
}

/** a + step · (b - a) for each core. */
function moved(from: CoreValues, to: CoreValues, step: number): CoreValues {
  return to.map((network, n) =>
    network.map((core, k) => {
      const old = from[n][k].data;
      return { ...core, data: core.data.map((value, i) => old[i] + step * (value - old[i])) };
    }),
  );
}
