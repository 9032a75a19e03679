import type { GraphBuilder, ParameterDeclaration, ValueId } from '../../ir/graph.ts';
import { scopeOfName } from '../../ir/source.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import {
  adopt,
  appendDeclared,
  createTrace,
  inputTensor,
  stepTensor,
  type Trace,
  withTrace,
} from './context.ts';
import {
  add,
  cast,
  clip,
  div,
  expm1,
  minimum,
  mul,
  neg,
  sqrt,
  square,
  sub,
} from './elementwise.ts';
import { sumOfSquares } from './reductions.ts';
import { currentSpan } from './source.ts';
import type { Tensor } from './tensor.ts';
import { constant } from './views.ts';

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

const OPTIMISER = Symbol.for('btc.optimiser');

export function isOptimiser(value: unknown): value is Optimiser {
  return typeof value === 'object' && value !== null && OPTIMISER in value;
}

/** What an optimiser's rule sees of one parameter. */
interface Update {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** By name, as declared in `states`. */
  readonly state: Readonly<Record<string, Tensor>>;
  readonly learningRate: Tensor;
  /** Number of this step, counted from 1, as f32. */
  readonly time: Tensor;
}

/** A rule that turns gradients into new parameters and state. Made by {@link sgd}, {@link adam} and {@link adamw}. */
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

export interface SgdOptions extends ClippingOptions {
  readonly learningRate?: number;
  /** 0 (the default) is plain gradient descent. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent: v' = μ·v + g, θ' = θ - η·v' (with Nesterov's lookahead θ' = θ - η·(g + μ·v')), as in PyTorch. */
export function sgd(options: SgdOptions = {}): Optimiser {
  const { learningRate = 1e-2, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems('sgd', { learningRate, momentum, weightDecay }, options),
    kind: 'sgd',
    learningRate,
    ...clipping(options),
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

export interface AdamOptions extends ClippingOptions {
  readonly learningRate?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** For `adam` an L2 penalty in the gradient; for `adamw` decoupled decay. */
  readonly weightDecay?: number;
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
  } = options;
  return {
    [OPTIMISER]: true,
    problems: settingProblems(kind, { learningRate, beta1, beta2, epsilon, weightDecay }, options),
    kind,
    learningRate,
    ...clipping(options),
    states: ['m', 'v'],
    update: ({ parameter, gradient, state, learningRate: rate, time }) => {
      const g =
        weightDecay > 0 && !decoupled ? add(gradient, mul(parameter, weightDecay)) : gradient;
      const m = movedTowards(state.m, g, beta1);
      const v = movedTowards(state.v, square(g), beta2);
      // Both corrections are scalars; √(v/c) = √v / √c moves the second one out of the elementwise part.
      const root = sqrt(biasCorrection(beta2, time));
      const stepSize = div(mul(rate, root), biasCorrection(beta1, time));
      const moved = div(mul(stepSize, m), add(sqrt(v), mul(root, epsilon)));
      const kept =
        weightDecay > 0 && decoupled ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
      return { parameter: sub(kept, moved), state: { m, v } };
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
  return beta === 0 ? constant(1) : neg(expm1(mul(time, Math.log(beta))));
}

const RATES: readonly string[] = ['momentum', 'beta1', 'beta2'];

/** BTC2015 for each setting that is no finite number, is negative, or is a rate of decay of 1 or more. */
function settingProblems(
  op: string,
  settings: Readonly<Record<string, number>>,
  { clipNorm, clipValue }: ClippingOptions,
): Diagnostic[] {
  const source = currentSpan();
  const problems: Diagnostic[] = [];
  const misuse = (name: string, value: unknown, wanted: string) =>
    problems.push(diagnostic(2015, source, { op, name, value: String(value), wanted }));
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isFinite(value) || value < 0) misuse(name, value, 'a finite number, not negative');
    else if (RATES.includes(name) && value >= 1) misuse(name, value, 'in [0, 1)');
  }
  for (const [name, value] of Object.entries({ clipNorm, clipValue }))
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      misuse(name, value, 'a positive number');
  return problems;
}

function clipping({ clipNorm, clipValue }: ClippingOptions): ClippingOptions {
  return {
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(clipValue === undefined ? {} : { clipValue }),
  };
}

/** A parameter in a graph with the gradient of the loss. */
export interface ParameterGradient {
  readonly declaration: ParameterDeclaration;
  readonly value: ValueId;
  readonly gradient: ValueId;
}

/**
 * Appends the optimiser to a graph that has gradients: clipping, one update per parameter, new state.
 *
 * @returns the trace's inputs (learning rate, step) and the declarations of the optimiser's state
 */
export function appendOptimiser(
  builder: GraphBuilder,
  gradients: readonly ParameterGradient[],
  optimiser: Optimiser,
  seed: number,
): { inputs: Trace['inputs']; states: ParameterDeclaration[] } {
  const trace = createTrace(builder.name, { training: true, seed, builder });
  const states: ParameterDeclaration[] = [];
  trace.fixed = { span: null, scope: '', name: 'optimizer', pass: 'update' };
  withTrace(trace, () => {
    const scalar = { dtype: 'f32', shape: [] } as const;
    const learningRate = inputTensor(
      trace,
      { name: 'learningRate', type: scalar, default: optimiser.learningRate, counter: false },
      null,
    );
    const time = add(cast(stepTensor(), 'f32'), 1);
    const clipped = clipGradients(
      gradients.map(({ gradient }) => adopt(trace, gradient)),
      optimiser,
    );
    gradients.forEach(({ declaration, value }, k) => {
      const { type, source } = declaration;
      const { name: parameter } = declaration;
      const place = { span: source, scope: scopeOfName(parameter), pass: 'update' } as const;
      trace.fixed = { ...place, name: `${parameter}.update` };
      const state = Object.fromEntries(
        optimiser.states.map((suffix) => {
          const name = `${declaration.name}.${suffix}`;
          states.push({ name, type, role: 'optimiser', source });
          return [suffix, appendDeclared(trace, 'parameter', name, type, source, place.scope)];
        }),
      );
      const result = optimiser.update({
        parameter: adopt(trace, value),
        gradient: clipped[k],
        state,
        learningRate,
        time,
      });
      builder.updates.push({ parameter: declaration.name, value: result.parameter.value });
      for (const suffix of optimiser.states)
        builder.updates.push({
          parameter: `${declaration.name}.${suffix}`,
          value: result.state[suffix].value,
        });
    });
  });
  return { inputs: trace.inputs, states };
}

function clipGradients(
  gradients: readonly Tensor[],
  { clipNorm, clipValue }: ClippingOptions,
): readonly Tensor[] {
  let result = gradients;
  if (clipNorm !== undefined && result.length > 0) {
    // In units of 2^32 limits: squares of what is far above the limit do not overflow, and what vanishes is far below it.
    const unit = Math.max(2 ** -32 / clipNorm, 2 ** -100);
    const total = result
      .map((gradient) => sumOfSquares(mul(gradient, unit)))
      .reduce((a, b) => add(a, b));
    const ratio = mul(sqrt(total), 1 / (unit * clipNorm));
    // limit / (norm + 1e-6) as in PyTorch: the small number keeps a gradient of zero from dividing by zero.
    const factor = minimum(div(1, add(ratio, 1e-6 / clipNorm)), 1);
    result = result.map((gradient) => mul(gradient, factor));
  }
  if (clipValue !== undefined)
    result = result.map((gradient) => clip(gradient, -clipValue, clipValue));
  return result;
}
