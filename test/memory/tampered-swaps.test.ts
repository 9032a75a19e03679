import { describe, expect, it } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { planFormErrors } from '../../ir/plan-form.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { checkSchema } from '../support/check-schema.ts';
import { swappedPlan } from '../support/swapped-plan.ts';

// No kernel of it can be in place, so that every value can be swapped and recomputed.
const SCHEDULE = `schedule demo
kernel reverse {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 write f32 100
  n0: f32 = load b0[99 - a0]
  store b1[a0] = n0
}
kernel join {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 read f32 100
  buffer b2 write f32 100
  n0: f32 = load b0[99 - a0]
  n1: f32 = load b1[99 - a0]
  n2: f32 = add n0, n1
  store b2[a0] = n2
}
kernel descend {
  axis a0 parallel 100
  buffer b0 read_write f32 100
  buffer b1 read f32 100
  n0: f32 = load b0[a0]
  n1: f32 = load b1[a0]
  n2: f32 = sub n0, n1
  store b0[a0] = n2
}
tensor t0 w: f32[100] parameter
tensor t1 x: f32[100] input of train
tensor t2 a: f32[100] activation of train
tensor t3 b: f32[100] activation of train
tensor t4 c: f32[100] activation of train
tensor t5 y: f32[100] output of train
program train
  input x = t1
  step 0: k0(t1, t2) "a"
  step 1: k0(t2, t3) "b"
  step 2: k0(t3, t4) "c"
  step 3: k1(t4, t2, t5) "y"
  step 4: k2(t0, t2) "w"
  step 5: k2(t0, t3) "w"
  output y = t5
`;

function planOf(text: string): Plan {
  const { schedule } = planMemory(parseSchedule(text), WEBGPU_DEFAULT_LIMITS, {
    target: 'webgpu',
  });
  return assemblePlan(schedule!, {
    target: 'webgpu',
    budgetBytes: null,
    producer: 'test',
    emitted: schedule!.kernels.map(() => ({ wgsl: '//', grid: [1, 1, 1] as const })),
  });
}

function demoPlan(): Plan {
  return swappedPlan(planOf(SCHEDULE), {
    ...{ seed: 3, hosted: 10, swapped: 8, recomputed: 8, tiers: ['memory'] },
  });
}

// In the plan, by index of the tensors: w lives on the host (0) and comes in as 7 for its updates; a (2) goes out after step
// 3 and comes back as 8; c (4) goes out after step 5 and comes back as 9; b (3) is recomputed as 6, by step 3.

// biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
type Tamper = (plan: any) => void;

const transfer = (index: number, change: Record<string, unknown>): Tamper => {
  return (plan) => Object.assign(plan.programs.train.transfers[index], change);
};
const slot = (index: number, change: Record<string, unknown>): Tamper => {
  return (plan) => Object.assign(plan.swap.slots[index], change);
};
const tensor = (index: number, change: Record<string, unknown>): Tamper => {
  return (plan) => Object.assign(plan.tensors[index], change);
};
const staging = (change: Record<string, unknown>): Tamper => {
  return (plan) => Object.assign(plan.swap.staging, change);
};
const TRANSFERS = 'programs.train.transfers';

