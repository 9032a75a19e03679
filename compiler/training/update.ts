import type { GraphBuilder, ParameterDeclaration, ValueId } from '../../ir/graph.ts';
import { scopeOfName } from '../../ir/source.ts';
import {
  adopt,
  appendDeclared,
  createTrace,
  inputTensor,
  stepTensor,
  type Trace,
  withTrace,
} from '../frontend/context.ts';
import { add, cast, clip, div, minimum, mul, sqrt } from '../frontend/elementwise.ts';
import {
  type ClippingOptions,
  groupOf,
  type Optimiser,
  type OptimiserGroup,
} from '../frontend/optimiser.ts';
import type { LossScaling } from '../frontend/precision.ts';
import { sumOfSquares } from '../frontend/reductions.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { unscale } from './loss-scale.ts';

/** A parameter in a graph with the gradient of the loss. */
export interface ParameterGradient {
  readonly declaration: ParameterDeclaration;
  readonly value: ValueId;
  readonly gradient: ValueId;
}

/**
 * Appends the optimiser to a graph that has gradients: what a scale of the loss asks for, clipping, one update per parameter, new state.
 *
 * @returns the trace's inputs (learning rate, step) and the declarations of the optimiser's state
 */
export function appendOptimiser(
  builder: GraphBuilder,
  gradients: readonly ParameterGradient[],
  optimiser: Optimiser,
  scaling: LossScaling,
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
    const unscaled = unscale(
      gradients.map(({ gradient }) => adopt(trace, gradient)),
      scaling,
      (name) => appendDeclared(trace, 'parameter', name, scalar, null, ''),
    );
    for (const [parameter, { value }] of unscaled.states)
      builder.updates.push({ parameter, value });
    const groups = gradients.map(({ declaration: { name, type } }) =>
      groupOf(optimiser, name, type.shape),
    );
    const clipped = clipInGroups(unscaled.gradients, groups, optimiser);
    gradients.forEach(({ declaration, value }, k) => {
      const { type, source } = declaration;
      const { name: parameter } = declaration;
      const place = { span: source, scope: scopeOfName(parameter), pass: 'update' } as const;
      trace.fixed = { ...place, name: `${parameter}.update` };
      const { rule, learningRateFactor } = groups[k] ?? { rule: optimiser, learningRateFactor: 1 };
      const state = Object.fromEntries(
        rule.states.map((suffix) => {
          const name = `${declaration.name}.${suffix}`;
          states.push({ name, type, role: 'optimiser', source });
          return [suffix, appendDeclared(trace, 'parameter', name, type, source, place.scope)];
        }),
      );
      const result = rule.update({
        parameter: adopt(trace, value),
        gradient: clipped[k],
        state,
        learningRate:
          learningRateFactor === 1 ? learningRate : mul(learningRate, learningRateFactor),
        time,
      });
      const old = adopt(trace, value);
      const parameterValue = unscaled.kept(result.parameter, old).value;
      builder.updates.push({ parameter: declaration.name, value: parameterValue });
      for (const suffix of rule.states)
        builder.updates.push({
          parameter: `${declaration.name}.${suffix}`,
          value: unscaled.kept(result.state[suffix], state[suffix]).value,
        });
    });
  });
  return { inputs: trace.inputs, states };
}

/** Clips the gradients of groups that say so by themselves, and all others together. */
function clipInGroups(
  gradients: readonly Tensor[],
  groups: readonly (OptimiserGroup | undefined)[],
  optimiser: Optimiser,
): readonly Tensor[] {
  const apart = groups.map((group) => (group?.clipsApart ? group : undefined));
  const clipped = [...gradients];
  for (const group of new Set(apart)) {
    const members = apart.flatMap((own, k) => (own === group ? [k] : []));
    const own = clipGradients(
      members.map((k) => gradients[k]),
      group?.rule ?? optimiser,
    );
    members.forEach((k, place) => {
      clipped[k] = own[place];
    });
  }
  return clipped;
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
