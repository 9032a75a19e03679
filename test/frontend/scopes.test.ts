import { describe, expect, test } from 'vitest';
import {
  adam,
  batchNorm,
  type CompileOptions,
  compile,
  convolution,
  crossEntropy,
  defineModel,
  globalAveragePool,
  inspectPlan,
  linear,
  lstm,
  mean,
  relu,
  scope,
  sgd,
  softmax,
  type Tensor,
  tanh,
  tensor,
} from '../../compiler/index.ts';
import { placeOf } from '../../compiler/inspect/places.ts';
import { parseGraph, printGraph } from '../../ir/graph-text.ts';
import type { Plan } from '../../ir/plan.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { framesOf } from '../../ir/source.ts';
import { compileText, define, withOutput } from '../support/compile-text.ts';

async function planOf(model: () => Parameters<typeof compile>[0], options: CompileOptions = {}) {
  const { plan, diagnostics } = await compile(model as never, { target: 'webgpu', ...options });
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return plan!;
}

const namesOf = ({ tensors }: Plan) => tensors.map(({ name }) => name);
const scopesOf = (plan: Plan) =>
  new Set((plan.sources ?? []).flatMap(({ scope = '' }) => (scope === '' ? [] : [scope])));

/** A residual network in miniature: blocks are functions of the user's, in scopes, around layers without names. */
function unit(x: Tensor, channels: number): Tensor {
  const options = { kernel: 3, padding: 1, bias: false } as const;
  return relu(batchNorm(channels)(convolution(x.shape[3], channels, options)(x)));
}

const residual = () =>
  defineModel({
    name: 'residual',
    inputs: { image: tensor([8, 8, 8, 4]), label: tensor([8], 'i32') },
    build({ image }) {
      let x = unit(image, 8);
      for (let stage = 1; stage <= 2; stage++)
        for (let block = 1; block <= 2; block++)
          x = scope(`stage${stage}.block${block}`, () => relu(unit(unit(x, 8), 8).add(x)));
      return { logits: linear(8, 3, { name: 'output' })(globalAveragePool(x)) };
    },
    train: { loss: ({ logits }, { label }) => crossEntropy(logits, label), optimizer: adam() },
  });

