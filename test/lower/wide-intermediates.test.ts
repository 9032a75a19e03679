import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stageModel } from '../../compiler/driver/stage-model.ts';
import * as btc from '../../compiler/index.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { H100 } from '../../compiler/profile/shipped/h100.ts';
import { reuseWeightedSums } from '../../compiler/simplify/weighted-sums.ts';
import type { Graph } from '../../ir/graph.ts';
import { isStaged } from '../../ir/kernel-stage.ts';
import type { Plan } from '../../ir/plan.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { elementCount } from '../../ir/tensor.ts';
import { expectAgreement, openSession } from '../support/agreement.ts';
import { caseOf, expectMeaning } from '../support/graph-meaning.ts';
import { moduleOf } from '../support/module-of.ts';
import { typedBuilder } from '../support/random-graph.ts';
import { compileWitnessed } from '../support/reference.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { soaked } from '../support/soak.ts';

interface Attention {
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly features: number;
  readonly isMasked: boolean;
  /** Whether the gradient's sums of rows come from the result: then scores are read behind a product. */
  readonly isReused: boolean;
  /** Of workgroup memory: with few, sums go from tile to tile. */
  readonly maxWorkgroupBytes: number;
}

/** Attention and its gradients by hand, as softmax and its gradient are written out. */
function attentionGraph(shape: Attention): Graph {
  const { heads, rows, columns, features, isMasked } = shape;
  const { builder, add, input } = typedBuilder();
  const [q, dy] = ['q', 'dy'].map((name) => input(name, [heads, rows, features]));
  const [k, v] = ['k', 'v'].map((name) => input(name, [heads, columns, features]));
  const contract = (a: number, b: number, equation: string) =>
    add('contract', [a, b], { equation });
  const product = contract(q, k, 'hid,hjd->hij');
  // Of all heads, so that keeping it takes less than a tensor of scores.
  const mask = add('broadcast', [input('mask', [rows, columns])], {
    shape: [heads, rows, columns],
    axes: [1, 2],
  });
  const scores = isMasked ? add('add', [product, mask]) : product;
  const wide = (value: number) =>
    add('broadcast', [add('reshape', [value], { shape: [heads, rows, 1] })], {
      shape: [heads, rows, columns],
      axes: [0, 1, 2],
    });
  const most = add('reduceMax', [scores], { axes: [2] });
  const exps = add('exp', [add('sub', [scores, wide(most)])]);
  const sums = add('reduceSum', [exps], { axes: [2] });
  const p = add('div', [exps, wide(sums)]);
  const y = contract(p, v, 'hij,hjd->hid');
  const dp = contract(dy, v, 'hid,hjd->hij');
  const inner = add('reduceSum', [add('mul', [dp, p])], { axes: [2] });
  const ds = add('mul', [p, add('sub', [dp, wide(inner)])]);
  const outputs = {
    y,
    dv: contract(p, dy, 'hij,hid->hjd'),
    dq: contract(ds, k, 'hij,hjd->hid'),
    dk: contract(ds, q, 'hij,hid->hjd'),
  };
  for (const [name, value] of Object.entries(outputs)) builder.outputs.push({ name, value });
  const graph = builder.finish();
  const reused = reuseWeightedSums(graph);
  expect(reused).not.toBe(graph);
  return shape.isReused ? reused : graph;
}

const attentions: fc.Arbitrary<Attention> = fc.record({
  heads: fc.constantFrom(2, 4),
  // Maxima and sums of rows share a binding where they fill whole units of it.
  rows: fc.constantFrom(64, 96, 128),
  columns: fc.constantFrom(128, 100, 121),
  features: fc.constantFrom(2, 3, 4),
  isMasked: fc.boolean(),
  isReused: fc.boolean(),
  maxWorkgroupBytes: fc.constantFrom(1024, 16384),
});

