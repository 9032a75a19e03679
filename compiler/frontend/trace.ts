import type { Graph, InputDeclaration, ParameterDeclaration } from '../../ir/graph.ts';
import { formatIndexRange } from '../../ir/index-range.ts';
import { append } from '../../ir/lists.ts';
import type { Shape } from '../../ir/tensor.ts';
import {
  type Diagnostic,
  diagnostic,
  type MessageNumber,
  originDiagnostic,
} from '../diagnostics.ts';
import { formatShape } from '../format.ts';
import { nameFunctions } from '../reporting/call-sites.ts';
import { evaluationDiagnostic, report } from '../reporting/report.ts';
import * as activations from './activations.ts';
import * as constants from './constants.ts';
import {
  checkShape,
  createTrace,
  currentTrace,
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
import * as composed from './functions.ts';
import { joinRanges } from './index-parts.ts';
import * as indexing from './indexing.ts';
import * as losses from './losses.ts';
import type { Inputs, Model, ModelDefinition, Outputs } from './model.ts';
import { forbiddenName } from './names.ts';
import { groupOf, isOptimiser } from './optimiser.ts';
import * as parameters from './parameter.ts';
import { precisionProblems, SCALE_STATES } from './precision.ts';
import * as random from './random.ts';
import * as rearranging from './rearranging.ts';
import * as reductions from './reductions.ts';
import * as regressionLosses from './regression-losses.ts';
import * as scans from './scans.ts';
import { nameCalls, scope } from './scope.ts';
import * as sorting from './sorting.ts';
import { Tensor } from './tensor.ts';
import * as views from './views.ts';

/** A model as graphs: no gradients yet, contractions still n-ary. */
export interface TracedModel {
  readonly name: string;
  readonly seed: number;
  readonly programs: readonly TracedProgram[];
  readonly parameters: readonly TracedParameter[];
  /** Inputs of all programs, each declared once. */
  readonly inputs: readonly InputDeclaration[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface TracedProgram {
  readonly graph: Graph;
  /** Program `train`: its first output is the loss to differentiate. */
  readonly trains: boolean;
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
  { frozen, param, scope, state },
])
  nameFunctions(functions);

/** Inputs that the optimiser adds to the program `train`. */
const RESERVED_INPUTS: readonly string[] = ['learningRate', STEP_INPUT.name];
const LOSS_OUTPUT = 'loss';

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
  const used = new Set<string>();
  const traces: { trace: Trace; trains: boolean }[] = [];
  let ended = false;
  for (const { program, trains, body } of programsOf(model, diagnostics)) {
    const trace = createTrace(program, { training: trains, seed });
    traces.push({ trace, trains });
    try {
      runProgram(() =>
        withTrace(trace, () => {
          const outputs = body(inputProxy(trace, definition, used));
          recordOutputs(trace, model, outputs);
          nameCalls(trace);
        }),
      );
    } catch (error) {
      trace.diagnostics.push(evaluationDiagnostic(error, placeOfThrown(trace, error)));
      ended = true;
    }
    append(diagnostics, trace.diagnostics);
    if (ended) break;
    if (trains) checkStateNames(trace, definition, diagnostics);
  }
  if (!ended) reportUnusedInputs(definition, used, diagnostics);
  return {
    name,
    seed,
    programs: traces.map(({ trace, trains }) => ({
      graph: trace.builder.finish(),
      trains,
      parameters: [...trace.parameters.values()].map(({ declaration }) => declaration),
    })),
    parameters: mergeParameters(
      traces.map(({ trace }) => trace),
      diagnostics,
    ),
    inputs: declaredInputs(
      traces.map(({ trace }) => trace),
      definition.inputs,
      diagnostics,
    ),
    diagnostics,
  };
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
  if (train && !isOptimiser(train.optimizer)) complain(1017, { model: name });
  else if (train) {
    const { problems, groups } = train.optimizer;
    // What is wrong with all of it is wrong with each group too.
    append(
      diagnostics,
      problems.length > 0 ? problems : groups.flatMap(({ rule }) => rule.problems),
    );
  }
  if (train) append(diagnostics, precisionProblems(train, source));
  return diagnostics;
}

interface ProgramBody {
  readonly program: string;
  readonly trains: boolean;
  readonly body: (inputs: Readonly<Record<string, Tensor>>) => Outputs;
}

/** `predict`, `train` where the model is trained, and the programs of the user's own. */
function programsOf({ definition, source }: Model, diagnostics: Diagnostic[]): ProgramBody[] {
  const { build, train, programs = {} } = definition;
  const list: ProgramBody[] = [
    { program: 'predict', trains: false, body: (inputs) => build(inputs, { training: false }) },
  ];
  if (train && isOptimiser(train.optimizer)) {
    const body = (inputs: Readonly<Record<string, Tensor>>) => {
      const outputs = build(inputs, { training: true });
      const loss = train.loss(outputs, inputs);
      checkLoss(loss);
      const metrics = train.metrics?.(outputs, inputs) ?? {};
      if (Object.hasOwn(metrics, LOSS_OUTPUT))
        report(1016, { name: LOSS_OUTPUT, what: 'a metric', reason: 'it is the loss itself' });
      return { ...metrics, [LOSS_OUTPUT]: loss };
    };
    list.push({ program: 'train', trains: true, body });
  }
  for (const [program, own] of Object.entries(programs)) {
    const reason = ['predict', 'train'].includes(program)
      ? "it is made of 'build'"
      : forbiddenName(program);
    if (reason) {
      const args = { name: program, what: 'a further program', reason };
      diagnostics.push(diagnostic(1016, source, args));
    } else
      list.push({ program, trains: false, body: (inputs) => own(inputs, { training: false }) });
  }
  return list;
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
  report(1004, { name, model, inputs: Object.keys(inputs).join(', ') || 'none' });
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

/** The loss stands first among the outputs of a program that trains. */
function recordOutputs(trace: Trace, { source }: Model, outputs: Outputs): void {
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
  entries.sort(
    ([a], [b]) =>
      Number(trace.training && b === LOSS_OUTPUT) - Number(trace.training && a === LOSS_OUTPUT),
  );
  for (const [name, value] of entries) {
    const forbidden = forbiddenName(name);
    if (!(value instanceof Tensor)) complain(1011, { name, program });
    else if (forbidden) complain(1016, { name, what: 'an output', reason: forbidden });
    else if (isPoisoned(value)) continue;
    else if (!trace.tensors.has(value)) complain(1015, { op: `${program}.${name}` });
    else trace.builder.outputs.push({ name, value: value.value });
  }
  for (const [parameter, { value }] of trace.assignments)
    trace.builder.updates.push({ parameter, value });
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

/** What training keeps has names of its own, which no parameter may have: an optimiser's state of each, and the loss scale's. */
function checkStateNames(
  trace: Trace,
  { train }: ModelDefinition,
  diagnostics: Diagnostic[],
): void {
  const check = (name: string, reason: string) => {
    const taken = trace.parameters.get(name);
    if (!taken) return;
    const { source } = taken.declaration;
    diagnostics.push(diagnostic(1016, source, { name, what: 'a parameter', reason }));
  };
  for (const [owner, { declaration }] of trace.parameters) {
    if (declaration.role === 'state') continue;
    const { optimizer } = train!;
    const rule = groupOf(optimizer, owner, declaration.type.shape)?.rule ?? optimizer;
    for (const suffix of rule.states)
      check(`${owner}.${suffix}`, `it is the optimiser's state of '${owner}'`);
  }
  for (const name of SCALE_STATES) check(name, 'it is what training keeps of a dynamic loss scale');
}

/** One declaration per name; programs must agree on its shape and its role, but for what one of them freezes. */
function mergeParameters(traces: readonly Trace[], diagnostics: Diagnostic[]): TracedParameter[] {
  const merged = new Map<string, TracedParameter>();
  for (const trace of traces) {
    for (const [name, parameter] of trace.parameters) {
      const known = merged.get(name);
      if (!known) {
        merged.set(name, parameter);
        continue;
      }
      // What is frozen counts in the program that trains.
      const freezes = known.isFrozen !== parameter.isFrozen;
      if (freezes && trace.training) merged.set(name, parameter);
      const sorts = [known, parameter].map(({ declaration: { type, role } }) => ({
        shapes: formatShape(type.shape),
        roles: role,
      }));
      for (const what of ['shapes', 'roles'] as const) {
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
