import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import {
  add,
  div,
  expm1,
  maximum,
  mul,
  neg,
  sign,
  sqrt,
  square,
  sub,
} from '../frontend/elementwise.ts';
import {
  type AverageOptions,
  type ClippingOptions,
  type GroupOptions,
  isParameterFilter,
  OPTIMISER,
  type Optimiser,
  type OptimiserGroup,
  type ParameterGroup,
  parameterFilter,
} from '../frontend/optimiser.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { full } from '../frontend/views.ts';
import { currentSpan } from '../reporting/call-sites.ts';

/** The constants of {@link sgd}. Errors: BTC2015 for one out of range, reported by the build. */
export interface SgdOptions extends ClippingOptions, AverageOptions, GroupOptions<SgdOptions> {
  readonly learningRate?: number;
  /** 0 (the default) is plain gradient descent. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent with momentum (Polyak 1964): v' = μ·v + g, θ' = θ - η·v'; with Nesterov's lookahead (Sutskever et al., ICML
 * 2013) θ' = θ - η·(g + μ·v'). As in PyTorch.
 */
export function sgd(options: SgdOptions = {}): Optimiser {
  const { learningRate = 1e-2, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems('sgd', { learningRate, momentum, weightDecay }, options),
    kind: 'sgd',
    groups: groupsOf(options, sgd),
    learningRate,
    ...common(options),
    states: momentum > 0 ? ['momentum'] : [],
    update: ({ parameter, gradient, state, learningRate: rate }) => {
      const g = weightDecay > 0 ? add(gradient, mul(parameter, weightDecay)) : gradient;
      if (momentum === 0)
        return {
          parameter: sub(parameter, mul(rate, g)),
          state: {} as Readonly<Record<string, Tensor>>,
        };
      const velocity = add(mul(state.momentum, momentum), g);
      const direction = nesterov ? add(g, mul(velocity, momentum)) : velocity;
      return { parameter: sub(parameter, mul(rate, direction)), state: { momentum: velocity } };
    },
  };
}

/** The constants of {@link adam} and {@link adamw}. Errors: BTC2015 for one out of range, reported by the build. */
export interface AdamOptions extends ClippingOptions, AverageOptions, GroupOptions<AdamOptions> {
  readonly learningRate?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** For `adam` an L2 penalty in the gradient; for `adamw` decoupled decay. */
  readonly weightDecay?: number;
  /** Divides by the largest v' so far in place of v' (Reddi, Kale, Kumar 2018), at the cost of one more state; default false. */
  readonly amsgrad?: boolean;
}

/**
 * m' = β1·m + (1-β1)·g, v' = β2·v + (1-β2)·g², θ' = θ - η·(m'/(1-β1^t)) / (√(v'/(1-β2^t)) + ε) (Kingma, Ba 2015).
 */
export function adam(options: AdamOptions = {}): Optimiser {
  return adaptive('adam', options, false);
}

/** Adam with weight decay apart from the gradient: θ shrinks by η·λ·θ per step (Loshchilov, Hutter 2019). */
export function adamw(options: AdamOptions = {}): Optimiser {
  return adaptive('adamw', { weightDecay: 0.01, ...options }, true);
}

function adaptive(kind: string, options: AdamOptions, decoupled: boolean): Optimiser {
  const {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
    amsgrad = false,
  } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems(kind, { learningRate, beta1, beta2, epsilon, weightDecay }, options),
    kind,
    groups: groupsOf(options, (own) => adaptive(kind, own, decoupled)),
    learningRate,
    ...common(options),
    states: amsgrad ? ['m', 'v', 'largest'] : ['m', 'v'],
    update: ({ parameter, gradient, state, learningRate: rate, time }) => {
      const g =
        weightDecay > 0 && !decoupled ? add(gradient, mul(parameter, weightDecay)) : gradient;
      const m = movedTowards(state.m, g, beta1);
      const v = movedTowards(state.v, square(g), beta2);
      // Both corrections are scalars; √(v/c) = √v / √c moves the second one out of the elementwise part.
      const root = sqrt(biasCorrection(beta2, time));
      const stepSize = div(mul(rate, root), biasCorrection(beta1, time));
      const largest = amsgrad ? maximum(state.largest, v) : v;
      const moved = div(mul(stepSize, m), add(sqrt(largest), mul(root, epsilon)));
      const kept =
        weightDecay > 0 && decoupled ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
      return { parameter: sub(kept, moved), state: { m, v, ...(amsgrad ? { largest } : {}) } };
    },
  };
}

/** The constants of {@link rmsprop}. Errors: BTC2015 for one out of range, reported by the build. */
export interface RmspropOptions
  extends ClippingOptions,
    AverageOptions,
    GroupOptions<RmspropOptions> {
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Share that the average of squares keeps; default 0.99. */
  readonly alpha?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divides by the deviation of the gradient, not by its size (Graves 2013), at the cost of one more state; default false. */
  readonly centered?: boolean;
}

