// Kernels as ONNX models: one graph of a few nodes, written in the protocol-buffer encoding of onnx.proto (version 8 of the
// representation, opset 17).
import { channelsFirst } from '../tensors.mjs';
import { KERNELS } from '../workloads.mjs';

/** A row that a system has nothing for. */
class Unsupported extends Error {}

const FLOAT = 1;
const INT64 = 7;

// Wire types of protocol buffers: 0 is a varint, 2 bytes with their length before them.
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return bytes;
}
const int = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, content) => [
  ...varint((field << 3) | 2),
  ...varint(content.length),
  ...content,
];
const text = (field, string) => bytes(field, [...new TextEncoder().encode(string)]);
const each = (values, encode) => values.flatMap(encode);

const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

function attribute([name, value]) {
  const content = Array.isArray(value)
    ? [...each(value, (one) => int(8, one)), ...int(20, INTS_ATTRIBUTE)]
    : [...int(3, value), ...int(20, INT_ATTRIBUTE)];
  return bytes(5, [...text(1, name), ...content]);
}

const node = ({ op, inputs, output, attributes }) =>
  bytes(1, [
    ...each(inputs, (name) => text(1, name)),
    ...text(2, output),
    ...text(4, op),
    ...each(Object.entries(attributes), attribute),
  ]);

/** A list of whole numbers as a constant, which newer versions of operators take for axes. */
const constant = ({ name, values }) =>
  bytes(5, [
    ...int(1, values.length),
    ...int(2, INT64),
    ...each(values, (value) => int(7, value)),
    ...text(8, name),
  ]);

function valueInfo(field, name, shape) {
  const dimensions = shape
    ? bytes(
        2,
        each(shape, (size) => bytes(1, int(1, size))),
      )
    : [];
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...int(1, FLOAT), ...dimensions]))]);
}

/** The functions of workloads; they append nodes, and a tensor is a name. */
function builder() {
  const [nodes, constants] = [[], []];
  const apply = (op, inputs, attributes = {}) => {
    const output = `value${nodes.length}`;
    nodes.push({ op, inputs, output, attributes });
    return output;
  };
  const axesConstant = (values) => {
    const name = `axes${constants.length}`;
    constants.push({ name, values });
    return name;
  };
  const pads = [1, 1, 1, 1];
  const nn = {
    add: (a, b) => apply('Add', [a, b]),
    exp: (a) => apply('Exp', [a]),
    tanh: (a) => apply('Tanh', [a]),
    softmax: (a) => apply('Softmax', [a], { axis: -1 }),
    transpose: (a) => apply('Transpose', [a], { perm: [1, 0] }),
    sum: (a, axis) =>
      axis === undefined
        ? apply('ReduceSum', [a], { keepdims: 0 })
        : apply('ReduceSum', [a, axesConstant([axis])], { keepdims: 0 }),
    max: (a, axis) => apply('ReduceMax', [a], { axes: [axis], keepdims: 0 }),
    matmul: (a, b, layout) =>
      layout === 'nn'
        ? apply('MatMul', [a, b])
        : apply('Gemm', [a, b], {
            transA: Number(layout[0] === 't'),
            transB: Number(layout[1] === 't'),
          }),
    conv: (x, w) => apply('Conv', [x, w], { pads }),
    convInputGradient: (dy, w) => apply('ConvTranspose', [dy, w], { pads }),
    // It has no such operator: a convolution of images and gradients whose batch is their channels.
    convWeightGradient: (x, dy) => {
      const perm = [1, 0, 2, 3];
      const [images, kernel] = [x, dy].map((one) => apply('Transpose', [one], { perm }));
      return apply('Transpose', [apply('Conv', [images, kernel], { pads })], { perm });
    },
    depthwise: (x, w) => apply('Conv', [x, w], { pads, group: 64 }),
  };
  return { nn, nodes, constants };
}

/** The bytes of an ONNX model of a kernel, its operands as float arrays with channels first, and the name of its result. */
export function onnxKernel(row, parameters) {
  const kernel = KERNELS[row];
  if (!kernel) throw new Unsupported('it runs models only: no gradients, no training');
  const { operands, compute, layouts } = kernel;
  const given = Object.fromEntries(
    Object.keys(operands).map((name) => [name, channelsFirst(parameters[name], layouts[name])]),
  );
  const { nn, nodes, constants } = builder();
  const names = Object.fromEntries(Object.keys(operands).map((name) => [name, name]));
  const result = compute(nn, names);
  const graph = [
    ...each(nodes, node),
    ...text(2, row),
    ...each(constants, constant),
    ...each(Object.entries(given), ([name, { shape }]) => valueInfo(11, name, shape)),
    ...valueInfo(12, result, null),
  ];
  const opset = bytes(8, [...text(1, ''), ...int(2, 17)]);
  const model = new Uint8Array([...int(1, 8), ...bytes(7, graph), ...opset]);
  return { model, given, result };
}
