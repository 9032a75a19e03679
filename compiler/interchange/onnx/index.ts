import type { GraphBuilder } from '../../../ir/graph.ts';
import { encodeSealed, PARAMETERS_FORMAT } from '../../../ir/sealed.ts';
import { elementCount, type Shape } from '../../../ir/tensor.ts';
import { createTrace, inputTensor, withTrace } from '../../frontend/context.ts';
import { defineModel, type InputSpec, type Inputs, tensor } from '../../frontend/model.ts';
import { option } from '../../frontend/option.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import { PRODUCER } from '../../version.ts';
import { INT64 } from './element-types.ts';
import { type Extent, type OnnxFile, readFile } from './file.ts';
import { type Dimensions, type Imported, importGraph } from './import.ts';
import type { FromOnnxOptions, OnnxModel } from './options.ts';
import { INPUT_CALL } from './recorder.ts';
import { OnnxError, shown } from './refusal.ts';
import { constant } from './tensor-data.ts';
import type { Constant } from './values.ts';

/** A file, and what its import goes by. */
export interface Request {
  readonly file: OnnxFile;
  readonly name: string;
  /** Inputs that have their values now. */
  readonly known: ReadonlyMap<string, Constant>;
  /** What named axes are unless they are told, in the order in which the model names them. */
  readonly defaults: Dimensions;
}

/** Reads a file, which errors call `what`, and what was said of it. Errors: BTC5100 to BTC5105, BTC5115 for names that the model has not, BTC5116 for extents. */
export function requestOf(bytes: Uint8Array, options: FromOnnxOptions, what?: string): Request {
  const file = readFile(bytes, options.external ?? null, what);
  const known = new Map<string, Constant>();
  const names = file.inputs.map(({ name }) => name);
  for (const [name, given] of Object.entries(options.values ?? {})) {
    const input = file.inputs.find((one) => one.name === name);
    if (!input) throw unknownName(name, names);
    const { values, shape } = Array.isArray(given)
      ? { values: given as readonly number[], shape: undefined }
      : (given as { values: ArrayLike<number>; shape?: Shape });
    const own = shape ?? (input.extents.length === 0 ? [] : [values.length]);
    known.set(
      name,
      constant(input.type ?? INT64, own, () => values),
    );
  }
  // There is only one tensor without elements.
  for (const { name, type, extents } of file.inputs)
    if (extents.includes(0) && !known.has(name))
      known.set(
        name,
        constant(type, extents.map(Number), () => []),
      );
  const open = file.inputs.filter(({ name }) => !known.has(name));
  const defaults = new Map<string, number>();
  for (const { extents } of open)
    for (const [axis, extent] of extents.entries())
      if (typeof extent === 'string' && !defaults.has(extent))
        defaults.set(extent, likely(axis, extents.length));
  for (const [name, value] of Object.entries(options.dimensions ?? {})) {
    if (!defaults.has(name)) throw unknownName(name, [...defaults.keys()]);
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new OnnxError(5116, { name: shown(name), value: String(value) });
    defaults.set(name, value);
  }
  return { file, known, defaults, name: modelName(options.name ?? file.graph.name) };
}

const unknownName = (what: string, names: readonly string[]) =>
  new OnnxError(5115, { what: shown(what), names: names.map(shown).join(', ') || 'none' });

/** One example, images of 224 by 224, sequences of 16. */
const likely = (axis: number, rank: number): number =>
  axis === 0 ? 1 : rank >= 4 && axis >= 2 ? 224 : 16;

/** Letters, digits, `_` and `-`, starting with a letter. */
function modelName(name: string): string {
  const clean = name.replace(/[^\w-]+/g, '_').replace(/^[^A-Za-z]+/, '');
  return clean === '' ? 'model' : clean.slice(0, 64);
}

/** Inputs as the language declares them, for extents that are told. */
export function shapesOf({ file, known }: Request, dimensions: Dimensions): Map<string, Shape> {
  const extentOf = (extent: Extent) =>
    typeof extent === 'number' ? extent : dimensions.get(extent)!;
  return new Map(
    file.inputs
      .filter(({ name }) => !known.has(name))
      .map(({ name, extents }) => [name, extents.map(extentOf)]),
  );
}

