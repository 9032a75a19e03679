import type { Tensor } from '../../frontend/tensor.ts';
import { type ElementType, elementType } from './element-types.ts';
import type { OnnxFile } from './file.ts';
import { isTensor } from './node.ts';
import { withRecurrences } from './patterns/recurrences.ts';
import { OnnxError, shown } from './refusal.ts';
import type { ValueInfoProto } from './schema/onnx_pb.ts';
import { createSession, type Session } from './session.ts';
import { withoutTwins } from './twins.ts';
import { type Computed, type Constant, computed, shapeOf, type Value } from './values.ts';
import { walk } from './walk.ts';

/** Extents by the name of what decides them. */
export type Dimensions = ReadonlyMap<string, number>;

/** An output of the model: a tensor of btc, and what ONNX says it is. */
export interface GraphOutput {
  readonly name: string;
  readonly type: ElementType;
  readonly tensor: Tensor;
}

/** What a run of the importer gives. */
export interface Imported {
  readonly outputs: readonly GraphOutput[];
  readonly session: Session;
}

/**
 * Computes the graph of a file with the functions of the language, in the program that is being traced. `known` are inputs that have
 * their values now. Errors: BTC5106 to BTC5113, BTC5118.
 */
export function importGraph(
  given: OnnxFile,
  inputs: ReadonlyMap<string, Tensor>,
  known: ReadonlyMap<string, Constant>,
): Imported {
  const file = withRecurrences(withoutTwins(given));
  const { graph, opsets, initialisers, external } = file;
  const session = createSession(file);
  const { recorder } = session;
  const values = new Map<string, Value>(initialisers);
  for (const { name, type } of file.inputs) {
    const constant = known.get(name);
    const tensor = inputs.get(name);
    if (constant) values.set(name, constant);
    else if (tensor) {
      recorder.name(tensor, name);
      const value = computed(type, tensor);
      session.noteInput(value, name);
      values.set(name, value);
    }
  }
  walk(session, graph.node, { values, outer: null, opsets, external, depth: 0 });
  session.recorder.step = session.steps + 1;
  const outputs = graph.output.map((declared, k): GraphOutput => {
    const { name } = declared;
    const value = values.get(name);
    const refuse = (reason: string): never => {
      throw new OnnxError(5106, { reason: `of output '${shown(name)}' ${reason}` });
    };
    if (graph.output.findIndex((other) => other.name === name) < k) return refuse('there are two');
    if (!value) return refuse('nothing is computed');
    if (!isTensor(value)) return refuse(`comes ${value.kind}, where a tensor is taken`);
    checkDeclared(file, declared, value);
    return { name, type: value.type, tensor: session.tensor(value, refuse) };
  });
  return { outputs, session };
}

/** BTC5118 for an output of another type or of other extents than the file declares; names of extents decide nothing. */
function checkDeclared(
  { graph }: OnnxFile,
  { name, type }: ValueInfoProto,
  value: Computed | Constant,
): void {
  if (type?.value.case !== 'tensorType') return;
  const { elemType, shape } = type.value.value;
  const refuse = (given: string, declared: string): never => {
    const node = graph.node.find(({ output }) => output.includes(name));
    const from = node
      ? `, which node '${shown(node.name || name)}' (${shown(node.opType)}) gives,`
      : '';
    throw new OnnxError(5118, { name: shown(name), from, given, declared });
  };
  if (elemType !== 0 && elemType !== value.type.id) {
    const declared = elementType(elemType);
    refuse(value.type.name, typeof declared === 'string' ? declared : declared.name);
  }
  if (!shape) return;
  const own = shapeOf(value);
  const extents = shape.dim.map(({ value: extent }) =>
    extent.case === 'dimValue' && extent.value >= 0n ? Number(extent.value) : null,
  );
  const fits =
    extents.length === own.length &&
    extents.every((extent, axis) => extent === null || extent === own[axis]);
  if (!fits)
    refuse(`[${own.join(', ')}]`, `[${extents.map((extent) => extent ?? '?').join(', ')}]`);
}
