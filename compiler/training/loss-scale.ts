import { LARGEST_F32 } from '../../ir/dtypes.ts';
import type { GraphBuilder, ParameterDeclaration, ValueId } from '../../ir/graph.ts';
import {
  abs,
  add,
  div,
  lessEqual,
  maximum,
  minimum,
  mul,
  select,
  sub,
} from '../frontend/elementwise.ts';
import {
  GREATEST_SCALE,
  LEAST_SCALE,
  type LossScaling,
  SCALE_STATES,
} from '../frontend/precision.ts';
import { max } from '../frontend/reductions.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { commonStateName, type NamedTraining } from '../frontend/trainings.ts';

// Gradients that are stored as halves vanish below 2^-25. The gradient of a loss that is multiplied by a scale is larger by that
// scale, and what reaches parameters is divided by it, in f32 (Micikevicius et al., "Mixed precision training", 2018). A dynamic
// scale is halved, and the step is skipped, where some gradient is not finite; it is doubled after a number of steps without.

const SCALAR = { dtype: 'f32', shape: [] } as const;
const [CHANGE, GOOD_STEPS] = SCALE_STATES;

/** What training keeps of a dynamic scale. States of optimisers start at zero, so it is the scale less the initial one. */
export function scaleStates(
  { growthInterval }: LossScaling,
  training: NamedTraining,
): ParameterDeclaration[] {
  if (growthInterval === null) return [];
  return SCALE_STATES.map((name) => ({
    ...{ name: commonStateName(training, name), type: SCALAR, role: 'optimiser', source: null },
  }));
}

/** Appends what the gradient of the loss starts with; null where it is 1. */
export function appendSeed(
  builder: GraphBuilder,
  { initial, growthInterval }: LossScaling,
  training: NamedTraining,
): ValueId | null {
  if (growthInterval === null && initial === 1) return null;
  const constant = builder.append('constant', [], { ...SCALAR, value: initial }, SCALAR, -1);
  if (growthInterval === null) return constant;
  const name = commonStateName(training, CHANGE);
  const change = builder.append('parameter', [], { name }, SCALAR, -1);
  return builder.append('add', [change, constant], {}, SCALAR, -1);
}

/** Gives the states of a dynamic scale by name. */
export type ScaleState = (name: string) => Tensor;

/** The gradients of the loss without its scale. */
export function withoutScale(
  gradients: readonly Tensor[],
  { initial, growthInterval }: LossScaling,
  state: ScaleState,
): readonly Tensor[] {
  if (growthInterval === null)
    return initial === 1 ? gradients : gradients.map((one) => mul(one, 1 / initial));
  const inverse = div(1, add(state(CHANGE), initial));
  return gradients.map((gradient) => mul(gradient, inverse));
}

/** What an update does where gradients have overflowed. */
export interface Guard {
  /** The new value of what a step replaces, or the old one where the step is skipped. */
  readonly kept: (updated: Tensor, old: Tensor) => Tensor;
  /** New values of the scale's states, by name. */
  readonly states: readonly (readonly [string, Tensor])[];
}

/** Looks whether gradients, with the scale or without, are finite, and says what becomes of the scale. */
export function guardOf(
  gradients: readonly Tensor[],
  { initial, growthInterval }: LossScaling,
  state: ScaleState,
): Guard {
  if (growthInterval === null) return { kept: (updated) => updated, states: [] };
  const scale = add(state(CHANGE), initial);
  const largest = gradients.map((gradient) => max(abs(gradient))).reduce((a, b) => maximum(a, b));
  // A NaN is no larger than anything, and is no smaller.
  const isSound = lessEqual(largest, LARGEST_F32);
  const good = add(state(GOOD_STEPS), 1);
  const grows = lessEqual(growthInterval, good);
  const grown = select(grows, minimum(mul(scale, 2), GREATEST_SCALE), scale);
  const next = select(isSound, grown, maximum(mul(scale, 0.5), LEAST_SCALE));
  return {
    kept: (updated, old) => select(isSound, updated, old),
    states: [
      [CHANGE, sub(next, initial)],
      [GOOD_STEPS, select(isSound, select(grows, 0, good), 0)],
    ],
  };
}