/** Runs the import in a program of its own, which nothing else is made of. */
export function tryImport(request: Request, dimensions: Dimensions): Imported {
  const trace = createTrace('predict', { training: false, seed: 0 });
  return withTrace(trace, () => {
    const tensors = new Map<string, Tensor>();
    for (const [name, shape] of shapesOf(request, dimensions)) {
      const { dtype } = request.file.inputs.find((input) => input.name === name)!.type;
      const declaration = { name, type: { dtype, shape }, default: null, counter: false };
      tensors.set(name, inputTensor(trace, declaration, null));
    }
    trace.fixed = { span: null, scope: '', name: 'onnx' };
    const imported = importGraph(request.file, tensors, request.known);
    dropUnread(trace.builder, imported);
    return imported;
  });
}

/** Weights from which no output is computed are none of the model: plans have no such parameters. */
function dropUnread({ nodes }: GraphBuilder, { outputs, session }: Imported): void {
  const live = new Uint8Array(nodes.length);
  for (const { tensor } of outputs) live[tensor.value] = 1;
  const read = new Set<string>();
  for (let value = nodes.length - 1; value >= 0; value--) {
    if (!live[value]) continue;
    const node = nodes[value];
    for (const operand of node.operands) live[operand] = 1;
    if (node.op === 'parameter') read.add(node.attributes.name);
  }
  session.weights.keep(read);
}

/** The values of all weights, as the runtime's `load` takes them. */
export function encodeWeights(name: string, { session }: Imported): Uint8Array<ArrayBuffer> {
  const tensors = [...session.weights.all.values()].map(
    ({ name: own, shape, values }) => [own, { dtype: 'f32', shape, data: values() }] as const,
  );
  return encodeSealed(tensors, { format: PARAMETERS_FORMAT, plan: name, producer: PRODUCER });
}

/** See `fromOnnx` of the package, which loads this module when it is first called. */
export function modelFrom(bytes: Uint8Array, options: FromOnnxOptions): OnnxModel {
  const request = requestOf(bytes, options);
  const dimensions: Dimensions = new Map(
    [...request.defaults].map(([name, value]) => [name, option(name, value)]),
  );
  const imported = tryImport(request, dimensions);
  const declared: Record<string, InputSpec> = {};
  for (const [name, shape] of shapesOf(request, dimensions)) {
    const { dtype } = request.file.inputs.find((input) => input.name === name)!.type;
    declared[name] = tensor(shape, dtype);
  }
  const used = Object.entries(declared).filter(([name]) => isRead(imported, name));
  const all = new Map([...request.known, ...unread(request, dimensions, imported)]);
  const model = defineModel({
    name: request.name,
    inputs: { ...Object.fromEntries(used), ...options.inputs } as Inputs,
    build: (inputs) => {
      const tensors = new Map(used.map(([name]) => [name, inputs[name]]));
      const { outputs } = importGraph(request.file, tensors, all);
      return Object.fromEntries(outputs.map(({ name, tensor }) => [name, tensor]));
    },
    ...(options.train ? { train: options.train } : {}),
  });
  let parameters: Uint8Array<ArrayBuffer> | null = null;
  return {
    model,
    get parameters() {
      parameters ??= encodeWeights(request.name, imported);
      return parameters;
    },
    outputs: imported.outputs.map(({ name, type, tensor }) => ({
      ...{ name, type: type.name, shape: tensor.shape },
    })),
  };
}

/** Inputs of which only the shape or the type counts, which therefore are none of the model: any values do. */
function unread(
  request: Request,
  dimensions: Dimensions,
  imported: Imported,
): Map<string, Constant> {
  const constants = new Map<string, Constant>();
  for (const [name, shape] of shapesOf(request, dimensions)) {
    if (isRead(imported, name)) continue;
    const { type } = request.file.inputs.find((input) => input.name === name)!;
    constants.set(
      name,
      constant(type, shape, () => new Float64Array(elementCount(shape))),
    );
  }
  return constants;
}

/** Whether anything is computed from an input: of some only the shape or the type counts. */
const isRead = ({ session: { recorder }, outputs }: Imported, name: string): boolean =>
  recorder.read.has(name) ||
  outputs.some(({ tensor }) => {
    const found = recorder.find(tensor);
    return found?.kind === 'result' && found.call === INPUT_CALL && found.path === name;
  });
