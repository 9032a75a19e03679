import { describe, expect, test } from 'vitest';
import { formatMeasured } from '../../compiler/cli/kernel-times.ts';
import { chromeTrace } from '../../compiler/inspect/chrome-trace.ts';
import { programTimes } from '../../compiler/inspect/kernel-times.ts';
import { readChromeTrace } from '../../compiler/inspect/read-chrome-trace.ts';
import { ceilingsOf } from '../../compiler/profile/ceilings.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace } from '../../ir/trace.ts';
import { smallPlan } from '../support/small-plan.ts';

const CEILINGS = { profile: 'made up', flopsPerSecond: 1e6, bytesPerSecond: 1e7 };

/** The small plan, each step of training with 100 operations and 400 bytes, predicted to take a millisecond. */
function madeUpPlan(): Plan {
  const plan = smallPlan();
  const { train } = plan.programs;
  const steps = train.steps.map((step) => ({
    ...step,
    flops: 100,
    bytesMoved: 400,
    seconds: 1e-3,
  }));
  return { ...plan, programs: { ...plan.programs, train: { ...train, steps } } };
}

/** Runs of training whose step s takes `seconds[run][s]`. */
function madeUpTrace(plan: Plan, seconds: readonly (readonly number[])[]): SessionTrace {
  const runs = seconds.map((_, run) => ({
    program: 'train',
    run,
    startSeconds: run,
    seconds: 0.5,
  }));
  const steps = seconds.flatMap((all, run) => {
    let at = run;
    return plan.programs.train.steps.map(({ kernel }, step) => {
      const startSeconds = at;
      at += all[step];
      const name = plan.kernels[kernel].name;
      return { program: 'train', run, step, kernel: name, startSeconds, seconds: all[step] };
    });
  });
  const copies = seconds.map((_, run) => ({
    ...({ program: 'train', run, direction: 'in', purpose: 'interface', tensors: ['x'] } as const),
    ...{ bytes: 48, step: 0, startSeconds: run, seconds: 0.001 * (run + 1) },
  }));
  return { clock: 'timestamps', runs, steps, copies };
}

const plan = madeUpPlan();
const count = plan.programs.train.steps.length;
const row = (seconds: number) => Array.from({ length: count }, () => seconds);
const nameOf = (step: number) => plan.kernels[plan.programs.train.steps[step].kernel].name;

