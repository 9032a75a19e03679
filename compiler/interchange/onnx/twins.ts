import { create } from '@bufbuild/protobuf';
import type { OnnxFile } from './file.ts';
import {
  AttributeProto_AttributeType as Kind,
  type NodeProto,
  NodeProtoSchema,
} from './schema/onnx_pb.ts';
import type { Constant } from './values.ts';

/**
 * The file without weights that are the transpose of another: exporters turn a tied matrix round once more, as a weight of its own. They are
 * nodes again, so that training moves both.
 */
export function withoutTwins(file: OnnxFile): OnnxFile {
  const { graph, initialisers, uses } = file;
  const twins = twinsOf(initialisers);
  if (twins.size === 0) return file;
  const waiting = new Map(twins);
  const node = graph.node.flatMap((one): NodeProto[] => {
    const turned = new Set(one.input.filter((name) => waiting.has(name)));
    const nodes = [...turned].map((name) => transposed(waiting.get(name)!, name));
    for (const name of turned) waiting.delete(name);
    return [...nodes, one];
  });
  const read = new Map(uses);
  for (const of of twins.values()) read.set(of, (read.get(of) ?? 0) + 1);
  const rest = new Map([...initialisers].filter(([name]) => !twins.has(name) || waiting.has(name)));
  return { ...file, graph: { ...graph, node }, initialisers: rest, uses: read };
}

const transposed = (of: string, name: string): NodeProto =>
  create(NodeProtoSchema, {
    ...{ opType: 'Transpose', name: `${name}.transposed`, input: [of], output: [name] },
    attribute: [{ name: 'perm', type: Kind.INTS, ints: [1n, 0n] }],
  });

/** By name: the weight of which a matrix is the transpose. The one that comes first in the file is nobody's twin. */
function twinsOf(initialisers: ReadonlyMap<string, Constant>): ReadonlyMap<string, string> {
  const twins = new Map<string, string>();
  const byShape = new Map<string, (readonly [string, Constant])[]>();
  for (const [name, constant] of initialisers) {
    const { shape, weight, type } = constant;
    if (weight === null || type.kind !== 'float' || shape.length !== 2) continue;
    const [rows, columns] = shape;
    const found = byShape
      .get(`${columns},${rows},${type.name}`)
      ?.find(([, other]) => isTranspose(constant, other));
    if (found) twins.set(name, found[0]);
    else {
      const key = `${rows},${columns},${type.name}`;
      byShape.set(key, [...(byShape.get(key) ?? []), [name, constant]]);
    }
  }
  return twins;
}

/** Whether both are the same matrix, which no two that were drawn apart are; of equal elements, as new biases have, nobody can tell. */
function isTranspose({ shape: [rows, columns], values }: Constant, other: Constant): boolean {
  let varies = false;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column];
      if (value !== other.values[column * rows + row]) return false;
      varies ||= value !== values[0];
    }
  return varies;
}
