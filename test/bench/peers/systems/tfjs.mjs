// TensorFlow.js, eagerly, with its own gradient and optimiser.
import * as tf from '@tensorflow/tfjs';
import { KERNELS, MODELS } from '../workloads.mjs';

const tensorOf = ({ values, shape }) =>
  tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32');

/** The backward kernel that tfjs's own gradients use. */
const backward = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, attributes);

function operations(get) {
  const nn = {
    twice: (x) => [x, x],
    add: tf.add,
    exp: tf.exp,
    tanh: tf.tanh,
    relu: tf.relu,
    softmax: (x) => tf.softmax(x),
    transpose: (x) => tf.transpose(x),
    sum: (x, axis) => tf.sum(x, axis),
    max: (x, axis) => tf.max(x, axis),
    matmul: (a, b, layout) => tf.matMul(a, b, layout[0] === 't', layout[1] === 't'),
    conv: (x, w) => tf.conv2d(x, w, 1, 1),
    convInputGradient: (dy, w) => tf.conv2dTranspose(dy, w, dy.shape, 1, 1),
    convWeightGradient: (x, dy) =>
      backward(
        'Conv2DBackpropFilter',
        { x, dy },
        {
          strides: [1, 1],
          pad: 1,
          dataFormat: 'NHWC',
          filterShape: [3, 3, x.shape[3], dy.shape[3]],
        },
      ),
    depthwise: (x, w) => tf.depthwiseConv2d(x, tf.reshape(w, [3, 3, x.shape[3], 1]), 1, 1),
    linear: (x, name) => {
      const rows = tf.reshape(x, [-1, x.shape.at(-1)]);
      const y = tf.add(tf.matMul(rows, get(`${name}.weight`)), get(`${name}.bias`));
      return tf.reshape(y, [...x.shape.slice(0, -1), y.shape[1]]);
    },
    convolution: (x, name, _channels, { stride = 1, padding = 0, bias = true }) => {
      const y = tf.conv2d(x, get(`${name}.weight`), stride, padding);
      return bias ? tf.add(y, get(`${name}.bias`)) : y;
    },
    batchNorm: (x, name) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm(x, mean, variance, get(`${name}.shift`), get(`${name}.scale`), 1e-5);
    },
    layerNorm: (x, name) => {
      const { mean, variance } = tf.moments(x, -1, true);
      const scaled = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
      return tf.add(tf.mul(scaled, get(`${name}.scale`)), get(`${name}.shift`));
    },
    // Zeros around an image are as good as minus infinity: what is pooled comes out of a relu.
    maxPool: (x, { size, stride, padding }) => {
      const around = [padding, padding];
      const y = padding > 0 ? tf.pad(x, [[0, 0], around, around, [0, 0]]) : x;
      return tf.maxPool(y, size, stride, 'valid');
    },
    globalAveragePool: (x) => tf.mean(x, [1, 2]),
    flatten: (x) => tf.reshape(x, [x.shape[0], -1]),
    embedding: (tokens, name) => tf.gather(get(`${name}.weight`), tokens),
    attention: (x, name, heads) => {
      const [batch, time, features] = x.shape;
      const part = (which) => {
        const y = nn.linear(x, `${name}.${which}`);
        return tf.transpose(tf.reshape(y, [batch, time, heads, features / heads]), [0, 2, 1, 3]);
      };
      const [query, key, value] = ['query', 'key', 'value'].map(part);
      const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(features / heads));
      const mask = tf.linalg.bandPart(tf.ones([time, time]), -1, 0);
      const seen = tf.add(tf.mul(scores, mask), tf.mul(tf.sub(mask, 1), 1e30));
      const attended = tf.transpose(tf.matMul(tf.softmax(seen), value), [0, 2, 1, 3]);
      return nn.linear(tf.reshape(attended, [batch, time, features]), `${name}.output`);
    },
    gelu: (x) => {
      const inner = tf.mul(
        0.7978845608028654,
        tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x)))),
      );
      return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
    },
    lstm: (x, name, hidden, modes) => {
      const [batch, time, inFeatures] = x.shape;
      const fromInputs = modes
        ? blockTerm(x, name, modes)
        : tf.matMul(tf.reshape(x, [batch * time, inFeatures]), get(`${name}.inputWeight`));
      const gatesOf = tf.add(
        tf.reshape(fromInputs, [batch, time, 4 * hidden]),
        get(`${name}.bias`),
      );
      const steps = tf.unstack(gatesOf, 1);
      let [h, c] = [null, null];
      for (const fromInput of steps) {
        const gates = h ? tf.add(fromInput, tf.matMul(h, get(`${name}.hiddenWeight`))) : fromInput;
        const [i, f, g, o] = tf.split(gates, 4, 1);
        const added = tf.mul(tf.sigmoid(i), tf.tanh(g));
        c = c ? tf.add(tf.mul(tf.sigmoid(f), c), added) : added;
        h = tf.mul(tf.sigmoid(o), tf.tanh(c));
      }
      return h;
    },
  };

  /** Factor by factor, the core last: tf.einsum takes two operands at a time and has no gradient. */
  function blockTerm(x, name, { inputModes, outputModes, rank, blocks }) {
    const [batch, time] = x.shape;
    const block = (which, at) => {
      const cores = get(`${name}.inputWeight.${which}`);
      return tf.reshape(
        tf.slice(cores, [at, ...cores.shape.slice(1).map(() => 0)], [1, ...cores.shape.slice(1)]),
        cores.shape.slice(1),
      );
    };
    const outputs = outputModes.map((mode, k) => (k === 0 ? 4 * mode : mode));
    const made = Array.from({ length: blocks }, (_, at) => {
      // Axes: rows, the inputs that are left, then an output and a rank of each factor that has been met.
      let y = tf.reshape(x, [batch * time, ...inputModes]);
      for (const [k, outer] of outputs.entries()) {
        const rest = y.size / (batch * time * inputModes[k]);
        const turned = tf.transpose(tf.reshape(y, [batch * time, inputModes[k], rest]), [0, 2, 1]);
        const factor = tf.reshape(block(`factor${k + 1}`, at), [inputModes[k], outer * rank]);
        y = tf.matMul(tf.reshape(turned, [batch * time * rest, inputModes[k]]), factor);
        y = tf.reshape(y, [batch * time, rest, outer * rank]);
      }
      const axes = outputs.flatMap((outer) => [outer, rank]);
      const places = outputs.map((_, k) => 1 + 2 * k);
      const split = tf.reshape(y, [batch * time, ...axes]);
      const sorted = tf.transpose(split, [0, ...places, ...places.map((place) => place + 1)]);
      const width = outputs.reduce((a, b) => a * b);
      return tf.matMul(
        tf.reshape(sorted, [batch * time * width, rank ** outputs.length]),
        tf.reshape(block('core', at), [rank ** outputs.length, 1]),
      );
    });
    return tf.addN(made);
  }
  return nn;
}

