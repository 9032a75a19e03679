import { describe, expect, test } from 'vitest';
import {
  adam,
  attention,
  blockTerm,
  compile,
  defineModel,
  init,
  type LoraOptions,
  linear,
  lora,
  lstm,
  type Model,
  mergedWeights,
  type Tensor,
  tensor,
  tensorTrain,
  zeros,
} from '../../compiler/index.ts';
import { load, type Session } from '../../runtime/index.ts';
import { openSafetensors } from '../../runtime/weights/index.ts';
import { programOf } from './run-program.ts';

const WIDTH = 6;

/** A small network with every sort of layer that takes an adapter, adapted or not. */
function network(options: LoraOptions | null): Model {
  const first = linear(4, WIDTH, { name: 'first', biasInit: init.normal(0.1) });
  const attend = attention(WIDTH, { heads: 2, name: 'attend' });
  const recurrent = lstm(WIDTH, WIDTH, { name: 'recurrent' });
  const body = (x: Tensor) => recurrent(attend(first(x).tanh())).outputs;
  const adapted = options ? lora(body, options) : body;
  const head = linear(WIDTH, 2, { name: 'head' });
  const forward = (x: Tensor) => head(adapted(x));
  return defineModel({
    name: 'adapted',
    inputs: { x: tensor([2, 3, 4]), y: tensor([2, 3, 2]) },
    build: ({ x }) => ({ y: forward(x) }),
    train: {
      loss: (outputs, { y }) => outputs.y.sub(y).square().mean(),
      optimizer: adam({ learningRate: 0.05 }),
    },
    ...(options
      ? { programs: { merge: () => mergedWeights(() => forward(zeros([2, 3, 4]))) } }
      : {}),
  });
}

async function sessionOf(model: Model): Promise<Session> {
  const { plan, module, parameters, diagnostics } = await compile(model, { target: 'wasm' });
  expect(diagnostics).toEqual([]);
  return load(plan!, { module: module!, parameters: parameters! });
}

const numbers = (count: number) => Float32Array.from({ length: count }, (_, k) => Math.sin(k + 1));
const given = { x: numbers(24), y: numbers(12).map((value) => 0.3 * value) };

const MATRICES = [
  'first.weight',
  ...['query', 'key', 'value', 'output'].map((part) => `attend.${part}.weight`),
  ...['inputWeight', 'hiddenWeight'].map((part) => `recurrent.${part}`),
];

describe.each<[string, LoraOptions]>([
  ['two factors', { rank: 2, alpha: 6 }],
  [
    'tensor trains',
    {
      alpha: 2,
      weight: (rows) =>
        tensorTrain({ inputModes: [2, rows / 2], outputModes: [2, WIDTH / 2], rank: 2 }),
    },
  ],
  [
    'block terms of one layer',
    {
      targets: /^first/,
      weight: blockTerm({ inputModes: [2, 2], outputModes: [2, 3], blocks: 2, rank: 2 }),
    },
  ],
])('adapters as %s', (_, options) => {
  test('start at nothing, alone are trained, and can be merged', async () => {
    const plain = await sessionOf(network(null));
    const tuned = await sessionOf(network(options));
    const base = await plain.readParameters();
    const before = await tuned.readParameters();
    for (const [name, values] of Object.entries(base)) expect(before[name]).toEqual(values);
    const first = await tuned.run('predict', { x: given.x });
    expect(first).toEqual(await plain.run('predict', { x: given.x }));

    const losses: number[] = [];
    for (let step = 0; step < 20; step++) losses.push((await tuned.run('train', given)).loss[0]);
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
    const after = await tuned.readParameters();
    for (const [name, values] of Object.entries(after))
      if (/lora|head/.test(name)) expect(values, name).not.toEqual(before[name]);
      else expect(values, name).toEqual(before[name]);
    const states = tuned.plan.tensors.filter(({ role }) => role === 'optimiser');
    expect(states.every(({ name }) => /lora|head/.test(name))).toBe(true);

    const merged = await tuned.run('merge');
    const adapted = MATRICES.filter((name) => !options.targets || name.startsWith('first'));
    expect(Object.keys(merged).sort()).toEqual([...adapted].sort());
    const kept = Object.entries(after).filter(([name]) => !name.includes('lora'));
    await plain.writeParameters({ ...Object.fromEntries(kept), ...merged });
    const [wanted, found] = [
      await tuned.run('predict', { x: given.x }),
      await plain.run('predict', { x: given.x }),
    ];
    wanted.y.forEach((value, k) => {
      expect(found.y[k]).toBeCloseTo(value, 5);
    });
  });
});

