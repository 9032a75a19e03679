import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { programAccess } from '../../compiler/liveness/access.ts';
import { memoryModel, peakOfOrder } from '../../compiler/liveness/program-model.ts';
import { shareParts } from '../../compiler/memory/share-parts.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { type Schedule, type ScheduleStep, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { testCases } from '../support/cases.ts';
import { soaked } from '../support/soak.ts';
import { randomBelow } from './random-schedule.ts';

const ALIGNMENT = 256;
const PART = 64;

function peakOf(schedule: Schedule): number {
  const [program] = schedule.programs;
  const model = memoryModel(programAccess(schedule, program, ALIGNMENT));
  return peakOfOrder(
    model,
    Int32Array.from(program.steps, (_, step) => step),
  );
}

/** A kernel that makes `to` elements of all of `from` others, twice over, so that nothing is in place. */
const mix = (from: number, to: number, operands: number) =>
  parseKernel(`kernel mix_${from}_${to}_${operands} {
    axis a0 parallel ${to}
    axis a1 reduced ${from}
    ${Array.from({ length: operands }, (_, b) => `buffer b${b} read f32 ${from}`).join('\n    ')}
    buffer b${operands} write f32 ${to}
    ${Array.from({ length: operands }, (_, b) => `n${b}: f32 = load b${b}[a1]`).join('\n    ')}
    ${Array.from({ length: operands - 1 }, (_, b) => `n${operands + b}: f32 = add n${b === 0 ? 0 : operands + b - 1}, n${b + 1}`).join('\n    ')}
    reduce sum n${2 * operands - 2}
    n${2 * operands - 1}: f32 = accumulator
    store b${operands}[a0] = n${2 * operands - 1}
  }`);

/** Writes schedules of one program over tensors of whole parts. */
class Builder {
  readonly tensors: Schedule['tensors'][number][] = [];
  readonly kernels: Schedule['kernels'][number][] = [];
  readonly steps: ScheduleStep[] = [];

  tensor(name: string, parts: number, role: 'activation' | 'input' | 'output' = 'activation') {
    const shape = [parts * PART];
    return this.tensors.push({ name, dtype: 'f32', shape, role, program: 0, source: null }) - 1;
  }

  /** `to` of all `from`; each is a tensor and its part, or all of it. */
  step(from: readonly (readonly [number, number])[], to: readonly [number, number]): void {
    // Operands of one kernel have one size here.
    const kernel = mix(PART, PART, from.length);
    let index = this.kernels.findIndex(({ name }) => name === kernel.name);
    if (index < 0) index = this.kernels.push(kernel) - 1;
    this.steps.push({
      kernel: index,
      operands: [...from, to].map(([tensor]) => tensor),
      offsets: [...from, to].map(([, part]) => part * PART),
      label: `step ${this.steps.length}`,
      source: null,
    });
  }

  schedule(input: number, output: number): Schedule {
    const { tensors, kernels, steps } = this;
    const inputs = [{ name: 'x', tensor: input, default: null, counter: false }];
    const outputs = [{ name: 'y', tensor: output }];
    return {
      name: 'parts',
      tensors,
      kernels,
      programs: [{ name: 'main', steps, inputs, outputs }],
    };
  }
}

/** What a recurrent layer does: products of all inputs, states one by one, and their gradients back, into one tensor. */
function recurrent(length: number): Schedule {
  const builder = new Builder();
  const x = builder.tensor('x', 1, 'input');
  const y = builder.tensor('y', 1, 'output');
  const products = builder.tensor('products', length);
  const gradients = builder.tensor('gradients', length);
  const states = Array.from({ length }, (_, t) => builder.tensor(`state${t}`, 1));
  for (let t = 0; t < length; t++) builder.step([[x, 0]], [products, t]);
  for (let t = 0; t < length; t++)
    builder.step(
      t === 0
        ? [[products, 0]]
        : [
            [products, t],
            [states[t - 1], 0],
          ],
      [states[t], 0],
    );
  for (let t = length - 1; t >= 0; t--) {
    const next = t === length - 1 ? [] : [[gradients, t + 1] as const];
    builder.step([[states[t], 0], ...next], [gradients, t]);
  }
  builder.step(
    [
      [gradients, 0],
      [gradients, length - 1],
    ],
    [y, 0],
  );
  return builder.schedule(x, y);
}

/** Any reads and writes of parts, each part written once, before it is read. */
function anyParts(seed: number, count: number): Schedule {
  const below = randomBelow(seed);
  const builder = new Builder();
  const x = builder.tensor('x', 1, 'input');
  const y = builder.tensor('y', 1, 'output');
  const tensors = Array.from({ length: 2 + below(8) }, (_, i) => {
    const parts = 1 + below(6);
    return { tensor: builder.tensor(`t${i}`, parts), parts };
  });
  const open = tensors.flatMap(({ tensor, parts }) =>
    Array.from({ length: parts }, (_, part) => [tensor, part] as const),
  );
  const written: (readonly [number, number])[] = [[x, 0]];
  for (let step = 0; step < count && open.length > 0; step++) {
    const [to] = open.splice(below(open.length), 1);
    const near = (list: typeof written) => list[list.length - 1 - below(Math.min(6, list.length))];
    const operands = Array.from({ length: 1 + below(3) }, () => near(written));
    const distinct = operands.filter(
      (one, i) => operands.findIndex(([t, p]) => t === one[0] && p === one[1]) === i,
    );
    builder.step(distinct, to);
    written.push(to);
  }
  builder.step([written[written.length - 1]], [y, 0]);
  return builder.schedule(x, y);
}

function expectSound(schedule: Schedule): Schedule {
  expect(verifySchedule(schedule)).toEqual([]);
  const shared = shareParts(schedule, ALIGNMENT);
  expect(verifySchedule(shared, { limits: WEBGPU_DEFAULT_LIMITS })).toEqual([]);
  expect(sameMeaning(schedule, shared)).toBeNull();
  expect(peakOf(shared)).toBeLessThanOrEqual(peakOf(schedule));
  expect(printSchedule(shareParts(schedule, ALIGNMENT))).toBe(printSchedule(shared));
  return shared;
}

describe('in text', () => {
  testCases('memory', 'share-parts', ({ input }) =>
    printSchedule(expectSound(parseSchedule(input))),
  );
});

describe('tensors in parts of larger ones', () => {
  it.each([2, 4, 16, 64])('the states of %i time steps take the place of one tensor', (length) => {
    const schedule = recurrent(length);
    const shared = expectSound(schedule);
    const part = PART * 4;
    // Products next to states, then states next to gradients.
    expect(peakOf(schedule)).toBeGreaterThanOrEqual(2 * length * part);
    // All in one place, but for the input and what has no room yet.
    expect(peakOf(shared)).toBeLessThanOrEqual((length + 3) * part);
    const names = shared.tensors.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('state')).length).toBeLessThanOrEqual(2);
  });

  it('any reads and writes of parts mean the same, in no more memory', () => {
    let moved = 0;
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, count) => {
        const schedule = anyParts(seed, count);
        if (expectSound(schedule).tensors.length < schedule.tensors.length) moved++;
      }),
      soaked(300),
    );
    expect(moved).toBeGreaterThan(30);
  });

  it('inputs and outputs stay where their owners find them', () => {
    const { tensors, programs } = shareParts(recurrent(8), ALIGNMENT);
    const [{ inputs, outputs }] = programs;
    expect(tensors[inputs[0].tensor]).toMatchObject({ name: 'x', shape: [PART] });
    expect(tensors[outputs[0].tensor]).toMatchObject({ name: 'y', shape: [PART] });
  });
});
