import { encodeSafetensors } from 'btc-compiler/ir';
import { generator } from '../data/digits.mjs';

// Two small models as others publish them: the names, shapes and layouts of PyTorch's modules, in the format of their files.

/** A file of tensors by name: a shape, and how its numbers are made of numbers in [-1, 1). */
function published(shapes) {
  const random = generator(3);
  const tensors = Object.entries(shapes).map(([name, { shape, of }]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from({ length: count }, (_, k) => of(2 * random() - 1, k));
    return [name, { dtype: 'f32', shape, data }];
  });
  return encodeSafetensors(tensors, { format: 'pt' });
}

/** Uniform, with the deviation that keeps the size of what passes through. */
const weight = (shape, fanIn) => ({ shape, of: (x) => x * Math.sqrt(3 / fanIn) });
const ones = (size) => ({ shape: [size], of: () => 1 });
const zeros = (size) => ({ shape: [size], of: () => 0 });

function norm(name, size) {
  return { [`${name}.weight`]: ones(size), [`${name}.bias`]: zeros(size) };
}

/** A matrix of Hugging Face's GPT-2, which is [in, out]. */
function conv1d(name, inside, outside) {
  return {
    [`${name}.weight`]: weight([inside, outside], inside),
    [`${name}.bias`]: zeros(outside),
  };
}

/** GPT-2 with two layers of 32 features, as `GPT2LMHeadModel` saves it. */
export function publishedTransformer() {
  const [vocabulary, length, features] = [32, 16, 32];
  const shapes = {
    'transformer.wte.weight': weight([vocabulary, features], features),
    'transformer.wpe.weight': weight([length, features], features),
  };
  for (const layer of [0, 1]) {
    const at = `transformer.h.${layer}`;
    Object.assign(shapes, {
      ...norm(`${at}.ln_1`, features),
      // The mask that the module keeps: of a row those before it and its own.
      [`${at}.attn.bias`]: {
        shape: [1, 1, length, length],
        of: (_, k) => (k % length <= Math.floor(k / length) ? 1 : 0),
      },
      ...conv1d(`${at}.attn.c_attn`, features, 3 * features),
      ...conv1d(`${at}.attn.c_proj`, features, features),
      ...norm(`${at}.ln_2`, features),
      ...conv1d(`${at}.mlp.c_fc`, features, 4 * features),
      ...conv1d(`${at}.mlp.c_proj`, 4 * features, features),
    });
  }
  return published({ ...shapes, ...norm('transformer.ln_f', features) });
}

function batchNorm(name, size) {
  return {
    ...norm(name, size),
    [`${name}.running_mean`]: zeros(size),
    [`${name}.running_var`]: ones(size),
    [`${name}.num_batches_tracked`]: { shape: [], of: () => 100 },
  };
}

/** A kernel, which is [out, in, height, width]. */
const kernel = (outside, inside, size) =>
  weight([outside, inside, size, size], inside * size * size);

/** A ResNet of two stages for 20 classes, as torchvision names it. */
export function publishedResNet() {
  const shapes = { 'conv1.weight': kernel(8, 1, 7), ...batchNorm('bn1', 8) };
  for (const [stage, [inside, outside]] of [
    [8, 8],
    [8, 16],
  ].entries()) {
    const at = `layer${stage + 1}.0`;
    Object.assign(shapes, {
      [`${at}.conv1.weight`]: kernel(outside, inside, 3),
      ...batchNorm(`${at}.bn1`, outside),
      [`${at}.conv2.weight`]: kernel(outside, outside, 3),
      ...batchNorm(`${at}.bn2`, outside),
    });
    if (inside === outside) continue;
    shapes[`${at}.downsample.0.weight`] = kernel(outside, inside, 1);
    Object.assign(shapes, batchNorm(`${at}.downsample.1`, outside));
  }
  return published({ ...shapes, 'fc.weight': weight([20, 16], 16), 'fc.bias': zeros(20) });
}
