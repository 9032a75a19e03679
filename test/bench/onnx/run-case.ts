import { compile } from '../../../compiler/driver/api.ts';
import { traceModel } from '../../../compiler/frontend/trace.ts';
import { type OnnxFile, readFile } from '../../../compiler/interchange/onnx/file.ts';
import { modelFrom } from '../../../compiler/interchange/onnx/index.ts';
import type { FromOnnxOptions, OnnxModel } from '../../../compiler/interchange/onnx/options.ts';
import { OnnxError } from '../../../compiler/interchange/onnx/refusal.ts';
import { firstLost } from '../../../compiler/interchange/onnx/session.ts';
import { DTYPES } from '../../../ir/dtypes.ts';
import type { Graph } from '../../../ir/graph.ts';
import { halfBits, halfValue } from '../../../ir/half.ts';
import { interpretNode, type Values } from '../../../ir/interpret.ts';
import type { Target } from '../../../ir/plan.ts';
import { decodeSafetensors } from '../../../ir/safetensors.ts';
import { elementCount, sameShape } from '../../../ir/tensor.ts';
import { load, type Session } from '../../../runtime/index.ts';
import type { Case, DataSet, Given } from './cases.ts';

/** What became of a case on one of the witnesses. */
export type Outcome =
  | { readonly kind: 'passed'; readonly known: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly operator: string };

/** Who computes: the interpreter in float64, or a target. */
export type Witness = 'interpreter' | Target;

export interface RunOptions {
  readonly rtol: number;
  readonly atol: number;
  readonly gpu?: Parameters<typeof load>[1] extends infer O
    ? O extends { gpu?: infer G }
      ? G
      : never
    : never;
}

/** Runs all data sets of a case on the witnesses. A crash is an outcome of its own: it fails. */
export async function runCase(
  given: Case,
  witnesses: readonly Witness[],
  options: RunOptions,
): Promise<ReadonlyMap<Witness, Outcome>> {
  const outcomes = new Map<Witness, Outcome>();
  const all = (outcome: Outcome) => {
    for (const witness of witnesses) outcomes.set(witness, outcome);
    return outcomes;
  };
  try {
    const file = readFile(given.bytes, given.external);
    for (const set of given.dataSets(file)) {
      const made = importedFor(given, file, set);
      for (const witness of witnesses) {
        if (outcomes.get(witness)?.kind === 'failed') continue;
        outcomes.set(witness, await outcomeOf(witness, made, set, options));
      }
    }
    return outcomes.size > 0 ? outcomes : all({ kind: 'failed', reason: 'it has no data' });
  } catch (error) {
    return all(refusalOrFailure(error));
  }
}

function refusalOrFailure(error: unknown): Outcome {
  if (!(error instanceof OnnxError)) return { kind: 'failed', reason: `crash: ${textOf(error)}` };
  return { kind: 'refused', reason: error.message, operator: error.operator ?? '(model)' };
}

const textOf = (error: unknown) =>
  error instanceof Error
    ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ')
    : String(error);

interface ForCase {
  readonly imported: OnnxModel;
  readonly known: readonly string[];
  readonly feeds: ReadonlyMap<string, Given>;
}

/** Inputs that must be known are given as such; the import says which. */
function importedFor(given: Case, file: OnnxFile, set: DataSet): ForCase {
  const values: Record<string, Given> = {};
  for (;;) {
    const options: FromOnnxOptions = {
      ...{ values, external: given.external, dimensions: dimensionsOf(file, set, values) },
    };
    try {
      const imported = modelFrom(given.bytes, options);
      if (drawsNumbers(imported)) throw new OnnxError(5110, RANDOM, { operator: 'random numbers' });
      const feeds = new Map<string, Given>();
      for (const name of Object.keys(imported.model.definition.inputs)) {
        const one = set.inputs.get(name);
        if (!one) throw new Error(`the case has no input '${name}'`);
        checkRange(name, one);
        feeds.set(name, one);
      }
      return { imported, feeds, known: Object.keys(values) };
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error;
      const more = error.wanted.filter((name) => !(name in values) && set.inputs.get(name));
      if (more.length === 0) throw error;
      for (const name of more) values[name] = set.inputs.get(name)!;
    }
  }
}

const RANDOM = {
  ...{ node: 'all', op: 'random numbers', opset: 0, remedy: '' },
  reason: 'it draws other numbers than the case has, which cannot be compared',
};

const drawsNumbers = ({ model }: OnnxModel): boolean =>
  traceModel(model).programs[0].graph.nodes.some(({ op }) => op === 'random');

function dimensionsOf(file: OnnxFile, set: DataSet, values: Record<string, Given>) {
  const dimensions: Record<string, number> = {};
  for (const { name, extents } of file.inputs)
    for (const [axis, extent] of extents.entries())
      if (typeof extent === 'string' && !(name in values))
        dimensions[extent] = set.inputs.get(name)?.shape[axis] ?? 1;
  return dimensions;
}

