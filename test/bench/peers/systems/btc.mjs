// btc itself: models are built before anything is timed (build.mjs), as its users do.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as btc from '../../../../dist/compiler/index.js';
import { load } from '../../../../dist/runtime/index.js';
import { KERNELS, MODELS } from '../workloads.mjs';

/** The functions that workloads are written over. A tensor may be read as often as one likes. */
const nn = {
  twice: (x) => [x, x],
  add: btc.add,
  exp: btc.exp,
  tanh: btc.tanh,
  relu: btc.relu,
  softmax: (x) => btc.softmax(x),
  transpose: (x) => btc.transpose(x, [1, 0]),
  sum: (x, axis) => (axis === undefined ? btc.sum(x) : btc.sum(x, axis)),
  max: (x, axis) => btc.max(x, axis),
  matmul: (a, b, layout) =>
    btc.einsum(`${layout[0] === 'n' ? 'ik' : 'ki'},${layout[1] === 'n' ? 'kj' : 'jk'}->ij`, a, b),
  conv: (x, w) => btc.conv2d(x, w, { padding: 1 }),
  convInputGradient: (dy, w) =>
    btc.conv2dTranspose(dy, btc.transpose(w, [0, 1, 3, 2]), { padding: 1 }),
  convWeightGradient: (x, dy) => {
    const images = btc.transpose(x, [3, 1, 2, 0]);
    const gradient = btc.conv2d(images, btc.transpose(dy, [1, 2, 0, 3]), { padding: 1 });
    return btc.transpose(gradient, [1, 2, 0, 3]);
  },
  depthwise: (x, w) => btc.conv2d(x, w, { padding: 1, groups: x.shape[3] }),
  linear: (x, name, features) => btc.linear(x.shape.at(-1), features, { name })(x),
  convolution: (x, name, channels, options) =>
    btc.convolution(x.shape[3], channels, { name, ...options })(x),
  batchNorm: (x, name) => btc.batchNorm(x.shape[3], { name })(x),
  layerNorm: (x, name) => btc.layerNorm(x.shape.at(-1), { name })(x),
  maxPool: (x, { size, ...options }) => btc.maxPool2d(x, size, options),
  globalAveragePool: btc.globalAveragePool,
  flatten: (x) => btc.reshape(x, [x.shape[0], -1]),
  embedding: (tokens, name, words, features) => btc.embedding(words, features, { name })(tokens),
  attention: (x, name, heads) => btc.attention(x.shape.at(-1), { name, heads, causal: true })(x),
  gelu: (x) => {
    const inner = btc.mul(
      0.7978845608028654,
      btc.add(x, btc.mul(0.044715, btc.mul(x, btc.square(x)))),
    );
    return btc.mul(btc.mul(0.5, x), btc.add(1, btc.tanh(inner)));
  },
  lstm: (x, name, hidden, modes) => {
    const inputWeight = modes && btc.blockTerm(modes);
    return btc.lstm(x.shape[2], hidden, { name, inputWeight })(x).state.hidden;
  },
};

const specs = (inputs) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, btc.tensor(shape, dtype)]),
  );

/** The model behind a row, as `compile` takes it. */
export function modelOf(row) {
  const model = MODELS[row];
  const name = row.replaceAll('-', '_');
  if (model)
    return () =>
      btc.defineModel({
        name,
        inputs: specs(model.inputs),
        build: (inputs) => ({ logits: model.network(nn, inputs) }),
        train: {
          loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
          optimizer: btc.sgd({ learningRate: model.learningRate }),
        },
      });
  const { operands, compute } = KERNELS[row];
  return () =>
    btc.defineModel({
      name,
      inputs: {},
      build: () => {
        const made = Object.entries(operands).map(([operand, shape]) => [
          operand,
          btc.param(operand, shape, btc.init.uniform(-1, 1)),
        ]);
        return { result: compute(nn, Object.fromEntries(made)) };
      },
    });
}

/** Gives `prepare`, which makes a row ready to run. */
export async function open({ gpu, artifacts, threads }) {
  const read = (name) => readFile(join(artifacts, name));
  const device = gpu ? await gpu.requestDevice() : null;
  const kind = gpu ? 'webgpu' : 'wasm';
  return {
    async prepare(row, { inputs }) {
      const plan = JSON.parse(await read(`${row}.${kind}.plan.json`));
      const session = await load(plan, {
        parameters: new Uint8Array(await read(`${row}.safetensors`)),
        ...(gpu ? { device } : { module: new Uint8Array(await read(`${row}.wasm`)) }),
        ...(threads > 1 ? { threads } : {}),
      });
      if (threads > 1 && !session.description.includes(`${threads} threads`))
        throw new Error('this version of the runtime has one thread');
      const values = Object.fromEntries(
        Object.entries(inputs).map(([name, { values }]) => [name, values]),
      );
      const bytes = () => session.allocatedBytes;
      const dispose = () => session.destroy();
      if (MODELS[row])
        return {
          bytes,
          dispose,
          step: async () => (await session.run('train', values)).loss[0],
        };
      return {
        bytes,
        dispose,
        call: () => session.run('predict', {}, { read: false }),
        output: async () => (await session.run('predict')).result,
      };
    },
  };
}
