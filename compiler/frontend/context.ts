import type { NarrowStorage } from '../../ir/dtypes.ts';
import {
  GraphBuilder,
  type InputDeclaration,
  type ParameterDeclaration,
  type ValueId,
} from '../../ir/graph.ts';
import type { IndexRange } from '../../ir/index-range.ts';
import { inferType, type OpAttributes, type OpName } from '../../ir/ops.ts';
import type { LayerPart } from '../../ir/plan.ts';
import { type Origin, type SourceSpan, scopeOfName } from '../../ir/source.ts';
import type { Shape, TensorType } from '../../ir/tensor.ts';
import type { Diagnostic, MessageNumber } from '../diagnostics.ts';
import type { Factorisation } from '../factorised/factorisation.ts';
import { formatShape } from '../format.ts';
import { endIfInterrupted } from '../interruption.ts';
import { currentCall, inOneCall } from '../reporting/call-sites.ts';
import { MisuseError, report, withReporter } from '../reporting/report.ts';
import type { Initialiser } from './initialisers.ts';
import { Tensor } from './tensor.ts';

/** A parameter or state of the model as a trace found it. */
export interface TracedParameter {
  readonly declaration: ParameterDeclaration;
  /** Whether its values come with those of another, and it has no first values of its own. */
  readonly isDerived?: boolean;
  readonly initialiser: Initialiser;
  /** Whether it is a state because it is frozen. */
  readonly isFrozen: boolean;
  /** What it is to the layer that has it; null outside of layers. */
  readonly layer: LayerPart | null;
}

/** What frozen parameters can be kept as, and what memory holds then. */
export const FROZEN_STORAGE = { f32: null, f16: 'f16', int8: 'i8' } as const satisfies Readonly<
  Record<string, NarrowStorage | null>
>;

/** How frozen parameters are kept. */
export interface FrozenOptions {
  /**
   * `f16`: parameters of two axes or more take half of the bytes. Each number is the nearest half, and what is computed with it is f32.
   * WebGPU needs `shader-f16` for it. `int8`: they take a quarter; of each column, along the last axis, the greatest number is 127 steps, and
   * each is the nearest step. What is loaded is brought to this by the session. Default `f32`.
   */
  readonly storage?: keyof typeof FROZEN_STORAGE;
}

/** Adds to the product with a weight that with an adapter of it. */
export interface Adapter {
  /** Whether a weight is one that it adapts. */
  readonly takes: (name: string, shape: Shape, form: 'matrix' | 'kernel' | 'table') => boolean;
  /** Weights that it has adapted, by full name. */
  readonly taken: Set<string>;
  readonly options: AdapterOptions;
}

/** How weights are adapted. */
export interface AdapterOptions {
  readonly rank: number;
  readonly scale: number;
  readonly dropout: number;
  /** In place of two factors. */
  readonly factorisation: ((inFeatures: number, outFeatures: number) => Factorisation) | undefined;
}

/** Stand-ins for the state that keeps a parameter's average and for the number of steps in it. */
export interface AverageRead {
  readonly average: ParameterDeclaration;
  readonly count: ParameterDeclaration;
}