describe('names of activations', () => {
  test('are scope and function, those of gradients and of optimiser state are after what they belong to', async () => {
    const names = namesOf(await planOf(residual));
    for (const name of [
      'train/stage1.block2.convolution2/output',
      'train/stage2.block1/output',
      'train/stage2.block1/add.grad',
      'train/stage2.block1.convolution2/output.grad',
      'train/stage2.block1.batchNorm1.scale.grad',
      'predict/stage1.block1/output',
      'stage2.block2.convolution1.weight',
      'stage2.block2.convolution1.weight.m',
      'output.bias.v',
    ])
      expect(names).toContain(name);
    const program = /^(train|predict)\/(image|label|learningRate|step|logits|loss)$/;
    const scoped =
      /^(train|predict)\/((stage\d\.block\d\.)?\w+\.|(stage\d\.block\d|\w+)\/|crossEntropy|relu|globalAveragePool|mean|optimizer)/;
    expect(
      names.filter((name) => /\//.test(name) && !program.test(name) && !scoped.test(name)),
    ).toEqual([]);
    // Numbers of nodes are nobody's names.
    expect(names.filter((name) => /\.\d{2,}/.test(name))).toEqual([]);
  });

  test('are unique, and the plan is the same in every build', async () => {
    const [first, second] = [await planOf(residual), await planOf(residual)];
    expect(new Set(namesOf(first)).size).toBe(first.tensors.length);
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
  });

  test.each([
    ['recompute', { recompute: 'auto', swap: 'none' }],
    ['swap', { recompute: 'none', swap: 'auto' }],
  ] as const)('stay under a budget kept by %s; copies say so', async (by, actions) => {
    const free = await planOf(residual);
    const budgetBytes = Math.floor(0.8 * free.memory.deviceBytes);
    const tight = await planOf(residual, { budgetBytes, ...actions });
    const known = new Set(namesOf(free));
    const copies = tight.tensors.filter(({ copyOf }) => copyOf);
    expect(copies.length).toBeGreaterThan(0);
    for (const { name, copyOf } of tight.tensors)
      if (!copyOf) expect(known).toContain(name);
      else {
        const original = tight.tensors[copyOf.tensor];
        const plain = original.program === null ? /^(train|predict)\// : '';
        const suffix = { recompute: 'recomputed', swap: 'swapped' }[copyOf.by];
        expect(name.replace(plain, '')).toMatch(new RegExp(`~${suffix}(\\.\\d+)?$`));
        expect(name.replace(plain, '').startsWith(`${original.name}~`)).toBe(true);
      }
    expect(copies.some(({ copyOf }) => copyOf!.by === by)).toBe(true);
    expect(new Set(namesOf(tight)).size).toBe(tight.tensors.length);
  });

  test('are those of functions that the user calls, with parts of them', async () => {
    const plan = await planOf(
      () =>
        defineModel({
          name: 'm',
          inputs: { x: tensor([64, 64]), w: tensor([64, 8192]) },
          build: ({ x, w }) => ({
            y: scope('head', () => softmax(tanh(x).matmul(softmax(w)))).add(1),
          }),
        }),
      // Rows are too long there for arrays of a tile: their sums are in memory.
      { target: 'wasm' },
    );
    const names = namesOf(plan);
    expect(names).toContain('predict/head/softmax');
    expect(names).toContain('predict/head/matmul');
    expect(names.some((name) => name.startsWith('predict/head/softmax.'))).toBe(true);
  });
});

describe('scopes', () => {
  test('of a layer that is used twice are those of its calls; its weights keep their name', async () => {
    const plan = await planOf(() =>
      defineModel({
        name: 'm',
        inputs: { x: tensor([32, 32]) },
        build({ x }) {
          const shared = linear(32, 32);
          const a = scope('encoder', () => tanh(shared(x)));
          const b = scope('decoder', () => tanh(shared(a)));
          return { b, again: scope('encoder.step2', () => shared(b)) };
        },
        train: { loss: ({ b }) => mean(b), optimizer: sgd() },
      }),
    );
    expect(namesOf(plan).filter((name) => name.endsWith('.weight'))).toEqual([
      'encoder.linear1.weight',
    ]);
    const scopes = [...scopesOf(plan)].join(' ');
    for (const scope of ['encoder.linear1', 'decoder.encoder.linear1', 'encoder.step2.linear1'])
      expect(scopes).toContain(scope);
  });

  test('of a recurrent layer are its steps, those of a loop its turns', async () => {
    const plan = await planOf(() =>
      defineModel({
        name: 'm',
        inputs: { x: tensor([4, 12, 8]) },
        build({ x }) {
          const { state } = lstm(8, 16)(x);
          let y = state.hidden;
          for (let turn = 0; turn < 3; turn++) y = scope(`turn${turn}`, () => linear(16, 16)(y));
          return { y };
        },
        train: { loss: ({ y }) => mean(y), optimizer: sgd() },
      }),
    );
    const names = namesOf(plan);
    expect(names).toContain('train/lstm1.step11/cell');
    expect(names).toContain('train/lstm1.step11/hidden.grad');
    expect(names).toContain('train/turn0.linear1/output');
    expect(names).toContain('train/turn2.linear1/output.grad');
    // Equal steps share their kernel all the same.
    const steps = plan.programs.predict.steps.filter(({ source }) =>
      /^lstm1\.step/.test(placeOf(plan, source).scope ?? ''),
    );
    expect(steps.length).toBeGreaterThan(new Set(steps.map(({ kernel }) => kernel)).size + 5);
  });

  test('stand on every step and tensor of a layer, and say which part of training it is', async () => {
    const plan = await planOf(residual);
    const { steps } = plan.programs.train;
    const places = steps.map(({ source }) => placeOf(plan, source));
    const first = places.find(({ scope }) => scope?.startsWith('stage1.block1'));
    expect(first?.pass).toBeUndefined();
    expect(
      places.some(({ scope, pass }) => /^stage1\.block1/.test(scope ?? '') && pass === 'gradient'),
    ).toBe(true);
    expect(
      places.some(
        ({ scope, pass }) => /^stage1\.block1/.test(scope ?? '') && /update/.test(pass ?? ''),
      ),
    ).toBe(true);
    expect(places.filter(({ scope }) => /\{.*, .*\}/.test(scope ?? '')).length).toBeGreaterThan(0);
    const own = plan.tensors.filter(({ name }) => name.includes('stage1.block1'));
    for (const { source } of own) expect(placeOf(plan, source).scope).toMatch(/^stage1\.block1/);
  });

  test('of a plan add up to the whole', async () => {
    const plan = await planOf(residual);
    for (const all of [false, true]) {
      const { layers, programs, memory } = inspectPlan(plan, all);
      const sum = (field: 'flops' | 'parameterBytes' | 'stateBytes') =>
        layers.reduce((total, layer) => total + layer[field], 0);
      expect(sum('flops')).toBe(programs.reduce((total, { flops }) => total + flops, 0));
      const bytes = (role: string) =>
        plan.tensors.reduce((total, one) => total + (one.role === role ? one.bytes : 0), 0);
      expect(sum('parameterBytes')).toBe(bytes('parameter'));
      expect(sum('stateBytes')).toBe(bytes('state') + bytes('optimiser'));
      expect(sum('parameterBytes') + sum('stateBytes')).toBeLessThanOrEqual(memory.persistentBytes);
      expect(layers.map(({ name }) => name)).toContain(
        all ? 'stage1.block1.convolution1' : 'output',
      );
    }
  });

  test.each(["''", "'a\\nb'", '3', 'undefined'])('have names: %s is none', async (name) => {
    const { diagnostics } = await compileText(withOutput(`scope(${name}, () => x)`));
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC4010']);
  });
});

describe('calls', () => {
  test('lead from the innermost expression to the function that was called, each chain once', async () => {
    const plan = await planOf(residual);
    const inner = plan.programs.train.steps
      .map(({ source }) => placeOf(plan, source))
      .find(({ scope }) => scope?.startsWith('stage2.block2.convolution2'))!;
    const frames = framesOf(inner.span);
    // unit, the scope's function, build.
    expect(frames).toHaveLength(3);
    expect(new Set(frames.map(({ file }) => file))).toEqual(
      new Set([expect.stringMatching(/scopes\.test\.ts$/)]),
    );
    expect(plan.frames!.length).toBeLessThan(20);
  });

  const HELPER = `(() => {
  const wrong = (x) => linear(9, 3)(x);
  return defineModel({
    name: 'm', inputs: { x: tensor([2, 3]) },
    build({ x }) {
      const a = wrong(x);
      const b = scope('second', () => wrong(x));
      for (let k = 0; k < 9; k++) scope('loop' + k, () => wrong(x));
      return { a, b };
    },
    train: { loss: ({ a }) => mean(a), optimizer: sgd() },
  });
})()`;

  test('of a mistake in a helper are told with it, once for all places', async () => {
    const { diagnostics } = await compileText(HELPER);
    expect(diagnostics).toHaveLength(1);
    const [{ code, source, scope, related = [] }] = diagnostics;
    expect([code, source?.line, scope]).toEqual(['BTC2014', 2, 'linear1']);
    expect(related.map(({ message, source }) => [message, source?.line])).toEqual([
      ["in 'linear1'", undefined],
      ['called from here', 6],
      ["in 'second.linear1'", undefined],
      ['called from here', 7],
      ['called from here', 7],
      ["in 'loop0.linear1'", undefined],
      ['called from here', 8],
      ['called from here', 8],
      ["in 'loop1.linear1'", undefined],
      ['called from here', 8],
      ['called from here', 8],
      ['and in 7 more places', undefined],
    ]);
  });

  test('of an exception are told with the scope that threw it', async () => {
    const { diagnostics } = await compileText(`defineModel({
  name: 'm', inputs: { x: tensor([2, 3]) },
  build: ({ x }) => {
    const fail = () => { throw new Error('no'); };
    try { scope('caught', fail); } catch {}
    return scope('outer', () => scope('inner', () => fail()));
  },
})`);
    const [{ code, scope, source, related = [] }] = diagnostics;
    expect([code, scope, source?.line]).toEqual(['BTC1002', 'outer.inner', 4]);
    expect(related.filter(({ message }) => message === 'called from here').length).toBeGreaterThan(
      1,
    );
  });

  test('in a recursion are as many as its expressions, however deep it is', async () => {
    const { plan, diagnostics } = await compileText(
      define(`build({ x, n }) {
    const deep = (y, left) => (left === 0 ? y : tanh(deep(y, left - 1)));
    return { y: deep(x, 400), n };
  }`),
      { target: 'webgpu' },
    );
    expect(diagnostics).toEqual([]);
    expect(plan!.frames!.length).toBeLessThan(8);
    expect(framesOf(placeOf(plan!, plan!.programs.predict.steps[0].source).span).at(-1)?.line).toBe(
      5,
    );
  });

  test('of a budget that is too small: by layer, with what would help', async () => {
    const { diagnostics } = await compile(residual, { target: 'wasm', budgetBytes: 1000 });
    const [{ code, message, related = [] }] = diagnostics;
    expect(code).toBe('BTC4001');
    const messages = related.map(({ message }) => message);
    expect(message).toMatch(/ in (stage\d|convolution1|output|batchNorm1)/);
    expect(messages.join('\n')).toMatch(/host-resident, .*: .*parameters \d/);
    expect(messages.join('\n')).toMatch(/live at the peak: /);
    expect(messages.join('\n')).toMatch(/takes most, \d+ % of it; what makes it smaller: /);
    expect(messages.join('\n')).not.toMatch(/parameters (and optimiser state take )?0 B/);
    const without = await compile(residual, {
      target: 'wasm',
      budgetBytes: 1000,
      recompute: 'none',
      swap: 'none',
    });
    const told = without.diagnostics[0].related!.map(({ message }) => message).join('\n');
    expect(told).toMatch(/on the device: parameters [\d.]+ KiB, optimiser state [\d.]+ KiB, /);
  });
});

describe('text', () => {
  test('of every pass holds scopes and calls, and is read back as it was printed', async () => {
    const texts = new Map<string, string>();
    await planOf(residual, { printAfter: (pass, text) => texts.set(pass, text) });
    for (const [pass, printed] of texts) {
      if (pass === 'codegen' || pass === 'assemble') continue;
      const text = printed.replace(/^#.*\n/gm, '');
      expect(text, pass).toContain('stage2.block1.convolution1');
      if (text.startsWith('graph')) {
        const graphs = text.split(/^(?=graph )/m);
        expect(graphs.map((one) => printGraph(parseGraph(one))).join('\n'), pass).toBe(
          graphs.map((one) => `${one.trimEnd()}\n`).join('\n'),
        );
      } else {
        expect(printSchedule(parseSchedule(text)), pass).toBe(text);
      }
    }
    expect(texts.size).toBeGreaterThan(8);
  });

  test('takes any names', async () => {
    const plan = await compileText(
      define(`build({ x, n }) {
    return { n, y: scope('a "quoted" @scope in x as y (1,2)', () => scope('ö.{b}, c', () => tanh(x).matmul(x.transpose()))) };
  }`),
      {
        target: 'webgpu',
        printAfter: (_, text) => {
          for (const one of text.startsWith('graph') ? text.split(/^(?=graph )/m) : [])
            expect(printGraph(parseGraph(one)).trimEnd()).toBe(one.trimEnd());
        },
      },
    );
    expect(plan.diagnostics).toEqual([]);
    expect(namesOf(plan.plan!).some((name) => name.includes('ö.{b}, c'))).toBe(true);
  });
});
