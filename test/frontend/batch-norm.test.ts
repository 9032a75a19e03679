import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import { load } from '../../runtime/index.ts';
import { expectGradients, gradientsOf } from '../gradient/finite-differences.ts';
import { type Matrix, numbers, type Vector } from './expect-outputs.ts';
import { programOf } from './run-program.ts';

const FEATURES = 3;
const scale: Vector = [1.5, -0.5, 2];
const shift: Vector = [0.1, 0.2, -0.3];
const batchOf = (rows: number, salt = 0) => numbers<Matrix>([rows, FEATURES], salt);

/** Per feature, with the variance that divides by the number of rows. */
function statistics(rows: Matrix) {
  const columns = scale.map((_, k) => rows.map((row) => row[k]));
  const mean = columns.map((column) => column.reduce((a, b) => a + b) / rows.length);
  const variance = columns.map(
    (column, k) => column.reduce((sum, x) => sum + (x - mean[k]) ** 2, 0) / rows.length,
  );
  return { mean, variance };
}

const normalised = (
  rows: Matrix,
  { mean, variance }: ReturnType<typeof statistics>,
  epsilon = 1e-5,
) =>
  rows.flatMap((row) =>
    row.map((x, k) => ((x - mean[k]) / Math.sqrt(variance[k] + epsilon)) * scale[k] + shift[k]),
  );

/** The running statistics after some batches, from 0 and 1 on. */
function moved(batches: readonly Matrix[], momentum: number) {
  const running = { mean: [0, 0, 0], variance: [1, 1, 1] };
  for (const rows of batches) {
    const { mean, variance } = statistics(rows);
    const unbiased = variance.map((v) => (v * rows.length) / (rows.length - 1));
    running.mean = running.mean.map((m, k) => (1 - momentum) * m + momentum * mean[k]);
    running.variance = running.variance.map((v, k) => (1 - momentum) * v + momentum * unbiased[k]);
  }
  return running;
}

const parameters = {
  'batchNorm1.scale': Float64Array.from(scale),
  'batchNorm1.shift': Float64Array.from(shift),
  'batchNorm1.runningMean': new Float64Array(FEATURES),
  'batchNorm1.runningVariance': new Float64Array(FEATURES).fill(1),
};

function expectClose(given: ArrayLike<number>, wanted: readonly number[], digits = 6): void {
  expect(given.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    expect(given[i], `element ${i}`).toBeCloseTo(value, digits);
  });
}

/** Normalises `x`, as often as given, and trains towards the mean of its square. */
const model = (rows: number, options: btc.BatchNormOptions = {}, times = 1) =>
  btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor([rows, FEATURES]) },
    build({ x }) {
      const layer = btc.batchNorm(FEATURES, options);
      let y = x;
      for (let k = 0; k < times; k++) y = layer(y);
      return { y };
    },
    train: {
      loss: ({ y }) => btc.mean(btc.square(y)),
      optimizer: btc.sgd({ momentum: 0.9 }),
      metrics: ({ y }) => ({ y }),
    },
  });

const trainingState = {
  ...parameters,
  'batchNorm1.scale.momentum': new Float64Array(FEATURES),
  'batchNorm1.shift.momentum': new Float64Array(FEATURES),
};