export async function open({ gpu, threads }) {
  if (gpu) {
    await import('@tensorflow/tfjs-backend-webgpu');
    await tf.setBackend('webgpu');
  } else {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    wasm.setThreadsCount(threads);
    await tf.setBackend('wasm');
  }
  await tf.ready();
  tf.enableProdMode();
  return {
    prepare: (row, data) => (MODELS[row] ? training(row, data) : kernel(row, data)),
  };
}

function training(row, { inputs, parameters }) {
  const { network, learningRate } = MODELS[row];
  const { classes } = inputs.label;
  const variables = Object.fromEntries(
    Object.entries(parameters)
      .filter(([name]) => !/running(Mean|Variance)$/.test(name))
      .map(([name, tensor]) => [name, tf.variable(tensorOf(tensor))]),
  );
  const optimiser = tf.train.sgd(learningRate);
  const nn = operations((name) => variables[name]);
  return {
    async step() {
      const given = Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [name, tensorOf(tensor)]),
      );
      const { label, ...rest } = given;
      const cost = optimiser.minimize(() => {
        const logits = tf.reshape(network(nn, rest), [-1, classes]);
        return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.reshape(label, [-1]), classes), logits);
      }, true);
      const [loss] = await cost.data();
      tf.dispose([given, cost]);
      return loss;
    },
    dispose() {},
  };
}

function kernel(row, { parameters }) {
  const { compute, operands } = KERNELS[row];
  const given = Object.fromEntries(
    Object.keys(operands).map((name) => [name, tensorOf(parameters[name])]),
  );
  const nn = operations(() => null);
  const run = () => tf.tidy(() => compute(nn, given));
  return {
    call: () => run().dispose(),
    async output() {
      const out = run();
      const values = await out.data();
      out.dispose();
      return values;
    },
    dispose() {},
  };
}
