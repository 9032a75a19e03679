import { mistake } from './context.ts';
import { add, sqrt } from './elementwise.ts';
import { sumOfSquares } from './reductions.ts';
import { Tensor } from './tensor.ts';

/**
 * The Euclidean norm of f32 tensors together, as one scalar: of gradients what `clip_grad_norm_` of PyTorch gives. BTC2003 where there
 * is none, or something else among them.
 */
export function globalNorm(tensors: readonly Tensor[] | Readonly<Record<string, Tensor>>): Tensor {
  const all = Object.values(tensors ?? {});
  if (all.length === 0 || !all.every((one) => one instanceof Tensor)) {
    const given = all.length === 0 ? 'none' : 'something else';
    const wanted = 'tensors, in a list or by name';
    return mistake(2003, { op: 'globalNorm', wanted, given }, { dtype: 'f32', shape: [] });
  }
  return sqrt(all.map((tensor) => sumOfSquares(tensor)).reduce((a, b) => add(a, b)));
}
