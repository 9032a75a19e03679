import { formatBytes, formatInteger, formatSeconds } from '../../compiler/format.ts';
import type { Plan, PlanProgram, Target } from '../../ir/plan.ts';
import type { PlanModel } from './model.ts';

/** What a newcomer is to know of a plan before he looks at the picture. */
export interface Summary {
  readonly title: string;
  readonly sentences: readonly string[];
}

const TARGETS: Readonly<Record<Target, string>> = { webgpu: 'WebGPU', wasm: 'WebAssembly' };

/** A plan and one of its programs in plain words. */
export function summaryOf({ plan }: PlanModel, name: string): Summary {
  return {
    title: `${plan.name} on ${TARGETS[plan.target]}`,
    sentences: [memorySentence(plan), actionSentence(plan, name), timeSentence(plan, name)].filter(
      (sentence) => sentence !== '',
    ),
  };
}

function memorySentence({ memory }: Plan): string {
  const { deviceBytes, budgetBytes, persistentBytes, arenaBytes } = memory;
  const budget =
    budgetBytes === null
      ? 'no budget was given'
      : `the budget is ${formatBytes(budgetBytes)}, of which that is ${((100 * deviceBytes) / budgetBytes).toFixed(1)} %`;
  return `It takes ${formatBytes(deviceBytes)} of device memory, everything counted; ${budget}. ${formatBytes(persistentBytes)} of it stay from run to run (parameters and what training keeps of them), ${formatBytes(arenaBytes)} hold the values of a run, which give way to one another.`;
}

/** What was done to fit, and what that costs; or that nothing was. */
function actionSentence(plan: Plan, name: string): string {
  const { steps, predicted } = plan.programs[name];
  const recomputed = steps.filter(({ recomputed }) => recomputed).length;
  const costs = (seconds: number | undefined) =>
    seconds === undefined || !predicted
      ? ''
      : ` (${formatSeconds(seconds)} of ${formatSeconds(predicted.seconds)})`;
  const done = [
    ...(recomputed > 0
      ? [
          `${formatInteger(recomputed)} of its ${formatInteger(steps.length)} steps compute once more what was not kept${costs(predicted?.recomputeSeconds)}`,
        ]
      : []),
    ...swapParts(plan, plan.programs[name], costs(predicted?.swapSeconds)),
    ...(plan.microBatches ? [`the batch is computed in ${plan.microBatches.parts} parts`] : []),
    ...(plan.precision ? [`values are stored as ${plan.precision}`] : []),
    ...(plan.graphActions ?? []).map((action) => `the action '${action}' was taken`),
  ];
  if (done.length === 0)
    return plan.memory.budgetBytes === null
      ? ''
      : `Nothing had to be recomputed or moved to the host for '${name}'.`;
  return `To fit: ${done.join('; ')}.`;
}

function swapParts(plan: Plan, { transfers = [] }: PlanProgram, costs: string): string[] {
  const bytesOf = (way: 'in' | 'out') =>
    transfers.reduce(
      (sum, { kind, tensor }) => sum + (kind === way ? plan.tensors[tensor].bytes : 0),
      0,
    );
  if (transfers.length === 0) return [];
  return [
    `${formatBytes(bytesOf('out'))} go out to the host and ${formatBytes(bytesOf('in'))} come back in ${formatInteger(transfers.length)} copies${costs}`,
  ];
}

function timeSentence(plan: Plan, name: string): string {
  const { steps, predicted } = plan.programs[name];
  const count = `The program '${name}' has ${formatInteger(steps.length)} step${steps.length === 1 ? '' : 's'}`;
  return predicted
    ? `${count}; one run should take ${formatSeconds(predicted.seconds)} by the profile '${plan.profile}'.`
    : `${count}.`;
}
