import type { Graph, InputDeclaration, ParameterDeclaration } from '../../ir/graph.ts';
import { type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import {
  createTrace,
  inputTensor,
  isPoisoned,
  poisoned,
  report,
  STEP_INPUT,
  type Trace,
  type TracedParameter,
  withTrace,
} from './context.ts';
import type { Inputs, Model, ModelDefinition, Outputs } from './model.ts';
import { formatShape } from './shapes.ts';
import { Tensor } from './tensor.ts';
import { checkShape } from './views.ts';

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

/** Inputs that the optimiser adds to the program `train`. */
const RESERVED_INPUTS: readonly string[] = ['learningRate', STEP_INPUT.name];
const LOSS_OUTPUT = 'loss';

/** Runs the user's functions on symbolic tensors, once per program. Exceptions of the user's own code pass through. */
export function traceModel(model: Model): TracedModel {
  const { definition } = model;
  const { name, seed = 0, train } = definition;
  const diagnostics: Diagnostic[] = [];
  const complain = (number: MessageNumber, args: Record<string, string | number>) =>
    diagnostics.push(diagnostic(number, model.source, args));
  if (!/^[A-Za-z][\w-]*$/.test(name)) complain(1012, { name: JSON.stringify(name) });
  for (const reserved of RESERVED_INPUTS)
    if (Object.hasOwn(definition.inputs, reserved)) complain(1014, { name: reserved });

  const used = new Set<string>();
  const run = (
    program: string,
    training: boolean,
    body: (inputs: Readonly<Record<string, Tensor>>) => Outputs,
  ) => {
    const trace = createTrace(program, { training, seed });
    withTrace(trace, () => {
      const outputs = body(inputProxy(trace, definition, used));
      recordOutputs(trace, program, outputs);
    });
    diagnostics.push(...trace.diagnostics);
    return trace;
  };
  const traces: { trace: Trace; trains: boolean }[] = [];
  traces.push({
    trace: run('predict', false, (inputs) => definition.build(inputs, { training: false })),
    trains: false,
  });
  if (train) {
    const trace = run('train', true, (inputs) => {
      const outputs = definition.build(inputs, { training: true });
      const loss = train.loss(outputs, inputs);
      checkLoss(loss);
      return { [LOSS_OUTPUT]: loss, ...train.metrics?.(outputs, inputs) };
    });
    traces.push({ trace, trains: true });
  }
  for (const [program, body] of Object.entries(definition.programs ?? {})) {
    traces.push({
      trace: run(program, false, (inputs) => body(inputs, { training: false })),
      trains: false,
    });
  }
  reportUnusedInputs(definition, used, diagnostics);
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
    inputs: [...new Map(traces.flatMap(({ trace }) => [...trace.inputs])).values()],
    diagnostics,
  };
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
  const { dtype, shape, source } = inputs[name];
  const before = trace.diagnostics.length;
  if (!checkShape(`input ${name}`, shape)) {
    const [last] = trace.diagnostics.splice(before);
    trace.diagnostics.push({ ...last, source: source ?? last.source });
    return poisoned({
      dtype,
      shape: shape.map((extent) => (Number.isSafeInteger(extent) && extent > 0 ? extent : 1)),
    });
  }
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

function recordOutputs(trace: Trace, program: string, outputs: Outputs): void {
  const entries = Object.entries(outputs ?? {});
  if (entries.length === 0) report(1010, { program });
  for (const [name, value] of entries) {
    if (!(value instanceof Tensor)) report(1011, { name, program });
    else if (!isPoisoned(value)) trace.builder.outputs.push({ name, value: value.value });
  }
}

function checkLoss(loss: Tensor): void {
  if (!(loss instanceof Tensor) || isPoisoned(loss)) return;
  if (loss.rank > 0) report(3001, { shape: formatShape(loss.shape) });
  else if (loss.dtype !== 'f32') report(3003, { dtype: loss.dtype });
}

/** One declaration per name; programs must agree on its shape. */
function mergeParameters(traces: readonly Trace[], diagnostics: Diagnostic[]): TracedParameter[] {
  const merged = new Map<string, TracedParameter>();
  for (const trace of traces) {
    for (const [name, parameter] of trace.parameters) {
      const known = merged.get(name);
      if (!known) {
        merged.set(name, parameter);
        continue;
      }
      const [first, second] = [known, parameter].map(({ declaration }) =>
        formatShape(declaration.type.shape),
      );
      if (first !== second)
        diagnostics.push(
          diagnostic(1007, parameter.declaration.source, { name, what: 'shapes', first, second }),
        );
    }
  }
  return [...merged.values()];
}
