import type { TensorArray } from '../../../ir/dtypes.ts';
import type { Graph, Module } from '../../../ir/graph.ts';
import { elementCount } from '../../../ir/tensor.ts';
import { Arranger, plain } from './arranged.ts';
import { Builder, type Stored, type WrittenNode } from './builder.ts';
import { encodeModel } from './file.ts';
import { writeGraph } from './program.ts';
import { ELEMENTS } from './structural.ts';

/**
 * Writes a program that assigns nothing as a model of ONNX. Inputs and outputs have the shapes and names that the program's have, but an
 * output with the name of an input, which ONNX has not, is `NAME_1`; inputs with a default need not be given.
 *
 * @param values of parameters and states by name; those that it has not are zero
 */
export function writeModel(
  module: Module,
  program: Graph,
  values: ReadonlyMap<string, () => TensorArray>,
  producer: string,
): Uint8Array<ArrayBuffer> {
  const isRead = new Set(
    program.nodes.flatMap((node) => (node.op === 'input' ? [node.attributes.name] : [])),
  );
  const inputs = module.inputs.filter(({ name }) => isRead.has(name));
  const taken = [...inputs.map(({ name }) => name), ...program.outputs.map(({ name }) => name)];
  const drawsRandom = program.nodes.some(({ op }) => op === 'random');
  const builder = new Builder(drawsRandom ? 18 : 17, taken);
  const arranger = new Arranger(builder);
  const parameters = new Map(
    module.parameters.map((declaration) => [declaration.name, declaration]),
  );
  const weights = new Map<string, Stored>();
  const weight = (name: string): Stored => {
    const { type } = parameters.get(name)!;
    const zeros = () => new Float64Array(elementCount(type.shape));
    const made =
      weights.get(name) ??
      builder.initialiser(name, ELEMENTS[type.dtype], type.shape, values.get(name) ?? zeros);
    weights.set(name, made);
    return made;
  };
  const stored = new Map(
    inputs.map(({ name, type }): [string, Stored] => [
      name,
      { name, element: ELEMENTS[type.dtype], shape: type.shape },
    ]),
  );
  const read = writeGraph(arranger, program, {
    input: (name) => plain(stored.get(name)!),
    parameter: (name) => plain(weight(name)),
  });
  const outputs = program.outputs.map(({ name, value }): Stored => {
    const from = arranger.flat(read(value));
    const output = stored.has(name) ? builder.name(name) : name;
    builder.nodes.push({
      ...{ op: 'Identity', inputs: [from.name], output, attributes: {}, place: '' },
    });
    return { ...from, name: output };
  });
  // Named as its input, a constant is what the input is where nobody gives it.
  const defaults = inputs.flatMap(({ name, type, default: value, counter }) =>
    value === null && !counter
      ? []
      : [
          {
            ...{ name, element: ELEMENTS[type.dtype], shape: type.shape },
            data: () => new Array<number>(elementCount(type.shape)).fill(value ?? 0),
          },
        ],
  );
  const nodes = readNodes(builder.nodes, new Set(outputs.map(({ name }) => name)));
  const used = new Set(nodes.flatMap((node) => node.inputs));
  return encodeModel(
    {
      ...{ name: module.name, opset: builder.opset },
      ...{ inputs: [...stored.values()], outputs, nodes },
      initialisers: [
        ...defaults,
        ...[...builder.initialisers.values()].filter(({ name }) => used.has(name)),
      ],
    },
    producer,
  );
}

/** Nodes from which the outputs are computed: of some both ways of laying a value out are written, and one is read. */
function readNodes(
  nodes: readonly WrittenNode[],
  outputs: ReadonlySet<string>,
): readonly WrittenNode[] {
  const read = new Set(outputs);
  const kept: WrittenNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!read.has(node.output)) continue;
    for (const name of node.inputs) read.add(name);
    kept.push(node);
  }
  return kept.reverse();
}
