// jax-js: a jitted step over a tree of parameters. Functions own their arguments, `.ref` keeps one for another use.
// Convolutions have channels first, so images and kernels are turned before anything is timed.
import * as jax from '@jax-js/jax';
import { channelsFirst, channelsLast } from '../tensors.mjs';
import { KERNELS, MODELS } from '../workloads.mjs';

const { numpy: np, lax, nn: functions } = jax;

/** It maps and filters iterators, which Node has from version 22 on. */
const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
iterators.map ??= function* (turn) {
  for (const value of this) yield turn(value);
};
iterators.filter ??= function* (isWanted) {
  for (const value of this) if (isWanted(value)) yield value;
};

const array = ({ values, shape }) =>
  np.array(values, { shape, dtype: values instanceof Int32Array ? np.int32 : np.float32 });
const isKernel = (name, shape) => name.endsWith('.weight') && shape.length === 4;

function split(x, parts) {
  const width = x.shape.at(-1) / parts;
  return Array.from({ length: parts }, (_, k) => {
    const one = k < parts - 1 ? x.ref : x;
    return one.slice([], [k * width, (k + 1) * width]);
  });
}

/** Functions of kernels, and with parameters those of layers. */
function operations(parameters) {
  const get = (name) => parameters[name].ref;
  const column = (x) => x.reshape([1, x.shape[0], 1, 1]);
  const nn = {
    twice: (x) => [x.ref, x],
    add: (a, b) => a.add(b),
    exp: np.exp,
    tanh: np.tanh,
    relu: functions.relu,
    softmax: (x) => functions.softmax(x, -1),
    transpose: (x) => np.transpose(x).mul(1),
    sum: (x, axis) => np.sum(x, axis),
    max: (x, axis) => np.max(x, axis),
    matmul: (a, b, layout) =>
      np.matmul(layout[0] === 'n' ? a : np.transpose(a), layout[1] === 'n' ? b : np.transpose(b)),
    conv: (x, w) =>
      lax.convGeneralDilated(
        x,
        w,
        [1, 1],
        [
          [1, 1],
          [1, 1],
        ],
      ),
    convInputGradient: (dy, w) =>
      lax.convTranspose(
        dy,
        w,
        [1, 1],
        [
          [1, 1],
          [1, 1],
        ],
        { transposeKernel: true },
      ),
    convWeightGradient: (x, dy) => {
      const w = np.zeros([dy.shape[1], x.shape[1], 3, 3]);
      const loss = (kernel) => np.sum(nn.conv(x, kernel).mul(dy));
      return jax.grad(loss)(w);
    },
    depthwise: (x, w) =>
      lax.convGeneralDilated(
        x,
        w,
        [1, 1],
        [
          [1, 1],
          [1, 1],
        ],
        { featureGroupCount: 64 },
      ),
    linear: (x, name) => np.matmul(x, get(`${name}.weight`)).add(get(`${name}.bias`)),
    convolution: (x, name, _channels, { stride = 1, padding = 0, bias = true }) => {
      const around = [padding, padding];
      const y = lax.convGeneralDilated(
        x,
        get(`${name}.weight`),
        [stride, stride],
        [around, around],
      );
      return bias ? y.add(column(get(`${name}.bias`))) : y;
    },
    batchNorm: (x, name) => {
      const axes = [0, 2, 3];
      const mean = np.mean(x.ref, axes, { keepdims: true });
      const centred = x.sub(mean);
      const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
      const factor = np.reciprocal(np.sqrt(variance.add(1e-5)));
      return centred
        .mul(factor)
        .mul(column(get(`${name}.scale`)))
        .add(column(get(`${name}.shift`)));
    },
    layerNorm: (x, name) => {
      const mean = np.mean(x.ref, -1, { keepdims: true });
      const centred = x.sub(mean);
      const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
      const factor = np.reciprocal(np.sqrt(variance.add(1e-5)));
      return centred
        .mul(factor)
        .mul(get(`${name}.scale`))
        .add(get(`${name}.shift`));
    },
    // Zeros around an image are as good as minus infinity: what is pooled comes out of a relu.
    maxPool: (x, { size, stride, padding }) => {
      const around = [padding, padding];
      const y = padding > 0 ? np.pad(x, [[0, 0], [0, 0], around, around]) : x;
      return lax.reduceWindow(y, (window) => np.max(window), [size, size], [stride, stride]);
    },
    globalAveragePool: (x) => np.mean(x, [2, 3]),
    flatten: (x) => np.transpose(x, [0, 2, 3, 1]).reshape([x.shape[0], -1]),
    embedding: (tokens, name, words) =>
      np.matmul(functions.oneHot(tokens, words), get(`${name}.weight`)),
    attention: (x, name, heads) => {
      const [batch, time, features] = x.shape;
      const part = (y, which) =>
        nn.linear(y, `${name}.${which}`).reshape([batch, time, heads, features / heads]);
      const [query, key, value] = ['query', 'key', 'value'].map((which) => part(x.ref, which));
      x.dispose();
      const attended = functions.dotProductAttention(query, key, value, { isCausal: true });
      return nn.linear(attended.reshape([batch, time, features]), `${name}.output`);
    },
    gelu: (x) => functions.gelu(x, { approximate: true }),
    lstm: (x, name, hidden, modes) => {
      const [batch, time] = x.shape;
      const bias = get(`${name}.bias`);
      const fromInputs = modes
        ? blockTerm(x, name, modes)
            .reshape([batch, time, 4 * hidden])
            .add(bias)
        : np.matmul(x, get(`${name}.inputWeight`)).add(bias);
      let [h, c] = [null, null];
      for (let step = 0; step < time; step++) {
        const one = step < time - 1 ? fromInputs.ref : fromInputs;
        let gates = one.slice([], step);
        if (h) gates = gates.add(np.matmul(h, get(`${name}.hiddenWeight`)));
        const [i, f, g, o] = split(gates, 4);
        const added = functions.sigmoid(i).mul(np.tanh(g));
        if (c) c = functions.sigmoid(f).mul(c).add(added);
        else {
          f.dispose();
          c = added;
        }
        h = functions.sigmoid(o).mul(np.tanh(c.ref));
      }
      c.dispose();
      return h;
    },
  };

  function blockTerm(x, name, { inputModes }) {
    const [batch, time] = x.shape;
    const letters = { inputs: 'abcd', outputs: 'ABCD', ranks: 'nopq' };
    const d = inputModes.length;
    const factors = Array.from({ length: d }, (_, k) => get(`${name}.inputWeight.factor${k + 1}`));
    const terms = factors.map(
      (_, k) => `y${letters.inputs[k]}${letters.outputs[k]}${letters.ranks[k]}`,
    );
    return np.einsum(
      `zt${letters.inputs},${terms.join(',')},y${letters.ranks}->zt${letters.outputs}`,
      x.reshape([batch, time, ...inputModes]),
      ...factors,
      get(`${name}.inputWeight.core`),
    );
  }
  return nn;
}

