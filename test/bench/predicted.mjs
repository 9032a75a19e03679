// Predicted beside measured: measures a profile of WebAssembly as `btc profile` does, then trains eight networks in turns, and
// prints what each step was predicted and what it took at least. Times are of the processor, because other programs share it.
//   npm run build && node test/bench/predicted.mjs [--profile FILE] [--wall] [--seconds 40] [network ...]

import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import * as btc from '../../dist/compiler/index.js';
import { loadModel } from '../../dist/compiler/load/index.js';
import { measureDevice } from '../../dist/compiler/profile/measure.js';
import { SHIPPED_PROFILES } from '../../dist/compiler/profile/shipped.js';
import { load } from '../../dist/runtime/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: 'string' },
    output: { type: 'string' },
    wall: { type: 'boolean' },
    seconds: { type: 'string', default: '40' },
  },
});
const now = values.wall
  ? () => performance.now()
  : () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };

const classifier = (name, shape, build) =>
  btc.defineModel({
    name,
    inputs: { x: btc.tensor(shape), label: btc.tensor([shape[0]], 'i32') },
    build: ({ x }) => ({ logits: build(x) }),
    train: {
      loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
      optimizer: btc.sgd({ learningRate: 0.01 }),
    },
  });
const block = (inside, outside, x) =>
  btc.maxPool2d(btc.relu(btc.convolution(inside, outside, { kernel: 3, padding: 'same' })(x)), 2);
const example = (file, set) => async () => {
  const url = new URL(`../../examples/${file}.ts`, import.meta.url);
  const { model, diagnostics } = await loadModel(url.pathname, { set });
  if (!model) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return model;
};
const NETWORKS = {
  mlp: () =>
    classifier('mlp', [128, 784], (x) =>
      btc.linear(256, 10)(btc.relu(btc.linear(512, 256)(btc.relu(btc.linear(784, 512)(x))))),
    ),
  cnn: () =>
    classifier('cnn', [32, 28, 28, 1], (x) =>
      btc.linear(1568, 10)(btc.reshape(block(16, 32, block(1, 16, x)), [32, -1])),
    ),
  lstm: () =>
    classifier('lstm', [32, 16, 64], (x) => btc.linear(128, 10)(btc.lstm(64, 128)(x).state.hidden)),
  'bt-lstm': example('networks/bt-lstm', {}),
  'resnet-50': example('networks/resnet-50', { batch: 2, image: 64, classes: 10, width: 0.25 }),
  'mobilenet-v2': example('networks/mobilenet-v2', {
    batch: 2,
    image: 64,
    classes: 10,
    width: 0.5,
  }),
  gpt: example('networks/gpt', { batch: 4, length: 64, features: 64 }),
  'u-net': example('networks/u-net', { batch: 1, image: 64, width: 0.25 }),
};

const profile = values.profile
  ? JSON.parse(readFileSync(values.profile, 'utf8'))
  : { ...SHIPPED_PROFILES.wasm, name: 'measured', ...(await measured()) };
if (values.output) writeFileSync(values.output, JSON.stringify(profile, null, 2));
const names = positionals.length > 0 ? positionals : Object.keys(NETWORKS);
const runs = [];
for (const name of names) runs.push(await prepare(name));
const end = performance.now() + 1000 * Number(values.seconds);
while (performance.now() < end)
  for (const { session, inputs, times } of runs) {
    const started = now();
    await session.run('train', inputs);
    times.push(now() - started);
  }
console.log(
  `clock ${values.wall ? 'on the wall' : 'of the processor'}, load ${loadavg()[0].toFixed(1)}`,
);
console.log('network         predicted    least   median  predicted/least');
for (const { name, predicted, times } of runs) {
  times.sort((a, b) => a - b);
  const ratio = predicted / times[0];
  const cell = (value) => value.toFixed(2).padStart(9);
  console.log(
    `${name.padEnd(14)} ${cell(predicted)}${cell(times[0])}${cell(times[times.length >> 1])}${cell(ratio)}${Math.abs(ratio - 1) > 0.15 ? '  beyond 15 %' : ''}`,
  );
}
process.exit(0);

async function measured() {
  return measureDevice({
    target: 'wasm',
    open: (plan, module) => load(plan, { module }),
    now,
    onProgress: (name, number, count) => process.stderr.write(`${number}/${count} ${name}\n`),
  });
}

async function prepare(name) {
  const compiled = await btc.compile(await NETWORKS[name](), { target: 'wasm', profile });
  if (!compiled.plan)
    throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  const { plan, module, parameters } = compiled;
  const { inputs, predicted } = plan.programs.train;
  const given = inputs.filter((input) => input.default === null && !input.counter);
  const session = await load(plan, { module, parameters });
  return {
    name,
    session,
    inputs: Object.fromEntries(given.map((input) => [input.name, valuesOf(input)])),
    predicted: 1000 * predicted.seconds,
    times: [],
  };
}

function valuesOf({ dtype, shape }) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return dtype === 'f32'
    ? Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898))
    : Int32Array.from({ length: count }, (_, i) => i % 10);
}
