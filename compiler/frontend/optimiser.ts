import type { Diagnostic } from '../diagnostics.ts';
import type { Tensor } from './tensor.ts';

/** Gradient clipping, common to all optimisers. */
export interface ClippingOptions {
  /**
   * Scales all gradients together so that their joint Euclidean norm is at most this. With an infinite element the others
   * become 0 and that one NaN, as in PyTorch.
   */
  readonly clipNorm?: number;
  /** Limits every element of every gradient to [-clipValue, clipValue]. */
  readonly clipValue?: number;
}

export const OPTIMISER = Symbol.for('btc.optimiser');

export function isOptimiser(value: unknown): value is Optimiser {
  return typeof value === 'object' && value !== null && OPTIMISER in value;
}

/** What an optimiser's rule sees of one parameter. */
export interface Update {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** By name, as declared in `states`. */
  readonly state: Readonly<Record<string, Tensor>>;
  readonly learningRate: Tensor;
  /** Number of this step, counted from 1, as f32. */
  readonly time: Tensor;
}

/** A rule that turns gradients into new parameters and state. Made by {@link sgd}, {@link adam}, {@link adamw} and others. */
export interface Optimiser extends ClippingOptions {
  readonly [OPTIMISER]: true;
  /** Mistakes in its settings, which the build reports. */
  readonly problems: readonly Diagnostic[];
  readonly kind: string;
  /** Default of the run-time input `learningRate`. */
  readonly learningRate: number;
  /** State tensors per parameter, of its shape, initially zero: `hidden.weight.momentum`. */
  readonly states: readonly string[];
  readonly update: (update: Update) => {
    readonly parameter: Tensor;
    readonly state: Readonly<Record<string, Tensor>>;
  };
}