describe('kernels by time', () => {
  test('each step has the median of the runs but the first; rates, shares and predictions follow', () => {
    const seconds = [row(100), row(1e-3), row(2e-3), row(9e-3)].map((all) => [...all]);
    seconds[2][0] = 10e-3;
    const [times] = programTimes(plan, madeUpTrace(plan, seconds), CEILINGS);
    expect(times).toMatchObject({
      program: 'train',
      runs: 3,
      runSeconds: 0.5,
      copiesOutSeconds: 0,
    });
    expect(times.copiesInSeconds).toBeCloseTo(0.003, 12);
    expect(times.stepSeconds).toBeCloseTo(9e-3 + 2e-3 * (count - 1), 12);
    const [first, ...rest] = times.kernels;
    expect(first.kernel).toBe(nameOf(0));
    expect(times.kernels.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(times.kernels.reduce((sum, { calls }) => sum + calls, 0)).toBe(count);
    const steps = plan.programs.train.steps.filter(
      ({ kernel }) => plan.kernels[kernel].name === first.kernel,
    );
    const own = 9e-3 + 2e-3 * (steps.length - 1);
    expect(first.seconds).toBeCloseTo(own, 12);
    expect(first.flopsPerSecond).toBeCloseTo((100 * steps.length) / own, 6);
    expect(first.flopsShare).toBeCloseTo((100 * steps.length) / own / 1e6, 9);
    expect(first.bytesShare).toBeCloseTo((400 * steps.length) / own / 1e7, 9);
    expect(first.rooflineShare).toBe(Math.max(first.flopsShare!, first.bytesShare!));
    expect(first.predictedSeconds).toBeCloseTo(1e-3 * steps.length, 12);
    for (const kernel of rest) expect(kernel.seconds).toBeLessThanOrEqual(first.seconds);
  });

  test('one run counts, programs without runs do not, and what is not known is null', () => {
    const bare = smallPlan();
    const all = programTimes(bare, madeUpTrace(bare, [row(0)]), null);
    expect(all.map(({ program, runs }) => [program, runs])).toEqual([['train', 1]]);
    expect(all[0].timed).toEqual({ steps: count, zero: count });
    expect(all[0].leastSeconds).toBeNull();
    for (const kernel of all[0].kernels)
      expect(kernel).toMatchObject({ flopsPerSecond: null, flopsShare: null, rooflineShare: null });
  });

  test('a clock that is too coarse is named', () => {
    const coarse = madeUpTrace(plan, [row(0).with(0, 1e-4)]);
    const programs = programTimes(plan, coarse, CEILINGS);
    const text = formatMeasured({ clock: 'timestamps', ceilings: CEILINGS, programs }, true);
    expect(text).toContain(
      `the clock did not move in ${count - 1} of ${count} steps, and the least other time is 100 us`,
    );
    expect(text).toContain("ceilings of the profile 'made up': 0.00100 GFLOP/s, 0.0100 GB/s");
    const fine = programTimes(plan, madeUpTrace(plan, [row(1e-4)]), CEILINGS);
    expect(formatMeasured({ clock: 'queue', ceilings: null, programs: fine }, true)).not.toContain(
      'did not move',
    );
    expect(formatMeasured({ clock: 'queue', ceilings: null, programs: fine }, true)).toMatch(
      /has no timestamps \('timestamp-query'\)[\s\S]*no ceilings: there is no profile of this device/,
    );
  });

  test('a share above what the ceilings call the most is explained', () => {
    const textOf = (bytesPerSecond: number) => {
      const ceilings = { profile: 'made up', flopsPerSecond: 1e15, bytesPerSecond };
      const programs = programTimes(plan, madeUpTrace(plan, [row(1e-4)]), ceilings);
      return formatMeasured({ clock: 'host', ceilings, programs }, true);
    };
    expect(textOf(1e15)).not.toContain('above 100 %');
    expect(textOf(1)).toMatch(/shares above 100 %: .* btc profile measures yours/);
  });

  test('ceilings are those that a profile states, else its highest rates', () => {
    const { h100, wasm, swiftshader } = SHIPPED_PROFILES;
    expect(ceilingsOf(h100)).toEqual({
      profile: 'h100',
      flopsPerSecond: 6.32e13,
      bytesPerSecond: 2.992e12,
    });
    const { ceilings: _, ...silent } = { ...h100 };
    expect(ceilingsOf(silent)).toMatchObject({ flopsPerSecond: 3.5e13, bytesPerSecond: 2e12 });
    // A vector operation of wasm is of four numbers.
    expect(ceilingsOf(wasm).flopsPerSecond).toBe(4 * wasm.operationsPerSecond.contraction);
    expect(ceilingsOf(swiftshader).flopsPerSecond).toBe(
      swiftshader.operationsPerSecond.contraction,
    );
  });
});

describe('trace files', () => {
  const trace = madeUpTrace(plan, [row(1e-3), row(2.5e-3)]);

  test('what is read is what was written', () => {
    const file = JSON.parse(JSON.stringify(chromeTrace(plan, trace, 'a device (WebGPU)')));
    const read = readChromeTrace(file, plan);
    if ('reason' in read) throw new Error(read.reason);
    expect(read.device).toBe('a device (WebGPU)');
    const [times] = programTimes(plan, read.trace, CEILINGS);
    const [wanted] = programTimes(plan, trace, CEILINGS);
    expect(times.kernels.map(({ kernel, calls }) => [kernel, calls])).toEqual(
      wanted.kernels.map(({ kernel, calls }) => [kernel, calls]),
    );
    times.kernels.forEach((kernel, k) => {
      expect(kernel.seconds).toBeCloseTo(wanted.kernels[k].seconds, 8);
    });
    expect(times.copiesInSeconds).toBeCloseTo(wanted.copiesInSeconds, 8);
  });

  const broken: [string, (file: ReturnType<typeof chromeTrace>) => unknown, RegExp][] = [
    ['null', () => null, /btc run --trace did not write it/],
    ['a trace of something else', () => ({ traceEvents: [] }), /btc run --trace did not write it/],
    [
      'events that are none',
      (file) => ({ ...file, traceEvents: 3 }),
      /btc run --trace did not write it/,
    ],
    [
      'another plan',
      (file) => ({ ...file, otherData: { ...file.otherData, plan: 'other' } }),
      /it is of plan 'other' for webgpu/,
    ],
    [
      'another clock',
      (file) => ({ ...file, otherData: { ...file.otherData, clock: 'sun' } }),
      /its clock is 'sun'/,
    ],
    [
      'predicted times',
      (file) => ({ ...file, otherData: { ...file.otherData, clock: 'predicted' } }),
      /its times are predicted, not measured/,
    ],
    ...(
      [
        [
          'another kernel',
          { name: 'other' },
          /step 0 of 'train' is 'other' in it, and '.*' in the plan/,
        ],
        ['a time that is text', { dur: '1' }, /has no 'ts' and 'dur' of 0 or more/],
        ['a copy to nowhere', { cat: 'copy', args: { run: 0 } }, /goes neither 'in' nor 'out'/],
        ['no time', { ts: undefined }, /has no 'ts' and 'dur' of 0 or more/],
        [
          'a step that is not there',
          { args: { program: 'train', step: 99 } },
          /it has a step 99 of 'train', and the plan \d+/,
        ],
        [
          'a program that is not there',
          { args: { program: 'toString', step: 0 } },
          /no program 'toString', of which it has a step/,
        ],
        ['a step of nothing', { args: null }, /has no 'program' and 'step'/],
        [
          'a run of another program',
          { cat: 'run', name: 'toString' },
          /no program 'toString', of which it has a run/,
        ],
      ] as const
    ).map(
      ([name, change, reason]) =>
        [
          name,
          (file: ReturnType<typeof chromeTrace>) => ({
            ...file,
            traceEvents: [{ ...file.traceEvents.find(({ cat }) => cat === 'step')!, ...change }],
          }),
          reason,
        ] as [string, (file: ReturnType<typeof chromeTrace>) => unknown, RegExp],
    ),
  ];
  test.each(broken)('%s is refused', (_, change, reason) => {
    const read = readChromeTrace(change(chromeTrace(plan, trace, 'device')), plan);
    expect('reason' in read ? read.reason : '').toMatch(reason);
  });
});
