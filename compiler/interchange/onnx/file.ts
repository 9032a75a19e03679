import { fromBinary } from '@bufbuild/protobuf';
import { type ElementType, elementType } from './element-types.ts';
import type { Recurrence } from './patterns/recurrences.ts';
import { OnnxError, shown } from './refusal.ts';
import {
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TypeProto,
} from './schema/onnx_pb.ts';
import { type ExternalData, readTensor } from './tensor-data.ts';
import type { Constant } from './values.ts';

/** The newest operator set of ONNX that is known. */
export const NEWEST_OPSET = 21;

/** An extent of an input: a number, or the name of what decides it. */
export type Extent = number | string;

/** An input of the graph that is no initialiser. */
export interface GraphInput {
  readonly name: string;
  readonly type: ElementType;
  readonly extents: readonly Extent[];
}

/** A model of ONNX that was read, and is what it says. */
export interface OnnxFile {
  readonly graph: GraphProto;
  readonly producer: string;
  readonly opsets: ReadonlyMap<string, number>;
  readonly functions: ReadonlyMap<string, FunctionProto>;
  readonly inputs: readonly GraphInput[];
  readonly initialisers: ReadonlyMap<string, Constant>;
  /** How often each name is read, in inner graphs too. */
  readonly uses: ReadonlyMap<string, number>;
  readonly external: ExternalData | null;
  /** Nodes that stand for steps of recurrent layers. */
  readonly recurrences: ReadonlyMap<NodeProto, Recurrence>;
}

/**
 * Reads the bytes of a model, which errors call `what`. Errors: BTC5100 for what is no model of ONNX, BTC5101 for operator sets that are not known, BTC5102 for
 * inputs that the language has not, BTC5103 to BTC5105 for tensors.
 */
export function readFile(
  bytes: Uint8Array,
  external: ExternalData | null,
  what = 'this',
): OnnxFile {
  const model = decoded(bytes, what);
  const { graph } = model;
  if (!graph || graph.node.length + graph.output.length === 0)
    throw new OnnxError(5100, { what, reason: 'it holds no graph' });
  const initialisers = new Map<string, Constant>();
  for (const tensor of graph.initializer) {
    const constant = readTensor(tensor, external);
    initialisers.set(tensor.name, asWeight(constant, tensor.name));
  }
  if (graph.sparseInitializer.length > 0)
    throw new OnnxError(5104, {
      what: `initialiser '${shown(graph.sparseInitializer[0].values?.name ?? '')}'`,
      type: 'a sparse tensor',
    });
  const functions = new Map(
    model.functions.map((body) => [`${plain(body.domain)}.${body.name}`, body]),
  );
  return {
    ...{ graph, initialisers, functions, external, recurrences: new Map() },
    producer: [model.producerName, model.producerVersion].filter(Boolean).map(shown).join(' '),
    opsets: opsetsOf(model),
    inputs: graph.input.filter(({ name }) => !initialisers.has(name)).map(inputOf),
    uses: usesOf(graph),
  };
}

const plain = (domain: string) => (domain === 'ai.onnx' ? '' : domain);

function decoded(bytes: Uint8Array, what: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OnnxError(5100, { what, reason: shown(reason) });
  }
}

/** More elements than these, or floats of any number but one, are computed with as parameters. */
const MOST_PLAIN = 64;

function asWeight(constant: Constant, name: string): Constant {
  const count = constant.shape.reduce((product, extent) => product * extent, 1);
  const isWeight = constant.type.kind === 'float' ? count > 1 : count > MOST_PLAIN;
  return isWeight ? named(constant, name) : constant;
}

/** A weight, whose values are still made when they are first asked for. */
const named = (constant: Constant, weight: string): Constant => ({
  ...{ kind: 'constant', type: constant.type, shape: constant.shape, weight },
  get values() {
    return constant.values;
  },
});

function opsetsOf({ opsetImport }: ModelProto): ReadonlyMap<string, number> {
  const opsets = new Map(
    opsetImport.map(({ domain, version }) => [plain(domain), Number(version)]),
  );
  const own = opsets.get('');
  if (own !== undefined && !(own >= 1 && own <= NEWEST_OPSET))
    throw new OnnxError(5101, { version: own, newest: NEWEST_OPSET });
  return opsets;
}

function inputOf({ name, type }: { name: string; type?: TypeProto | undefined }): GraphInput {
  const refuse = (reason: string): never => {
    throw new OnnxError(5102, { name: shown(name), reason });
  };
  if (type?.value.case !== 'tensorType') return refuse(`is ${type?.value.case ?? 'of no type'}`);
  const { elemType, shape } = type.value.value;
  const own = elementType(elemType);
  if (typeof own === 'string') return refuse(`is of type ${own}`);
  if (!shape) return refuse('has no shape');
  const extents = shape.dim.map(({ value }, axis): Extent => {
    if (value.case === 'dimValue') {
      const extent = Number(value.value);
      // Exporters write -1 where they mean any.
      if (extent >= 0) return extent;
    }
    const param = value.case === 'dimParam' ? value.value : '';
    return optionName(param || `${name}_axis${axis}`);
  });
  return { name, type: own, extents };
}

/** A name that `--set` and TypeScript take. */
function optionName(name: string): string {
  const clean = name.replace(/\W+/g, '_').replace(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(clean) ? clean : `axis_${clean}`;
}

/** Inner graphs and all; no deeper than a file can nest them, which its decoder has bounded. */
function usesOf(graph: GraphProto): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  const count = (name: string) => uses.set(name, (uses.get(name) ?? 0) + 1);
  const waiting = [graph];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const { name } of next.output) count(name);
    for (const node of next.node) {
      node.input.forEach(count);
      for (const { g, graphs } of node.attribute) waiting.push(...(g ? [g] : []), ...graphs);
    }
  }
  // What reads a copy reads the name that it is a copy of.
  for (const { opType, input, output } of graph.node.toReversed())
    if (opType === 'Identity' && input.length === 1)
      uses.set(input[0], (uses.get(input[0]) ?? 0) + (uses.get(output[0]) ?? 0));
  return uses;
}
