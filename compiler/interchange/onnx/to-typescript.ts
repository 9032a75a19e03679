import { encodeWeights, type Request, requestOf, tryImport } from './index.ts';
import { openCalls } from './open-axes.ts';
import type { FromOnnxOptions } from './options.ts';
import { printModel } from './print.ts';
import type { ImportedLoss } from './print-training.ts';
import type { Argument } from './recorder.ts';

/** A model as files. */
export interface ModelText {
  readonly text: string;
  readonly weights: Uint8Array<ArrayBuffer>;
  readonly name: string;
  /** Trained numbers, and others that files of weights hold. */
  readonly parameters: number;
  readonly nodes: number;
  readonly options: readonly string[];
  readonly fixed: readonly string[];
}

/**
 * A model of ONNX as the text of a module of btc, and its weights. `files` are the names that the text gives to the file it was made from
 * and to that of the weights. With a loss it trains. Errors are those of `fromOnnx`, and BTC5119 for a loss that fits no output.
 */
export function modelText(
  bytes: Uint8Array,
  options: FromOnnxOptions,
  files: { readonly source: string; readonly weights: string },
  train: ImportedLoss | null = null,
): ModelText {
  const request: Request = requestOf(bytes, options, `'${files.source}'`);
  const calls = openCalls((dimensions) => tryImport(request, dimensions), request.defaults);
  const { imported } = calls;
  const { session, outputs } = imported;
  const { producer } = request.file;
  const read = request.file.inputs.filter(
    ({ name }) => !request.known.has(name) && session.recorder.read.has(name),
  );
  const text = printModel({
    name: request.name,
    source: producer ? `${files.source} of ${producer}` : files.source,
    weights: files.weights,
    inputs: read.map(({ name, type, extents }) => ({ name, dtype: type.dtype, extents })),
    outputs: outputs.map(({ name, type, tensor }, k) => ({
      ...{ name, dtype: type.dtype, shape: calls.shapes[k] },
      value: session.recorder.find(tensor) as Argument,
    })),
    ...{ calls, defaults: request.defaults },
    nodes: session.nodes,
    names: session.names,
    train,
  });
  const weights = [...session.weights.all.values()];
  return {
    ...{ text, name: request.name, nodes: session.steps },
    ...{ options: calls.open, fixed: calls.fixed },
    weights: encodeWeights(request.name, imported),
    parameters: weights.reduce(
      (sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1),
      0,
    ),
  };
}
