import { formatBytes, formatInteger, formatSeconds } from '../../compiler/format.ts';
import { type InspectedValue, inspectValues } from '../../compiler/inspect/values.ts';
import { type Likeness, likenessOf } from './likeness.ts';
import type { PlanModel, ProgramModel } from './model.ts';

/** A figure of several plans, in the order of the plans; what one does not have is null. */
export interface ComparedFigure {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** As people read them. */
  readonly texts: readonly string[];
  /**
   * Beyond that of the base, as `+12 %`; empty for the base, for plans of other models, for times of other devices, and where it is the
   * same.
   */
  readonly changes: readonly string[];
}

/** What becomes of a value. */
export type Treatment =
  | 'kept'
  | 'recomputed'
  | 'swapped'
  | 'recomputed and swapped'
  | 'not there'
  | 'not compared';

/** A value that plans treat differently. */
export interface ComparedValue {
  readonly name: string;
  readonly bytes: number;
  readonly treatments: readonly Treatment[];
  /** What that costs, in seconds; null where no times are predicted. */
  readonly seconds: readonly (number | null)[];
  /** The tensor in the base; null where it is not there. */
  readonly tensor: number | null;
}

/** Bytes in use over a run. */
export interface ComparedCurve {
  readonly label: string;
  /** Of each step, how much of the work that is done once is behind it, 0 to 1: so that what is recomputed has no width of its own. */
  readonly progress: Float64Array;
  readonly bytes: Float64Array;
  readonly budgetBytes: number | null;
}

/** Several plans beside each other, in one of their programs. */
export interface Comparison {
  readonly labels: readonly string[];
  /** The one that the others are compared with. */
  readonly base: number;
  /** What is to be known before any of it is compared, as sentences. */
  readonly notes: readonly string[];
  readonly figures: readonly ComparedFigure[];
  /** Whether there is another plan whose values can be compared with those of the base. */
  readonly isCompared: boolean;
  /** Largest first. */
  readonly values: readonly ComparedValue[];
  readonly curves: readonly ComparedCurve[];
}

/**
 * Plans beside each other, compared with the one at `base`; those without the program are there with figures of the plan alone, those of
 * other models with figures that are not compared.
 */
export function comparePlans(models: readonly PlanModel[], program: string, base = 0): Comparison {
  const own = models.map((model) =>
    model.programs.includes(program) ? model.program(program) : null,
  );
  const likenesses = models.map((model) => likenessOf(models[base], model));
  const isAlike = likenesses.map(({ sameModel }) => sameModel);
  const labels = uniqueLabels(models);
  const missing = models.flatMap(({ label }, k) =>
    own[k] ? [] : [`'${label}' has no program '${program}'`],
  );
  return {
    ...{ labels, base },
    notes: [...likenesses.flatMap(({ notes }) => notes), ...missing],
    isCompared: models.some((_, k) => k !== base && isAlike[k] && own[k] !== null),
    figures: figuresOf(models, own, base, likenesses),
    values: changedValues(models, own, base, isAlike),
    curves: models.flatMap((model, k) => (own[k] ? [curveOf(model, own[k], labels[k])] : [])),
  };
}

/** Labels that tell plans apart: equal ones with their budgets, and with numbers where these are equal too. */
export function uniqueLabels(models: readonly PlanModel[]): string[] {
  const isShared = (all: readonly string[], label: string) =>
    all.indexOf(label) !== all.lastIndexOf(label);
  const plain = models.map(({ label }) => label);
  const budgets = models.map(({ label, plan }) => {
    const { budgetBytes } = plan.memory;
    const budget = budgetBytes === null ? 'no budget' : formatBytes(budgetBytes);
    return isShared(plain, label) ? `${label}, ${budget}` : label;
  });
  return budgets.map((label, k) => (isShared(budgets, label) ? `${label} (${k + 1})` : label));
}

type Programs = readonly (ProgramModel | null)[];

