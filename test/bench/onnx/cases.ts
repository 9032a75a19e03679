import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import type { ElementType } from '../../../compiler/interchange/onnx/element-types.ts';
import type { OnnxFile } from '../../../compiler/interchange/onnx/file.ts';
import {
  ModelProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
} from '../../../compiler/interchange/onnx/schema/onnx_pb.ts';
import { readTensor } from '../../../compiler/interchange/onnx/tensor-data.ts';

/** Values of an input or an output, as a case states them. */
export interface Given {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Inputs and outputs of one run, by name; null for what is no tensor. */
export interface DataSet {
  readonly inputs: ReadonlyMap<string, Given | null>;
  readonly outputs: ReadonlyMap<string, Given | null>;
}

/** A folder with a model, and what its runs give. */
export interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly operators: readonly string[];
  readonly external: (location: string) => Uint8Array;
  readonly dataSets: (file: OnnxFile) => readonly DataSet[];
}

/** Folders below one that hold a model.onnx. */
export function casesIn(folder: string, matching: RegExp): Case[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('model.onnx') && matching.test(path))
    .sort()
    .map((path) => caseOf(dirname(join(folder, path)), dirname(path)));
}

function caseOf(folder: string, name: string): Case {
  const bytes = readFileSync(join(folder, 'model.onnx'));
  return {
    name,
    bytes,
    operators: operatorsOf(bytes),
    external: (location) => readFileSync(join(folder, location)),
    dataSets: (file) =>
      readdirSync(folder)
        .filter((one) => one.startsWith('test_data_set'))
        .sort()
        .map((one) => dataSet(join(folder, one), file)),
  };
}

function operatorsOf(bytes: Uint8Array): string[] {
  const { graph } = fromBinary(ModelProtoSchema, bytes);
  return [...new Set(graph?.node.map(({ opType }) => opType))];
}

function dataSet(folder: string, { graph, initialisers }: OnnxFile): DataSet {
  const inputs = graph.input.filter(({ name }) => !initialisers.has(name));
  const read = (prefix: string, names: readonly ValueInfoProto[]) =>
    new Map(
      names.flatMap(({ name }, k): [string, Given | null][] => {
        const path = join(folder, `${prefix}_${k}.pb`);
        return existsSync(path) ? [[name, given(path, name, declaredType(names[k]))]] : [];
      }),
    );
  return { inputs: read('input', inputs), outputs: read('output', graph.output) };
}

const declaredType = ({ type }: ValueInfoProto): number =>
  type?.value.case === 'tensorType' ? type.value.value.elemType : 0;

/** The cases have bfloat16 as the bits of its values, in tensors of uint16. */
const BITS = 4;

/** A tensor of a file; null for a sequence or an optional. */
function given(path: string, name: string, declared: number): Given | null {
  try {
    const proto = fromBinary(TensorProtoSchema, readFileSync(path));
    const isBits = proto.dataType === BITS && declared === TensorProto_DataType.BFLOAT16;
    return readTensor(isBits ? { ...proto, dataType: declared } : proto, null, name);
  } catch {
    return null;
  }
}