/** v' = α·v + (1-α)·g², θ' = θ - η·g / (√v' + ε), with momentum of the quotients (Tieleman, Hinton 2012), as in PyTorch. */
export function rmsprop(options: RmspropOptions = {}): Optimiser {
  const { learningRate = 1e-2, alpha = 0.99, epsilon = 1e-8, weightDecay = 0 } = options;
  const { momentum = 0, centered = false } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems(
      'rmsprop',
      { learningRate, alpha, epsilon, weightDecay, momentum },
      options,
    ),
    kind: 'rmsprop',
    groups: groupsOf(options, rmsprop),
    learningRate,
    ...common(options),
    states: ['v', ...(centered ? ['mean'] : []), ...(momentum > 0 ? ['momentum'] : [])],
    update: ({ parameter, gradient, state, learningRate: rate }) => {
      const g = weightDecay > 0 ? add(gradient, mul(parameter, weightDecay)) : gradient;
      const v = movedTowards(state.v, square(g), alpha);
      const mean = centered ? movedTowards(state.mean, g, alpha) : null;
      // Rounding may leave less than nothing of a variance.
      const power = mean ? maximum(sub(v, square(mean)), 0) : v;
      const quotient = div(g, add(sqrt(power), epsilon));
      const step = momentum > 0 ? add(mul(state.momentum, momentum), quotient) : quotient;
      return {
        parameter: sub(parameter, mul(rate, step)),
        state: { v, ...(mean ? { mean } : {}), ...(momentum > 0 ? { momentum: step } : {}) },
      };
    },
  };
}

/** The constants of {@link adagrad}. Errors: BTC2015 for one out of range, reported by the build. */
export interface AdagradOptions
  extends ClippingOptions,
    AverageOptions,
    GroupOptions<AdagradOptions> {
  /** Default 0.01. */
  readonly learningRate?: number;
  /** The rate of step t is η / (1 + (t - 1)·decay); default 0. */
  readonly learningRateDecay?: number;
  /** Default 1e-10. */
  readonly epsilon?: number;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
  /** What sums of squares begin with; default 0. */
  readonly initialAccumulator?: number;
}

/** s' = s + g², θ' = θ - η·g / (√s' + ε) (Duchi, Hazan, Singer 2011), as in PyTorch. */
export function adagrad(options: AdagradOptions = {}): Optimiser {
  const { learningRate = 1e-2, learningRateDecay = 0, epsilon = 1e-10 } = options;
  const { weightDecay = 0, initialAccumulator = 0 } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems(
      'adagrad',
      { learningRate, learningRateDecay, epsilon, weightDecay, initialAccumulator },
      options,
    ),
    kind: 'adagrad',
    groups: groupsOf(options, adagrad),
    learningRate,
    ...common(options),
    // Without what it begins with, for states begin with 0.
    states: ['sum'],
    update: ({ parameter, gradient, state, learningRate: rate, time }) => {
      const g = weightDecay > 0 ? add(gradient, mul(parameter, weightDecay)) : gradient;
      const sum = add(state.sum, square(g));
      const own =
        learningRateDecay > 0 ? div(rate, add(mul(sub(time, 1), learningRateDecay), 1)) : rate;
      const whole = initialAccumulator > 0 ? add(sum, initialAccumulator) : sum;
      const moved = div(mul(own, g), add(sqrt(whole), epsilon));
      return { parameter: sub(parameter, moved), state: { sum } };
    },
  };
}

/** The constants of {@link lion}. Errors: BTC2015 for one out of range, reported by the build. */
export interface LionOptions extends ClippingOptions, AverageOptions, GroupOptions<LionOptions> {
  /** Default 1e-4. */
  readonly learningRate?: number;
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.99. */
  readonly beta2?: number;
  /** Apart from the gradient, as for {@link adamw}; default 0. */
  readonly weightDecay?: number;
}

/** θ' = θ·(1 - η·λ) - η·sign(β1·m + (1-β1)·g), m' = β2·m + (1-β2)·g (Chen et al. 2023): one state per parameter. */
export function lion(options: LionOptions = {}): Optimiser {
  const { learningRate = 1e-4, beta1 = 0.9, beta2 = 0.99, weightDecay = 0 } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems('lion', { learningRate, beta1, beta2, weightDecay }, options),
    kind: 'lion',
    groups: groupsOf(options, lion),
    learningRate,
    ...common(options),
    states: ['m'],
    update: ({ parameter, gradient, state, learningRate: rate }) => {
      const direction = sign(movedTowards(state.m, gradient, beta1));
      const kept = weightDecay > 0 ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
      return {
        parameter: sub(kept, mul(rate, direction)),
        state: { m: movedTowards(state.m, gradient, beta2) },
      };
    },
  };
}