function checkRange(name: string, { type, values }: Given): void {
  const lost = firstLost(type, values);
  if (lost !== null)
    throw new OnnxError(5103, { name, reason: `${lost} does not fit into 32 bits` });
}

async function outcomeOf(
  witness: Witness,
  made: ForCase,
  set: DataSet,
  options: RunOptions,
): Promise<Outcome> {
  try {
    const results =
      witness === 'interpreter' ? interpreted(made) : await onTarget(witness, made, options);
    if (typeof results === 'string') return { kind: 'failed', reason: results };
    for (const { name, type, shape } of made.imported.outputs) {
      const wanted = set.outputs.get(name);
      if (wanted === undefined) continue;
      if (wanted === null) return { kind: 'failed', reason: `output '${name}' is no tensor` };
      const reason = difference(results[name], shape, type, wanted, options);
      if (reason) return { kind: 'failed', reason: `output '${name}': ${reason}` };
    }
    return { kind: 'passed', known: made.known };
  } catch (error) {
    return refusalOrFailure(error);
  }
}

type Results = Readonly<Record<string, ArrayLike<number>>>;

/** Every value rounded to what a target stores: ONNX's own are of float32. */
function interpretRounded(graph: Graph, inputs: Values, parameters: Values): Results {
  const values: Float64Array[] = [];
  for (const node of graph.nodes) {
    const operands = node.operands.map((operand) => values[operand]);
    const types = node.operands.map((operand) => graph.nodes[operand].type);
    const made =
      node.op === 'input'
        ? Float64Array.from(inputs[node.attributes.name])
        : node.op === 'parameter'
          ? Float64Array.from(parameters[node.attributes.name])
          : interpretNode(node, operands, types);
    values.push(made.map(DTYPES[node.type.dtype].round));
  }
  return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, values[value]]));
}

function interpreted({ imported, feeds }: ForCase): Results | string {
  const traced = traceModel(imported.model);
  const error = traced.diagnostics.find(({ category }) => category === 'error');
  if (error) return `${error.code}: ${error.message}`;
  const parameters: Record<string, ArrayLike<number>> = {};
  for (const [name, { data, shape }] of decodeSafetensors(imported.parameters).tensors)
    parameters[name] = new Float32Array(data.slice().buffer, 0, elementCount(shape));
  for (const { declaration } of traced.parameters)
    if (declaration.data) parameters[declaration.name] = declaration.data;
  const inputs = Object.fromEntries([...feeds].map(([name, { values }]) => [name, values]));
  return interpretRounded(traced.programs[0].graph, inputs, parameters);
}

async function onTarget(
  target: Target,
  { imported, feeds }: ForCase,
  options: RunOptions,
): Promise<Results | string> {
  const { plan, module, diagnostics } = await compile(imported.model, { target });
  if (!plan) return diagnostics.map(({ code, message }) => `${code}: ${message}`).join('; ');
  const { parameters } = imported;
  const session: Session = await load(
    plan,
    target === 'wasm' ? { module: module!, parameters } : { gpu: options.gpu!, parameters },
  );
  try {
    const names = new Set(plan.programs['predict'].inputs.map(({ name }) => name));
    const inputs = Object.fromEntries(
      [...feeds]
        // What is computed of some inputs leads to no output.
        .filter(([name]) => names.has(name))
        .map(([name, { values, type }]) => [
          name,
          type.dtype === 'i32' ? Int32Array.from(values) : Float32Array.from(values),
        ]),
    );
    const results = await session.run('predict', inputs);
    return results as unknown as Results;
  } finally {
    session.destroy();
  }
}

const bits = new DataView(new ArrayBuffer(4));

/** As ONNX 1.12 makes its expected values: the lower bits are cut off. */
function brain(value: number): number {
  bits.setFloat32(0, value);
  bits.setUint16(2, 0);
  return bits.getFloat32(0);
}

const ROUND: Readonly<Record<string, (value: number) => number>> = {
  float16: (value) => halfValue(halfBits(value)),
  bfloat16: brain,
};

/** What is wrong with a result, or null: as ONNX's own runner compares. */
function difference(
  result: ArrayLike<number> | undefined,
  shape: readonly number[],
  type: string,
  wanted: Given,
  { rtol, atol }: RunOptions,
): string | null {
  if (!result) return 'it is not there';
  if (!sameShape(shape, wanted.shape)) return `its shape is [${shape}], not [${wanted.shape}]`;
  if (type !== wanted.type.name) return `it is ${type}, not ${wanted.type.name}`;
  const round = ROUND[wanted.type.name] ?? ((value: number) => value);
  for (let k = 0; k < wanted.values.length; k++) {
    const [made, expected] = [round(result[k]), wanted.values[k]];
    if (Object.is(made, expected) || (Number.isNaN(made) && Number.isNaN(expected))) continue;
    if (Math.abs(made - expected) <= atol + rtol * Math.abs(expected)) continue;
    if (made === expected) continue;
    return `element ${k} is ${made}, not ${expected}`;
  }
  return null;
}
