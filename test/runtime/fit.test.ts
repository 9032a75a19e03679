import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  compile,
  defineModel,
  init,
  oneHot,
  param,
  sgd,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import { lineFile, progressLine } from '../../node/index.ts';
import {
  type Batch,
  cosineSchedule,
  evaluate,
  type FitStep,
  // Bare, it is what other test runners call a test that alone is run.
  fit as fitSession,
  inverseSquareRootSchedule,
  linearSchedule,
  load,
  oneCycleSchedule,
  plateauSchedule,
  polynomialSchedule,
  type Schedule,
  type Session,
  stepSchedule,
  type TypedSession,
} from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';

const SIZE = 4;
const RATE = 0.1;

/** y = w·x by least squares, over the rows whose mask is 1. */
async function lineSession(): Promise<Session> {
  const model = defineModel({
    name: 'line',
    inputs: {
      x: tensor([SIZE, 2]),
      y: tensor([SIZE]),
      counts: tensor([SIZE]),
      tail: tensor([1, 2]),
    },
    build: ({ x }) => ({ y: x.mul(param('w', [2], init.zeros)).sum(1) }),
    train: {
      loss: (outputs, { y, counts }) =>
        outputs.y.sub(y).square().mul(counts).sum().div(counts.sum()),
      metrics: (outputs, { counts }) => ({ rows: counts.sum(), all: outputs.y }),
      optimizer: sgd({ learningRate: RATE }),
      accumulate: true,
      evaluate: true,
    },
    programs: { tail: ({ tail }) => ({ loss: tail.sum() }) },
  });
  const { plan, module, parameters } = await compile(model, { target: 'wasm' });
  return load(plan!, { module: module!, parameters: parameters! });
}

/** Two trainings, of which none is called `train`, with inputs that are no masks. */
async function oddSession(): Promise<Session> {
  const weight = () => param('w', [2], init.zeros);
  const training = { loss: ({ y }: { y: Tensor }) => y.square().mean(), optimizer: sgd() };
  const model = defineModel({
    name: 'odds',
    inputs: {
      x: tensor([SIZE, 2]),
      y: tensor([SIZE]),
      kind: tensor([SIZE], 'i32'),
      tail: tensor([1, 2]),
    },
    build: ({ x, y, kind, tail }) => ({
      y: x.mul(weight()).sum(1).sub(y).add(oneHot(kind, 3).sum()).add(tail.sum()),
    }),
    train: { odd: training, even: training },
  });
  const { plan, module, parameters } = await compile(model, { target: 'wasm' });
  return load(plan!, { module: module!, parameters: parameters! });
}

interface Row {
  readonly x: readonly [number, number];
  readonly y: number;
}

const ROWS: readonly Row[] = Array.from({ length: 10 }, (_, k) => {
  const x = [Math.sin(k + 1), Math.cos(2 * k)] as const;
  return { x, y: 1.5 * x[0] - 0.5 * x[1] };
});

function* inBatches(rows: readonly Row[] = ROWS, extra: Batch = {}): Generator<Batch> {
  for (let start = 0; start < rows.length; start += SIZE) {
    const some = rows.slice(start, start + SIZE);
    yield {
      x: Float32Array.from(some.flatMap(({ x }) => x)),
      y: some.map(({ y }) => y),
      ...extra,
    };
  }
}

/** Plain gradient descent in JavaScript, one update for each list of batches. */
function descend(updates: readonly (readonly (readonly Row[])[])[], rates?: readonly number[]) {
  let w = [0, 0];
  const losses: number[] = [];
  updates.forEach((batches, k) => {
    const gradient = [0, 0];
    let loss = 0;
    for (const rows of batches)
      for (const { x, y } of rows) {
        const error = w[0] * x[0] + w[1] * x[1] - y;
        const weight = 1 / (rows.length * batches.length);
        loss += error * error * weight;
        gradient[0] += 2 * error * x[0] * weight;
        gradient[1] += 2 * error * x[1] * weight;
      }
    losses.push(loss);
    w = w.map((value, i) => value - (rates?.[k] ?? RATE) * gradient[i]);
  });
  return { w, losses };
}

