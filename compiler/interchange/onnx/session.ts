import { DTYPES, isFloat } from '../../../ir/dtypes.ts';
import { interpretGraph } from '../../../ir/interpret.ts';
import { elementCount, type Shape } from '../../../ir/tensor.ts';
import { createTrace, inputTensor, type Trace, withTrace } from '../../frontend/context.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import type { ElementType } from './element-types.ts';
import type { OnnxFile } from './file.ts';
import { literal } from './literals.ts';
import { readableName } from './names.ts';
import { type Group, groupsOf, waitingNodes } from './patterns/index.ts';
import type { Recurrence } from './patterns/recurrences.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { OnnxError } from './refusal.ts';
import type { FunctionProto, NodeProto } from './schema/onnx_pb.ts';
import { constant as constantOf } from './tensor-data.ts';
import { type Computed, type Constant, computed, type Value } from './values.ts';
import { createWeights, type Weights } from './weights.ts';

/** A bias that is added to something, and to nothing else. */
export interface FollowingBias {
  readonly bias: Constant;
  readonly add: NodeProto;
  /** The rank that the product is brought to before, its last axis kept; null where it is not. */
  readonly reshaped: number | null;
}

/** One import: of a whole model, in one program of it. */
export interface Session {
  readonly recorder: Recorder;
  readonly weights: Weights;
  /** Functions of the model by domain and name. */
  readonly functions: ReadonlyMap<string, FunctionProto>;
  /** How often each initialiser is read. */
  readonly uses: ReadonlyMap<string, number>;
  /** By the name of a product: the bias that alone follows it. */
  readonly biases: ReadonlyMap<string, FollowingBias>;
  /** By their last node: nodes that may be one function of the language. */
  readonly groups: ReadonlyMap<NodeProto, Group>;
  /** Nodes that stand for steps of recurrent layers. */
  readonly recurrences: ReadonlyMap<NodeProto, Recurrence>;
  /** Nodes that do not run at their places. */
  readonly waiting: ReadonlySet<NodeProto>;
  /** By the name of a weight that a layer holds and others read too: what it is in the program. */
  readonly shared: Map<string, () => Tensor>;
  /** Additions that are done already. */
  readonly absorbed: Set<NodeProto>;
  /** By step: the node that was run. */
  readonly nodes: Map<number, string>;
  /** By call and path: what the file calls a value. */
  readonly names: Map<string, string>;
  /** Nodes that were run so far, in loops each time. */
  steps: number;
  /** The node that is run, for messages. */
  current: string;
  /** A value as a tensor with axes as in ONNX. `called` names a weight whose own name says nothing. */
  tensor(
    value: Computed | Constant,
    refuse: (reason: string) => never,
    called?: () => string,
  ): Tensor;
  /** Whether a value is an input of the model as it stands. */
  isInput(value: Computed): boolean;
  /** Inputs of the model that a value is computed from. */
  inputsOf(value: Computed): readonly string[];
  /** Notes what a value was computed from. */
  noteSources(value: Value, from: readonly Value[]): void;
  /** Notes which input of the model a value is. */
  noteInput(value: Computed, name: string): void;
  /** Computes at once, on values that are known; null where some are too many. */
  fold(
    inputs: readonly Value[],
    run: (inputs: readonly Value[]) => readonly Value[],
  ): readonly Value[] | null;
}

/** More elements than these are not computed while importing. */
const MOST_FOLDED = 2 ** 20;

