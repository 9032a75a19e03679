import { elementCount } from '../../../ir/tensor.ts';
import { formatShape } from '../../format.ts';
import { report } from '../../reporting/report.ts';
import { apply, currentTrace, isPoisoned, poisoned } from '../context.ts';
import { type Initialiser, onesInit, zerosInit } from '../initialisers.ts';
import { layerOf, layerParameters, ofLayer, type State, withValues } from '../parameter.ts';
import { add, exp, log, mean, mul, normalise, rsqrt, square, stopGradient, sub } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { LayerOptions } from './dense.ts';

/** The constants of {@link batchNorm}. */
export interface BatchNormOptions extends LayerOptions {
  /** Share of the batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
}

/** The layer that {@link batchNorm} makes. */
export interface BatchNorm {
  /** [batch, …, features], of the same shape. */
  (x: Tensor): Tensor;
  readonly features: number;
  /** [features], in the program that is being built. */
  readonly scale: Tensor;
  /** [features]. */
  readonly shift: Tensor;
}

/**
 * Batch normalisation over all axes but the last, with a trained scale and shift (Ioffe, Szegedy 2015). Training takes mean
 * and variance of the batch, and moves the states `runningMean` and (unbiased) `runningVariance` towards them, as in
 * PyTorch; other programs take those.
 *
 * Errors: BTC2015 for options out of range, BTC2033 for training with one element per feature.
 */
export function batchNorm(features: number, options: BatchNormOptions = {}): BatchNorm {
  const { momentum = 0.1, epsilon = 1e-5 } = options;
  const call = Object.assign(
    layerOf('batchNorm', options, (x: Tensor): Tensor => {
      if (!checkSizes('batchNorm', { features }) || !checkBatchOptions({ momentum, epsilon }))
        return poisoned(x.type);
      const parameters = layerParameters(layer, 'batchNorm', options.name);
      const scale = parameters.get('scale', [features], onesInit);
      const shift = parameters.get('shift', [features], zerosInit);
      const running = {
        mean: parameters.state('runningMean', [features], zerosInit),
        variance: parameters.state('runningVariance', [features], onesInit),
      };
      if (!checkFeatures('batchNorm', x, features)) return poisoned(x.type);
      const { training } = currentTrace('batchNorm');
      if (training && !checkBatch(x)) return poisoned(x.type);
      const factorOf = (variance: Tensor) => mul(scale, rsqrt(add(variance, epsilon)));
      if (!training) {
        const centred = sub(x, running.mean.value);
        return add(mul(centred, factorOf(running.variance.value)), shift);
      }
      const { centre, centred, variance } = batchStatistics(x, running, momentum);
      const factor = factorOf(variance);
      // Zero, for the gradient of the centre: Σ dy·factor is factor·Σ dy, and Σ dy is the gradient of the shift anyway.
      const slope = mul(sub(stopGradient(centre), centre), stopGradient(factor));
      return add(mul(centred, factor), add(shift, slope));
    }),
    { features },
  );
  const layer: BatchNorm = withValues(
    call,
    scaleAndShift(() => layer, 'batchNorm', features, options),
  );
  return layer;
}

/** The trained scale and shift [features] of a layer, as values. */
function scaleAndShift(
  layer: () => object,
  kind: string,
  features: number,
  options: LayerOptions,
): Record<'scale' | 'shift', () => Tensor> {
  const value = (name: string, initialiser: Initialiser) => () =>
    ofLayer(layer(), kind, options, (parameters) => parameters.get(name, [features], initialiser));
  return { scale: value('scale', onesInit), shift: value('shift', zerosInit) };
}

function batchStatistics(
  x: Tensor,
  running: { readonly mean: State; readonly variance: State },
  momentum: number,
) {
  const axes = x.shape.map((_, axis) => axis).slice(0, -1);
  const count = elementCount(x.shape.slice(0, -1));
  const centre = mean(x, axes);
  const centred = sub(x, stopGradient(centre));
  // The variance does not change with the centre to first order, so its gradient need not go that way.
  const variance = mean(square(centred), axes);
  const move = (state: State, towards: Tensor) =>
    state.assign(add(state.value, mul(sub(towards, state.value), momentum)));
  move(running.mean, centre);
  move(running.variance, mul(variance, count / (count - 1)));
  return { centre, centred, variance };
}

function checkBatchOptions({ momentum, epsilon }: { momentum: number; epsilon: number }): boolean {
  const misuse = (name: string, value: number, wanted: string) => {
    report(2015, { op: 'batchNorm', name, value: String(value), wanted });
    return false;
  };
  if (!(momentum >= 0 && momentum <= 1)) return misuse('momentum', momentum, 'in [0, 1]');
  if (!(epsilon > 0 && Number.isFinite(epsilon)))
    return misuse('epsilon', epsilon, 'a positive number');
  return true;
}

function checkBatch(x: Tensor): boolean {
  if (elementCount(x.shape.slice(0, -1)) > 1) return true;
  report(2033, { layer: 'batchNorm', shape: formatShape(x.shape) });
  return false;
}

/** The layer that {@link layerNorm} makes: [.., features] to the same shape. */
export interface LayerNorm {
  (x: Tensor): Tensor;
  readonly features: number;
  /** [features], in the program that is being built. */
  readonly scale: Tensor;
  /** [features]. */
  readonly shift: Tensor;
}

/** Layer normalisation over the last axis with a trained scale and shift (Ba, Kiros, Hinton 2016). */
export function layerNorm(
  features: number,
  options: LayerOptions & { readonly epsilon?: number } = {},
): LayerNorm {
  const call = Object.assign(
    layerOf('layerNorm', options, (x: Tensor): Tensor => {
      if (!checkSizes('layerNorm', { features })) return poisoned(x.type);
      const parameters = layerParameters(layer, 'layerNorm', options.name);
      const scale = parameters.get('scale', [features], onesInit);
      const shift = parameters.get('shift', [features], zerosInit);
      if (!checkFeatures('layerNorm', x, features)) return poisoned(x.type);
      return add(mul(normalise(x, options.epsilon), scale), shift);
    }),
    { features },
  );
  const layer: LayerNorm = withValues(
    call,
    scaleAndShift(() => layer, 'layerNorm', features, options),
  );
  return layer;
}

/** The constants of {@link localResponseNorm}. */
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
  if (isPoisoned(x) || !checkResponseInput(x) || !checkResponseOptions({ size, alpha, beta, k }))
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

function checkResponseInput(x: Tensor): boolean {
  if (x.dtype === 'f32' && x.rank > 0) return true;
  const given = `${x.dtype} ${formatShape(x.shape)}`;
  report(2003, { op: 'localResponseNorm', wanted: 'f32 [.., channels]', given });
  return false;
}

function checkResponseOptions({
  size,
  alpha,
  beta,
  k,
}: Required<LocalResponseNormOptions>): boolean {
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