const [FIRST, SECOND, LAST] = [ROWS.slice(0, 4), ROWS.slice(4, 8), ROWS.slice(8)];

let session: Session;
beforeEach(async () => {
  session = await lineSession();
});
afterEach(() => session.destroy());

async function expectWeights(wanted: readonly number[]) {
  const { w } = await session.readParameters();
  wanted.forEach((value, k) => {
    expect(w[k]).toBeCloseTo(value, 5);
  });
}

function expectLosses(steps: readonly FitStep[], wanted: readonly number[]) {
  expect(steps).toHaveLength(wanted.length);
  steps.forEach(({ loss }, k) => {
    expect(loss).toBeCloseTo(wanted[k], 5);
  });
}

describe('fit', () => {
  test('goes through batches as often as there are epochs, a partial one masked', async () => {
    const steps: FitStep[] = [];
    const result = await fitSession(session, () => inBatches(), {
      ...{ epochs: 2, mask: 'counts', onStep: (step) => steps.push(step) },
    });
    const one = [[FIRST], [SECOND], [LAST]];
    const { w, losses } = descend([...one, ...one]);
    expectLosses(steps, losses);
    await expectWeights(w);
    expect(steps.map(({ epoch, step, partialRows }) => [epoch, step, partialRows])).toEqual([
      ...[
        [0, 1, null],
        [0, 2, null],
        [0, 3, 2],
      ],
      ...[
        [1, 4, null],
        [1, 5, null],
        [1, 6, 2],
      ],
    ]);
    expect(steps.map(({ metrics }) => metrics)).toEqual(
      [4, 4, 2, 4, 4, 2].map((rows) => ({ rows })),
    );
    expect(result).toMatchObject({
      ...{ steps: 6, epochs: 2, isAborted: false },
      partial: { masked: 2, dropped: 0, elsewhere: 0 },
    });
    expect(result.loss).toBeCloseTo((losses[3] + losses[4] + losses[5]) / 3, 5);
  });

  test('leaves a partial batch out and says so, or refuses it, or asks', async () => {
    const whole = { counts: [1, 1, 1, 1] };
    const dropped = await fitSession(session, inBatches(ROWS, whole));
    expect(dropped).toMatchObject({ steps: 2, partial: { masked: 0, dropped: 1, elsewhere: 0 } });
    await expectWeights(descend([[FIRST], [SECOND]]).w);
    expect(
      await errorOf(() => fitSession(session, inBatches(ROWS, whole), { partial: 'refuse' })),
    ).toMatchObject({
      code: 'invalid-input',
      message:
        "a batch has 2 of the 4 rows that program 'train' takes; leave it out ('drop'), or name the input by which the loss leaves out rows ('mask')",
    });
    const losses: number[] = [];
    const asked = await fitSession(session, inBatches(ROWS, whole), {
      partial: ({ x }, rows) => {
        expect(rows).toBe(2);
        return { program: 'tail', inputs: { tail: (x as Float32Array).slice(0, 2) } };
      },
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(asked.partial).toEqual({ masked: 0, dropped: 0, elsewhere: 1 });
    expect(losses[2]).toBeCloseTo(LAST[0].x[0] + LAST[0].x[1], 5);
  });

  test('accumulates, and updates by what is left at the end of an epoch', async () => {
    const steps: FitStep[] = [];
    const result = await fitSession(session, () => inBatches(), {
      ...{ epochs: 2, accumulate: 2, mask: 'counts', onStep: (step) => steps.push(step) },
    });
    const one = [[FIRST, SECOND], [LAST]];
    const { w, losses } = descend([...one, ...one]);
    expectLosses(steps, losses);
    await expectWeights(w);
    expect(result.steps).toBe(4);
  });

  test('sets the learning rate by a schedule, which goes on where a checkpoint was', async () => {
    const rates = [0.2, 0.15, 0.1, 0.05];
    const schedule: Schedule = (step) => rates[step];
    let saved: Uint8Array | null = null;
    const endless = function* (): Generator<Batch> {
      for (;;) yield* inBatches(ROWS.slice(0, 8));
    };
    const options = { schedule, mask: 'counts' };
    const first = await fitSession(session, endless(), {
      ...{ ...options, steps: 2 },
      checkpoint: {
        every: 1,
        save: async ({ step }) => {
          if (step === 2) saved = await session.saveCheckpoint();
        },
      },
    });
    expect(first.steps).toBe(2);
    const other = await lineSession();
    const { counters } = await other.loadCheckpoint(saved!);
    const rest: FitStep[] = [];
    const onStep = (step: FitStep) => rest.push(step);
    await fitSession(other, endless(), { ...options, steps: 2, from: counters.train, onStep });
    expect(rest.map(({ step, steps, learningRate }) => [step, steps, learningRate])).toEqual([
      [3, 4, 0.1],
      [4, 4, 0.05],
    ]);
    session.destroy();
    session = other;
    await expectWeights(descend([[FIRST], [SECOND], [FIRST], [SECOND]], rates).w);
  });

  test('makes the next batch while the device works, and ends what makes them', async () => {
    const events: string[] = [];
    const slow = {
      plan: session.plan,
      run: async (program: string, inputs: Batch) => {
        events.push('run');
        const outputs = await session.run(program, inputs);
        events.push('done');
        return outputs;
      },
    };
    async function* source(): AsyncGenerator<Batch> {
      try {
        for (const batch of inBatches(ROWS.slice(0, 8), { counts: [1, 1, 1, 1] })) {
          events.push('made');
          yield batch;
        }
        for (;;) yield { x: [1], y: [1] };
      } finally {
        events.push('ended');
      }
    }
    await fitSession(slow, source(), { steps: 2 });
    expect(events).toEqual(['made', 'run', 'made', 'done', 'run', 'done', 'ended']);
  });

  test('ends by a signal after the batch that is under way, and saves', async () => {
    const controller = new AbortController();
    const saves: number[] = [];
    const result = await fitSession(session, () => inBatches(), {
      ...{ epochs: 100, mask: 'counts', signal: controller.signal },
      onStep: ({ step }) => {
        if (step === 4) controller.abort();
      },
      checkpoint: { every: 3, save: ({ step }) => saves.push(step) },
    });
    expect(result).toMatchObject({ steps: 4, isAborted: true, epochs: 2 });
    expect(saves).toEqual([3, 4]);
  });

  test('writes a line of JSON for each update', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'btc-fit-'));
    try {
      const file = join(folder, 'metrics.jsonl');
      await fitSession(session, inBatches(), {
        mask: 'counts',
        log: lineFile(file),
        schedule: () => 0.5,
      });
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([
        ['epoch', 'step', 'loss', 'rows', 'learningRate', 'seconds'],
        ['epoch', 'step', 'loss', 'rows', 'learningRate', 'seconds'],
        ['epoch', 'step', 'loss', 'rows', 'learningRate', 'partialRows', 'seconds'],
      ]);
      expect(
        await errorOf(() =>
          fitSession(session, inBatches(), { log: lineFile(folder), mask: 'counts' }),
        ),
      ).toMatchObject({
        code: 'file-failed',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('draws its progress on one line of a terminal, and on lines elsewhere', async () => {
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text), isTTY: true, columns: 40 };
    const schedule = () => 0.1;
    await fitSession(session, inBatches(), {
      steps: 3,
      schedule,
      mask: 'counts',
      onStep: progressLine(stream),
    });
    expect(written[0]).toBe('\r\u001b[Kepoch 1  step 1/3  loss 1.488  rate 0.1');
    expect(written.at(-1)).toMatch(/\n$/);
    expect(written.every((text) => text.length < 46)).toBe(true);
    const lines: string[] = [];
    const plain = { write: (text: string) => lines.push(text) };
    await fitSession(session, inBatches(), {
      steps: 3,
      mask: 'counts',
      onStep: progressLine(plain),
    });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^epoch 1 {2}step 3\/3 {2}loss \S+ {2}\S+ steps\/s {2}0:00 left\n$/);
  });

  test('forgets what was accumulated when it ends by an error', async () => {
    const [one, other] = [await lineSession(), await lineSession()];
    const fails = function* (): Generator<Batch> {
      yield* inBatches(ROWS.slice(0, 4));
      throw new Error('no more');
    };
    const options = { accumulate: 2, mask: 'counts' };
    await expect(fitSession(one, fails(), options)).rejects.toThrow('no more');
    for (const session of [one, other]) await fitSession(session, inBatches(ROWS), options);
    expect(await one.readParameters()).toEqual(await other.readParameters());
    // A run that is refused leaves the sums as they are.
    for (const session of [one, other])
      await session.run('accumulate', { ...[...inBatches()][0], counts: [1, 1, 1, 1] });
    await expect(one.run('accumulate', { x: 5 } as never)).rejects.toThrow('input');
    for (const session of [one, other]) await session.run('update');
    expect(await one.readParameters()).toEqual(await other.readParameters());
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'no such program',
      () => fitSession(session, inBatches(), { program: 'generator' }),
      "plan 'line' has no program 'generator'; it has 'predict', 'train', 'accumulate', 'evaluate', 'tail', 'update', 'clear'",
    ],
    [
      'no training by the usual name',
      async () => fitSession(await oddSession(), inBatches()),
      "plan 'odds' has no program 'train'; the option 'program' names the training: 'odd' or 'even'",
    ],
    [
      'what gives no batches',
      () => fitSession(session, 3 as never),
      'batches are an iterable, or a function of the epoch that gives one, but number was given',
    ],
    [
      'batches that are gone after an epoch',
      () => fitSession(session, inBatches(), { epochs: 3, mask: 'counts' }),
      'these batches can be gone through only once; give a function that makes them anew for each of 3 epochs',
    ],
    [
      'a mask that is no input',
      () => fitSession(session, inBatches(), { mask: 'valid' }),
      "'mask' names the input of program 'train' that is 1 where a row counts and 0 where it does not, but 'valid' is none of its inputs",
    ],
    [
      'a mask of other rows',
      async () => fitSession(await oddSession(), inBatches(), { mask: 'tail', program: 'odd' }),
      "'mask' names the input of program 'odd' that is 1 where a row counts and 0 where it does not, but 'tail' has 1 rows where 'x' has 4",
    ],
    [
      'indices as a mask',
      async () => fitSession(await oddSession(), inBatches(), { mask: 'kind', program: 'odd' }),
      "'mask' names the input of program 'odd' that is 1 where a row counts and 0 where it does not, but 'kind' is i32 indices, not f32 or bool",
    ],
    [
      'the rate as a mask',
      () => fitSession(session, [{ x: [1, 2], y: [1] }], { mask: 'learningRate' }),
      "'mask' names the input of program 'train' that is 1 where a row counts and 0 where it does not, but 'learningRate' is a single number",
    ],
    [
      'data as a mask, of a whole batch',
      () => fitSession(session, inBatches(ROWS.slice(0, 4)), { mask: 'y' }),
      `'mask' names an input that is 1 where a row counts and 0 where it does not, but 'y' has ${ROWS[0].y} as element 0`,
    ],
    [
      'data as a mask, of a partial batch',
      () => fitSession(session, [{ x: [1, 2, 0, 1], y: [1, 1] }], { mask: 'x' }),
      "'mask' names an input that is 1 where a row counts and 0 where it does not, but 'x' has 2 as element 1",
    ],
    [
      'accumulation that the model has not',
      async () => fitSession(await oddSession(), inBatches(), { program: 'odd', accumulate: 2 }),
      "plan 'odds' has no program 'odd.update'; to accumulate, the model's training says 'accumulate: true'",
    ],
    [
      'inputs of different numbers of rows',
      () => fitSession(session, [{ x: [1, 2, 3, 4], y: [1] }], { mask: 'counts' }),
      "a batch for program 'train' has 2 rows of 'x' and 1 of 'y'",
    ],
    [
      'half a row',
      () => fitSession(session, [{ x: [1, 2, 3], y: [1] }], { mask: 'counts' }),
      "input 'x' of program 'train' is f32[4,2], but [3] (it has 8 elements) was given",
    ],
    [
      'a number of epochs that is none',
      () => fitSession(session, inBatches(), { epochs: 0 }),
      "'epochs' is a whole number from 1 on, but 0 was given",
    ],
    [
      'a schedule that gives nothing',
      () => fitSession(session, inBatches(), { mask: 'counts', schedule: () => Number.NaN }),
      'the schedule gives NaN as the learning rate of step 0',
    ],
    [
      'a schedule for a program without a rate',
      () => fitSession(session, inBatches(), { program: 'tail', schedule: () => 1 }),
      "program 'tail' trains nothing; 'program' names a training",
    ],
  ])('refuses %s', async (_, run, message) => {
    expect(await errorOf(run)).toMatchObject({ message });
    await expectWeights([0, 0]);
  });

  test('hands on what batches throw, and ends them when a run fails', async () => {
    async function* failing(): AsyncGenerator<Batch> {
      yield* inBatches(FIRST, { counts: [1, 1, 1, 1] });
      throw new Error('the disk is gone');
    }
    await expect(fitSession(session, failing())).rejects.toThrow('the disk is gone');
    await expectWeights(descend([[FIRST]]).w);
    let ended = false;
    function* wrong(): Generator<Batch> {
      try {
        for (;;) yield { x: 'rows' } as never;
      } finally {
        ended = true;
      }
    }
    expect(await errorOf(() => fitSession(session, wrong()))).toMatchObject({
      code: 'invalid-input',
    });
    expect(ended).toBe(true);
  });
});