export function createSession(file: OnnxFile): Session {
  const { functions, uses, recurrences } = file;
  const recorder: Recorder = createRecorder((message) => {
    throw new OnnxError(5114, { node: session.current, message });
  });
  const weights = createWeights(recorder);
  const literals = new Map<Constant, Tensor>();
  const unfolded = new Map<Computed, Tensor>();
  const sources = new WeakMap<Value, ReadonlySet<string>>();
  const { f } = recorder;

  const inputs = new WeakSet<Computed>();
  const groups = groupsOf(file);
  const tensor: Session['tensor'] = (value, refuse, called) => {
    if (value.kind === 'tensor') {
      if (!value.order) return value.raw;
      const known = unfolded.get(value);
      if (known) return known;
      const made = f.transpose(value.raw, value.order);
      unfolded.set(value, made);
      return made;
    }
    const shared = value.weight === null ? undefined : session.shared.get(value.weight);
    if (shared) return shared();
    const known = literals.get(value);
    if (known) return known;
    checkValues(value, refuse);
    const made = declared(value, called);
    // What is computed at once has a graph of its own.
    if (!recorder.paused) literals.set(value, made);
    return made;
  };

  function declared(value: Constant, called?: () => string): Tensor {
    const { type } = value;
    const short = value.weight === null || !isFloat(type.dtype) ? literal(f, value) : null;
    if (short) return short;
    const trained = value.weight !== null && type.kind === 'float';
    const own = value.weight ?? weights.free('constant');
    const name = readableName(own) ?? called?.() ?? own;
    return f.cast(weights.tensor(value, own, name, trained), type.dtype);
  }

  const session: Session = {
    ...{ recorder, weights, functions, uses, recurrences, tensor, steps: 0, current: '' },
    ...{ biases: biasesOf(file), absorbed: new Set<NodeProto>(), shared: new Map() },
    ...{
      groups,
      waiting: waitingNodes(file, groups),
    },
    ...{ nodes: new Map<number, string>(), names: new Map<string, string>() },
    inputsOf: (value) => [...(sources.get(value) ?? [])],
    isInput: (value) => inputs.has(value),
    noteInput: (value, name) => {
      inputs.add(value);
      sources.set(value, new Set([name]));
    },
    noteSources: (value, from) => {
      const all = new Set(from.flatMap((one) => [...(sources.get(one) ?? [])]));
      if (all.size > 0) sources.set(value, all);
    },
    fold: (inputs, run) => {
      const known = inputs.map((input) => foldable(input));
      if (known.includes(null)) return null;
      return folded(recorder, known as readonly Value[], run);
    },
  };
  return session;
}

/** Numbers along one axis, whatever axes of one stand round it. */
const isLine = (shape: Shape) => shape.filter((extent) => extent !== 1).length === 1;

function biasesOf(file: OnnxFile): ReadonlyMap<string, FollowingBias> {
  const { graph, uses, initialisers } = file;
  const reshaped = keptColumns(file);
  const biases = new Map<string, FollowingBias>();
  for (const add of graph.node) {
    if (add.opType !== 'Add' || add.input.length !== 2) continue;
    for (const [k, name] of add.input.entries()) {
      const bias = initialisers.get(name);
      const product = add.input[1 - k];
      if (!bias?.weight || !isLine(bias.shape)) continue;
      if (uses.get(name) !== 1 || uses.get(product) !== 1) continue;
      const before = reshaped.get(product);
      biases.set(product, { bias, add, reshaped: null });
      if (before && before.columns === bias.shape.at(-1))
        biases.set(before.product, { bias, add, reshaped: before.rank });
    }
  }
  return biases;
}

interface Reshaped {
  readonly product: string;
  readonly rank: number;
  readonly columns: number;
}

/** By their results, reshapes that alone read what they read, to a last axis that is known: a bias along it may be added before them. */
function keptColumns({ graph, uses, initialisers }: OnnxFile): ReadonlyMap<string, Reshaped> {
  const found = new Map<string, Reshaped>();
  for (const { opType, input, output } of graph.node) {
    const wanted = opType === 'Reshape' ? initialisers.get(input[1]) : undefined;
    if (!wanted || uses.get(input[0]) !== 1) continue;
    const extents = Array.from(wanted.values);
    found.set(output[0], {
      ...{ product: input[0], rank: extents.length, columns: extents.at(-1) ?? 0 },
    });
  }
  return found;
}

/** What may be computed with at once: constants that are not weights, and small integers that are. */
function foldable(value: Value): Value | null {
  if (value.kind === 'nothing') return value;
  if (value.kind === 'sequence') {
    const items = value.items.map(foldable);
    return items.includes(null) ? null : { kind: 'sequence', items: items as Value[] };
  }
  const known = value.kind === 'constant' ? value : value.known;
  if (!known || known.weight !== null || elementCount(known.shape) > MOST_FOLDED) return null;
  return fitsOrMeansTheEnd(known) ? known : null;
}

/** Integers beyond these are no numbers that anyone counts to: they say "to the end". */
const THE_END = 2 ** 53;