/** What one run of the user's functions leaves behind. */
export interface Trace {
  readonly builder: GraphBuilder;
  readonly training: boolean;
  readonly diagnostics: Diagnostic[];
  /** Tensors of this trace: one of another trace would silently mean another value. */
  readonly tensors: WeakSet<Tensor>;
  readonly parameters: Map<string, TracedParameter>;
  /** What the program has made of the model's states so far, by full name. */
  readonly assignments: Map<string, Tensor>;
  /** Names in use, by the layer or parameter object that owns them. */
  readonly owners: Map<string, object>;
  /** Names given to anonymous layers: `linear1`, `linear2`. */
  readonly layerNames: Map<object, string>;
  readonly layerCounts: Map<string, number>;
  /** Values of layers' parameters that were used already, by full name. */
  readonly parameterValues: Map<string, Tensor>;
  /** Whether parameters that are declared now are not trained, and what they are held as then. */
  frozen: FrozenOptions | null;
  /** What weights that are used now are adapted by. */
  adapter: Adapter | null;
  /** By full name of a weight that has been adapted: what it is with its adapter. */
  readonly adapted: Map<string, () => Tensor>;
  /** Whether a training of the model keeps averages of parameters. */
  readonly keepsAverages: boolean;
  /** What is read in place of a parameter that is used now. */
  averaging: ((declaration: ParameterDeclaration, value: Tensor) => Tensor) | null;
  /** By full name of a parameter whose average has been read. */
  readonly averages: Map<string, { readonly read: AverageRead; readonly value: Tensor }>;
  /** Names of enclosing scopes, each with a trailing dot. */
  scope: string;
  /** Where in the model values are computed now: the scope, and the layer in it. */
  place: string;
  /** By index of a source: the function of btc that the user called there. */
  readonly calls: Map<number, string>;
  /** The exception that is on its way out, and the place that threw it. */
  thrown: { readonly error: unknown; readonly place: string } | null;
  /** Value of the step input, made on first use. */
  step: Tensor | null;
  readonly inputs: Map<string, InputDeclaration>;
  /** By input: what uses as indices allow of its values. */
  readonly indexRanges: Map<string, IndexRange[]>;
  /** Values that are images, with channels as the last axis: operands and results of what works on windows. */
  readonly images: Set<ValueId>;
  /** Random nodes so far: each has a stream of its own. */
  randomCount: number;
  readonly seed: number;
  /** Origin of nodes that no expression of the user's makes (updates); null to find the user's. */
  fixed: Origin | null;
}

export function createTrace(
  name: string,
  options: { training: boolean; seed: number; builder?: GraphBuilder; keepsAverages?: boolean },
): Trace {
  return {
    builder: options.builder ?? new GraphBuilder(name),
    training: options.training,
    diagnostics: [],
    tensors: new WeakSet(),
    parameters: new Map(),
    assignments: new Map(),
    owners: new Map(),
    layerNames: new Map(),
    layerCounts: new Map(),
    parameterValues: new Map(),
    frozen: null,
    adapter: null,
    adapted: new Map(),
    keepsAverages: options.keepsAverages ?? false,
    averaging: null,
    averages: new Map(),
    scope: '',
    place: '',
    calls: new Map(),
    thrown: null,
    step: null,
    inputs: new Map(),
    indexRanges: new Map(),
    images: new Set(),
    randomCount: 0,
    seed: options.seed,
    fixed: null,
  };
}

/** Frames of the user's exceptions, so that messages can tell the outermost call. */
const EXCEPTION_FRAMES = 50;

let current: Trace | null = null;

