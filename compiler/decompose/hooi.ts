import type { Network } from '../factorised/network.ts';
import type { Contract } from './contract.ts';
import type { IterationOptions } from './iteration.ts';
import { type LabelledTensor, squaredNorm } from './tensor.ts';
import { leadingCore, truncatedCores } from './truncate.ts';

/**
 * Higher-order orthogonal iteration (De Lathauwer, De Moor and Vandewalle 2000) from the truncated HOSVD, for one Tucker
 * term whose last core is its core: each factor in turn becomes the leading left singular vectors of the target in the
 * coordinates of the other factors. The error never rises.
 */
export function orthogonalIteration(
  target: LabelledTensor,
  network: Network,
  contract: Contract,
  { sweeps, tolerance, onSweep }: IterationOptions,
): LabelledTensor[] {
  const start = truncatedCores(target, network);
  const factors = start.slice(0, -1);
  const { letters } = network.cores[factors.length];
  const norm = squaredNorm(target.data);
  // Factors have orthonormal columns, so that ‖W - Ŵ‖² = ‖W‖² - ‖core‖².
  const errorOf = (core: LabelledTensor) =>
    Math.sqrt(Math.max(0, norm - squaredNorm(core.data)) / (norm || 1));
  let core = start[factors.length];
  let error = errorOf(core);
  // A factor with more columns than rows is no basis, and has nothing to gain.
  const movable = factors.flatMap(({ shape, data }, k) =>
    data.length > shape[shape.length - 1] ** 2 ? [k] : [],
  );
  for (let sweep = 0; sweep < sweeps && movable.length > 1; sweep++) {
    for (const k of movable) {
      const others = factors.filter((_, j) => j !== k);
      const bonds = others.map((other) => other.letters.slice(-1)).join('');
      const projected = contract(
        [target, ...others],
        network.cores[k].letters.slice(0, -1) + bonds,
      );
      factors[k] = leadingCore(projected, network.cores[k]);
    }
    core = contract([target, ...factors], letters);
    const next = errorOf(core);
    onSweep(next);
    const gained = error - next;
    error = next;
    if (gained <= tolerance * error) break;
  }
  return [...factors, core];
}
