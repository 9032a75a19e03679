import { elementCount } from '../../../ir/tensor.ts';
import { currentTrace, poisoned, report } from '../context.ts';
import { add, mul, rsqrt, square, stopGradient, sub } from '../elementwise.ts';
import { onesInit, zerosInit } from '../initialisers.ts';
import { layerOf, layerParameters, type State } from '../parameter.ts';
import { mean } from '../reductions.ts';
import { formatShape } from '../shapes.ts';
import type { Tensor } from '../tensor.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { LayerOptions } from './dense.ts';

export interface BatchNormOptions extends LayerOptions {
  /** Share of the batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
}

export interface BatchNorm {
  /** [batch, …, features], of the same shape. */
  (x: Tensor): Tensor;
  readonly features: number;
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
  const layer = Object.assign(
    layerOf('batchNorm', options, (x: Tensor): Tensor => {
      if (!checkSizes('batchNorm', { features }) || !checkOptions({ momentum, epsilon }))
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
  return layer;
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

function checkOptions({ momentum, epsilon }: { momentum: number; epsilon: number }): boolean {
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
