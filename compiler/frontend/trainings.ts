import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { Model, ModelDefinition, Training } from './model.ts';
import { forbiddenName } from './names.ts';
import { isOptimiser, isParameterFilter, parameterFilter } from './optimiser.ts';
import { type Precision, precisionProblems } from './precision.ts';

// A training is a loss and what lowers it. It is made into several programs, one a part: all of a step in one, or its two halves apart,
// so that gradients of several batches or of several machines can be joined in between.

/** What one program does of a training's step. */
export type TrainingPart = 'step' | 'accumulate' | 'update' | 'clear' | 'gradients' | 'apply';

/** One part: where its gradients come from, and where they go. */
export interface TrainingPartRow {
  /** Behind the training's name; null for the program that has that name itself. */
  readonly suffix: string | null;
  /** What asks for it; null for what every training has. */
  readonly option: 'accumulate' | 'exchange' | null;
  readonly from: 'loss' | 'sums' | 'inputs' | 'nothing';
  readonly to: 'update' | 'sums' | 'cleared' | 'outputs';
}

/** The row of every part. Those that take gradients of the loss stand before those that take them from there. */
export const TRAINING_PARTS: Readonly<Record<TrainingPart, TrainingPartRow>> = {
  step: { suffix: null, option: null, from: 'loss', to: 'update' },
  accumulate: { suffix: 'accumulate', option: 'accumulate', from: 'loss', to: 'sums' },
  update: { suffix: 'update', option: 'accumulate', from: 'sums', to: 'update' },
  clear: { suffix: 'clear', option: 'accumulate', from: 'nothing', to: 'cleared' },
  gradients: { suffix: 'gradients', option: 'exchange', from: 'loss', to: 'outputs' },
  apply: { suffix: 'apply', option: 'exchange', from: 'inputs', to: 'update' },
};

/** A training of a model. */
export interface NamedTraining {
  /** Its name among several; null for a model's only one, whose programs are `train`, `accumulate` and so on. */
  readonly key: string | null;
  readonly training: Training<never, never>;
}

/** A program's share in a training. */
export interface ProgramTraining extends NamedTraining {
  readonly part: TrainingPart;
}

/** The program of a training that does such a part, or its program `evaluate`. */
export function trainingProgram({ key }: NamedTraining, suffix: string | null): string {
  if (key === null) return suffix ?? 'train';
  return suffix === null ? key : `${key}.${suffix}`;
}

/** The parts of a training that are asked for. */
export function partsOf(named: NamedTraining): readonly ProgramTraining[] {
  return PARTS.filter((part) => {
    const { option } = TRAINING_PARTS[part];
    return option === null || named.training[option];
  }).map((part) => ({ ...named, part }));
}

const PARTS = Object.keys(TRAINING_PARTS) as readonly TrainingPart[];

/** The program that is a part. */
export function programOfPart(part: ProgramTraining): string {
  return trainingProgram(part, TRAINING_PARTS[part.part].suffix);
}

/** The name of what a training keeps for a parameter: `fc.weight.momentum`, among several trainings `fc.weight.generator.momentum`. */
export function stateName({ key }: NamedTraining, owner: string, suffix: string): string {
  return key === null ? `${owner}.${suffix}` : `${owner}.${key}.${suffix}`;
}

/** The name of what a training keeps for all parameters together. */
export function commonStateName({ key }: NamedTraining, name: string): string {
  return key === null ? name : `${key}.${name}`;
}

/** What sums of gradients are called behind the parameter's name, and gradients that go out of programs and in. */
export const GRADIENT = 'gradient';
/** How many batches the sums of gradients are of. */
export const SUMMED = 'gradients.count';

/** What averages are called behind the parameter's name. */
export const AVERAGE = 'average';
/** How many steps a training's averages are of. */
export const AVERAGED = 'averages.count';

/** Whether a training moves a parameter that its loss depends on. */
export function movesParameter({ training }: NamedTraining): ReturnType<typeof parameterFilter> {
  return training.parameters === undefined ? () => true : parameterFilter(training.parameters);
}

/** What the trainings of a model ask for; null where none says. */
export function precisionOf(trainings: readonly NamedTraining[]): Precision | null {
  const asked = trainings.map(({ training }) => training.precision);
  return asked.find((precision) => precision !== undefined) ?? null;
}

function isSingle(train: NonNullable<ModelDefinition['train']>): train is Training<never, never> {
  return typeof train.loss === 'function' || isOptimiser(train.optimizer);
}

