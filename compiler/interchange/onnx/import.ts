import type { Tensor } from '../../frontend/tensor.ts';
import type { ElementType } from './element-types.ts';
import type { OnnxFile } from './file.ts';
import { isTensor } from './node.ts';
import { OnnxError, shown } from './refusal.ts';
import { createSession, type Session } from './session.ts';
import { type Constant, computed, type Value } from './values.ts';
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
 * their values now. Errors: BTC5106 to BTC5113.
 */
export function importGraph(
  file: OnnxFile,
  inputs: ReadonlyMap<string, Tensor>,
  known: ReadonlyMap<string, Constant>,
): Imported {
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
  const outputs = graph.output.map(({ name }): GraphOutput => {
    const value = values.get(name);
    const refuse = (reason: string): never => {
      throw new OnnxError(5106, { reason: `of output '${shown(name)}' ${reason}` });
    };
    if (!value) return refuse('nothing is computed');
    if (!isTensor(value)) return refuse(`comes ${value.kind}, where a tensor is taken`);
    return { name, type: value.type, tensor: session.tensor(value, refuse) };
  });
  return { outputs, session };
}