/** Runs `fn` with `trace` receiving every operation. */
export function withTrace<T>(trace: Trace, fn: () => T): T {
  const outer = current;
  const { stackTraceLimit } = Error;
  current = trace;
  Error.stackTraceLimit = Math.max(stackTraceLimit, EXCEPTION_FRAMES);
  try {
    return withReporter(trace, fn);
  } finally {
    current = outer;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * The trace in progress.
 * @throws MisuseError BTC1009 outside of the functions of a model
 */
export function currentTrace(what: string): Trace {
  if (!current) throw new MisuseError(1009, { what });
  return current;
}

/** Reports the first dimension that is not a positive integer (BTC2010), or a shape of more elements than can be counted. */
export function checkShape(op: string, shape: Shape): boolean {
  if (!Array.isArray(shape)) {
    report(2003, { op, wanted: 'a shape', given: String(shape) });
    return false;
  }
  let elements = 1;
  const axis = shape.findIndex((extent) => {
    elements *= extent;
    return !Number.isSafeInteger(extent) || extent <= 0 || !Number.isSafeInteger(elements);
  });
  if (axis < 0) return true;
  report(2010, { op, axis, shape: formatShape(shape), value: String(shape[axis]) });
  return false;
}

/** A stand-in after a mistake: later operations on it are silent. */
export function poisoned(type: TensorType): Tensor {
  return new Tensor(-1, type);
}

/** Reports a mistake and returns the stand-in. */
export function mistake(
  number: MessageNumber,
  args: Record<string, string | number>,
  type: TensorType,
): Tensor {
  report(number, args);
  return poisoned(type);
}

/**
 * Appends one operation at the user's expression. The caller has checked its operands; what the op table still refuses
 * becomes BTC2002.
 */
export function apply<Op extends OpName>(
  op: Op,
  operands: readonly Tensor[],
  attributes: OpAttributes[Op],
): Tensor {
  const trace = currentTrace(`'${op}'`);
  const type = inferType(
    op,
    operands.map((operand) => operand.type),
    attributes,
  );
  if ('reason' in type) {
    const fallback = operands[0]?.type ?? { dtype: 'f32', shape: [] };
    if (operands.some(isPoisoned)) return poisoned(fallback);
    return mistake(2002, { op, reason: type.reason }, fallback);
  }
  if (operands.some(isPoisoned)) return poisoned(type);
  if (operands.some((operand) => !trace.tensors.has(operand))) {
    report(1015, { op });
    return poisoned(type);
  }
  if (!checkShape(op, type.shape))
    return poisoned(operands[0]?.type ?? { dtype: type.dtype, shape: [] });
  return append(
    trace,
    op,
    operands.map((operand) => operand.value),
    attributes,
    type,
  );
}

export function append<Op extends OpName>(
  trace: Trace,
  op: Op,
  operands: readonly ValueId[],
  attributes: OpAttributes[Op],
  type: TensorType,
): Tensor {
  endIfInterrupted();
  const { builder, fixed, place: scope, calls } = trace;
  let source: number;
  if (fixed) source = builder.source(fixed.span, { ...fixed, name: `${fixed.name}.${op}` });
  else {
    const { span, within } = currentCall();
    const isPart = within !== null && within !== op;
    source = builder.source(span, { scope, name: isPart ? `${within}.${op}` : op });
    if (within !== null) calls.set(source, within);
  }
  return adopt(trace, builder.append(op, operands, attributes, type, source));
}

/** Runs `fn`, which appends several operations for one expression: where that stands is looked at once, if at all. */
export function atOneExpression<T>(fn: () => T): T {
  return current?.fixed ? fn() : inOneCall(fn);
}

/** Appends an input or a parameter, which bears the name that it was declared with. */
export function appendDeclared(
  trace: Trace,
  op: 'input' | 'parameter',
  name: string,
  type: TensorType,
  span: SourceSpan | null,
  scope = op === 'input' ? '' : scopeOfName(name),
): Tensor {
  const source = trace.builder.source(span, { scope, name });
  return adopt(trace, trace.builder.append(op, [], { name }, type, source));
}

/** A value of the trace's graph as a tensor that operations of this trace accept. */
export function adopt(trace: Trace, value: ValueId): Tensor {
  const tensor = new Tensor(value, trace.builder.typeOf(value));
  trace.tensors.add(tensor);
  return tensor;
}

export function isPoisoned(tensor: Tensor): boolean {
  return tensor.value < 0;
}

/** Notes that the last axis of values is the channels of images. */
export function noteImages(op: string, ...values: readonly Tensor[]): void {
  const { images } = currentTrace(op);
  for (const value of values) if (!isPoisoned(value)) images.add(value.value);
}

/** An input of the program, declared on first use. */
export function inputTensor(
  trace: Trace,
  declaration: InputDeclaration,
  span: SourceSpan | null,
): Tensor {
  trace.inputs.set(declaration.name, declaration);
  return appendDeclared(trace, 'input', declaration.name, declaration.type, span);
}

/** The number of finished runs of the program: what random numbers and optimisers count by. */
export const STEP_INPUT: InputDeclaration = {
  name: 'step',
  type: { dtype: 'i32', shape: [] },
  default: 0,
  counter: true,
};

export function stepTensor(): Tensor {
  const trace = currentTrace('the step');
  trace.step ??= existingInput(trace, STEP_INPUT.name) ?? inputTensor(trace, STEP_INPUT, null);
  const { dtype, rank } = trace.step;
  if (dtype !== 'i32' || rank > 0) report(1014, { name: STEP_INPUT.name });
  return trace.step;
}

function existingInput(trace: Trace, name: string): Tensor | null {
  const value = trace.builder.nodes.findIndex(
    (node) => node.op === 'input' && node.attributes.name === name,
  );
  return value < 0 ? null : adopt(trace, value);
}
