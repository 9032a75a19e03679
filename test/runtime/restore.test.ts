import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adam,
  batchNorm,
  compile,
  defineModel,
  init,
  linear,
  type Model,
  meanSquaredError,
  sgd,
  state,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { decodeSafetensors, encodeSafetensors } from '../../ir/safetensors.ts';
import { type LoadOptions, load, type Session } from '../../runtime/index.ts';
import { fromFile } from '../../runtime/restore.ts';
import { errorOf } from '../support/errors.ts';

// What a session saves goes into other plans of the same model: without training, with other optimisers, with other programs.

type Both = { x: ReturnType<typeof tensor>; y: ReturnType<typeof tensor> };
type Optimizer = ReturnType<typeof adam>;

/** A network with all that a model keeps: weights, running statistics, a frozen tensor, an average that training alone knows. */
function model(optimizer: Optimizer | null, name = 'kept'): Model {
  return defineModel({
    name,
    // The type is that of the model with training, of which serving takes a part.
    inputs: { x: tensor([4, 3]), ...(optimizer ? { y: tensor([4, 2]) } : {}) } as Both,
    build({ x }) {
      const frozen = state('frozen', [3], init.normal(1));
      const hidden = batchNorm(3, { name: 'norm' })(
        linear(3, 3, { name: 'hidden' })(x.mul(frozen.value)),
      );
      return { out: linear(3, 2, { name: 'out' })(hidden.tanh()) };
    },
    ...(optimizer
      ? {
          train: {
            optimizer,
            loss: ({ out }: { out: Tensor }, { y }: { y: Tensor }) => {
              const seen = state('seen', [], init.constant(3));
              seen.assign(seen.value.add(1));
              return meanSquaredError(out, y);
            },
          },
        }
      : {}),
  });
}

const built = new Map<string, { plan: Plan; options: LoadOptions; parameters: Uint8Array }>();
const OPTIMISERS: Readonly<Record<string, Optimizer | null>> = {
  adam: adam({ learningRate: 0.01 }),
  momentum: sgd({ learningRate: 0.01, momentum: 0.9 }),
  sgd: sgd({ learningRate: 0.01 }),
  none: null,
};

beforeAll(async () => {
  for (const [name, optimizer] of Object.entries(OPTIMISERS)) {
    const { plan, module, parameters, diagnostics } = await compile(model(optimizer), {
      target: 'wasm',
    });
    if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    built.set(name, { plan, options: { module: module! }, parameters });
  }
});
const sessions: Session[] = [];
afterAll(() => {
  for (const session of sessions) session.destroy();
});

async function open(name: string, options: LoadOptions = {}): Promise<Session> {
  const { plan, options: own, parameters } = built.get(name)!;
  const session = await load(plan, { ...own, parameters, ...options });
  sessions.push(session);
  return session;
}

const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
const y = Float32Array.from({ length: 8 }, (_, i) => Math.cos(i));
async function trained(name: string, runs = 3): Promise<Session> {
  const session = await open(name);
  for (let run = 0; run < runs; run++) await session.run('train', { x, y });
  return session;
}
const out = async (session: Session) => [...(await session.run('predict', { x })).out];

const MODEL = [
  'frozen',
  ...[
    'hidden.bias',
    'hidden.weight',
    'norm.scale',
    'norm.shift',
    'norm.runningMean',
    'norm.runningVariance',
  ],
  ...['out.bias', 'out.weight'],
];

