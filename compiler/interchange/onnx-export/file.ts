import { create, toBinary } from '@bufbuild/protobuf';
import { elementCount, type Shape } from '../../../ir/tensor.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../onnx/schema/onnx_pb.ts';
import { ELEMENT_NUMBERS } from './arranged.ts';
import type {
  AttributeValue,
  Element,
  Initialiser,
  Opset,
  Stored,
  WrittenNode,
} from './builder.ts';

/** The version of the format that both operator sets go with. */
const IR_VERSION = 8;

/** A graph as a file has it. */
export interface WrittenGraph {
  readonly name: string;
  readonly opset: Opset;
  readonly inputs: readonly Stored[];
  readonly outputs: readonly Stored[];
  readonly nodes: readonly WrittenNode[];
  readonly initialisers: readonly Initialiser[];
}

/** The bytes of a model of ONNX. */
export function encodeModel(graph: WrittenGraph, producer: string): Uint8Array<ArrayBuffer> {
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(graph.opset) })],
    producerName: producer,
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: graph.nodes.map(nodeOf),
      initializer: graph.initialisers.map(tensorOf),
      input: graph.inputs.map(described),
      output: graph.outputs.map(described),
    }),
  });
  return toBinary(ModelProtoSchema, model) as Uint8Array<ArrayBuffer>;
}

function nodeOf({ op, inputs, output, attributes, place }: WrittenNode) {
  return create(NodeProtoSchema, {
    opType: op,
    input: [...inputs],
    output: [output],
    name: place === '' ? output : `${place}/${output}`,
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
  });
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const type = AttributeProto_AttributeType;
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: type.INT, i: BigInt(value) });
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: type.STRING, s });
  }
  return create(AttributeProtoSchema, { name, type: type.INTS, ints: value.map(BigInt) });
}

function tensorOf({ name, element, shape, data }: Initialiser) {
  return create(TensorProtoSchema, {
    ...{ name, dims: shape.map(BigInt), dataType: ELEMENT_NUMBERS[element] },
    rawData: BYTES[element](data(), elementCount(shape)),
  });
}

type Encode = (values: ArrayLike<number>, count: number) => Uint8Array<ArrayBuffer>;

/** Elements of four bytes or fewer, little endian as the arrays of all hosts that run this are. */
const encoded =
  (array: { from(values: ArrayLike<number>): { buffer: ArrayBufferLike } }): Encode =>
  (values) =>
    new Uint8Array(array.from(values).buffer as ArrayBuffer);

const BYTES: Readonly<Record<Element, Encode>> = {
  float: encoded(Float32Array),
  int32: encoded(Int32Array),
  uint32: encoded(Uint32Array),
  bool: encoded(Uint8Array),
  float16: () => {
    throw new Error('no constant is of float16');
  },
  int64: (values) => new Uint8Array(BigInt64Array.from(Array.from(values, BigInt)).buffer),
};

function described({ name, element, shape }: Stored) {
  const elemType = ELEMENT_NUMBERS[element];
  const tensorType = create(TypeProto_TensorSchema, { elemType, shape: shapeOf(shape) });
  const value = { case: 'tensorType', value: tensorType } as const;
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value }) });
}

const shapeOf = (shape: Shape) =>
  create(TensorShapeProtoSchema, {
    dim: shape.map((extent) =>
      create(TensorShapeProto_DimensionSchema, {
        value: { case: 'dimValue', value: BigInt(extent) },
      }),
    ),
  });
