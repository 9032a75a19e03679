import { add, clip, div, minimum, mul, sqrt } from '../frontend/elementwise.ts';
import type { ClippingOptions, Optimiser, OptimiserGroup } from '../frontend/optimiser.ts';
import { sumOfSquares } from '../frontend/reductions.ts';
import type { Tensor } from '../frontend/tensor.ts';

/** Clips the gradients of groups that say so by themselves, and all others together. */
export function clipInGroups(
  gradients: readonly Tensor[],
  groups: readonly (OptimiserGroup | undefined)[],
  optimiser: Optimiser,
): readonly Tensor[] {
  const apart = groups.map((group) => (group?.clipsApart ? group : undefined));
  const clipped = [...gradients];
  for (const group of new Set(apart)) {
    const members = apart.flatMap((own, k) => (own === group ? [k] : []));
    const own = clipGradients(
      members.map((k) => gradients[k]),
      group?.rule ?? optimiser,
    );
    members.forEach((k, place) => {
      clipped[k] = own[place];
    });
  }
  return clipped;
}

function clipGradients(
  gradients: readonly Tensor[],
  { clipNorm, clipValue }: ClippingOptions,
): readonly Tensor[] {
  let result = gradients;
  if (clipNorm !== undefined && result.length > 0) {
    // In units of 2^32 limits: squares of what is far above the limit do not overflow, and what vanishes is far below it.
    const unit = Math.max(2 ** -32 / clipNorm, 2 ** -100);
    const total = balancedSum(result.map((gradient) => sumOfSquares(mul(gradient, unit))));
    const ratio = mul(sqrt(total), 1 / (unit * clipNorm));
    // limit / (norm + 1e-6) as in PyTorch: the small number keeps a gradient of zero from dividing by zero.
    const factor = minimum(div(1, add(ratio, 1e-6 / clipNorm)), 1);
    result = result.map((gradient) => mul(gradient, factor));
  }
  if (clipValue !== undefined)
    result = result.map((gradient) => clip(gradient, -clipValue, clipValue));
  return result;
}

/** A sum in pairs of pairs: none of the terms waits for most of the others, as it would in a chain. */
function balancedSum(terms: readonly Tensor[]): Tensor {
  let sums = terms;
  while (sums.length > 1) {
    const pairs: Tensor[] = [];
    for (let i = 0; i < sums.length; i += 2)
      pairs.push(i + 1 < sums.length ? add(sums[i], sums[i + 1]) : sums[i]);
    sums = pairs;
  }
  return sums[0];
}