// Each changes one thing, and says what a message must start with.
const TAMPERINGS: readonly (readonly [string, string, Tamper])[] = [
  ['no slots', 'tensors[0].policy:', (p) => Reflect.deleteProperty(p, 'swap')],
  ['a slot that is not there', `${TRANSFERS}[0].slot:`, transfer(0, { slot: 9 })],
  ['a tensor that is not there', `${TRANSFERS}[1].tensor:`, transfer(1, { tensor: 99 })],
  ['a persistent tensor', `${TRANSFERS}[1].tensor:`, transfer(1, { tensor: 0 })],
  ['a step that is not there', `${TRANSFERS}[5].step:`, transfer(5, { step: 7 })],
  ['a step in the past', `${TRANSFERS}[5].step:`, transfer(5, { step: 1 })],
  ['an unknown kind', `${TRANSFERS}[5].kind:`, transfer(5, { kind: 'by' })],
  ['a copy in instead of out', `${TRANSFERS}[1].tensor:`, transfer(1, { kind: 'in' })],
  ['a copy in of an input', `${TRANSFERS}[2].tensor:`, transfer(2, { tensor: 1 })],
  [
    'a copy in of what says nothing',
    `${TRANSFERS}[2].tensor:`,
    (p) => Reflect.deleteProperty(p.tensors[8], 'copyOf'),
  ],
  ['a copy in too late', 'tensors[9]', (p) => (p.programs.train.steps[2].bindings[0] = 9)],
  [
    'a copy in that is missing',
    'tensors[8].copyOf.by:',
    (p) => p.programs.train.transfers.splice(2, 1),
  ],
  [
    'a copy out that is missing',
    `${TRANSFERS}[1].slot:`,
    (p) => p.programs.train.transfers.splice(1, 1),
  ],
  [
    'a copy home that is missing',
    'swap.slots[0].copies:',
    (p) => p.programs.train.transfers.splice(3, 1),
  ],
  ['a copy out before it is whole', 'tensors[4]', transfer(4, { step: 4 })],
  [
    'a write after the copy out',
    'programs.train.steps[4].bindings[0]:',
    (p) => {
      const [home] = p.programs.train.transfers.splice(3, 1);
      p.programs.train.transfers.splice(1, 0, { ...home, step: 1 });
    },
  ],
  ['a life that the copy in begins', 'tensors[8].firstStep:', tensor(8, { firstStep: 6 })],
  ['a life that the copy out ends', 'tensors[2].lastStep:', tensor(2, { lastStep: 2 })],
  ['another value', `${TRANSFERS}[2].slot:`, tensor(8, { copyOf: { tensor: 4, by: 'swap' } })],
  [
    "another tensor's home",
    `${TRANSFERS}[0].slot:`,
    tensor(7, { copyOf: { tensor: 2, by: 'swap' } }),
  ],
  ['a value in a home', `${TRANSFERS}[1].slot:`, transfer(1, { slot: 0 })],
  [
    'two copies home',
    `${TRANSFERS}[4].slot:`,
    (p) => p.programs.train.transfers.splice(4, 0, { ...p.programs.train.transfers[3] }),
  ],
  ['a chain that is a circle', 'tensors[', tensor(6, { copyOf: { tensor: 6, by: 'recompute' } })],
  [
    'a value of nothing',
    'tensors[6].copyOf.tensor:',
    tensor(6, { copyOf: { tensor: 99, by: 'swap' } }),
  ],
  ['a value by magic', 'tensors[6].copyOf.by:', tensor(6, { copyOf: { tensor: 3, by: 'magic' } })],
  [
    'a swap that is none',
    'tensors[6].copyOf.by:',
    tensor(6, { copyOf: { tensor: 3, by: 'swap' } }),
  ],
  [
    'a step that is not recomputed',
    'tensors[6].copyOf.by:',
    (p) => Reflect.deleteProperty(p.programs.train.steps[3], 'recomputed'),
  ],
  [
    'an update that is recomputed',
    'programs.train.steps[4].bindings[0]:',
    (p) => (p.programs.train.steps[4].recomputed = true),
  ],
  [
    'a step on a home',
    'programs.train.steps[4].bindings[0]:',
    (p) => (p.programs.train.steps[4].bindings[0] = 0),
  ],
  ['an address of a home', 'tensors[0].offset:', tensor(0, { offset: 256 })],
  ['a slab of a home', 'tensors[0].slab:', tensor(0, { slab: 0 })],
  ['an activation without a slab', 'tensors[2].slab:', tensor(2, { slab: null })],
  ['an activation on the host', 'tensors[2].policy:', tensor(2, { policy: 'host', slab: null })],
  ['an unaligned slot', 'swap.slots[0].offset:', slot(0, { offset: 32 })],
  ['a slot that is too small', `${TRANSFERS}[1].slot:`, slot(1, { bytes: 396 })],
  ['a home that is too large', 'swap.slots[0].bytes:', slot(0, { bytes: 404 })],
  ['a home of another tensor', 'swap.slots[0].tensor:', slot(0, { tensor: 1 })],
  ['a home of nothing', 'tensors[0].policy:', slot(0, { tensor: null, copies: 1 })],
  ['two homes', 'tensors[0].policy:', slot(1, { tensor: 0 })],
  ['one copy of what is written', 'swap.slots[0].copies:', slot(0, { copies: 1 })],
  ['three copies', 'swap.slots[0].copies:', slot(0, { copies: 3 })],
  ['two copies of a value', 'swap.slots[1].copies:', slot(1, { copies: 2 })],
  ['a value over a home', `${TRANSFERS}[1].slot:`, slot(1, { offset: 64 })],
  [
    'a value over another',
    `${TRANSFERS}[3].slot:`,
    (p) => {
      const transfers = p.programs.train.transfers;
      transfers.splice(5, 0, { ...transfers.splice(2, 1)[0], step: 6 });
      p.swap.slots[2].offset = p.swap.slots[1].offset;
    },
  ],
  ['another tier without buffers', 'swap.reading.buffers:', slot(1, { tier: 'file', offset: 0 })],
  [
    'buffers for nothing',
    'swap.writing.buffers:',
    (p) => (p.swap.writing = { buffers: 1, bytes: 16 }),
  ],
  [
    'buffers of an odd size',
    'swap.reading.bytes:',
    (p) => (p.swap.reading = { buffers: 0, bytes: 8 }),
  ],
  ['a part of host memory', 'memory.host.homeBytes:', (p) => (p.memory.host.homeBytes += 64)],
  [
    'what snapshots would add',
    'memory.snapshotOptionBytes:',
    (p) => (p.memory.snapshotOptionBytes = 4),
  ],
  ['hostBytes', 'memory.hostBytes:', (p) => (p.memory.hostBytes += 64)],
  ['spillBytes', 'memory.spillBytes:', (p) => (p.memory.spillBytes += 64)],
  ['no staging', 'swap.staging.buffers:', staging({ buffers: 0, bytes: 0 })],
  ['empty staging', 'swap.staging.bytes:', staging({ bytes: 0 })],
  ['odd staging', 'swap.staging.bytes:', staging({ bytes: 100 })],
  ['more staging', 'memory.stagingBytes:', staging({ buffers: 3 })],
];