/**
 * β·average + (1-β)·value. Written as a step from the nearer of both: a float32 near 1 has an error that is large beside 1-β,
 * and would move the average of equal values away from them (by 19 % at β = 0.9999999).
 */
function movedTowards(average: Tensor, value: Tensor, beta: number): Tensor {
  return beta < 0.5
    ? add(value, mul(sub(average, value), beta))
    : add(average, mul(sub(value, average), 1 - beta));
}

/** 1 - β^t for the number t of a step, counted from 1, as -expm1(t·log β) with the logarithm taken in float64. */
function biasCorrection(beta: number, time: Tensor): Tensor {
  return beta === 0 ? full([], 1) : neg(expm1(mul(time, Math.log(beta))));
}

const RATES: readonly string[] = ['momentum', 'alpha', 'beta1', 'beta2'];

/** BTC2015 for each setting that is no finite number, is negative, or is a rate of decay of 1 or more. */
function settingProblems(
  op: string,
  settings: Readonly<Record<string, number>>,
  options: ClippingOptions & AverageOptions & GroupOptions<unknown>,
): Diagnostic[] {
  const { clipNorm, clipValue, average, groups } = options;
  const source = currentSpan();
  const problems: Diagnostic[] = [];
  const misuse = (name: string, value: unknown, wanted: string) =>
    problems.push(diagnostic(2015, source, { op, name, value: String(value), wanted }));
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isFinite(value) || value < 0) misuse(name, value, 'a finite number, not negative');
    else if (RATES.includes(name) && value >= 1) misuse(name, value, 'in [0, 1)');
  }
  if (groups !== undefined && !Array.isArray(groups))
    misuse('groups', groups, 'a list of groups of parameters');
  for (const [k, group] of (Array.isArray(groups) ? groups : []).entries()) {
    const { parameters, learningRateFactor = 1 } = group ?? {};
    if (!isSoundGroup(group))
      misuse(`groups[${k}].parameters`, parameters, 'a pattern or a function of the name');
    if (!(Number.isFinite(learningRateFactor) && learningRateFactor >= 0))
      misuse(
        `groups[${k}].learningRateFactor`,
        learningRateFactor,
        'a finite number, not negative',
      );
  }
  if (typeof average === 'object' && average !== null) {
    const { decay = 'equal', from } = average;
    if (!isDecay(decay)) misuse('average.decay', decay, DECAYS);
    if (!(Number.isSafeInteger(from) && from >= 0))
      misuse('average.from', from, 'a number of steps, 0 or more');
  } else if (average !== undefined && !isDecay(average))
    misuse('average', average, `${DECAYS}, or { decay, from }`);
  for (const [name, value] of Object.entries({ clipNorm, clipValue }))
    if (value !== undefined && !(typeof value === 'number' && value > 0))
      misuse(name, value, 'a positive number');
  return problems;
}

const DECAYS = "a decay in (0, 1), or 'equal'";
const isDecay = (value: unknown): boolean =>
  value === 'equal' || (typeof value === 'number' && value > 0 && value < 1);

function isSoundGroup(group: Partial<ParameterGroup<unknown>> | null | undefined): boolean {
  const { parameters } = group ?? {};
  return isParameterFilter(parameters);
}

/** The groups of an optimiser, each with the rule of the joined settings. */
function groupsOf<Settings extends ClippingOptions & GroupOptions<Settings>>(
  options: Settings,
  make: (settings: Settings) => Optimiser,
): OptimiserGroup[] {
  if (!Array.isArray(options.groups)) return [];
  const { groups, ...shared } = options;
  const source = currentSpan();
  return groups.flatMap((group: ParameterGroup<Settings>, k) => {
    if (!isSoundGroup(group)) return [];
    const { parameters, learningRateFactor = 1, settings } = group;
    const { clipNorm, clipValue } = settings ?? {};
    const pattern = parameters instanceof RegExp ? String(parameters) : 'a function';
    return {
      ...{ label: `${k} (${pattern})`, source },
      takes: parameterFilter(parameters),
      learningRateFactor,
      rule: make({ ...shared, ...settings } as Settings),
      clipsApart: clipNorm !== undefined || clipValue !== undefined,
    };
  });
}

/** The limits that there are, and the average. */
function common({
  clipNorm = Number.POSITIVE_INFINITY,
  clipValue = Number.POSITIVE_INFINITY,
  average,
}: ClippingOptions & AverageOptions): ClippingOptions & AverageOptions {
  return {
    ...(average === undefined ? {} : { average }),
    ...(clipNorm < Number.POSITIVE_INFINITY ? { clipNorm } : {}),
    ...(clipValue < Number.POSITIVE_INFINITY ? { clipValue } : {}),
  };
}