test.each<[string, Batch, RegExp]>([
  ['another dtype', { x: new Int32Array(4) as never, y: [1, 2] }, /a Int32Array/],
  ['text', { x: [['a', 1]] as never, y: [1] }, /'x' of a batch of 1 rows/],
  ['ragged rows', { x: [[1, 2], [1]] as never, y: [1, 2] }, /length/],
  ['a promise', Promise.resolve({}) as never, /a batch is an object/],
])('a partial batch of %s is refused as a whole one is', async (_, batch, message) => {
  const { code, message: text } = await errorOf(() =>
    fitSession(session, [batch], { mask: 'counts' }),
  );
  expect([code, message.test(text)]).toEqual(['invalid-input', true]);
  await expectWeights([0, 0]);
});

test.each<[string, () => Promise<unknown>]>([
  ['no session', () => fitSession(null as never, [])],
  ['a plan', () => evaluate(session.plan as never, [])],
  ['no options', () => fitSession(session, [], null as never)],
  [
    'a number to log to',
    () => fitSession(session, inBatches(), { log: 5 as never, mask: 'counts' }),
  ],
  [
    'nothing to save by',
    () => fitSession(session, inBatches(), { checkpoint: { every: 1 } as never }),
  ],
  ['another way with partial batches', () => fitSession(session, [], { partial: 'x' as never })],
  [
    'a rate below 0',
    () => fitSession(session, inBatches(), { mask: 'counts', schedule: () => -1 }),
  ],
  ['a program that only predicts', () => fitSession(session, [{ x: [] }], { program: 'predict' })],
])('%s is refused before anything is trained', async (_, run) => {
  expect((await errorOf(run)).code).toBe('invalid-input');
  await expectWeights([0, 0]);
});

