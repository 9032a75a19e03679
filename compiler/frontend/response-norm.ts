import { apply, isPoisoned, poisoned, report } from './context.ts';
import { add, exp, log, mul, square } from './elementwise.ts';
import { formatShape } from './shapes.ts';
import type { Tensor } from './tensor.ts';

export interface LocalResponseNormOptions {
  /** Neighbouring channels that are summed, one's own among them: from size / 2 (rounded down) before on; default 5. */
  readonly size?: number;
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 2. */
  readonly k?: number;
}

/**
 * Local response normalisation over neighbouring channels, which are the last axis: x / (k + α·Σ x²)^β, the sum over `size`
 * channels around each, with the defaults of AlexNet (Krizhevsky, Sutskever, Hinton 2012, section 3.3). PyTorch, Caffe and
 * cuDNN divide α by the size.
 *
 * Errors: BTC2003 for what is not an f32 tensor with channels, BTC2015 for options out of range.
 */
export function localResponseNorm(x: Tensor, options: LocalResponseNormOptions = {}): Tensor {
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 2 } = options;
  if (isPoisoned(x) || !checkInput(x) || !checkOptions({ size, alpha, beta, k }))
    return poisoned(x.type);
  const axis = x.rank - 1;
  const squares = apply('window', [square(x)], {
    axis,
    positions: x.shape[axis],
    size,
    stride: 1,
    dilation: 1,
    // Of an even size the channel more is the one before, as in PyTorch.
    low: size >> 1,
    value: 0,
  });
  const base = add(k, mul(apply('reduceSum', [squares], { axes: [x.rank] }), alpha));
  // Bases are positive; logarithm and exponential have vector forms, powers have none.
  return mul(x, exp(mul(log(base), -beta)));
}

function checkInput(x: Tensor): boolean {
  if (x.dtype === 'f32' && x.rank > 0) return true;
  const given = `${x.dtype} ${formatShape(x.shape)}`;
  report(2003, { op: 'localResponseNorm', wanted: 'f32 [.., channels]', given });
  return false;
}

function checkOptions({ size, alpha, beta, k }: Required<LocalResponseNormOptions>): boolean {
  const misuse = (name: string, value: number, wanted: string) => {
    report(2015, { op: 'localResponseNorm', name, value: String(value), wanted });
    return false;
  };
  if (!(Number.isSafeInteger(size) && size > 0)) return misuse('size', size, 'a positive integer');
  const finite = { alpha, beta };
  for (const [name, value] of Object.entries(finite))
    if (!(Number.isFinite(value) && value >= 0))
      return misuse(name, value, 'a finite number, not negative');
  return (Number.isFinite(k) && k > 0) || misuse('k', k, 'a positive number');
}
