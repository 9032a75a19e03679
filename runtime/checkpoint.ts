import { fromBase64 } from '../ir/base64.ts';
import { valueType } from '../ir/dtypes.ts';
import type { Plan, PlanTensor } from '../ir/plan.ts';
import { CHECKPOINT_FORMAT, encodeSealed, PARAMETERS_FORMAT } from '../ir/sealed.ts';
import { elementCount } from '../ir/tensor.ts';
import type { TensorData } from './executor.ts';

// The files that sessions write: safetensors with metadata, sealed as a whole (ir/sealed.ts). Of both, `format`, `version` and `plan`,
// the model's name. A checkpoint holds every persistent tensor and says besides:
//
// counters    JSON { program: finished runs };
// optimiser   JSON [names]: the tensors that training keeps besides the model;
// only        JSON { tensor: [programs] }: parameters and states that not all programs use, and which do.
//
// The last two let a plan with other programs, or another optimiser, take what it has.
export const CHECKPOINT_VERSION = '2';
const PARAMETERS_VERSION = '1';

/** What lives on between runs and may change, in the plan's order: all that is persistent but constants. */
export function persistentTensors(plan: Plan): PlanTensor[] {
  return plan.tensors.filter(
    ({ policy, data }) => (policy === 'persistent' || policy === 'host') && data === undefined,
  );
}

/** Constants of the model with their elements, which the plan holds. */
export function constantTensors(plan: Plan): Map<PlanTensor, TensorData> {
  return new Map(
    plan.tensors.flatMap((tensor) => {
      const { data, dtype, shape } = tensor;
      if (data === undefined) return [];
      return [[tensor, fromBase64(data, valueType(dtype), elementCount(shape))!] as const];
    }),
  );
}

/** Those that are the model: parameters and states. */
export function modelTensors(plan: Plan): PlanTensor[] {
  return persistentTensors(plan).filter(({ role }) => role !== 'optimiser');
}

/** By name of a persistent tensor the programs that use it. */
export function programsUsing(plan: Plan): Map<string, Set<string>> {
  const users = new Map(persistentTensors(plan).map(({ name }) => [name, new Set<string>()]));
  for (const [program, { steps, outputs, transfers = [] }] of Object.entries(plan.programs)) {
    const use = (tensor: number | null) => {
      if (tensor !== null) users.get(plan.tensors[tensor].name)?.add(program);
    };
    for (const { bindings } of steps) bindings.forEach(use);
    for (const { slot } of transfers) use(plan.swap!.slots[slot].tensor);
    for (const { tensor } of outputs) use(tensor);
  }
  return users;
}

function named(tensors: readonly PlanTensor[], values: readonly TensorData[]) {
  return tensors.map(
    ({ name, dtype, shape }, i) =>
      [name, { dtype: valueType(dtype), shape, data: values[i] }] as const,
  );
}

/** `values` as {@link modelTensors} gives the tensors. */
export function encodeParameters(plan: Plan, values: readonly TensorData[]) {
  return encodeSealed(named(modelTensors(plan), values), {
    format: PARAMETERS_FORMAT,
    version: PARAMETERS_VERSION,
    plan: plan.name,
  });
}

/** `values` as {@link persistentTensors} gives the tensors. */
export function encodeCheckpoint(
  plan: Plan,
  values: readonly TensorData[],
  counters: ReadonlyMap<string, number>,
) {
  const tensors = persistentTensors(plan);
  const users = programsUsing(plan);
  const count = Object.keys(plan.programs).length;
  const only = modelTensors(plan)
    .filter(({ name }) => users.get(name)!.size < count)
    .map(({ name }) => [name, [...users.get(name)!]]);
  const optimiser = tensors.filter(({ role }) => role === 'optimiser').map(({ name }) => name);
  return encodeSealed(named(tensors, values), {
    format: CHECKPOINT_FORMAT,
    version: CHECKPOINT_VERSION,
    plan: plan.name,
    counters: JSON.stringify(Object.fromEntries(counters)),
    ...(optimiser.length > 0 ? { optimiser: JSON.stringify(optimiser) } : {}),
    ...(only.length > 0 ? { only: JSON.stringify(Object.fromEntries(only)) } : {}),
  });
}
