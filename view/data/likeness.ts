import type { Plan } from '../../ir/plan.ts';
import type { PlanModel } from './model.ts';

/** What two plans have in common, and so what of them can be compared. */
export interface Likeness {
  /** Of one model: what becomes of their values can be compared. Else only how large they are and how long they take, side by side. */
  readonly sameModel: boolean;
  /** Times are predicted for one device. */
  readonly sameDevice: boolean;
  /** What differs, as sentences without an end. */
  readonly notes: readonly string[];
}

/**
 * What a plan has in common with the one that it is compared with. Models are the same where they have one name and the same parameters.
 */
export function likenessOf({ plan: base }: PlanModel, { plan, label }: PlanModel): Likeness {
  const sameModel = plan.name === base.name && keptText(plan) === keptText(base);
  const sameDevice = plan.profile === base.profile && plan.adapter === base.adapter;
  if (!sameModel)
    return {
      ...{ sameModel, sameDevice },
      notes: [
        plan.name === base.name
          ? `'${label}' is a model of the same name with other parameters: its figures stand beside the others, but no value of it is compared`
          : `'${label}' is another model, '${plan.name}': its figures stand beside the others, but no value of it is compared`,
      ],
    };
  const inputs = inputText(plan);
  return {
    ...{ sameModel, sameDevice },
    notes: [
      ...(inputs !== inputText(base)
        ? [`'${label}' has other inputs (${inputs}), so that its values are of other sizes`]
        : []),
      ...(plan.target !== base.target
        ? [`'${label}' is for another target, whose steps are cut differently`]
        : []),
      ...(sameDevice
        ? []
        : [`the times of '${label}' are predicted for another device (${deviceText(plan)})`]),
    ],
  };
}

const deviceText = ({ profile, adapter }: Plan) =>
  adapter === undefined ? profile : `${profile}, ${adapter}`;

/** Names and shapes of what the model keeps between runs, whatever the order. */
function keptText({ tensors }: Plan): string {
  return tensors
    .filter(
      ({ role, copyOf }) => copyOf === undefined && (role === 'parameter' || role === 'state'),
    )
    .map(({ name, shape }) => JSON.stringify([name, shape]))
    .sort()
    .join();
}

/** `x [32, 784], y [32]`: of all programs, each once. */
function inputText({ programs }: Plan): string {
  const texts = Object.values(programs).flatMap(({ inputs }) =>
    inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`),
  );
  return [...new Set(texts)].sort().join(', ');
}
