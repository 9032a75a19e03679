import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyAllocated } from '../../ir/allocated-verify.ts';
import type { Schedule, ScheduleStep } from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { elementCount } from '../../ir/tensor.ts';
import { randomBelow, randomSchedule } from '../memory/random-schedule.ts';
import { limitsOf, loweredNetwork, plannedWithin } from '../support/planned-network.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';
import { soaked } from '../support/soak.ts';

/** What the first program gives and leaves, run in float64. */
function results(schedule: Schedule): Record<string, number[]> {
  const below = randomBelow(3);
  const values = (count: number) => Float64Array.from({ length: count }, () => below(100) / 16);
  const parameters: Record<string, Float64Array> = {};
  for (const { name, program, shape } of schedule.tensors)
    if (program === null) parameters[name] = values(elementCount(shape));
  const [{ name, inputs }] = schedule.programs;
  const given = Object.fromEntries(
    inputs.map((input) => [input.name, values(elementCount(schedule.tensors[input.tensor].shape))]),
  );
  const outputs = runSchedule(schedule, name, given, parameters);
  return Object.fromEntries(
    Object.entries({ ...outputs, ...parameters }).map(([key, list]) => [key, [...list]]),
  );
}

/** The schedule with one thing of its first program changed. */
function mutated(schedule: Schedule, below: (limit: number) => number): Schedule {
  const [program, ...others] = schedule.programs;
  const { steps } = program;
  const at = below(steps.length);
  const size = (tensor: number) => elementCount(schedule.tensors[tensor].shape);
  const { operands } = steps[at];
  const b = below(operands.length);
  const alike = schedule.tensors.flatMap((tensor, i) =>
    (tensor.program ?? 0) === 0 && size(i) === size(operands[b]) ? [i] : [],
  );
  const changes: readonly (() => readonly ScheduleStep[])[] = [
    () => steps.toSpliced(at, 1),
    () => steps.with(at, { ...steps[at], operands: operands.with(b, alike[below(alike.length)]) }),
    () => steps.toSpliced(below(steps.length), 0, steps[at]),
    () => {
      const other = below(steps.length);
      return steps.with(at, steps[other]).with(other, steps[at]);
    },
  ];
  const changed = changes[below(changes.length)]();
  return { ...schedule, programs: [{ ...program, steps: changed }, ...others] };
}

const TEXT = `schedule parts
kernel reverse {
  axis a0 parallel 8
  buffer b0 read f32 8
  buffer b1 write f32 8
  n0: f32 = load b0[7 - a0]
  store b1[a0] = n0
}
kernel copy {
  axis a0 parallel 8
  buffer b0 read f32 8
  buffer b1 write f32 8
  n0: f32 = load b0[a0]
  store b1[a0] = n0
}
kernel scatter {
  axis a0 parallel 1
  axis a1 sequential 8
  buffer b0 read_write f32 8
  buffer b1 read f32 8
  buffer b2 read i32 8
  n0: f32 = load b1[a1]
  n1: i32 = load b2[a1]
  store b0[a0 + 1*(n1 < 8)] += n0
}
tensor t0 w: f32[8] parameter
tensor t1 x: f32[8] input of p
tensor t2 a: f32[8] activation of p
tensor t3 y: f32[8] output of p
tensor t4 n: i32[8] input of p
program p
  input x = t1
  input n = t4
  step 0: k0(t1, t2) "a"
  step 1: k0(t2, t3) "b"
  step 2: k2(t0, t3, t4) "w"
  output y = t3
`;

describe('sameMeaning', () => {
  it('finds every change of a valid schedule that changes what it computes', () => {
    let [valid, changed] = [0, 0];
    const cases = fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 16 }) });
    fc.assert(
      fc.property(cases, ({ seed, steps }) => {
        const schedule = randomSchedule(seed, steps, 1);
        expect(sameMeaning(schedule, schedule)).toBe(null);
        const mutant = mutated(schedule, randomBelow(seed + 1));
        if (verifySchedule(mutant).length > 0) return;
        valid++;
        const difference = sameMeaning(schedule, mutant);
        if (difference === null) expect(results(mutant)).toEqual(results(schedule));
        else changed++;
      }),
      soaked(400),
    );
    expect(changed).toBeGreaterThan(15);
    expect(valid).toBeGreaterThan(changed + 10);
  });

  it.each<[string, string, string, string]>([
    [
      'another kernel',
      'k0(t2, t3) "b"',
      'k1(t2, t3) "c"',
      "p: output 'y' came of step 1 'b', and now comes of step 1 'c'",
    ],
    [
      'another operand',
      'k0(t2, t3) "b"',
      'k0(t1, t3) "b"',
      "p: output 'y' came of step 0 'a', and now comes of input 'x' of p",
    ],
    [
      'a step that is gone',
      '  step 2: k2(t0, t3, t4) "w"\n',
      '',
      "p: persistent tensor 'w' came of step 2 'w', and now comes of persistent tensor 'w'",
    ],
    [
      'a sum that is made twice',
      '  output',
      '  step 3: k2(t0, t3, t4) "w"\n  output',
      "p: persistent tensor 'w' came of persistent tensor 'w', and now comes of step 2 'w'",
    ],
    [
      'another output',
      'output y',
      'output z',
      "p: output 'y' is gone, p: output 'z' is there instead",
    ],
    [
      'another input',
      'input x = t1',
      'input x = t1 default 1',
      'p: inputs {"name":"n","default":null,"counter":false}, {"name":"x","default":null,"counter":false} is gone, p: inputs {"name":"n","default":null,"counter":false}, {"name":"x","default":1,"counter":false} is there instead',
    ],
  ])('says where two runs part: %s', (_, from, to, sentence) => {
    expect(TEXT).toContain(from);
    const changed = parseSchedule(TEXT.replace(from, to));
    expect(sameMeaning(parseSchedule(TEXT), changed)).toBe(sentence);
  });

  it('keeps the meaning of networks through all of memory planning, with and without actions', async () => {
    let [swaps, repeats, homes, handovers] = [0, 0, 0, 0];
    for (const [name, target] of [
      ['resnet', 'wasm'],
      ['u-net', 'webgpu'],
      ['gpt', 'webgpu'],
    ] as const) {
      const lowered = await loweredNetwork(SMALL_NETWORKS[name], target);
      for (const [recompute, swap, share] of [
        ['auto', 'auto', 0.6],
        ['speed', 'conv', 1],
      ] as const) {
        const planned = plannedWithin(lowered, target, { recompute, swap }, share);
        expect(sameMeaning(lowered, planned)).toBe(null);
        expect(verifyAllocated(planned, { limits: limitsOf(target), target })).toEqual([]);
        for (const { steps, transfers = [] } of planned.programs) {
          swaps += transfers.length;
          repeats += steps.filter(({ recomputed }) => recomputed).length;
        }
        homes += planned.hostSlots.filter(({ tensor }) => tensor !== null).length;
        handovers += planned.placements.filter(({ policy }) => policy === 'in-place').length;
      }
    }
    for (const count of [swaps, repeats, homes, handovers]) expect(count).toBeGreaterThan(0);
  });
});