describe('verifyPlan', () => {
  it('accepts a plan that swaps and recomputes', () => {
    expect(verifyPlan(demoPlan())).toEqual([]);
  });

  it.each(TAMPERINGS)('refuses %s: %s', (_, start, tamper) => {
    const plan = demoPlan();
    tamper(plan);
    const errors = verifyPlan(plan);
    expect(errors.length).toBeGreaterThan(0);
    expect(
      errors.some((error) => error.startsWith(start)),
      errors.join('\n'),
    ).toBe(true);
    expect(checkSchema(plan).length > 0).toBe(planFormErrors(plan).length > 0);
  });

  it('never throws, whatever stands anywhere in a transfer, a slot or a tensor', () => {
    const values = [null, -1, 0, 1, 2, 9, 0.5, 2 ** 40, 'in', 'out', 'host', [], {}, { of: 0 }];
    for (const value of values) {
      for (let index = 0; index < 6; index++)
        for (const key of ['kind', 'tensor', 'slot', 'step'])
          expect(Array.isArray(verifyPlan(changed(transfer(index, { [key]: value }))))).toBe(true);
      for (const key of ['tier', 'offset', 'bytes', 'tensor', 'copies'])
        expect(Array.isArray(verifyPlan(changed(slot(1, { [key]: value }))))).toBe(true);
      for (const key of ['policy', 'copyOf', 'slab', 'program', 'role'])
        expect(Array.isArray(verifyPlan(changed(tensor(8, { [key]: value }))))).toBe(true);
    }
  });
});

/** x is reversed into a, a doubled in place of itself, the result reversed into y; a can go out to a slot. */
function inPlacePlan(): Plan {
  const double = `kernel double {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 write f32 100
  n0: f32 = load b0[a0]
  n1: f32 = add n0, n0
  store b1[a0] = n1
}`;
  const text = `${SCHEDULE.slice(0, SCHEDULE.indexOf('kernel join'))}${double}
tensor t0 x: f32[100] input of train
tensor t1 a: f32[100] activation of train
tensor t2 b: f32[100] activation of train
tensor t3 y: f32[100] output of train
program train
  input x = t0
  step 0: k0(t0, t1) "a"
  step 1: k1(t1, t2) "b"
  step 2: k0(t2, t3) "y"
  output y = t3
`;
  const plan = JSON.parse(JSON.stringify(planOf(text)));
  const slot = { tier: 'memory', offset: 0, bytes: 400, tensor: null, copies: 1 };
  const none = { buffers: 0, bytes: 0 };
  return {
    ...plan,
    swap: { staging: { buffers: 1, bytes: 400 }, reading: none, writing: none, slots: [slot] },
  };
}

describe('a place that is taken over', () => {
  const problems = (tamper: Tamper) => {
    const plan = inPlacePlan();
    expect(plan.tensors[2].policy).toBe('in-place');
    tamper(plan);
    return verifyPlan(plan).filter((error) => !/^(memory|slabs)/.test(error));
  };

  it('is not copied out after that', () => {
    const out = { kind: 'out', tensor: 1, slot: 0, step: 1 };
    expect(problems((plan) => (plan.programs.train.transfers = [out]))[0]).toMatch(
      /^tensors\[2\]\.policy: 'in-place', but no tensor of its size dies in its place at step 1/,
    );
  });

  it('may be of a tensor that was just brought in', () => {
    const swapped: Tamper = (plan) => {
      const [, a] = plan.tensors;
      const copyOf = { tensor: 1, by: 'swap' };
      plan.tensors.push({ ...a, name: 'back', firstStep: 1, lastStep: 1, copyOf });
      plan.slabs[0].bytes += 512;
      Object.assign(a, { lastStep: 0, offset: plan.slabs[0].bytes - 512 });
      plan.programs.train.transfers = [
        { kind: 'out', tensor: 1, slot: 0, step: 0 },
        { kind: 'in', tensor: 4, slot: 0, step: 1 },
      ];
    };
    expect(problems(swapped)).toEqual([]);
  });
});

function changed(tamper: Tamper): Plan {
  const plan = demoPlan();
  tamper(plan);
  return plan;
}