function figuresOf(
  models: readonly PlanModel[],
  own: Programs,
  base: number,
  likenesses: readonly Likeness[],
): ComparedFigure[] {
  const figure = (
    name: string,
    of: (model: PlanModel, program: ProgramModel | null) => number | null | undefined,
    text: (value: number) => string,
  ): ComparedFigure => {
    const values = models.map((model, k) => of(model, own[k]) ?? null);
    return {
      ...{ name, values, texts: values.map((value) => (value === null ? '–' : text(value))) },
      changes: values.map((value, k) => {
        const { sameModel, sameDevice } = likenesses[k];
        const isComparable = sameModel && (sameDevice || text !== formatSeconds);
        return isComparable ? changeOf(values[base], value) : '';
      }),
    };
  };
  const predicted = (model: PlanModel, program: ProgramModel | null) =>
    program && model.plan.programs[program.name].predicted;
  const transfers = (model: PlanModel, program: ProgramModel | null) =>
    program && (model.plan.programs[program.name].transfers ?? []);
  const all = [
    figure('budget', ({ plan }) => plan.memory.budgetBytes, formatBytes),
    figure('on the device', ({ plan }) => plan.memory.deviceBytes, formatBytes),
    figure(
      'in use at the peak',
      (_, program) => program?.live.total[program.live.peak.step],
      formatBytes,
    ),
    figure('on the host', ({ plan }) => plan.memory.hostBytes, formatBytes),
    figure('in a spill file', ({ plan }) => plan.memory.spillBytes, formatBytes),
    figure('steps', (_, program) => program?.steps.length, formatInteger),
    figure(
      'of them recomputed',
      (_, program) => program?.steps.filter(({ recomputed }) => recomputed).length,
      formatInteger,
    ),
    figure(
      'copies to and from the host',
      (model, program) => transfers(model, program)?.length,
      formatInteger,
    ),
    figure(
      'bytes of these copies',
      (model, program) =>
        transfers(model, program)?.reduce(
          (sum, { tensor }) => sum + model.plan.tensors[tensor].bytes,
          0,
        ),
      formatBytes,
    ),
    figure(
      'predicted time of a run',
      (model, program) => predicted(model, program)?.seconds,
      formatSeconds,
    ),
    figure(
      'recomputing',
      (model, program) => predicted(model, program)?.recomputeSeconds,
      formatSeconds,
    ),
    figure(
      'waiting for copies',
      (model, program) => predicted(model, program)?.swapSeconds,
      formatSeconds,
    ),
  ];
  return all.filter(({ values }) => values.some((value) => value !== null && value !== 0));
}

function changeOf(first: number | null, value: number | null): string {
  if (first === null || value === null || first === value) return '';
  const sign = value > first ? '+' : '−';
  if (first === 0) return '';
  const part = (100 * Math.abs(value - first)) / first;
  return `${sign}${part >= 10 ? Math.round(part) : part.toPrecision(2)} %`;
}

function changedValues(
  models: readonly PlanModel[],
  own: Programs,
  base: number,
  isAlike: readonly boolean[],
): ComparedValue[] {
  const byName = models.map(({ plan }, k) => {
    const program = isAlike[k] ? own[k] : null;
    return new Map(
      program ? inspectValues(plan, program.name).map((value) => [value.name, value]) : [],
    );
  });
  const tensorNames = models.map(({ plan }) => new Set(plan.tensors.map(({ name }) => name)));
  const names = new Set(byName.flatMap((values) => [...values.keys()]));
  const rows: ComparedValue[] = [];
  for (const name of names) {
    const values = byName.map((each) => each.get(name));
    const treatments = values.map(
      (value, k): Treatment =>
        isAlike[k] && own[k] ? treatmentOf(value, tensorNames[k], name) : 'not compared',
    );
    const isActed = values.some((value) => value && value.actions.length > 0);
    const compared = treatments.filter((treatment) => treatment !== 'not compared');
    if (!isActed || new Set(compared).size < 2) continue;
    rows.push({
      ...{ name, treatments },
      bytes: values.reduce((most, value) => Math.max(most, value?.bytes ?? 0), 0),
      seconds: values.map((value) =>
        value?.recomputeSeconds == null || value.swapSeconds == null
          ? null
          : value.recomputeSeconds + value.swapSeconds,
      ),
      tensor: values[base]?.tensor ?? null,
    });
  }
  return rows.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}

/** A value that is in no program's memory stays on the device, where the plan has it at all. */
function treatmentOf(
  value: InspectedValue | undefined,
  names: ReadonlySet<string>,
  name: string,
): Treatment {
  if (!value) return names.has(name) ? 'kept' : 'not there';
  const { actions } = value;
  if (actions.length === 2) return 'recomputed and swapped';
  return actions.length === 0 ? 'kept' : TREATMENTS[actions[0]];
}

const TREATMENTS = { recompute: 'recomputed', swap: 'swapped' } as const;

function curveOf({ plan }: PlanModel, { steps, live }: ProgramModel, label: string): ComparedCurve {
  const once = steps.reduce((count, { recomputed }) => count + (recomputed ? 0 : 1), 0) || 1;
  const progress = new Float64Array(steps.length);
  let done = 0;
  steps.forEach(({ recomputed }, step) => {
    progress[step] = done / once;
    if (!recomputed) done++;
  });
  return { label, progress, bytes: live.total, budgetBytes: plan.memory.budgetBytes };
}