describe('attention in tiles', () => {
  test('means what its graph means, and no score is in memory', () => {
    fc.assert(
      fc.property(attentions, (shape) => {
        const { maxWorkgroupBytes } = shape;
        const graph = attentionGraph(shape);
        const schedule = lowerModule(moduleOf(graph), {
          maxStorageBuffers: 8,
          fusion: orderProgram,
          stages: stageModel('webgpu', { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes }),
          tiles: 'always',
        });
        const scores = shape.heads * shape.rows * shape.columns;
        // Fewer are not worth a look.
        fc.pre(scores >= 2 ** 14);
        const [{ steps }] = schedule.programs;
        const large = steps.flatMap(({ operands }) =>
          operands.filter((tensor) => {
            const { role, shape: extents } = schedule.tensors[tensor];
            return role === 'activation' && elementCount(extents) >= scores;
          }),
        );
        expect(large).toEqual([]);
        if (maxWorkgroupBytes < 4096)
          expect(schedule.kernels.some(({ staging }) => (staging?.tileTerms ?? 0) > 0)).toBe(true);
        expectMeaning(caseOf(graph), schedule);
      }),
      soaked(3),
    );
  });
});

/** What queries see. */
interface Seen {
  readonly causal?: boolean;
  readonly hasBias?: boolean;
  readonly hasKeyMask?: boolean;
}

/** A device that a workgroup or two fill, so that tiny tiles are no better than large ones. */
const SMALL: DeviceProfile = {
  ...H100,
  forms: {
    ...H100.forms,
    tiles: { ...H100.forms!.tiles!, concurrentInvocations: 256, stepSeconds: 1e-8 },
  },
};

const attend = btc.attention(8, { heads: 4, causal: true });
const output = btc.linear(8, 5);

/** Attention whose scores are far more than what they are made of. */
const transformer = btc.defineModel({
  name: 'transformer',
  inputs: { x: btc.tensor([1, 64, 8]), label: btc.tensor([1, 64], 'i32') },
  build: ({ x }) => ({ y: output(attend(x)) }),
  train: {
    optimizer: btc.sgd({ learningRate: 0.1 }),
    loss: ({ y }, { label }) => btc.crossEntropy(y, label),
  },
});

const largest = (plan: Plan) =>
  Math.max(...plan.tensors.filter(({ role }) => role === 'activation').map(({ bytes }) => bytes));

