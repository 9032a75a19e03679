import type { AttributeProto, GraphProto, NodeProto, TensorProto } from './schema/onnx_pb.ts';
import { AttributeProto_AttributeType as Kind } from './schema/onnx_pb.ts';

/** What a node's attributes hold, by name, with a default where the operator has one. */
export interface Attributes {
  has(name: string): boolean;
  int(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  ints(name: string): readonly number[] | null;
  floats(name: string): readonly number[] | null;
  texts(name: string): readonly string[] | null;
  tensor(name: string): TensorProto | null;
  graph(name: string): GraphProto | null;
}

const decoder = new TextDecoder();

/**
 * The attributes of a node. `refuse` is called for one of another kind than it is asked for. An attribute that refers to one of the
 * function that the node is in has been replaced before.
 */
export function readAttributes(node: NodeProto, refuse: (reason: string) => never): Attributes {
  const byName = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  const get = (name: string, ...kinds: readonly Kind[]): AttributeProto | null => {
    const found = byName.get(name);
    if (!found) return null;
    // Files of early versions do not state the kind.
    if (found.type === Kind.UNDEFINED || kinds.includes(found.type)) return found;
    return refuse(`its attribute '${name}' is of another type`);
  };
  const integer = (value: bigint, name: string): number =>
    value >= -(2n ** 63n) && value < 2n ** 63n
      ? Number(value)
      : refuse(`its attribute '${name}' is out of range`);
  return {
    has: (name) => byName.has(name),
    int: (name, fallback) => {
      const found = get(name, Kind.INT);
      return found ? integer(found.i, name) : fallback;
    },
    float: (name, fallback) => {
      const found = get(name, Kind.FLOAT);
      return found ? shortest(found.f) : fallback;
    },
    text: (name, fallback) => {
      const found = get(name, Kind.STRING);
      return found ? decoder.decode(found.s) : fallback;
    },
    ints: (name) => get(name, Kind.INTS)?.ints.map((value) => integer(value, name)) ?? null,
    floats: (name) => get(name, Kind.FLOATS)?.floats.map(shortest) ?? null,
    texts: (name) => get(name, Kind.STRINGS)?.strings.map((text) => decoder.decode(text)) ?? null,
    tensor: (name) => get(name, Kind.TENSOR)?.t ?? null,
    graph: (name) => get(name, Kind.GRAPH)?.g ?? null,
  };
}

const MOST_DIGITS = 9;

/** The shortest decimal that is the same f32: what was written before it was stored, 0.1 and not 0.10000000149011612. */
export function shortest(value: number): number {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}
