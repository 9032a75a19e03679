import type { SourceSpan } from '../../ir/source.ts';
import type { Shape } from '../../ir/tensor.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Tensor } from './tensor.ts';

/** Gradient clipping, common to all optimisers. */
export interface ClippingOptions {
  /**
   * Scales all gradients together so that their joint Euclidean norm is at most this. With an infinite element the others
   * become 0 and that one NaN, as in PyTorch. Infinity is no limit: a group of parameters is so kept out of a common one.
   */
  readonly clipNorm?: number;
  /** Limits every element of every gradient to [-clipValue, clipValue]; Infinity is no limit. */
  readonly clipValue?: number;
}

/** How an average of a parameter over steps forgets: by a decay, or not at all. */
export type AverageDecay = number | 'equal';

/** The decay of an average, and where wanted from which step on it is one. */
export type Average =
  | AverageDecay
  | {
      /** Default `equal`: stochastic weight averaging. */
      readonly decay?: AverageDecay;
      /** The first step that counts, from 0 on: until it is done the average is the parameter. */
      readonly from: number;
    };

/** Averages of parameters, common to all optimisers. */
export interface AverageOptions {
  /**
   * Keeps the average of each parameter that is moved, as the state `NAME.average`: with a decay d in (0, 1) a' = d·a + (1-d)·θ' from
   * the second step on and a' = θ' in the first, with `equal` the mean of θ' over all steps. With `{ decay, from: n }` the first n steps do
   * not count, and a' = θ' in each of them. `averaged` reads it. Default none.
   */
  readonly average?: Average;
}

/** Some of the parameters: those whose full name, `encoder.linear1.bias`, matches, or that a function of name and shape takes. */
export type ParameterFilter = RegExp | ((name: string, shape: Shape) => boolean);

export function isParameterFilter(value: unknown): value is ParameterFilter {
  return value instanceof RegExp || typeof value === 'function';
}

/** A filter as a function. */
export function parameterFilter(
  parameters: ParameterFilter,
): (name: string, shape: Shape) => boolean {
  if (typeof parameters === 'function') return parameters;
  // A pattern with a memory would take every other name.
  const { source, flags } = parameters;
  const pattern = new RegExp(source, flags.replace(/[gy]/g, ''));
  return (name) => pattern.test(name);
}

/** Parameters that are trained in a way of their own. */
export interface ParameterGroup<Settings> {
  /** Which parameters. The first group that takes a parameter has it. */
  readonly parameters: ParameterFilter;
  /** The learning rate of the step is multiplied by this; default 1. */
  readonly learningRateFactor?: number;
  /** What differs from the optimiser's own settings; clipping of its own is over this group alone. */
  readonly settings?: Omit<Settings, 'learningRate' | 'groups'>;
}

/** Groups of an optimiser with settings of the kind `Settings`. */
export interface GroupOptions<Settings> {
  /** Default none: all parameters are trained alike. */
  readonly groups?: readonly ParameterGroup<Settings>[];
}

/** A group with the rule that its settings make. */
export interface OptimiserGroup {
  /** How messages name it: by its place and its pattern. */
  readonly label: string;
  /** Where the optimiser was made. */
  readonly source: SourceSpan | null;
  readonly takes: (name: string, shape: Shape) => boolean;
  readonly learningRateFactor: number;
  readonly rule: Optimiser;
  /** Whether gradients are clipped apart from all others. */
  readonly clipsApart: boolean;
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
export interface Optimiser extends ClippingOptions, AverageOptions {
  readonly [OPTIMISER]: true;
  /** Mistakes in its settings, which the build reports. */
  readonly problems: readonly Diagnostic[];
  readonly kind: string;
  /** Parameters that no group takes go by this rule itself. */
  readonly groups: readonly OptimiserGroup[];
  /** Default of the run-time input `learningRate`. */
  readonly learningRate: number;
  /** State tensors per parameter, of its shape, initially zero: `hidden.weight.momentum`. */
  readonly states: readonly string[];
  readonly update: (update: Update) => {
    readonly parameter: Tensor;
    readonly state: Readonly<Record<string, Tensor>>;
  };
}

/** The group that takes a parameter; undefined where none does. */
export function groupOf(
  { groups }: Optimiser,
  name: string,
  shape: Shape,
): OptimiserGroup | undefined {
  return groups.find(({ takes }) => takes(name, shape));
}