/** The trainings of a model that can be made, and what is wrong with others. Errors: BTC1016, BTC1017, BTC1023, BTC2015. */
export function trainingsOf({ definition, source }: Model): {
  readonly trainings: readonly NamedTraining[];
  readonly diagnostics: readonly Diagnostic[];
  /** Whether all of them can be made. */
  readonly isWhole: boolean;
} {
  const { name: model, train } = definition;
  if (train === undefined) return { trainings: [], diagnostics: [], isWhole: true };
  const diagnostics: Diagnostic[] = [];
  if (typeof train !== 'object' || train === null || Array.isArray(train)) {
    const value = Array.isArray(train) ? 'a list' : String(train);
    const wanted = 'a training, or trainings by name';
    diagnostics.push(
      diagnostic(2015, source, { op: `model ${model}`, name: 'train', value, wanted }),
    );
    return { trainings: [], diagnostics, isWhole: false };
  }
  const named: readonly NamedTraining[] =
    isSingle(train) || Object.keys(train).length === 0
      ? [{ key: null, training: train as Training<never, never> }]
      : Object.entries(train as Record<string, Training<never, never>>).map(([key, training]) => ({
          ...{ key, training },
        }));
  const trainings = named.filter((one) => {
    const problems = trainingProblems(model, one, source);
    diagnostics.push(...problems);
    return problems.every(({ code }) => !UNMAKABLE.includes(code));
  });
  const [first, second] = new Set(
    trainings.flatMap(({ training: { precision } }) => precision ?? []),
  );
  if (second !== undefined) diagnostics.push(diagnostic(1024, source, { model, first, second }));
  return { trainings, diagnostics, isWhole: trainings.length === named.length };
}

/** A training with one of these has no programs: there is no optimiser, a function is none, or its name is taken. */
const UNMAKABLE: readonly string[] = ['BTC1016', 'BTC1017', 'BTC1023', 'BTC1026'];

/** Programs that every model has. */
const TAKEN = ['predict'];

function trainingProblems(
  model: string,
  { key, training }: NamedTraining,
  source: Model['source'],
): Diagnostic[] {
  const owner = key === null ? `model '${model}'` : `training '${key}' of model '${model}'`;
  const reason =
    key === null
      ? undefined
      : TAKEN.includes(key)
        ? 'a program has that name'
        : /^[A-Za-z][\w-]*$/.test(key)
          ? forbiddenName(key)
          : UNNAMABLE;
  const named = reason
    ? [diagnostic(1016, source, { name: key!, what: 'a training', reason })]
    : [];
  if (!isOptimiser(training?.optimizer)) return [...named, diagnostic(1017, source, { owner })];
  if (typeof training.loss !== 'function')
    return [...named, diagnostic(1023, source, { what: 'loss', owner })];
  for (const what of ['metrics', 'gradientMetrics'] as const)
    if (training[what] !== undefined && typeof training[what] !== 'function')
      return [...named, diagnostic(1023, source, { what, owner })];
  const { parameters, optimizer } = training;
  const isFilter = parameters === undefined || isParameterFilter(parameters);
  const wrong = (name: string, wanted: string, among: readonly string[] = []) =>
    diagnostic(1026, source, { name, owner, wanted }, { choice: { given: name, among } });
  const options = [
    ...(isFilter ? [] : [wrong('parameters', 'a pattern or a function of name and shape')]),
    ...FLAGS.filter((name) => !['boolean', 'undefined'].includes(typeof training[name])).map(
      (name) => wrong(name, 'true or false'),
    ),
    ...Object.keys(training)
      .filter((name) => !OPTIONS.includes(name))
      .map((name) => wrong(name, `one of ${OPTIONS.join(', ')}`, OPTIONS)),
  ];
  const { problems, groups } = optimizer;
  return [
    ...named,
    ...options,
    // What is wrong with all of it is wrong with each group too.
    ...(problems.length > 0 ? problems : groups.flatMap(({ rule }) => rule.problems)),
    ...precisionProblems(training, source),
  ];
}

const FLAGS = ['accumulate', 'exchange', 'evaluate'] as const;
const OPTIONS: readonly string[] = [
  ...['loss', 'optimizer', 'parameters', ...FLAGS, 'precision', 'lossScale'],
  ...['metrics', 'gradientMetrics'],
];

const UNNAMABLE = 'use letters, digits, _ and -, starting with a letter';
