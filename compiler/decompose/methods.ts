import { alternate, RESOLUTION } from './alternate.ts';
import { deflatedBlocks } from './deflate.ts';
import { balanced, type Gauge, orthonormalFactors } from './gauge.ts';
import { orthogonalIteration } from './hooi.ts';
import type { IterationOptions } from './iteration.ts';
import type { CoreValues, Fit, Problem } from './problem.ts';
import { openedRing, randomCores, singularVectors } from './starts.ts';
import { truncatedCores } from './truncate.ts';

export interface MethodOptions extends IterationOptions {
  readonly seed: number;
  /** Random starts of alternating least squares, beside the one that the form has. */
  readonly starts: number;
}

type Method = (problem: Problem, options: MethodOptions) => CoreValues;

/** Passes that balance a tree of bonds well enough. */
const BALANCING = 4;
/** Sweeps from each start, before the best of them goes on. */
const TRIAL_SWEEPS = 20;

/** The method of each form, by the name in its network. */
const METHODS: Readonly<Record<string, Method>> = {
  'low-rank': truncation,
  'tensor-train': truncation,
  'hierarchical Tucker': truncation,
  Tucker: tuckerTerm,
  'block-term': (problem, options) => {
    const { networks } = problem.matrix;
    const isOne =
      networks.length === 1 &&
      networks[0].cores[0].kind !== 'random' &&
      networks[0].cores[0].kind.blockAxes === 0;
    if (isOne) return tuckerTerm(problem, options);
    const gauge: Gauge = (cores) => orthonormalFactors(problem.matrix, cores);
    const cores = alternating(problem, [() => deflatedBlocks(problem)], gauge, options);
    return orthonormalFactors(problem.matrix, cores, true);
  },
  CP: (problem, options) =>
    alternating(problem, [() => singularVectors(problem)], balanced, options),
  'tensor-ring': (problem, options) =>
    alternating(problem, [() => openedRing(problem, options.seed)], balanced, options),
};

/** Cores for the network of the problem. A form of one's own, which the table does not have, gets alternating least squares. */
export function fitCores(problem: Problem, options: MethodOptions): CoreValues {
  const method = METHODS[problem.matrix.form];
  return method ? method(problem, options) : alternating(problem, [], balanced, options);
}

function truncation({ target, matrix }: Problem): CoreValues {
  let cores: CoreValues = [truncatedCores(target, matrix.networks[0])];
  // Each bond unsettles its neighbours a little.
  for (let pass = 0; pass < BALANCING; pass++) cores = balanced(cores);
  return cores;
}

function tuckerTerm({ target, matrix, contract }: Problem, options: MethodOptions): CoreValues {
  const cores = orthogonalIteration(target, matrix.networks[0], contract, options);
  return orthonormalFactors(matrix, [cores], true);
}

/** Alternating least squares from the best of several starts. */
function alternating(
  problem: Problem,
  own: readonly (() => CoreValues)[],
  gauge: Gauge,
  { starts, seed, ...options }: MethodOptions,
): CoreValues {
  const random = Array.from({ length: starts }, (_, k) => () => randomCores(problem, seed + k));
  const sweeps = Math.min(TRIAL_SWEEPS, options.sweeps);
  let best: Fit | null = null;
  for (const start of [...own, ...random]) {
    const fit = alternate(problem, start(), gauge, { ...options, sweeps });
    if (!best || fit.error < best.error) best = fit;
    if (best.error <= RESOLUTION) break;
  }
  const rest = options.sweeps - sweeps;
  return rest > 0
    ? alternate(problem, best!.cores, gauge, { ...options, sweeps: rest }).cores
    : best!.cores;
}
