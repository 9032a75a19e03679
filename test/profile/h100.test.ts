import { afterAll, expect, test } from 'vitest';
import {
  compile,
  crossEntropy,
  defineModel,
  linear,
  lstm,
  relu,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import { loadModel } from '../../compiler/load/index.ts';
import { predictSeconds } from '../../compiler/profile/predict.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import { setSourceMapper } from '../../compiler/reporting/call-sites.ts';
import { parseKernel } from '../../ir/kernel-text.ts';

// What was measured on an H100 (kernels by its own clock, steps of training in a queue), beside what the profile predicts.

// Other tests run code that nobody emitted.
afterAll(() => setSourceMapper(null));

const profile = SHIPPED_PROFILES.h100;

const product = (m: number, n: number, k: number) => `kernel product {
axis a0 parallel ${m}
axis a1 parallel ${n}
axis a2 reduced ${k}
buffer b0 read f32 ${m * k}
buffer b1 read f32 ${n * k}
buffer b2 write f32 ${m * n}
n0: f32 = load b0[a0 + ${m}*a2]
n1: f32 = load b1[a1 + ${n}*a2]
n2: f32 = mul n0, n1
reduce sum n2
n3: f32 = accumulator
store b2[${n}*a0 + a1] = n3
}
`;
const sums = (axes: readonly string[], address: string, outputs: number) => `kernel sums {
${axes.map((axis, i) => `axis a${i} ${axis}`).join('\n')}
buffer b0 read f32 16777216
buffer b1 write f32 ${outputs}
n0: f32 = load b0[${address}]
reduce sum n0
n1: f32 = accumulator
store b1[${outputs === 1 ? '0' : 'a0'}] = n1
}
`;
const MIB64 = 4 * 2 ** 24;

test.each<[string, string, number]>([
  ['2048 x 2048 x 2048', product(2048, 2048, 2048), (2 * 2048 ** 3) / 29.35e12],
  ['4096 x 4096 x 4096', product(4096, 4096, 4096), (2 * 4096 ** 3) / 28.36e12],
  ['50257 x 768 x 4096', product(50257, 768, 4096), (2 * 50257 * 768 * 4096) / 27.78e12],
  ['768 x 768 x 4096', product(768, 768, 4096), (2 * 768 * 768 * 4096) / 11.93e12],
  ['64 x 64 x 100352', product(64, 64, 100352), (2 * 64 * 64 * 100352) / 170e9],
  ['64 x 256 x 100352', product(64, 256, 100352), (2 * 64 * 256 * 100352) / 1611e9],
  ['24 x 144 x 100352', product(24, 144, 100352), (2 * 24 * 144 * 100352) / 287e9],
  ['a sum of all', sums(['reduced 16777216'], 'a0', 1), MIB64 / 3e9],
  ['sums of columns', sums(['parallel 4096', 'reduced 4096'], 'a0 + 4096*a1', 4096), MIB64 / 321e9],
  ['sums of rows', sums(['parallel 4096', 'reduced 4096'], '4096*a0 + a1', 4096), MIB64 / 1124e9],
])('%s takes what it was measured to', (_, text, measured) => {
  const ratio = predictSeconds(parseKernel(text), profile) / measured;
  expect(ratio).toBeGreaterThan(0.75);
  expect(ratio).toBeLessThan(1.25);
});

const classifier = (
  name: string,
  x: readonly number[],
  build: (x: ReturnType<typeof relu>) => ReturnType<typeof relu>,
) =>
  defineModel({
    name,
    inputs: { x: tensor([...x]), label: tensor([x[0]], 'i32') },
    build: ({ x }) => ({ logits: build(x) }),
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: sgd({ learningRate: 0.01 }),
    },
  });

const SMALL = {
  mlp: () =>
    classifier('mlp', [128, 784], (x) =>
      linear(256, 10)(relu(linear(512, 256)(relu(linear(784, 512)(x))))),
    ),
  lstm: () =>
    classifier('lstm', [32, 16, 64], (x) => linear(128, 10)(lstm(64, 128)(x).state.hidden)),
};

/** Steps of training: in a queue the device computes while the host copies. */
async function stepMilliseconds(name: string): Promise<number> {
  const small = SMALL[name as keyof typeof SMALL];
  const loaded = small
    ? { model: small }
    : await loadModel(`examples/networks/${name}.ts`, { set: SETS[name] });
  const { plan } = await compile(loaded.model!, { target: 'webgpu', limits: 'h100' });
  return 1000 * plan!.programs['train'].predicted!.stepSeconds;
}

const RESNET = { batch: 32, image: 224, classes: 1000, width: 1 };
const SETS: Readonly<Record<string, Record<string, number>>> = {
  'resnet-50': RESNET,
  'mobilenet-v2': RESNET,
};

test.each([
  ['mlp', 0.18],
  ['lstm', 0.66],
  ['resnet-50', 113],
  ['mobilenet-v2', 49.7],
])('a step of %s takes what it was measured to', async (name, measured) => {
  const ratio = (await stepMilliseconds(name)) / measured;
  expect(ratio).toBeGreaterThan(0.85);
  expect(ratio).toBeLessThan(1.15);
});
