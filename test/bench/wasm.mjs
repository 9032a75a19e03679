// Times matrix products on the wasm target, in each layout of their operands (N as it stands, T transposed), and the
// training steps of the examples that are built and of a small convolutional network.
//   npm run bench [m,n,k ...]
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { emitWasm } from '../../dist/compiler/codegen/wasm/index.js';
import * as btc from '../../dist/compiler/index.js';
import { load } from '../../dist/runtime/index.js';

const PAGES = 1024;
const SHAPES = [
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [50, 128, 784],
  [784, 128, 50],
  [50, 10, 128],
];
const given = process.argv.slice(2).map((text) => text.split(',').map(Number));

/** C [m, n] = A · B; an operand marked T is stored transposed. */
function product(layout, m, n, k) {
  const load = (buffer, coefficients) => ({
    kind: 'load',
    dtype: 'f32',
    buffer,
    index: { offset: 0, coefficients },
    bounds: [],
  });
  const sizes = [m * k, k * n, m * n];
  return {
    name: 'product',
    axes: [
      { extent: m, kind: 'parallel' },
      { extent: n, kind: 'parallel' },
      { extent: k, kind: 'reduced' },
    ],
    buffers: sizes.map((elements, i) => ({
      dtype: 'f32',
      access: i === 2 ? 'write' : 'read',
      elements,
    })),
    nodes: [
      load(0, layout[0] === 'N' ? [k, 0, 1] : [1, 0, m]),
      load(1, layout[1] === 'N' ? [0, 1, n] : [0, k, 1]),
      { kind: 'apply', op: 'mul', dtype: 'f32', operands: [0, 1] },
      { kind: 'accumulator', dtype: 'f32', reduction: 0 },
    ],
    reductions: [{ combiner: 'sum', value: 2 }],
    stores: [
      { buffer: 2, index: { offset: 0, coefficients: [n, 1, 0] }, value: 3, accumulate: false },
    ],
  };
}

/** Milliseconds per call: the best of three stretches after a warm-up. */
function time(run) {
  const stretch = (atLeast) => {
    const started = performance.now();
    let calls = 0;
    while (performance.now() - started < atLeast) {
      run();
      calls++;
    }
    return (performance.now() - started) / calls;
  };
  stretch(150);
  return Math.min(stretch(100), stretch(100), stretch(100));
}

const shapes = given.length > 0 ? given : SHAPES;
const cases = shapes.flatMap((shape) => ['NN', 'NT', 'TN'].map((layout) => ({ layout, shape })));
const { module, exports, parts } = await emitWasm(
  cases.map(({ layout, shape }) => product(layout, ...shape)),
  PAGES,
);
const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
new Float32Array(memory.buffer).fill(0.5);
const { instance } = await WebAssembly.instantiate(module, { env: { memory } });
for (const [i, { layout, shape }] of cases.entries()) {
  const [m, n, k] = shape;
  const addresses = [0, 4 * m * k, 4 * (m * k + k * n), 0, parts[i]];
  const milliseconds = time(() => instance.exports[exports[i]](...addresses));
  const rate = (2 * m * n * k) / milliseconds / 1e6;
  console.log(`${layout} ${shape.join('x').padEnd(16)} ${rate.toFixed(1).padStart(6)} GFLOP/s`);
}

/** Prints the median of 60 training steps. */
async function timeTraining(name, plan, options) {
  const session = await load(plan, options);
  const inputs = Object.fromEntries(
    session.plan.programs.train.inputs
      .filter((input) => input.default === null && !input.counter)
      .map(({ name, dtype, shape }) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return [name, dtype === 'f32' ? new Float32Array(count) : new Int32Array(count)];
      }),
  );
  const times = [];
  for (let step = 0; step < 60; step++) {
    const started = performance.now();
    await session.run('train', inputs);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  console.log(`${name}: a training step takes ${times[30].toFixed(2)} ms (median of 60)`);
  session.destroy();
}

for (const example of ['digits', 'rows']) {
  const file = (name) => new URL(`../../examples/${example}/out/${name}`, import.meta.url);
  if (!existsSync(file('model.wasm.plan.json'))) continue;
  const plan = JSON.parse(await readFile(file('model.wasm.plan.json'), 'utf8'));
  const [module, parameters] = await Promise.all([
    readFile(file('model.wasm')),
    readFile(file('model.safetensors')),
  ]);
  await timeTraining(`examples/${example}`, plan, { module, parameters });
}

/** Two convolutions with 3 x 3 and pooling, 32 images of 28 x 28. */
const network = () =>
  btc.defineModel({
    name: 'cnn',
    inputs: { image: btc.tensor([32, 28, 28, 1]), label: btc.tensor([32], 'i32') },
    build: ({ image }) => {
      const block = (inside, outside, x) => {
        const layer = btc.convolution(inside, outside, { kernel: 3, padding: 'same' });
        return btc.maxPool2d(btc.relu(layer(x)), 2);
      };
      const features = block(16, 32, block(1, 16, image));
      return { logits: btc.linear(7 * 7 * 32, 10)(btc.reshape(features, [32, -1])) };
    },
    train: {
      loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
      optimizer: btc.sgd({ learningRate: 0.01 }),
    },
  });
const { plan, ...built } = await btc.compile(network, { target: 'wasm' });
await timeTraining('convolutions', plan, built);
