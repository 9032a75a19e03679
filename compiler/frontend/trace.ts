import { STORAGE_TYPES } from '../../ir/dtypes.ts';
import type { Graph, InputDeclaration, ParameterDeclaration } from '../../ir/graph.ts';
import { formatIndexRange } from '../../ir/index-range.ts';
import { append } from '../../ir/lists.ts';
import type { SourceSpan } from '../../ir/source.ts';
import type { Shape } from '../../ir/tensor.ts';
import { type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import { formatShape } from '../format.ts';
import { nameFunctions } from '../reporting/call-sites.ts';
import { evaluationDiagnostic, report } from '../reporting/report.ts';
import * as activations from './activations.ts';
import { averaged, keepsAverages } from './averages.ts';
import * as constants from './constants.ts';
import {
  type AverageRead,
  checkShape,
  createTrace,
  inputTensor,
  isPoisoned,
  poisoned,
  STEP_INPUT,
  type Trace,
  type TracedParameter,
  withTrace,
} from './context.ts';
import * as contractions from './contractions.ts';
import * as ctc from './ctc.ts';
import * as distances from './distances.ts';
import { isMask, resolveDType } from './dtype-names.ts';
import * as elementwise from './elementwise.ts';
import { flattenedAxes } from './flattened.ts';
import * as composed from './functions.ts';
import { globalNorm } from './global-norm.ts';
import { joinRanges } from './index-parts.ts';
import * as indexing from './indexing.ts';
import { lora, mergedWeights } from './layers/adapters.ts';
import * as losses from './losses.ts';
import type { Inputs, Model, ModelDefinition, Outputs } from './model.ts';
import { forbiddenName } from './names.ts';
import { groupOf } from './optimiser.ts';
import * as parameters from './parameter.ts';
import { type Precision, SCALE_STATES } from './precision.ts';
import { programsOf } from './programs.ts';
import * as random from './random.ts';
import * as rearranging from './rearranging.ts';
import * as reductions from './reductions.ts';
import * as regressionLosses from './regression-losses.ts';
import * as scans from './scans.ts';
import { nameCalls, scope } from './scope.ts';
import * as sorting from './sorting.ts';
import { Tensor } from './tensor.ts';
import {
  AVERAGE,
  AVERAGED,
  commonStateName,
  GRADIENT,
  movesParameter,
  type ProgramTraining,
  precisionOf,
  SUMMED,
  stateName,
  trainingsOf,
} from './trainings.ts';
import * as views from './views.ts';

/** A model as graphs: no gradients yet, contractions still n-ary. */
export interface TracedModel {
  readonly name: string;
  readonly source: SourceSpan | null;
  readonly seed: number;
  /** What the trainings of the model ask for; null where none says. */
  readonly precision: Precision | null;
  readonly programs: readonly TracedProgram[];
  /** Programs that are made of gradients alone, behind the others. */
  readonly derived: readonly ProgramTraining[];
  readonly parameters: readonly TracedParameter[];
  /** By full name of a parameter: what stands for its average in programs that read it. */
  readonly averages: ReadonlyMap<string, AverageRead>;
  /** Inputs of all programs, each declared once. */
  readonly inputs: readonly InputDeclaration[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface TracedProgram {
  readonly graph: Graph;
  /** Of which training it is a part; null where it is of none. */
  readonly training: ProgramTraining | null;
  readonly parameters: readonly ParameterDeclaration[];
}

const { frozen, param, state } = parameters;
for (const functions of [
  activations,
  constants,
  contractions,
  ctc,
  distances,
  elementwise,
  composed,
  indexing,
  losses,
  random,
  rearranging,
  reductions,
  regressionLosses,
  scans,
  sorting,
  views,
  { averaged, frozen, globalNorm, lora, mergedWeights, param, scope, state },
])
  nameFunctions(functions);

/** Inputs that the optimiser adds to the program `train`. */
const RESERVED_INPUTS: readonly string[] = ['learningRate', STEP_INPUT.name];

/** Runs the functions of one program. */
let runProgram: <T>(run: () => T) => T = (run) => run();

/** Sets what is done around the functions of each program, all of which a model's `build` runs for. */
export function setProgramRunner(runner: typeof runProgram): void {
  runProgram = runner;
}

/** Runs the user's functions on symbolic tensors, once per program. An exception of theirs is a diagnostic and the end. */
export function traceModel(model: Model): TracedModel {
  const { definition } = model;
  const { name, seed = 0 } = definition;
  const diagnostics = checkDefinition(model);
  const made = trainingsOf(model);
  append(diagnostics, made.diagnostics);
  const used = new Set<string>();
  const traces: { trace: Trace; training: ProgramTraining | null }[] = [];
  let ended = false;
  const keeps = made.trainings.some(({ training }) => keepsAverages(training.optimizer));
  const { list, derived } = programsOf(model, made.trainings, diagnostics);
  for (const { program, training, body } of list) {
    const trace = createTrace(program, { training: training !== null, seed, keepsAverages: keeps });
    traces.push({ trace, training });
    ended = !runFunctions(trace, () => {
      const { outputs, loss } = body(inputProxy(trace, definition, used));
      recordOutputs(trace, model.source, outputs, loss);
      nameCalls(trace);
    });
    append(diagnostics, trace.diagnostics);
    if (ended) break;
    if (training) checkStateNames(trace, training, definition, diagnostics);
  }
  // Where a training could not be made, nobody knows what it would have used.
  if (!ended && made.isWhole) reportUnusedInputs(definition, used, diagnostics);
  const all = traces.map(({ trace }) => trace);
  return {
    name,
    source: model.source,
    seed,
    precision: precisionOf(made.trainings),
    programs: traces.map(({ trace, training }) => ({
      graph: trace.builder.finish(),
      training,
      parameters: [...trace.parameters.values()].map(({ declaration }) => declaration),
    })),
    derived,
    parameters: withFlattenedAxes(mergeParameters(all, diagnostics), all),
    averages: new Map(
      all.flatMap((trace) => [...trace.averages].map(([owner, { read }]) => [owner, read])),
    ),
    inputs: declaredInputs(all, definition.inputs, diagnostics),
    diagnostics,
  };
}

/** Runs functions of the user's on a trace. False where they throw, which is a diagnostic of the trace then. */
export function runFunctions(trace: Trace, functions: () => void): boolean {
  try {
    runProgram(() => withTrace(trace, functions));
    return true;
  } catch (error) {
    trace.diagnostics.push(evaluationDiagnostic(error, placeOfThrown(trace, error)));
    return false;
  }
}

/** Inputs of all programs, each once, with the ranges that programs use them in as indices. */
function declaredInputs(
  traces: readonly Trace[],
  specs: Inputs,
  diagnostics: Diagnostic[],
): InputDeclaration[] {
  const declared = new Map(traces.flatMap(({ inputs }) => [...inputs]));
  return [...declared.values()].map((input) => {
    const ranges = traces.flatMap((trace) => {
      const noted = trace.indexRanges.get(input.name);
      return noted ? [[trace.builder.name, noted] as const] : [];
    });
    if (ranges.length === 0) return input;
    const joined = ranges.map(([program, noted]) => {
      const all = joinRanges(noted, input.type.shape);
      if (all.some(({ low, high }) => low === high)) {
        const [first, second] = [...new Set(noted.map(formatIndexRange))];
        const { name } = input;
        const source = Object.hasOwn(specs, name) ? specs[name].source : null;
        diagnostics.push(diagnostic(2051, source, { name, program, first, second }));
      }
      return [program, all] as const;
    });
    return { ...input, ranges: Object.fromEntries(joined) };
  });
}

/** Mistakes in what is said beside the functions. */
function checkDefinition({ definition, source }: Model): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const complain = (number: MessageNumber, args: Record<string, string | number>) =>
    diagnostics.push(diagnostic(number, source, args));
  const { name, inputs, train } = definition;
  if (typeof name !== 'string' || !/^[A-Za-z][\w-]*$/.test(name))
    complain(1012, { name: JSON.stringify(name) ?? 'undefined' });
  for (const input of Object.keys(inputs)) {
    if (train && RESERVED_INPUTS.includes(input)) complain(1014, { name: input });
    const forbidden = forbiddenName(input);
    if (forbidden) complain(1016, { name: input, what: 'an input', reason: forbidden });
  }
  return diagnostics;
}

/** Hands out inputs on first use, so that a program has only the inputs that it reads. */
function inputProxy(
  trace: Trace,
  { inputs, name: model }: ModelDefinition,
  used: Set<string>,
): Readonly<Record<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  return new Proxy({} as Record<string, Tensor>, {
    get: (_, key) => {
      if (typeof key !== 'string') return undefined;
      let tensor = tensors.get(key);
      if (!tensor) {
        tensor = Object.hasOwn(inputs, key)
          ? declareInput(trace, inputs, key)
          : undefinedInput(key, inputs, model);
        tensors.set(key, tensor);
      }
      used.add(key);
      return tensor;
    },
    has: (_, key) => typeof key === 'string' && Object.hasOwn(inputs, key),
    ownKeys: () => Object.keys(inputs),
    getOwnPropertyDescriptor: (_, key) =>
      typeof key === 'string' && Object.hasOwn(inputs, key)
        ? { enumerable: true, configurable: true }
        : undefined,
  });
}

function declareInput(trace: Trace, inputs: Inputs, name: string): Tensor {
  const { dtype: given, shape, source } = inputs[name];
  const before = trace.diagnostics.length;
  const dtype = resolveDType(`input ${name}`, given);
  if (dtype === null || !checkShape(`input ${name}`, shape)) {
    const [last] = trace.diagnostics.splice(before);
    trace.diagnostics.push({ ...last, source: source ?? last.source });
    const extents = Array.isArray(shape) ? (shape as Shape) : [];
    return poisoned({
      dtype: dtype ?? 'f32',
      shape: extents.map((extent) => (Number.isSafeInteger(extent) && extent > 0 ? extent : 1)),
    });
  }
  if (isMask(given)) trace.indexRanges.set(name, [{ low: 0, high: 2 }]);
  return inputTensor(
    trace,
    { name, type: { dtype, shape }, default: null, counter: false },
    source,
  );
}

function undefinedInput(name: string, inputs: Inputs, model: string): Tensor {
  const among = Object.keys(inputs);
  report(1004, { name, model, inputs: among.join(', ') || 'none' }, { given: name, among });
  return poisoned({ dtype: 'f32', shape: [] });
}

function reportUnusedInputs(
  { inputs }: ModelDefinition,
  used: ReadonlySet<string>,
  diagnostics: Diagnostic[],
): void {
  for (const [name, { source }] of Object.entries(inputs)) {
    if (!used.has(name)) diagnostics.push(diagnostic(1003, source, { name }));
  }
}

/** Adds outputs to a program's; the one that `first` names stands before the others. */
export function recordOutputs(
  trace: Trace,
  source: SourceSpan | null,
  outputs: Outputs,
  first: string | null,
): void {
  const complain = (number: MessageNumber, args: Record<string, string | number>) =>
    trace.diagnostics.push(diagnostic(number, source, args));
  const program = trace.builder.name;
  if (outputs instanceof Promise) {
    // What the rest of the function throws is no news after this.
    outputs.catch(() => {});
    complain(1020, { program });
    return;
  }
  const entries = Object.entries(outputs ?? {});
  if (entries.length === 0) complain(1010, { program });
  entries.sort(([a], [b]) => Number(b === first) - Number(a === first));
  const taken = new Set(trace.builder.outputs.map((output) => output.name));
  for (const [name, value] of entries) {
    const forbidden = forbiddenName(name);
    if (!(value instanceof Tensor)) complain(1011, { name, program });
    else if (forbidden) complain(1016, { name, what: 'an output', reason: forbidden });
    else if (taken.has(name))
      complain(1016, { name, what: 'an output', reason: 'the program has one of that name' });
    else if (isPoisoned(value)) continue;
    else if (!trace.tensors.has(value)) complain(1015, { op: `${program}.${name}` });
    else trace.builder.outputs.push({ name, value: value.value });
  }
  for (const [parameter, { value }] of trace.assignments)
    trace.builder.updates.push({ parameter, value });
}

/**
 * What training keeps has names of its own, which no parameter may have: an optimiser's state of each, sums of gradients, the loss
 * scale's. Gradients that are exchanged have names that no input may have.
 */
function checkStateNames(
  trace: Trace,
  named: ProgramTraining,
  { inputs }: ModelDefinition,
  diagnostics: Diagnostic[],
): void {
  const check = (name: string, reason: string) => {
    const taken = trace.parameters.get(name);
    if (!taken) return;
    const { source } = taken.declaration;
    diagnostics.push(diagnostic(1016, source, { name, what: 'a parameter', reason }));
  };
  const { optimizer, accumulate, exchange } = named.training;
  const moves = movesParameter(named);
  for (const [owner, { declaration }] of trace.parameters) {
    const { role, type } = declaration;
    if (role === 'state' || !moves(owner, type.shape)) continue;
    const rule = groupOf(optimizer, owner, type.shape)?.rule ?? optimizer;
    for (const suffix of rule.states)
      check(stateName(named, owner, suffix), `it is the optimiser's state of '${owner}'`);
    if (rule.average !== undefined)
      check(stateName(named, owner, AVERAGE), `it is the average of '${owner}'`);
    if (accumulate) check(stateName(named, owner, GRADIENT), `it is the gradient of '${owner}'`);
    const exchanged = `${owner}.${GRADIENT}`;
    if (exchange && Object.hasOwn(inputs, exchanged))
      diagnostics.push(
        diagnostic(1016, inputs[exchanged].source, {
          ...{ name: exchanged, what: 'an input', reason: `it is the gradient of '${owner}'` },
        }),
      );
  }
  for (const name of SCALE_STATES)
    check(commonStateName(named, name), 'it is what training keeps of a dynamic loss scale');
  if (keepsAverages(optimizer))
    check(commonStateName(named, AVERAGED), 'it is how many steps averages are of');
  if (accumulate) check(commonStateName(named, SUMMED), 'it is how many batches gradients are of');
}

/** Each with the axes that are flattened images in one of the programs. */
function withFlattenedAxes(
  parameters: readonly TracedParameter[],
  traces: readonly Trace[],
): TracedParameter[] {
  const found = traces.map(({ builder, images }) => flattenedAxes(builder.nodes, images));
  return parameters.map((parameter) => {
    const { layer, declaration } = parameter;
    const flattened = found.find((axes) => axes.has(declaration.name))?.get(declaration.name);
    return layer && flattened ? { ...parameter, layer: { ...layer, flattened } } : parameter;
  });
}

/** One declaration per name; programs must agree on its shape and its role, but for what one of them freezes. */
function mergeParameters(traces: readonly Trace[], diagnostics: Diagnostic[]): TracedParameter[] {
  const merged = new Map<string, TracedParameter>();
  const trained = new Set(
    traces.flatMap(({ training, parameters }) =>
      training ? [...parameters].filter(([, one]) => !one.isFrozen).map(([name]) => name) : [],
    ),
  );
  for (const trace of traces) {
    for (const [name, parameter] of trace.parameters) {
      const known = merged.get(name);
      if (!known) {
        merged.set(name, parameter);
        continue;
      }
      // What is frozen counts in programs that train: it is a parameter where one of them trains it.
      const freezes = known.isFrozen !== parameter.isFrozen;
      if (freezes && trace.training && !(trained.has(name) && parameter.isFrozen))
        merged.set(name, parameter);
      const sorts = [known, parameter].map(({ declaration: { type, role, storage } }) => ({
        shapes: formatShape(type.shape),
        roles: role,
        // Halves stand for themselves; what counts by scales does not.
        storages: storage && STORAGE_TYPES[storage].isScaled ? storage : (type.dtype as string),
      }));
      for (const what of ['shapes', 'roles', 'storages'] as const) {
        const [first, second] = sorts.map((sort) => sort[what]);
        if (first !== second && !(what === 'roles' && freezes))
          diagnostics.push(
            diagnostic(1007, parameter.declaration.source, { name, what, first, second }),
          );
      }
    }
  }
  return [...merged.values()];
}

/** Where in the model an exception came from, if the trace saw it. */
function placeOfThrown({ thrown }: Trace, error: unknown): string | undefined {
  return thrown?.error === error ? thrown?.place : undefined;
}