describe('lora', () => {
  test('takes the names and shapes of PEFT', async () => {
    const { plan } = await compile(network({ rank: 2 }), { target: 'wasm' });
    const trained = plan!.tensors.filter(({ role }) => role === 'parameter');
    const shapes = Object.fromEntries(trained.map(({ name, shape }) => [name, shape]));
    expect(shapes).toMatchObject({
      'first.lora_A.weight': [4, 2],
      'first.lora_B.weight': [2, WIDTH],
      'attend.query.lora_A.weight': [WIDTH, 2],
      'attend.output.lora_B.weight': [2, WIDTH],
      'recurrent.inputWeight.lora_A.weight': [WIDTH, 2],
      'recurrent.hiddenWeight.lora_B.weight': [2, 4 * WIDTH],
    });
    expect(Object.keys(shapes)).toHaveLength(2 * MATRICES.length + 2);
  });

  test('saves adapters alone as PEFT does, and a session takes them back', async () => {
    const session = await sessionOf(network({ rank: 2 }));
    await session.run('train', given);
    const bytes = await session.saveParameters({
      layout: 'pytorch',
      rename: (name) => (name.includes('lora_') ? `base_model.model.${name}` : null),
    });
    const file = await openSafetensors(new Blob([bytes]));
    const shapes = Object.fromEntries(
      Array.from(file.tensors, ([name, { shape }]) => [name, shape]),
    );
    expect(Object.keys(shapes)).toHaveLength(2 * MATRICES.length);
    expect(shapes).toMatchObject({
      'base_model.model.first.lora_A.weight': [2, 4],
      'base_model.model.first.lora_B.weight': [WIDTH, 2],
      'base_model.model.attend.q_proj.lora_A.weight': [2, WIDTH],
      'base_model.model.attend.out_proj.lora_B.weight': [WIDTH, 2],
    });
    const { plan, module } = await compile(network({ rank: 2 }), { target: 'wasm' });
    const other = await load(plan!, {
      ...{ module: module!, parameters: bytes, layout: 'pytorch', missing: 'initial' },
      rename: [[/^base_model\.model\./, '']],
      initial: (await compile(network({ rank: 2 }), { target: 'wasm' })).parameters!,
    });
    const [wanted, found] = [await session.readParameters(), await other.readParameters()];
    for (const [name, values] of Object.entries(wanted))
      if (name.includes('lora_')) expect(found[name], name).toEqual(values);
  });

  test('is given once in a program, and merged wherever it is used', async () => {
    const fc = linear(3, 2, { name: 'fc' });
    const [one, two] = [lora(fc, { rank: 1 }), lora(fc, { rank: 2 })];
    const inputs = { x: tensor([1, 3]) };
    const both = defineModel({
      name: 'both',
      inputs,
      build: ({ x }) => ({ y: one(x).add(two(x)) }),
    });
    const { diagnostics } = await compile(both, { target: 'wasm' });
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1007']);
    const twice = defineModel({
      ...{ name: 'twice', inputs, build: ({ x }) => ({ y: one(x) }) },
      programs: { merge: ({ x }) => ({ y: one(x), ...mergedWeights(() => one(x)) }) },
    });
    const { plan } = await compile(twice, { target: 'wasm' });
    expect(plan!.programs.merge.outputs.map(({ name }) => name)).toEqual(['y', 'fc.weight']);
    const none = defineModel({
      name: 'none',
      inputs,
      build: ({ x }) => ({ x, ...mergedWeights(() => x) }),
    });
    expect((await compile(none, { target: 'wasm' })).diagnostics.map(({ code }) => code)).toEqual([
      'BTC3006',
    ]);
  });

  test('adapts the targets alone', async () => {
    const targets = /(query|value)\.weight$/;
    const { plan } = await compile(network({ rank: 2, targets }), { target: 'wasm' });
    const trained = plan!.tensors.filter(({ role }) => role === 'parameter');
    expect(trained.map(({ name }) => name).filter((name) => name.includes('lora_A'))).toEqual([
      'attend.query.lora_A.weight',
      'attend.value.lora_A.weight',
    ]);
  });

  test('adds alpha / rank of the product of its factors', () => {
    const fc = linear(3, 2, { name: 'fc' });
    const model = defineModel({
      name: 'one',
      inputs: { x: tensor([1, 3]) },
      build: ({ x }) => ({ y: lora(fc, { rank: 1, alpha: 5 })(x), weight: fc.weight }),
    });
    const { outputs } = programOf(model, 'predict')(
      { x: Float64Array.of(1, 2, 3) },
      {
        'fc.weight': Float64Array.of(1, 0, 0, 1, 0, 0),
        'fc.bias': Float64Array.of(0.5, -0.5),
        'fc.lora_A.weight': Float64Array.of(1, 1, 1),
        'fc.lora_B.weight': Float64Array.of(2, -1),
      },
    );
    expect([...outputs.y]).toEqual([1 + 0.5 + 5 * 12, 2 - 0.5 + 5 * -6]);
    expect([...outputs.weight]).toEqual([1, 0, 0, 1, 0, 0]);
  });
});