describe('states are of the model', () => {
  test('what is read, written, saved and loaded has them', async () => {
    const session = await trained('adam');
    const values = await session.readParameters();
    const names = Object.keys(values).sort();
    expect(names).toEqual([...MODEL, 'seen'].sort());
    const saved = await session.saveParameters();
    expect([...decodeSafetensors(saved).tensors.keys()].sort()).toEqual(names);
    expect([...decodeSafetensors(built.get('adam')!.parameters).tensors.keys()].sort()).toEqual(
      names,
    );
    const wanted = await out(session);
    for (const parameters of [values, saved, await session.saveCheckpoint()]) {
      const other = await open('adam', { parameters });
      expect(await out(other)).toEqual(wanted);
      expect(other.restored.restored).toEqual(expect.arrayContaining(names));
    }
    const other = await open('adam');
    await other.writeParameters(values);
    expect(await out(other)).toEqual(wanted);
  });

  test('a missing one is an error that names all, by name and from files', async () => {
    const session = await trained('adam');
    const {
      'norm.runningMean': _,
      'norm.runningVariance': __,
      frozen: ___,
      ...values
    } = await session.readParameters();
    const message = /tensors 'frozen', 'norm.runningMean', 'norm.runningVariance' are missing/;
    expect((await errorOf(() => open('adam', { parameters: values }))).message).toMatch(message);
    const narrow = await open('none');
    const foreign = defineForeign(await narrow.readParameters());
    expect((await errorOf(() => open('none', { parameters: foreign }))).message).toMatch(message);
  });

  test('one that may be missing has its initial value, which a plan holds where it is a constant', async () => {
    const session = await open('adam');
    const {
      'norm.runningMean': mean,
      'norm.runningVariance': variance,
      ...values
    } = await session.readParameters();
    expect([...mean, ...variance]).toEqual([0, 0, 0, 1, 1, 1]);
    const other = await open('adam', { parameters: values, missing: 'initial' });
    expect(await other.readParameters()).toEqual(await session.readParameters());
    expect(other.restored.initial).toEqual(['norm.runningMean', 'norm.runningVariance']);
    const { frozen, ...rest } = values;
    const error = await errorOf(() => open('adam', { parameters: rest, missing: 'initial' }));
    expect(error.message).toMatch(
      /tensor 'frozen' is missing, and the plan holds no initial value of it/,
    );
    const initial = built.get('adam')!.parameters;
    const third = await open('adam', { parameters: rest, missing: 'initial', initial });
    expect((await third.readParameters()).frozen).toEqual(frozen);
  });

  test('a plan that is loaded without values starts with the initial ones that it holds', async () => {
    const { plan, options } = built.get('adam')!;
    const session = await load(plan, options);
    const {
      'norm.runningVariance': variance,
      seen,
      'hidden.weight': weight,
    } = await session.readParameters();
    expect([...variance, ...seen, ...weight.subarray(0, 2)]).toEqual([1, 1, 1, 3, 0, 0]);
    expect(session.restored.zero).toEqual(
      expect.arrayContaining(['hidden.weight', 'frozen', 'out.weight.m']),
    );
    session.destroy();
  });
});

/** A file as another program would write it, without some states. */
function defineForeign(values: Record<string, ArrayLike<number>>): Uint8Array {
  const tensors = Object.entries(values).filter(([name]) => !/frozen|running/.test(name));
  return encodeSafetensors(
    tensors.map(([name, data]) => {
      const { shape } = built.get('none')!.plan.tensors.find((tensor) => tensor.name === name)!;
      return [name, { dtype: 'f32', shape, data: Float32Array.from(data) }] as const;
    }),
  );
}

