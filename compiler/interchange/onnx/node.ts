import { elementCount, type Shape } from '../../../ir/tensor.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import type { Attributes } from './attributes.ts';
import type { ElementType } from './element-types.ts';
import { layerOfNode } from './names.ts';
import type { Language } from './recorder.ts';
import { OnnxError } from './refusal.ts';
import type { GraphProto } from './schema/onnx_pb.ts';
import type { Session } from './session.ts';
import { type Computed, type Constant, computed, shapeOf, type Value } from './values.ts';

/** A node as the row of its operator sees it. */
export interface OnnxNode {
  readonly op: string;
  /** Version of the operator set that the model asks for. */
  readonly opset: number;
  readonly name: string;
  readonly f: Language;
  readonly attributes: Attributes;
  readonly session: Session;
  /** Whether it is run once: it is in no loop, branch or function. */
  readonly isOnce: boolean;
  /**
   * The bias of so many elements that alone is added to the node's result, along one of the axes that it has so many of, and is then not
   * added again; or null.
   */
  followingBias(size: number, axis: number, rank: number): Constant | null;
  /** Inputs that are there: those left out at the end do not count. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly string[];
  has(input: number): boolean;
  /** A tensor, computed or constant. */
  value(input: number): Computed | Constant;
  type(input: number): ElementType;
  shape(input: number): Shape;
  /** As a tensor of btc, with axes as in ONNX. */
  tensor(input: number): Tensor;
  /** Its values where they are known and not those of a weight, else null. */
  known(input: number): Constant | null;
  /** Its values, which must be known now; `what` is what they decide. */
  constant(input: number, what: string): Constant;
  numbers(input: number, what: string): number[];
  /** An axis as a number from 0 on. */
  axis(axis: number, rank: number): number;
  /** A result of the type of an input, by default the first. */
  result(tensor: Tensor, type?: ElementType): Computed;
  /** Runs a graph of an attribute. */
  run(graph: GraphProto, inputs: readonly Value[]): readonly Value[];
  /** Ends the import: why the node is not taken, and what would do. */
  refuse(reason: string, remedy?: string): never;
}

/** What has to be known of a node for {@link OnnxNode}. */
export interface NodeFacts {
  readonly op: string;
  readonly domain: string;
  readonly opset: number;
  readonly name: string;
  readonly attributes: (refuse: (reason: string) => never) => Attributes;
  readonly outputs: readonly string[];
  /** Names of the inputs. */
  readonly names: readonly string[];
  readonly isOnce: boolean;
}

export const isTensor = (value: Value | undefined): value is Computed | Constant =>
  value?.kind === 'tensor' || value?.kind === 'constant';

const knownOf = (value: Computed | Constant): Constant | null =>
  value.kind === 'constant' ? value : value.known;

export function nodeOf(
  session: Session,
  facts: NodeFacts,
  inputs: readonly Value[],
  run: OnnxNode['run'],
): OnnxNode {
  const { op, opset, name, domain, outputs, names, isOnce } = facts;
  const operator = domain === '' ? op : `${domain}.${op}`;
  const refuse = (reason: string, remedy = ''): never => {
    throw new OnnxError(
      5110,
      { node: name, op: operator, opset, reason, remedy: remedy && `; ${remedy}` },
      { operator },
    );
  };
  const value = (input: number): Computed | Constant => {
    const given = inputs[input];
    if (isTensor(given)) return given;
    return refuse(
      given?.kind === 'sequence'
        ? `its input ${input} is a sequence, where a tensor is taken`
        : `its input ${input} is missing`,
    );
  };
  const constant = (input: number, what: string): Constant => {
    const given = value(input);
    const known = knownOf(given);
    if (known) return known;
    const wanted = session.inputsOf(given as Computed);
    throw new OnnxError(
      5111,
      {
        ...{ node: name, op: operator, opset, what, input: names[input] ?? String(input) },
        remedy: wanted.length > 0 ? `; give ${wanted.map(quoted).join(', ')} its values` : '',
      },
      { operator, wanted },
    );
  };
  return {
    ...{ op, opset, name, session, inputs, outputs, isOnce, value, constant, refuse, run },
    f: session.recorder.f,
    attributes: facts.attributes(refuse),
    has: (input) => inputs[input] !== undefined && inputs[input].kind !== 'nothing',
    type: (input) => value(input).type,
    shape: (input) => shapeOf(value(input)),
    tensor: (input) => session.tensor(value(input), refuse, () => slotName(name, op, input)),
    numbers: (input, what) => Array.from(constant(input, what).values),
    axis: (axis, rank) => {
      const resolved = axis < 0 ? axis + rank : axis;
      if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
      return refuse(`axis ${axis} is out of range for rank ${rank}`);
    },
    known: (input) => {
      const known = knownOf(value(input));
      return known?.weight === null ? known : null;
    },
    followingBias: (size, axis, rank) => {
      const found = isOnce ? session.biases.get(outputs[0]) : undefined;
      if (!found || (found.reshaped !== null && axis !== rank - 1)) return null;
      const { bias, reshaped, add } = found;
      const { shape } = bias;
      const isAlong = shape[shape.length - rank + axis] === size && elementCount(shape) === size;
      if (!isAlong || shape.length > (reshaped ?? rank)) return null;
      session.absorbed.add(add);
      return { ...bias, shape: [size] };
    },
    result: (tensor, type = value(0).type) => computed(type, tensor),
  };
}

/** What an input is for, by operator: names of weights that have none. */
const SLOTS: Readonly<Record<string, readonly string[]>> = {
  Conv: ['', 'weight', 'bias'],
  ConvTranspose: ['', 'weight', 'bias'],
  Gemm: ['', 'weight', 'bias'],
  MatMul: ['left', 'weight'],
  BatchNormalization: ['', 'scale', 'shift', 'runningMean', 'runningVariance'],
  Gather: ['weight'],
  LSTM: ['', 'inputWeight', 'hiddenWeight', 'bias'],
  GRU: ['', 'inputWeight', 'hiddenWeight', 'bias'],
  RNN: ['', 'inputWeight', 'hiddenWeight', 'bias'],
};

function slotName(node: string, op: string, input: number): string {
  return `${layerOfNode(node, op)}.${SLOTS[op]?.[input] ?? `input${input}`}`;
}

const quoted = (name: string) => `'${name}'`;

export const countOf = (value: Computed | Constant): number => elementCount(shapeOf(value));
