import { formatAmount, formatBytes, formatInteger, formatSeconds } from '../../compiler/format.ts';
import { median, warmRuns } from '../../compiler/inspect/kernel-times.ts';
import type { Plan, PlanProgram, Target } from '../../ir/plan.ts';
import type { PlanModel, ProgramModel } from './model.ts';

/** What a newcomer is to know of a plan before he looks at the picture. */
export interface Summary {
  readonly title: string;
  /** The figures that matter most, each with a remark or none. */
  readonly figures: readonly {
    readonly name: string;
    readonly value: string;
    readonly note: string;
  }[];
  readonly sentences: readonly string[];
}

const TARGETS: Readonly<Record<Target, string>> = { webgpu: 'WebGPU', wasm: 'WebAssembly' };

/** A plan and one of its programs in plain words. */
export function summaryOf(model: PlanModel, name: string): Summary {
  const { plan, program } = model;
  return {
    title: `${plan.name} on ${TARGETS[plan.target]}`,
    figures: figuresOf(model, program(name)),
    sentences: [memorySentence(plan), ...peakSentences(model, name), actionSentence(plan, name)],
  };
}

/** Which program decides what the plan takes, where there are several. */
function peakSentences({ programs, peakProgram, program }: PlanModel, name: string): string[] {
  if (programs.length < 2) return [];
  const { live } = program(peakProgram);
  const peak = `${formatBytes(live.total[live.peak.step])} at step ${formatInteger(live.peak.step)}`;
  return [
    peakProgram === name
      ? `Of all programs, '${name}', which is shown, needs most: ${peak}.`
      : `The program '${peakProgram}' needs more than '${name}', which is shown: ${peak}; it decides what the plan takes.`,
  ];
}

function figuresOf(model: PlanModel, { name, live, steps }: ProgramModel): Summary['figures'] {
  const { plan } = model;
  const { deviceBytes, budgetBytes, hostBytes, spillBytes } = plan.memory;
  const used = budgetBytes ? `${percent(deviceBytes / budgetBytes)} of it used` : '';
  return [
    { name: 'device memory', value: formatBytes(deviceBytes), note: 'everything counted' },
    { name: 'budget', value: budgetBytes === null ? 'none' : formatBytes(budgetBytes), note: used },
    {
      name: `most in use in ${name}`,
      value: formatBytes(live.total[live.peak.step]),
      note: `at step ${formatInteger(live.peak.step)} of ${formatInteger(steps.length)}`,
    },
    ...(hostBytes + spillBytes > 0
      ? [
          {
            name: 'host memory',
            value: formatBytes(hostBytes),
            note: spillBytes > 0 ? `and ${formatBytes(spillBytes)} in a file` : '',
          },
        ]
      : []),
    ...timeFigure(model, name),
  ];
}

const percent = (share: number) =>
  share > 0 && share < 0.0005 ? 'less than 0.1 %' : `${(100 * share).toFixed(1)} %`;

/** What a run takes: as measured, the median of all but the first, beside what is predicted. */
function timeFigure({ plan, trace }: PlanModel, name: string): Summary['figures'] {
  const { predicted } = plan.programs[name];
  const runs = trace ? warmRuns(trace.trace, name).map(({ seconds }) => seconds) : [];
  const told = predicted ? `predicted for ${plan.profile}` : '';
  const title = `a run of ${name}`;
  if (trace && runs.length > 0) {
    const beside = predicted ? `; ${formatSeconds(predicted.seconds)} ${told}` : '';
    const note = `measured on ${trace.device}${beside}`;
    return [{ name: title, value: formatSeconds(median(runs)), note }];
  }
  return predicted ? [{ name: title, value: formatSeconds(predicted.seconds), note: told }] : [];
}

function memorySentence({ memory }: Plan): string {
  const { persistentBytes, arenaBytes, stagingBytes, host } = memory;
  const staging =
    stagingBytes > 0 ? `; ${formatBytes(stagingBytes)} pass data to and from the host` : '';
  const kept = 'parameters, and what training keeps of them';
  const lasting =
    persistentBytes > 0
      ? `${formatBytes(persistentBytes)} stay from run to run (${kept})`
      : `nothing stays from run to run${(host?.homeBytes ?? 0) > 0 ? ` (the host has ${kept})` : ''}`;
  return `Of the device memory, ${lasting}, and ${formatBytes(arenaBytes)} hold the values of a run, which give way to one another${staging}.`;
}

/** What was done to fit, and what that costs; or that nothing was. */
function actionSentence(plan: Plan, name: string): string {
  const { steps, predicted } = plan.programs[name];
  const recomputed = steps.filter(({ recomputed }) => recomputed).length;
  const costs = (seconds: number | undefined) =>
    seconds === undefined || !predicted
      ? ''
      : seconds === 0
        ? ' (hidden behind computation)'
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
      ? `No budget was given, so nothing was recomputed or moved to the host.`
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
    `${formatBytes(bytesOf('out'))} go out to the host and ${formatBytes(bytesOf('in'))} come back in ${formatAmount(transfers.length, 'copy', 'copies')}${costs}`,
  ];
}