describe('a checkpoint goes into other plans of the model', () => {
  test('without training: the optimiser, its counter and what training alone knows are ignored', async () => {
    const session = await trained('adam');
    const wanted = await out(session);
    const saved = await session.saveCheckpoint();
    const serving = await open('none', { parameters: saved });
    expect(await out(serving)).toEqual(wanted);
    const { restored, ignored, zero, counters, ignoredCounters } = serving.restored;
    expect([...restored].sort()).toEqual([...MODEL].sort());
    expect(ignored).toEqual(expect.arrayContaining(['seen', 'out.weight.m', 'out.weight.v']));
    expect({ zero, counters, ignoredCounters }).toEqual({
      ...{ zero: [], counters: { predict: 1 }, ignoredCounters: ['train'] },
    });
    const report = await serving.loadCheckpoint(saved);
    expect(report).toEqual(serving.restored);
  });

  test.each([
    ['adam', 'momentum'],
    ['momentum', 'adam'],
    ['adam', 'sgd'],
    ['sgd', 'adam'],
  ])('from %s to %s: the model goes on, the new optimiser starts at zero', async (from, to) => {
    const session = await trained(from);
    const saved = await session.saveCheckpoint();
    const parameters = await session.readParameters();
    // As a plan that was loaded with the model alone, even where it has been trained before.
    const fresh = await open(to, { parameters });
    const used = await trained(to, 2);
    const { zero, ignored } = await used.loadCheckpoint(saved);
    expect(zero.length > 0).toBe(to !== 'sgd');
    expect(ignored.length > 0).toBe(from !== 'sgd');
    for (let run = 0; run < 3; run++)
      expect(await used.run('train', { x, y })).toEqual(await fresh.run('train', { x, y }));
    expect(await used.readParameters()).toEqual(await fresh.readParameters());
  });

  test('in another precision training goes on where it was: the scale of the loss alone starts anew', async () => {
    const made = await compile(model(OPTIMISERS.adam), { target: 'wasm', precision: 'f16' });
    const options = { module: made.module! };
    const saved = await (await trained('adam')).saveCheckpoint();
    const half = await load(made.plan!, { ...options, parameters: saved });
    sessions.push(half);
    expect([...half.restored.zero].sort()).toEqual(['lossScale.change', 'lossScale.goodSteps']);
    expect(half.restored.counters).toEqual({ train: 3 });
    expect(half.restored.ignoredCounters).toEqual([]);
    await half.run('train', { x, y });
    const back = await open('adam', { parameters: await half.saveCheckpoint() });
    expect(back.restored.counters).toEqual({ train: 4 });
  });

  test('of a model with other parameters it is refused, which names all', async () => {
    const saved = await (await trained('adam')).saveCheckpoint();
    const wider = defineModel({
      name: 'kept',
      inputs: { x: tensor([4, 3]) },
      build: ({ x }) => ({
        out: linear(5, 2, { name: 'out' })(linear(3, 5, { name: 'first' })(x)),
      }),
    });
    const { plan, module } = await compile(wider, { target: 'wasm' });
    const error = await errorOf(() => load(plan!, { module: module!, parameters: saved }));
    expect(error.code).toBe('invalid-checkpoint');
    for (const part of [
      "tensors 'first.weight', 'first.bias' are missing",
      "tensor 'out.weight' is f32[3,2]; the plan wants f32[5,2]",
      /tensors .*'norm.runningVariance'.* are not in plan 'kept'/,
    ])
      expect(error.message).toMatch(part);
  });
});

describe('counters', () => {
  test('an explicit step sets them for the runs after it, and they are saved', async () => {
    const session = await trained('adam', 2);
    await session.run('train', { x, y, step: 1000 });
    const saved = await session.saveCheckpoint();
    const other = await open('adam', { parameters: saved });
    expect(other.restored.counters).toEqual({ train: 1001 });
    const again = await open('adam', { parameters: saved });
    expect(await other.run('train', { x, y })).toEqual(
      await again.run('train', { x, y, step: 1001 }),
    );
    expect(await other.saveCheckpoint()).toEqual(await again.saveCheckpoint());
    expect((await errorOf(() => session.run('train', { x, y, step: -1 }))).code).toBe(
      'invalid-input',
    );
    await session.run('train', { x, y, step: 2 ** 31 - 1 });
    expect((await errorOf(() => session.run('train', { x, y }))).message).toContain(
      'more than input',
    );
  });
});

test('a flip of any bit of a file, counters and padding included, is seen', async () => {
  const session = await trained('sgd');
  for (const saved of [await session.saveCheckpoint(), await session.saveParameters()]) {
    for (let at = 0; at < saved.length; at++) {
      const copy = saved.slice();
      copy[at] ^= 1 << (at % 8);
      const parameters = copy;
      const plan = built.get('sgd')!.plan;
      expect(() => fromFile(plan, parameters, 'parameters', {})).toThrow(/refused/);
    }
    for (const cut of [saved.slice(0, -1), saved.slice(0, 100), new Uint8Array([...saved, 0])])
      expect(() => fromFile(built.get('sgd')!.plan, cut, 'parameters', {})).toThrow(/refused/);
  }
});