/** Mean of -log softmax at the labels, which come as one-hot rows. */
function crossEntropy(logits, label, classes) {
  const rows = label.size;
  const logs = functions.logSoftmax(logits.reshape([rows, classes]), -1);
  return np.mean(np.sum(logs.mul(functions.oneHot(label.reshape([rows]), classes)), -1)).mul(-1);
}

export async function open({ gpu }) {
  const device = gpu ? 'webgpu' : 'wasm';
  const available = await jax.init(device);
  if (!available.includes(device)) throw new Error(`jax-js has no device '${device}' here`);
  jax.defaultDevice(device);
  return {
    prepare: (row, data) => (MODELS[row] ? training(row, data) : kernel(row, data)),
  };
}

function training(row, { inputs, parameters }) {
  const { network, learningRate } = MODELS[row];
  const layouts = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, shape.length === 4 ? 'image' : null]),
  );
  const host = Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, channelsFirst(tensor, layouts[name])]),
  );
  const { classes } = inputs.label;
  let state = Object.fromEntries(
    Object.entries(parameters).map(([name, tensor]) => [
      name,
      array(channelsFirst(tensor, isKernel(name, tensor.shape) ? 'kernel' : null)),
    ]),
  );
  const loss = (weights, given) => {
    const { label, ...rest } = given;
    const logits = network(operations(weights), rest);
    const value = crossEntropy(logits, label, classes);
    jax.tree.dispose(weights);
    return value;
  };
  const step = jax.jit((weights, given) => {
    const [value, gradients] = jax.valueAndGrad(loss)(jax.tree.ref(weights), given);
    const next = jax.tree.map((w, g) => w.sub(g.mul(learningRate)), weights, gradients);
    return [value, next];
  });
  return {
    async step() {
      const given = Object.fromEntries(
        Object.entries(host).map(([name, tensor]) => [name, array(tensor)]),
      );
      const [value, next] = step(state, given);
      state = next;
      return (await value.data())[0];
    },
    dispose() {},
  };
}

function kernel(row, { parameters }) {
  const { compute, layouts, result } = KERNELS[row];
  const operands = Object.fromEntries(
    Object.keys(KERNELS[row].operands).map((name) => [
      name,
      array(channelsFirst(parameters[name], layouts[name])),
    ]),
  );
  const nn = operations({});
  const run = jax.jit((given) => compute(nn, given));
  const call = () => run(jax.tree.ref(operands));
  return {
    async call() {
      const out = call();
      await out.blockUntilReady();
      out.dispose();
    },
    async output() {
      const out = call();
      const { shape } = out;
      const values = await out.data();
      return channelsLast({ values, shape: shape.length > 0 ? shape : result }, layouts.result)
        .values;
    },
    dispose() {},
  };
}
