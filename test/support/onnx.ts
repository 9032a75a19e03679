import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../compiler/interchange/onnx/schema/onnx_pb.ts';

// Models of ONNX, written by the library that reads them: tests make their own.

export const FLOAT = 1;
export const INT64 = 7;

type Attribute = number | string | readonly number[] | TensorProto | GraphProto;

/** A tensor of floats or of int64. */
export function onnxTensor(
  name: string,
  dims: readonly number[],
  values: readonly number[],
  type = FLOAT,
): TensorProto {
  const data = type === FLOAT ? { floatData: [...values] } : { int64Data: values.map(BigInt) };
  return create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: type, ...data });
}

/** A tensor whose data is in a file beside the model. */
export function externalTensor(
  name: string,
  dims: readonly number[],
  entries: Readonly<Record<string, string>>,
): TensorProto {
  return create(TensorProtoSchema, {
    ...{ name, dims: dims.map(BigInt), dataType: FLOAT },
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  });
}

/** Whole numbers are integers, others floats; `{ float }` of one that is whole is written as 0.5 + 0.5 elsewhere. */
function attribute(name: string, value: Attribute): AttributeProto {
  const base = { name };
  if (typeof value === 'string')
    return create(AttributeProtoSchema, {
      ...{ ...base, type: Kind.STRING, s: new TextEncoder().encode(value) },
    });
  if (typeof value === 'number')
    return Number.isInteger(value)
      ? create(AttributeProtoSchema, { ...base, type: Kind.INT, i: BigInt(value) })
      : create(AttributeProtoSchema, { ...base, type: Kind.FLOAT, f: value });
  if (Array.isArray(value))
    return create(AttributeProtoSchema, {
      ...{ ...base, type: Kind.INTS, ints: (value as readonly number[]).map(BigInt) },
    });
  const message = value as TensorProto | GraphProto;
  return message.$typeName === 'onnx.TensorProto'
    ? create(AttributeProtoSchema, { ...base, type: Kind.TENSOR, t: message })
    : create(AttributeProtoSchema, { ...base, type: Kind.GRAPH, g: message as GraphProto });
}

/** `onnxNode('Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1] })`. */
export function onnxNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = '',
): NodeProto {
  return create(NodeProtoSchema, {
    ...{ opType, input: [...input], output: [...output], domain, name: `${opType}_${output[0]}` },
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  });
}

/** An input or output: extents are numbers, or names of what decides them. */
export function onnxValue(
  name: string,
  extents: readonly (number | string)[],
  elemType = FLOAT,
): ValueInfoProto {
  const dim = extents.map((extent) => ({
    value:
      typeof extent === 'number'
        ? ({ case: 'dimValue', value: BigInt(extent) } as const)
        : ({ case: 'dimParam', value: extent } as const),
  }));
  return create(ValueInfoProtoSchema, {
    ...{ name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } },
  });
}

interface GraphParts {
  readonly name?: string;
  readonly inputs?: readonly ValueInfoProto[];
  readonly outputs: readonly (string | ValueInfoProto)[];
  readonly nodes: readonly NodeProto[];
  readonly weights?: readonly TensorProto[];
}

export function onnxGraph({ name = 'g', inputs = [], outputs, nodes, weights = [] }: GraphParts) {
  return create(GraphProtoSchema, {
    ...{ name, node: [...nodes], initializer: [...weights], input: [...inputs] },
    output: outputs.map((one) =>
      typeof one === 'string' ? create(ValueInfoProtoSchema, { name: one }) : one,
    ),
  });
}

/** A function of the model's own. */
export function onnxFunction(
  domain: string,
  name: string,
  input: readonly string[],
  output: readonly string[],
  nodes: readonly NodeProto[],
): FunctionProto {
  return create(FunctionProtoSchema, {
    ...{ domain, name, input: [...input], output: [...output], node: [...nodes] },
    opsetImport: [{ domain: '', version: 17n }],
  });
}

interface ModelParts extends GraphParts {
  readonly opset?: number;
  readonly functions?: readonly FunctionProto[];
}

/** The bytes of a model. */
export function onnxModel(parts: ModelParts): Uint8Array {
  const { opset = 17, functions = [] } = parts;
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      ...{ irVersion: 8n, producerName: 'test', graph: onnxGraph(parts) },
      functions: [...functions],
      opsetImport: [
        { domain: '', version: BigInt(opset) },
        { domain: 'ai.onnx.preview.training', version: 1n },
      ],
    }),
  );
}
