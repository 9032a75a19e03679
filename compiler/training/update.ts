import { scopeOfName } from '../../ir/source.ts';
import { inputTensor, stepTensor } from '../frontend/context.ts';
import { add, cast, greater, mul, select } from '../frontend/elementwise.ts';
import { groupOf } from '../frontend/optimiser.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { SUMMED, TRAINING_PARTS } from '../frontend/trainings.ts';
import { appendAverage, countAverages } from './averages.ts';
import { clipInGroups } from './clipping.ts';
import { type Guard, guardOf } from './loss-scale.ts';
import { type Part, SCALAR } from './part.ts';

/**
 * Appends the optimiser: clipping, one update per parameter, new state.
 *
 * @param raw gradients in which an overflow is looked for
 * @param gradients the same without a scale, where that has not been asked for yet
 */
export function appendUpdate(
  part: Part,
  raw: readonly Tensor[],
  gradients: () => readonly Tensor[],
): void {
  const { trace, training, parameters } = part;
  const { optimizer: optimiser } = training.training;
  const rate = { name: 'learningRate', type: SCALAR, counter: false } as const;
  const learningRate = inputTensor(trace, { ...rate, default: optimiser.learningRate }, null);
  const time = add(cast(stepTensor(), 'f32'), 1);
  const guard = whereThereAreGradients(part, guardOf(raw, part.scaling, part.common));
  for (const [name, value] of guard.states) part.updateCommon(name, value);
  const groups = parameters.map(({ declaration: { name, type } }) =>
    groupOf(optimiser, name, type.shape),
  );
  const clipped = clipInGroups(gradients(), groups, optimiser);
  parameters.forEach(({ declaration, value }, k) => {
    const { name, source } = declaration;
    const place = { span: source, scope: scopeOfName(name), pass: 'update' } as const;
    trace.fixed = { ...place, name: `${name}.update` };
    const { rule, learningRateFactor } = groups[k] ?? { rule: optimiser, learningRateFactor: 1 };
    const state = Object.fromEntries(
      rule.states.map((suffix) => [suffix, part.state(declaration, suffix)]),
    );
    const result = rule.update({
      parameter: value,
      gradient: clipped[k],
      state,
      learningRate: learningRateFactor === 1 ? learningRate : mul(learningRate, learningRateFactor),
      time,
    });
    const updated = guard.kept(result.parameter, value);
    part.update(name, updated);
    if (rule.average !== undefined) appendAverage(part, declaration, updated, rule.average, guard);
    for (const suffix of rule.states)
      part.updateState(declaration, suffix, guard.kept(result.state[suffix], state[suffix]));
  });
  const rules = groups.map((group) => group?.rule ?? optimiser);
  if (rules.some(({ average }) => average !== undefined)) countAverages(part, guard);
}

/** An update by sums that nothing was added to is none: neither decay nor momentum moves anything. */
function whereThereAreGradients({ training, common }: Part, guard: Guard): Guard {
  if (TRAINING_PARTS[training.part].from !== 'sums') return guard;
  const isSummed = greater(common(SUMMED), 0);
  return {
    kept: (updated, old) => select(isSummed, guard.kept(updated, old), old),
    states: guard.states.map(([name, value]) => [name, select(isSummed, value, common(name))]),
  };
}