test('a signal ends the wait for a batch that does not come', async () => {
  const stalls = async function* (): AsyncGenerator<Batch> {
    yield* inBatches(FIRST, { counts: [1, 1, 1, 1] });
    await new Promise(() => {});
  };
  const controller = new AbortController();
  const result = await fitSession(session, stalls(), {
    signal: controller.signal,
    onStep: () => controller.abort(),
  });
  expect(result).toMatchObject({ steps: 1, isAborted: true });
});

describe('evaluate', () => {
  test('counts rows by the mask that batches give', async () => {
    await session.writeParameters({ w: [1, 0] });
    const x = [1, 0, 2, 0, 3, 0, 4, 0];
    const whole = { x, y: [0, 0, 0, 0], counts: [1, 0, 0, 0] };
    const other = { x, y: [0, 0, 0, 0], counts: [0, 1, 1, 1] };
    const { metrics, rows } = await evaluate(session, [whole, other], { mask: 'counts' });
    expect(metrics.loss).toBeCloseTo((1 + 4 + 9 + 16) / 4, 5);
    expect(rows).toBe(4);
  });

  test('weights means by rows', async () => {
    await session.writeParameters({ w: [1, 1] });
    const { metrics, rows, batches, partial } = await evaluate(session, inBatches(), {
      mask: 'counts',
    });
    const errors = ROWS.map(({ x, y }) => (x[0] + x[1] - y) ** 2);
    expect(metrics.loss).toBeCloseTo(errors.reduce((a, b) => a + b) / ROWS.length, 5);
    expect([rows, batches, partial]).toEqual([10, 3, { masked: 1, dropped: 0, elsewhere: 0 }]);
    await expectWeights([1, 1]);
  });
});