function fitsOrMeansTheEnd({ type, values }: Constant): boolean {
  if (type.dtype !== 'i32') return true;
  for (let k = 0; k < values.length; k++)
    if ((values[k] | 0) !== values[k] && Math.abs(values[k]) < THE_END) return false;
  return true;
}

/** The first value that the dtype of btc has not: an integer of more bits, or a double beyond all floats. */
export function firstLost(type: ElementType, values: ArrayLike<number>): number | null {
  if (type.kind === 'float' && type.bits < 64) return null;
  const { round } = DTYPES[type.dtype];
  const isLost = isFloat(type.dtype)
    ? (value: number) => Number.isFinite(value) && !Number.isFinite(round(value))
    : (value: number) => round(value) !== value;
  for (let k = 0; k < values.length; k++) if (isLost(values[k])) return values[k];
  return null;
}

/** I32 holds what ONNX says are integers of any size: those that it has not are refused (BTC5110). */
export function checkValues(
  { type, shape, values }: Constant,
  refuse: (reason: string) => never,
): void {
  if (shape.includes(0)) refuse(`it takes a tensor of shape [${shape}], which has no elements`);
  const lost = firstLost(type, values);
  if (lost !== null) refuse(`the ${type.name} ${lost} does not fit into the 32 bits that btc has`);
}

function folded(
  recorder: Recorder,
  inputs: readonly Value[],
  run: (inputs: readonly Value[]) => readonly Value[],
): readonly Value[] | null {
  const trace = createTrace('fold', { training: false, seed: 0 });
  const data: Record<string, ArrayLike<number>> = {};
  const { paused } = recorder;
  recorder.paused = true;
  try {
    return withTrace(trace, () => {
      const given = inputs.map((value) => asInput(trace, value, data));
      const results = run(given).map((value) => asOnnxSays(recorder, value));
      return evaluated(trace, results, data);
    });
  } finally {
    recorder.paused = paused;
  }
}

function asOnnxSays({ f }: Recorder, value: Value): Value {
  if (value.kind !== 'tensor' || !value.order) return value;
  return computed(value.type, f.transpose(value.raw, value.order));
}

function asInput(trace: Trace, value: Value, data: Record<string, ArrayLike<number>>): Value {
  if (value.kind === 'sequence')
    return { kind: 'sequence', items: value.items.map((item) => asInput(trace, item, data)) };
  if (value.kind !== 'constant' || value.shape.includes(0)) return value;
  const name = `input${Object.keys(data).length}`;
  const { type, shape } = value;
  data[name] = Float64Array.from(value.values, (one) => withinDtype(one, type));
  const declaration = {
    ...{ name, type: { dtype: type.dtype, shape }, default: null, counter: false },
  };
  return { ...computed(type, inputTensor(trace, declaration, null)), known: value };
}

/** "To the end", as integers of 64 bits say it, stays that in 32. */
function withinDtype(value: number, { dtype }: ElementType): number {
  const { least, greatest } = DTYPES[dtype];
  return Math.max(least, Math.min(greatest, value));
}

function evaluated(
  { builder, parameters }: Trace,
  results: readonly Value[],
  data: Record<string, ArrayLike<number>>,
): readonly Value[] | null {
  const tensors = new Set<Tensor>();
  const collect = (value: Value): void => {
    if (value.kind === 'sequence') value.items.forEach(collect);
    else if (value.kind === 'tensor') tensors.add(value.raw);
  };
  results.forEach(collect);
  if (builder.nodes.some(({ type }) => elementCount(type.shape) > MOST_FOLDED)) return null;
  const arrays = [...parameters.values()].map(({ declaration }) => declaration);
  if (arrays.some((declaration) => !declaration.data)) return null;
  const held = Object.fromEntries(arrays.map((one) => [one.name, one.data!]));
  const { values } = interpretGraph(builder.finish(), data, held);
  const finished = (value: Value): Value => {
    if (value.kind === 'sequence') return { kind: 'sequence', items: value.items.map(finished) };
    if (value.kind !== 'tensor') return value;
    const { raw, type } = value;
    const flat = values[raw.value];
    return constantOf(type, raw.shape, () => flat);
  };
  return results.map(finished);
}
