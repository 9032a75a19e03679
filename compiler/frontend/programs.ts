import { append } from '../../ir/lists.ts';
import type { SourceSpan } from '../../ir/source.ts';
import {
  type Diagnostic,
  diagnostic,
  type MessageNumber,
  originDiagnostic,
} from '../diagnostics.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { currentTrace, isPoisoned } from './context.ts';
import type {
  Inputs,
  Model,
  ModelDefinition,
  Outputs,
  ProgramFunction,
  Training,
} from './model.ts';
import { forbiddenName } from './names.ts';
import { Tensor } from './tensor.ts';
import {
  type NamedTraining,
  type ProgramTraining,
  partsOf,
  programOfPart,
  TRAINING_PARTS,
  trainingProgram,
} from './trainings.ts';

const LOSS_OUTPUT = 'loss';

/** A program that functions of the user's make. */
export interface ProgramBody {
  readonly program: string;
  readonly training: ProgramTraining | null;
  readonly body: (inputs: Readonly<Record<string, Tensor>>) => TracedOutputs;
}

/** What those functions give. */
export interface TracedOutputs {
  readonly outputs: Outputs;
  /** What stands first among the outputs. */
  readonly loss: string | null;
}

/** `predict`, the parts of the trainings, and the programs of the user's own. */
export function programsOf(
  { definition, source }: Model,
  trainings: readonly NamedTraining[],
  diagnostics: Diagnostic[],
): { readonly list: readonly ProgramBody[]; readonly derived: readonly ProgramTraining[] } {
  const { build, programs = {} } = definition;
  const plain = (program: string, own: ProgramFunction<Inputs>): ProgramBody => {
    const context = { training: false, program };
    const body = (inputs: Readonly<Record<string, Tensor>>) => ({
      ...{ outputs: own(inputs, context), loss: null },
    });
    return { program, training: null, body };
  };
  const list: ProgramBody[] = Object.hasOwn(programs, 'predict') ? [] : [plain('predict', build)];
  const parts = trainings.flatMap((named) => partsOf(named));
  const derived = parts.filter(({ part }) => TRAINING_PARTS[part].from !== 'loss');
  for (const named of trainings) append(list, tracedParts(named, build, source));
  const made = new Set([...list.map(({ program }) => program), ...derived.map(programOfPart)]);
  for (const [program, own] of Object.entries(programs)) {
    const isMade = made.has(program) || program === 'train';
    const reason = isMade ? "it is made of 'train'" : forbiddenName(program);
    if (reason) {
      const args = { name: program, what: 'a further program', reason };
      diagnostics.push(diagnostic(1016, source, args));
    } else list.push(plain(program, own));
  }
  return { list, derived };
}

/** The programs of a training that the user's functions make: those that take gradients of the loss, and `evaluate`. */
function tracedParts(
  named: NamedTraining,
  build: ModelDefinition['build'],
  source: SourceSpan | null,
): readonly ProgramBody[] {
  const training = named.training as unknown as Training<Inputs, Outputs>;
  const withLoss = (program: string, isTraining: boolean): ProgramBody['body'] => {
    const context = { training: isTraining, program };
    return (inputs) => {
      const outputs = build(inputs, context);
      const loss = training.loss(outputs, inputs);
      checkLoss(loss);
      const metrics = training.metrics
        ? checkedMetrics('metrics', training.metrics(outputs, inputs), source)
        : {};
      if (Object.hasOwn(metrics, LOSS_OUTPUT))
        report(1016, { name: LOSS_OUTPUT, what: 'a metric', reason: 'it is the loss itself' });
      return { outputs: { ...metrics, [LOSS_OUTPUT]: loss }, loss: LOSS_OUTPUT };
    };
  };
  const list = partsOf(named).flatMap((part): ProgramBody[] => {
    const program = programOfPart(part);
    const isTraced = TRAINING_PARTS[part.part].from === 'loss';
    return isTraced ? [{ program, training: part, body: withLoss(program, true) }] : [];
  });
  const evaluate = trainingProgram(named, 'evaluate');
  if (training.evaluate)
    list.push({ program: evaluate, training: null, body: withLoss(evaluate, false) });
  return list;
}

/** What a function of the user's gives as tensors by name; BTC1027 and nothing for anything else. */
export function checkedMetrics(what: string, given: unknown, source: SourceSpan | null): Outputs {
  const isTable =
    typeof given === 'object' &&
    given !== null &&
    !(given instanceof Tensor || given instanceof Promise || Array.isArray(given));
  if (isTable) return given as Outputs;
  // What the rest of the function throws is no news after this.
  if (given instanceof Promise) given.catch(() => {});
  const args = { what, given: kindOfGiven(given) };
  currentTrace(what).diagnostics.push(diagnostic(1027, source, args));
  return {};
}

function kindOfGiven(given: unknown): string {
  if (given === undefined) return 'nothing';
  if (given instanceof Tensor) return 'one tensor';
  if (given instanceof Promise) return 'a promise';
  return Array.isArray(given) ? 'a list' : String(given);
}

function checkLoss(loss: Tensor): void {
  if (!(loss instanceof Tensor) || isPoisoned(loss)) return;
  const { builder, diagnostics } = currentTrace('the loss');
  const complain = (number: MessageNumber, args: Record<string, string | number>) =>
    diagnostics.push(
      originDiagnostic(number, builder.sources[builder.nodes[loss.value].source], args),
    );
  if (loss.rank > 0) complain(3001, { shape: formatShape(loss.shape) });
  else if (loss.dtype !== 'f32') complain(3003, { dtype: loss.dtype });
}
