import { beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace, TimeSpan } from '../../ir/trace.ts';
import { type LoadOptions, load, requestDevice, type Session } from '../../runtime/index.ts';
import { oneByOne } from '../../runtime/tracer.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice, testGpu } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallWasmPlan } from '../support/small-plan.ts';
import { type SwapDraw, swappedPlan, swappedWasm } from '../support/swapped-plan.ts';

type Case = { readonly plan: Plan; readonly options: LoadOptions };
const DRAW: SwapDraw = {
  ...{ seed: 1, hosted: 5, swapped: 10, recomputed: 10, tiers: ['memory', 'file'] },
  staging: { buffers: 1, bytes: 32 },
};

/** A view of the device that tells what is created on it. */
function watchedDevice(device: GPUDevice): { device: GPUDevice; created: string[] } {
  const created: string[] = [];
  const seen = new Proxy(device, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (key === 'createQuerySet' || key === 'createBuffer')
        return (descriptor: GPUBufferDescriptor & GPUQuerySetDescriptor) => {
          created.push(key === 'createBuffer' ? `buffer ${descriptor.label}` : 'query set');
          return (value as (given: unknown) => unknown).call(target, descriptor);
        };
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { device: seen, created };
}

const CASES: Readonly<
  Record<string, { clock: SessionTrace['clock']; open: (swaps: boolean) => Promise<Case> }>
> = {
  'wasm, by the host': {
    clock: 'host',
    open: async (swaps) => {
      const plain = await smallWasmPlan();
      const { plan, module } = swaps ? await swappedWasm(plain.plan, DRAW) : plain;
      return { plan, options: { module } };
    },
  },
  'webgpu, by timestamps': {
    clock: 'timestamps',
    open: async (swaps) => ({
      plan: swaps ? swappedPlan(smallPlan(), DRAW) : smallPlan(),
      options: { gpu: await testGpu() },
    }),
  },
  'webgpu, by its queue': {
    clock: 'queue',
    open: async (swaps) => ({
      plan: swaps ? swappedPlan(smallPlan(), DRAW) : smallPlan(),
      options: { device: await testDevice() },
    }),
  },
};

const end = ({ startSeconds, seconds }: TimeSpan) => startSeconds + seconds;
/** What sums of floating-point seconds may be off by. */
const ROUNDING = 1e-9;

/** Spans that follow one another within another one. */
function expectWithin(outer: TimeSpan, spans: readonly TimeSpan[]): void {
  let last = outer.startSeconds;
  for (const span of spans) {
    expect(span.seconds).toBeGreaterThanOrEqual(0);
    expect(span.startSeconds).toBeGreaterThanOrEqual(last - ROUNDING);
    last = end(span);
  }
  expect(last).toBeLessThanOrEqual(end(outer) + ROUNDING);
  const sum = spans.reduce((total, { seconds }) => total + seconds, 0);
  expect(sum).toBeLessThanOrEqual(outer.seconds + ROUNDING);
}

describe.each(Object.entries(CASES))('%s', (_, { clock, open }) => {
  test.each([
    ['a plan', false],
    ['a plan that swaps', true],
  ])('the times of %s are those of its steps and copies, within the run', async (_, swaps) => {
    const { plan, options } = await open(swaps);
    const session = await load(plan, { ...options, trace: true });
    const expected = await load(plan, options);
    const programs = ['train', 'predict', 'train'];
    for (const program of programs) {
      const inputs = program === 'train' ? SMALL_INPUTS : { x: SMALL_INPUTS.x };
      expect(await session.run(program, inputs)).toEqual(await expected.run(program, inputs));
    }
    const trace = await session.trace();
    expect(trace.clock).toBe(clock);
    expect(trace.runs.map(({ program, run }) => [program, run])).toEqual(
      programs.map((program, run) => [program, run]),
    );
    let last = 0;
    for (const run of trace.runs) {
      expect(run.startSeconds).toBeGreaterThanOrEqual(last);
      last = end(run);
      const { steps, inputs, outputs, transfers = [] } = plan.programs[run.program];
      const own = trace.steps.filter((step) => step.run === run.run);
      expect(own.map(({ program, step, kernel }) => [program, step, kernel])).toEqual(
        steps.map(({ kernel }, step) => [run.program, step, plan.kernels[kernel].name]),
      );
      expectWithin(run, own);
      const copies = trace.copies.filter((copy) => copy.run === run.run);
      for (const direction of ['in', 'out'] as const)
        expectWithin(
          run,
          copies.filter((copy) => copy.direction === direction),
        );
      const of = (purpose: 'swap' | 'interface', direction: 'in' | 'out') =>
        copies
          .filter((copy) => copy.purpose === purpose && copy.direction === direction)
          .flatMap(({ tensors }) => tensors)
          .sort();
      const names = (list: readonly { readonly tensor: number }[]) =>
        list.map(({ tensor }) => plan.tensors[tensor].name).sort();
      expect(of('interface', 'in')).toEqual(names(inputs));
      expect(of('interface', 'out')).toEqual(names(outputs));
      for (const kind of ['in', 'out'] as const)
        expect(of('swap', kind)).toEqual(
          expect.arrayContaining(names(transfers.filter((transfer) => transfer.kind === kind))),
        );
      for (const copy of copies)
        if (copy.direction === 'out')
          expect(copy.startSeconds).toBeGreaterThanOrEqual(
            Math.min(end(own[copy.step]), end(copy)) - ROUNDING,
          );
    }
    session.destroy();
    expected.destroy();
  });

  test('a trace is taken once, and a run that is refused is not in it', async () => {
    const { plan, options } = await open(false);
    const session = await load(plan, { ...options, trace: true });
    await errorOf(() => session.run('train', {}));
    await session.run('train', SMALL_INPUTS, { read: false });
    const { runs, steps, copies } = await session.trace();
    expect(runs).toHaveLength(1);
    expect(steps).toHaveLength(plan.programs.train.steps.length);
    expect(copies.filter(({ direction }) => direction === 'out')).toEqual([]);
    expect(await session.trace()).toEqual({ clock, runs: [], steps: [], copies: [] });
    session.destroy();
    expect((await errorOf(() => session.trace())).code).toBe('destroyed');
  });

  test('without the option there is no trace', async () => {
    const { plan, options } = await open(false);
    const session = await load(plan, options);
    await session.run('train', SMALL_INPUTS);
    expect((await errorOf(() => session.trace())).message).toBe(
      "the session measures nothing; load the plan with the option 'trace'",
    );
    session.destroy();
    const error = await errorOf(() => load(plan, { ...options, trace: 'yes' as never }));
    expect(error.code).toBe('invalid-input');
  });
});

describe('what tracing takes on the device', () => {
  let stamped: GPUDevice;
  beforeAll(async () => {
    stamped = (await requestDevice(smallPlan(), await testGpu(), { trace: true })) as GPUDevice;
  });
  const createdBy = async (options: LoadOptions) => {
    const { device, created } = watchedDevice(stamped);
    const session: Session = await load(smallPlan(), { device, ...options });
    await session.run('train', SMALL_INPUTS);
    session.destroy();
    return created;
  };

  test('timestamps and two buffers for them where it is asked for, else nothing', async () => {
    const plain = await createdBy({});
    expect(plain).not.toContain('query set');
    expect(await createdBy({ trace: true })).toEqual([
      ...plain,
      'query set',
      'buffer trace',
      'buffer trace',
    ]);
  });

  test('a device is asked for timestamps only for a trace', async () => {
    expect(stamped.features.has('timestamp-query')).toBe(true);
    const device = (await requestDevice(smallPlan(), await testGpu())) as GPUDevice;
    expect(device.features.has('timestamp-query')).toBe(false);
    device.destroy();
  });
});

test('a program of more steps than a query set has places for', async () => {
  const plan = smallPlan();
  const { predict } = plan.programs;
  const count = 2100;
  const steps = Array.from({ length: count }, () => predict.steps[0]);
  const tensors = plan.tensors.map((tensor) =>
    tensor.program === 'train' ? tensor : { ...tensor, lastStep: count - 1 },
  );
  const long = { ...plan, tensors, programs: { ...plan.programs, predict: { ...predict, steps } } };
  const session = await load(long, { gpu: await testGpu(), trace: true });
  const { y } = await session.run('predict', { x: SMALL_INPUTS.x });
  expect(y).toHaveLength(3);
  const trace = await session.trace();
  expect(trace.steps.map(({ step }) => step)).toEqual(steps.map((_, step) => step));
  expectWithin(trace.runs[0], trace.steps);
  expect(trace.steps.at(-1)!.startSeconds).toBeGreaterThan(trace.steps[0].startSeconds);
  session.destroy();
});

test('what overlaps counts for the earlier one', () => {
  const spans = [
    { start: 1, end: 3 },
    { start: 2, end: 4 },
    { start: 2, end: 3 },
    { start: 6, end: 5 },
  ];
  expect(oneByOne(spans)).toEqual([
    { start: 1, end: 3 },
    { start: 3, end: 4 },
    { start: 4, end: 4 },
    { start: 6, end: 6 },
  ]);
});