test('sessions whose programs are known by type can be fitted', () => {
  type Programs = {
    train: {
      inputs: { x: Float32Array; learningRate?: number };
      outputs: { loss: Float32Array };
    };
  };
  const typed = (given: TypedSession<Programs>) => fitSession(given, [{ x: new Float32Array(4) }]);
  expect(typed).toBeTypeOf('function');
});

describe('schedules are those of PyTorch 1.13', () => {
  // The learning rates of SGD with a rate of 0.5, twelve steps.
  const wanted: Readonly<Record<string, [Schedule, readonly number[]]>> = {
    LinearLR: [
      linearSchedule(0.1, 0.5, 8),
      [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.5, 0.5, 0.5],
    ],
    CosineAnnealingLR: [
      cosineSchedule(0.5, { steps: 12, least: 0.05 }),
      [
        0.5, 0.49233331091504035, 0.4698557158514987, 0.4340990257669731, 0.3875,
        0.33323428514806713, 0.275, 0.21676571485193286, 0.1625, 0.11590097423302684,
        0.0801442841485013, 0.05766668908495966,
      ],
    ],
    StepLR: [
      stepSchedule(0.5, 5, 0.3),
      [0.5, 0.5, 0.5, 0.5, 0.5, 0.15, 0.15, 0.15, 0.15, 0.15, 0.045, 0.045],
    ],
    PolynomialLR: [
      polynomialSchedule(0.5, 10, 2),
      [0.5, 0.405, 0.32, 0.245, 0.18, 0.125, 0.08, 0.045, 0.02, 0.005, 0, 0],
    ],
    OneCycleLR: [
      oneCycleSchedule(0.5, { steps: 12 }),
      [
        0.02, 0.17489482710979154, 0.43964257956106434, 0.497207717715456, 0.46650648492070584,
        0.4058728269748815, 0.32368949884755166, 0.23131855133348753, 0.14153049910434962,
        0.0667387650944153, 0.01728349371269761, 2e-6,
      ],
    ],
    ReduceLROnPlateau: [
      plateauSchedule(0.5, { factor: 0.5, patience: 2, least: 0.1 }),
      [0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125],
    ],
  };
  const losses = [1, 0.9, 0.9, 0.95, 0.9, 0.89999, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6];

  test.each(Object.keys(wanted))('%s', (name) => {
    const [schedule, rates] = wanted[name];
    rates.forEach((rate, step) => {
      const loss = step === 0 ? Number.NaN : losses[step - 1];
      expect(schedule(step, { epoch: 0, loss }), `step ${step}`).toBeCloseTo(rate, 8);
    });
  });

  test('warm up in equal steps', () => {
    const cosine = cosineSchedule(1, { steps: 10, warmUp: 4 });
    const root = inverseSquareRootSchedule(1, 4);
    const first = [0, 1, 2, 3].map((step) => cosine(step, { epoch: 0, loss: 0 }));
    expect(first).toEqual([0.25, 0.5, 0.75, 1]);
    expect([0, 3, 15].map((step) => root(step, { epoch: 0, loss: 0 }))).toEqual([0.25, 1, 0.5]);
    expect(() => cosineSchedule(1, { steps: 4, warmUp: 4 })).toThrow(RangeError);
    expect(() => stepSchedule(-1, 4)).toThrow("'rate' is -1");
  });
});