describe('the option', () => {
  test('keeps scores out of memory, or in it, and results the same', async () => {
    const { plan, parameters, module, reference } = await compileWitnessed(transformer, {
      tiles: 'always',
    });
    const { plan: plain } = await compileWitnessed(transformer, { tiles: 'never' });
    const scores = 4 * 64 * 64 * 4;
    expect(largest(plain!)).toBeGreaterThanOrEqual(scores);
    expect(largest(plan!)).toBeLessThan(scores);
    const session = await openSession({ plan, parameters, module });
    await expectAgreement([session], reference, 1);
    session.destroy();
  });

  test.each([
    // One chunk of terms and a part of one.
    { name: 'causal', options: { causal: true }, positions: 96, features: 20 },
    {
      ...{ name: 'causal with dropout', options: { causal: true, dropout: 0.2 } },
      ...{ positions: 128, features: 16 },
    },
  ])(
    'computes contractions of tiles in blocks: $name',
    async ({ options, positions, features }) => {
      const heads = 2;
      // Gradients flow to all three, and no products with weights are in the way.
      const tensor = btc.tensor([1, positions, heads, features]);
      const gain = (name: string) => btc.param(name, [features], btc.init.ones);
      const model = btc.defineModel({
        name: 'blocks',
        inputs: { q: tensor, k: tensor, v: tensor },
        build: ({ q, k, v }) => ({
          y: btc.scaledDotProductAttention(
            q.mul(gain('q')),
            k.mul(gain('k')),
            v.mul(gain('v')),
            options,
          ),
        }),
        train: {
          optimizer: btc.sgd({ learningRate: 0.1 }),
          loss: ({ y }) => y.mul(y).mean(),
        },
      });
      const { plan, parameters, module, reference } = await compileWitnessed(model, {
        tiles: 'always',
        profile: SMALL,
      });
      expect(largest(plan!)).toBeLessThan(heads * positions ** 2 * 4);
      const inBlocks = plan!.kernels.filter(({ variant }) => variant?.includes('chunks'));
      expect(inBlocks.length).toBeGreaterThan(0);
      console.log(
        inBlocks.map((k) => k.variant),
        plan!.kernels.map((k) => k.variant),
      );
      const session = await openSession({ plan, parameters, module });
      await expectAgreement([session], reference, 1);
      session.destroy();
    },
  );

  test.each([
    { name: 'alone', options: {} },
    { name: 'causal', options: { causal: true } },
    { name: 'with key masks', options: { hasKeyMask: true } },
    { name: 'causal with biases', options: { causal: true, hasBias: true } },
    { name: 'with biases and key masks', options: { hasBias: true, hasKeyMask: true } },
  ])('goes over the keys once: $name', async ({ options }) => {
    const { causal = false, hasBias = false, hasKeyMask = false } = options as Seen;
    const [positions, heads, features] = [96, 2, 16];
    const tensor = btc.tensor([1, positions, heads, features]);
    const model = btc.defineModel({
      name: 'once',
      inputs: {
        ...{ q: tensor, k: tensor, v: tensor },
        bias: btc.tensor([1, 1, positions, positions]),
        keyMask: btc.tensor([1, positions], 'i32'),
      },
      build: ({ q, k, v, bias, keyMask }) => ({
        y: btc.scaledDotProductAttention(q, k, v, {
          causal,
          ...(hasBias ? { mask: bias } : {}),
          ...(hasKeyMask ? { keyMask } : {}),
        }),
      }),
    });
    const built = await Promise.all(
      (['always', 'never'] as const).map((tiles) =>
        compileWitnessed(model, { tiles, profile: SMALL }),
      ),
    );
    const [inTiles] = built;
    const texts = inTiles.plan.kernels.map(({ text }) => text);
    expect(texts.filter((text) => text.includes('rescaled 1')).length).toBe(1);
    expect(texts.filter((text) => text.includes('reduce max')).length).toBe(1);
    const count = positions * heads * features;
    const random = (length: number, scale: number, seed: number) =>
      Float32Array.from({ length }, (_, k) => scale * (Math.abs(Math.sin(seed * 97 + k)) * 2 - 1));
    // A row sees no key, one none of the first half, one all keys alike, and one has a score that is no number.
    const bias = random(positions ** 2, 6, 4).map((value, k) => {
      const [row, key] = [Math.floor(k / positions), k % positions];
      if (row === 50) return Number.NEGATIVE_INFINITY;
      if (row === 60 && key < 48) return Number.NEGATIVE_INFINITY;
      if (row === 70) return key === 40 ? Number.POSITIVE_INFINITY : value;
      return row === 80 && key === 3 ? Number.NaN : value;
    });
    const inputs = {
      ...{ q: random(count, 3, 1), k: random(count, 3, 2), v: random(count, 1, 3) },
      ...(hasBias ? { bias } : {}),
      ...(hasKeyMask
        ? { keyMask: Int32Array.from({ length: positions }, (_, k) => +(k % 5 > 1)) }
        : {}),
    };
    const wanted = [...inTiles.reference.run('predict', inputs).y];
    for (const one of built) {
      const session = await openSession(one);
      const { y } = await session.run('predict', inputs);
      session.destroy();
      const given = [...(y as Float32Array)];
      expect(given.map(Number.isNaN)).toEqual(wanted.map(Number.isNaN));
      const finite = wanted.map((value) => (Number.isNaN(value) ? 0 : value));
      expect(
        given.every((value, k) => Number.isNaN(value) || Math.abs(value - finite[k]) < 2e-5),
      ).toBe(true);
    }
    expect(wanted.some(Number.isNaN)).toBe(hasBias);
  });

  test.each([100, 112, 129])('builds with dropout and %i positions', async (positions) => {
    // With the step that dropout counts there are many bindings: statistics of rows share one where they fill it.
    const layer = btc.attention(16, { heads: 2, dropout: 0.1 });
    const logits = btc.linear(16, 5);
    const model = btc.defineModel({
      name: 'dropped',
      inputs: { x: btc.tensor([4, positions, 16]), label: btc.tensor([4, positions], 'i32') },
      build: ({ x }) => ({ y: logits(layer(x)) }),
      train: {
        optimizer: btc.adam({ learningRate: 0.1 }),
        loss: ({ y }, { label }) => btc.crossEntropy(y, label),
      },
    });
    for (const tiles of ['auto', 'always'] as const) {
      const { plan, diagnostics } = await btc.compile(model, { tiles });
      expect(diagnostics).toEqual([]);
      expect(plan).not.toBeNull();
      const scores = 4 * 2 * positions ** 2 * 4;
      if (tiles === 'always' && positions === 112) expect(largest(plan!)).toBeLessThan(scores);
    }
  });

  test('builds where maxima have gradients too', async () => {
    // Of each row there are a maximum, a sum, how many scores are the maximum, and more: what a kernel reads of them has to be there by then.
    const [heads, positions, features] = [3, 128, 13];
    const rows = [1, heads, positions, features];
    const values = [1, heads, positions, 2];
    const attend = (query: btc.Tensor, key: btc.Tensor, value: btc.Tensor) => {
      const scores = btc.einsum('bhqd,bhkd->hbqk', query.mul(0.3), key);
      const powers = btc.exp(scores.sub(btc.max(scores, 3, { keepDims: true })));
      const weights = powers.div(btc.sum(powers, 3, { keepDims: true }));
      return btc.einsum('hbqk,bhke->bhqe', weights, value);
    };
    const model = btc.defineModel({
      name: 'maxima',
      inputs: {
        query: btc.tensor(rows),
        query2: btc.tensor(rows),
        value: btc.tensor(values),
        value2: btc.tensor(values),
        factors: btc.tensor(values),
      },
      build({ query, query2, value, value2 }) {
        const key = btc.param('key', rows, btc.init.zeros);
        return { y: attend(query, key, value).add(attend(query2, key, value2)) };
      },
      train: {
        loss: ({ y }, { factors }) => y.mul(factors).sum(),
        metrics: ({ y }) => ({ y }),
        optimizer: btc.sgd({ learningRate: 0.1 }),
        exchange: true,
      },
    });
    const { plan } = await btc.planModel(model, { tiles: 'always', profile: 'swiftshader' });
    const steps = plan!.programs.gradients.steps.map(({ label }) => label);
    expect(steps.some((label) => label.startsWith('contract+sub+exp+div+contract'))).toBe(true);
  });

  test('weights that a condition replaces by 0 are 0, in rows that see nothing too', async () => {
    const [heads, positions, seen] = [2, 128, 90];
    const rows = [1, heads, positions, 4];
    let text = '';
    const { diagnostics } = await btc.planModel(
      btc.defineModel({
        name: 'hidden',
        inputs: { query: btc.tensor(rows), key: btc.tensor(rows), value: btc.tensor(rows) },
        build({ query, key, value }) {
          const scores = btc.einsum('bhqd,bhkd->bhqk', query, key);
          const mask = btc.less(btc.iota(scores.shape, 2), seen);
          const weights = btc.softmax(btc.select(mask, scores, Number.NEGATIVE_INFINITY));
          return { y: btc.einsum('bhqk,bhkd->bhqd', btc.select(mask, weights, 0), value) };
        },
      }),
      {
        tiles: 'always',
        printAfter: (pass, printed) => {
          if (pass === 'actions') text = printed;
        },
      },
    );
    expect(diagnostics).toEqual([]);
    const schedule = parseSchedule(text);
    expect(schedule.kernels.some(isStaged)).toBe(true);
    const ones = new Float64Array(elementCount(rows)).fill(1);
    const { y } = runSchedule(schedule, 'predict', { query: ones, key: ones, value: ones }, {});
    y.forEach((value, k) => {
      expect(value).toBeCloseTo(Math.floor(k / 4) % positions < seen ? 1 : 0);
    });
  });

  test('is a choice of a build', async () => {
    const { diagnostics } = await btc.compile(transformer, { tiles: 'sometimes' as 'auto' });
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC4006']);
  });
});
