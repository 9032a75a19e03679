import type { FromOnnxOptions, OnnxModel } from './onnx/options.ts';

/**
 * A model of ONNX (operator sets 1 to 21) as one of btc's, over the functions of the language: inputs and outputs have the names, shapes
 * and order of axes of the file, its weights are parameters, and shapes are worked out. It compiles, is trained and is planned as any
 * other. What reads protobuf is loaded at the first call. Images keep their channels last from one convolution to the next.
 *
 * @throws OnnxError BTC5100 for what is no model of ONNX, BTC5101 for unknown operator sets, BTC5102 to BTC5105 for inputs, tensors and
 * external data, BTC5106 to BTC5108 for graphs that are not whole or in no order, BTC5109 to BTC5114 for nodes that the language cannot
 * say, BTC5115 and BTC5116 for options that do not fit
 */
export async function fromOnnx(
  bytes: Uint8Array,
  options: FromOnnxOptions = {},
): Promise<OnnxModel> {
  const { modelFrom } = await import('./onnx/index.ts');
  return modelFrom(bytes, options);
}