describe('batchNorm', () => {
  const rows = batchOf(5);

  test('takes the statistics of the batch in training, and moves the running ones', () => {
    const { outputs, updates } = programOf(model(5), 'train')(
      { x: rows.flat(), learningRate: [0.1], step: [0] },
      trainingState,
    );
    expectClose(outputs.y, normalised(rows, statistics(rows)));
    const { mean, variance } = moved([rows], 0.1);
    expectClose(updates['batchNorm1.runningMean'], mean);
    expectClose(updates['batchNorm1.runningVariance'], variance);
    expect(Object.keys(updates).sort()).toEqual(Object.keys(trainingState).sort());
  });

  test('takes the running statistics elsewhere', () => {
    const running = moved([rows, batchOf(5, 1)], 0.3);
    const { outputs, updates } = programOf(model(5, { epsilon: 0.1 }), 'predict')(
      { x: rows.flat() },
      {
        ...parameters,
        'batchNorm1.runningMean': Float64Array.from(running.mean),
        'batchNorm1.runningVariance': Float64Array.from(running.variance),
      },
    );
    expectClose(outputs.y, normalised(rows, running, 0.1));
    expect(updates).toEqual({});
  });

  test('a layer that is used twice moves its statistics twice', () => {
    const { updates } = programOf(model(5, { momentum: 0.4 }, 2), 'train')(
      { x: rows.flat(), learningRate: [0], step: [0] },
      trainingState,
    );
    const once = normalised(rows, statistics(rows));
    const second = rows.map((_, i) => once.slice(i * FEATURES, (i + 1) * FEATURES));
    const { mean, variance } = moved([rows, second], 0.4);
    expectClose(updates['batchNorm1.runningMean'], mean);
    expectClose(updates['batchNorm1.runningVariance'], variance);
  });

  test('its gradients are those of finite differences', () => {
    const { programs } = traceModel(
      btc.defineModel({
        name: 'm',
        inputs: { x: btc.tensor([2, 3, FEATURES]), w: btc.tensor([2, 3, FEATURES]) },
        build: ({ x, w }) => ({ loss: btc.sum(btc.mul(w, btc.batchNorm(FEATURES)(x))) }),
        train: { loss: ({ loss }) => loss, optimizer: btc.sgd() },
      }),
    );
    // The stopped gradient of the centre is zero as it is: the centre is let free for the comparison.
    const graph = programs[1].graph;
    const nodes = graph.nodes.map((node) =>
      node.op === 'stopGradient'
        ? { ...node, op: 'reshape', attributes: { shape: node.type.shape } }
        : node,
    );
    const free = extendGraph({ ...graph, nodes: nodes as typeof graph.nodes, outputs: [] });
    const stopped = extendGraph({ ...graph, outputs: [], updates: [] });
    const wrt = ['x', 'batchNorm1.scale', 'batchNorm1.shift'].map((name) =>
      graph.nodes.findIndex(
        ({ op, attributes }) =>
          (op === 'input' || op === 'parameter') && (attributes as { name: string }).name === name,
      ),
    );
    const loss = graph.outputs[0].value;
    const given = {
      ...parameters,
      x: numbers<Vector>([6 * FEATURES]),
      w: numbers<Vector>([6 * FEATURES], 1),
    };
    const { values } = expectGradients(free, loss, wrt, given);
    gradientsOf(stopped, loss, wrt, given).values.forEach((value, k) => {
      expectClose(value!, values[k]!, 12);
    });
  });
});

describe('a state', () => {
  /** Counts the runs of its programs, without an optimiser. */
  const counting = btc.defineModel({
    name: 'counting',
    inputs: { x: btc.tensor([2]) },
    build: ({ x }) => ({ y: x.add(btc.state('runs', [1], btc.init.constant(3)).value) }),
    programs: {
      count: ({ x }) => {
        const runs = btc.state('runs', [1], btc.init.constant(3));
        runs.assign(runs.value.add(1));
        const once = runs.value;
        runs.assign(once.add(x.sum()));
        return { once, twice: runs.value };
      },
    },
  });

  test('is what programs assign, starts as its initialiser says, and is saved', async () => {
    const { plan, module, parameters } = await compile(counting, { target: 'wasm' });
    const session = await load(plan!, { module: module!, parameters: parameters! });
    const x = [0.25, 0.5];
    expect([...(await session.run('predict', { x })).y]).toEqual([3.25, 3.5]);
    expect(await session.run('count', { x })).toEqual({
      once: Float32Array.of(4),
      twice: Float32Array.of(4.75),
    });
    expect([...(await session.run('predict', { x })).y]).toEqual([5, 5.25]);
    const saved = await session.saveCheckpoint();
    session.destroy();
    const other = await load(plan!, { module: module!, parameters: saved });
    expect([...(await other.run('predict', { x })).y]).toEqual([5, 5.25]);
    other.destroy();
  });

  test('is no parameter, in any program, and takes values of its type', async () => {
    const zeros = btc.init.zeros;
    const { diagnostics } = await compile(
      btc.defineModel({
        name: 'm',
        inputs: { x: btc.tensor([2]) },
        build: ({ x }) => ({ y: x.add(btc.param('w', [2], zeros)) }),
        programs: {
          other: ({ x }) => {
            const w = btc.state('w', [2], zeros);
            w.assign(x.sum());
            return { y: x.add(w.value) };
          },
        },
      }),
    );
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "'assign' takes f32[2] for state 'w', not f32[]",
      "parameter 'w' is declared twice with different roles: parameter and state",
    ]);
  });

  test('is written by steps that write nothing else', async () => {
    for (const target of ['wasm', 'webgpu'] as const) {
      const { plan } = await compile(model(5, {}, 3), { target });
      const replaced = new Set<string>();
      for (const { bindings, kernel } of plan!.programs.train.steps) {
        const written = bindings
          .filter((_, k) => plan!.kernels[kernel].bindings[k].access !== 'read')
          .map((tensor) => plan!.tensors[tensor]);
        const persistent = written.filter(({ program }) => program === null);
        if (persistent.length > 0) expect(persistent).toEqual(written);
        for (const { name } of persistent) replaced.add(name);
      }
      expect([...replaced].sort()).toEqual(Object.keys(trainingState).sort());
    }
  });
});
