import { add, sqrt } from './elementwise.ts';
import { sumOfSquares } from './reductions.ts';
import type { Tensor } from './tensor.ts';

/** The Euclidean norm of several tensors together, as one scalar: of gradients what `clip_grad_norm_` of PyTorch gives. */
export function globalNorm(tensors: readonly Tensor[] | Readonly<Record<string, Tensor>>): Tensor {
  return sqrt(
    Object.values(tensors)
      .map((tensor) => sumOfSquares(tensor))
      .reduce((a, b) => add(a, b)),
  );
}
