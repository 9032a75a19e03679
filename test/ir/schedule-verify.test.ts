import { describe, expect, it } from 'vitest';
import { type Schedule, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';

// A value that is swapped (a), one that is recomputed (b), a state on the host (v) that a step changes, a parameter, a tensor in
// two parts, and a second program.
const DEMO = `schedule demo
slot memory home t1 copies 2
slot memory
kernel reverse {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 write f32 100
  n0: f32 = load b0[99 - a0]
  store b1[a0] = n0
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
kernel part {
  axis a0 parallel 64
  buffer b0 read f32 100
  buffer b1 write f32 64
  n0: f32 = load b0[a0]
  store b1[a0] = n0
}
kernel join {
  axis a0 parallel 100
  buffer b0 read f32 128
  buffer b1 write f32 100
  n0: f32 = load b0[a0]
  n1: f32 = load b0[28 + a0]
  n2: f32 = add n0, n1
  store b1[a0] = n2
}
tensor t0 w: f32[100] parameter
tensor t1 v: f32[100] state host-resident
tensor t2 x: f32[100] input of train
tensor t3 a: f32[100] activation of train
tensor t4 b: f32[100] activation of train
tensor t5 a2: f32[100] activation of train swap of t3
tensor t6 v2: f32[100] activation of train swap of t1
tensor t7 b2: f32[100] activation of train recompute of t4
tensor t8 parts: f32[128] activation of train
tensor t9 y: f32[100] output of train
tensor t10 z: f32[100] input of test
tensor t11 r: f32[100] output of test
program train
  input x = t2
  step 0: k0(t2, t3) "a"
  step 1: k0(t3, t4) "b"
  step 2: k1(t0, t4) "w"
  step 3: k1(t6, t4) "v"
  step 4: k0(t5, t7) "b" recomputed
  step 5: k2(t5, t8) "first"
  step 6: k2(t7, t8+64) "second"
  step 7: k3(t8, t9) "y"
  out t3 to h1 after 1
  in t6 from h0 before 3
  out t6 to h0 after 3
  in t5 from h1 before 4
  output y = t9
program test
  input z = t10
  step 0: k0(t10, t11) "r"
  output r = t11
`;

const demo = () => parseSchedule(DEMO) as Schedule;

// biome-ignore lint/suspicious/noExplicitAny: mutating is what types forbid
type Mutate = (schedule: any) => void;

/** Mutations that exactly the named sentences report. */
type Mutations = readonly (readonly [what: string, mutate: Mutate, sentences: readonly string[]])[];

const tensor =
  (index: number, change: object): Mutate =>
  (s) =>
    Object.assign(s.tensors[index], change);
const step =
  (index: number, change: object): Mutate =>
  (s) =>
    Object.assign(s.programs[0].steps[index], change);
const transfer =
  (index: number, change: object): Mutate =>
  (s) =>
    Object.assign(s.programs[0].transfers[index], change);

const MUTATIONS: Mutations = [
  [
    'a dtype that is none',
    (s) => {
      s.tensors[1].dtype = 'f9';
      s.tensors[6].dtype = 'f9';
    },
    [
      "tensor 'v': there is no dtype 'f9'",
      "tensor 'v2': there is no dtype 'f9'",
      "train, step 3 'v': 'v2' is f9, b0 of 'descend' f32",
    ],
  ],
  [
    'an extent of nothing',
    tensor(8, { shape: [0] }),
    [
      "tensor 'parts': f32[0] has an extent that is not a positive integer",
      "train, step 5 'first': binds elements 0 to 63 of 'parts', which has 0",
      "train, step 6 'second': binds elements 64 to 127 of 'parts', which has 0",
      "train, step 7 'y': binds elements 0 to 127 of 'parts', which has 0",
    ],
  ],
  [
    'a tensor too large to count',
    tensor(8, { shape: [2 ** 40, 2 ** 40] }),
    ["tensor 'parts': f32[1099511627776,1099511627776] has too many elements to count"],
  ],
  [
    'a parameter of one program',
    tensor(0, { program: 0 }),
    ["tensor 'w': has role 'parameter' and belongs to a program"],
  ],
  [
    'an activation of no program',
    tensor(4, { program: null }),
    ["tensor 'b': has role 'activation' and belongs to no program"],
  ],
  [
    'a program that is not there',
    (s) => {
      s.tensors.push({ ...s.tensors[8], program: 7 });
    },
    ["tensor 'parts': there is no program 7"],
  ],
  [
    'an activation on the host',
    (s) => {
      s.tensors.push({ ...s.tensors[8], hostResident: true });
      s.slots.push({ tier: 'memory', tensor: 12, copies: 1 });
    },
    ["tensor 'parts': is on the host, but has role 'activation'"],
  ],
  [
    'a value of no tensor',
    tensor(7, { copyOf: { tensor: 77, by: 'recompute' } }),
    ["tensor 'b2': there is no tensor 77 that it could be a copy of"],
  ],
  [
    'a value of another type',
    tensor(7, { copyOf: { tensor: 8, by: 'recompute' } }),
    ["tensor 'b2': is f32[100], but a copy of 'parts', which is f32[128]"],
  ],
  [
    'a value of another program',
    tensor(7, { copyOf: { tensor: 11, by: 'recompute' } }),
    ["tensor 'b2': is a copy of 'r' of another program"],
  ],
  [
    'a value that is its own',
    tensor(7, { copyOf: { tensor: 7, by: 'recompute' } }),
    ["tensor 'b2': is, in the end, a copy of itself"],
  ],
  [
    'a kernel that leaves its buffer',
    (s) => {
      s.kernels[0].nodes[0].index.offset = 100;
    },
    ["kernel 'reverse': n0: addresses 1 to 100 of b0, which has 100"],
  ],
  [
    'two kernels of a name',
    (s) => {
      s.kernels[1].name = 'reverse';
    },
    ["kernel 'reverse': stands twice"],
  ],
  ['two parameters of a name', tensor(1, { name: 'w' }), ["tensor 'w': stands twice"]],
  [
    'two programs of a name',
    (s) => {
      s.programs[1].name = 'train';
    },
    ["program 'train': stands twice"],
  ],
  [
    'two inputs of one tensor',
    (s) => s.programs[0].inputs.push({ ...s.programs[0].inputs[0], name: 'again' }),
    ["tensor 'x': is 2 inputs, not one"],
  ],
  [
    'two outputs of a name',
    (s) => s.programs[0].outputs.push(s.programs[0].outputs[0]),
    ["train, output 'y': stands twice"],
  ],
  [
    'an output that no program gives',
    (s) => s.programs[0].outputs.pop(),
    ["tensor 'y': is no output of its program"],
  ],
  [
    'an output that is an activation',
    tensor(9, { role: 'activation' }),
    ["train, output 'y': 'y' has role 'activation'"],
  ],
  [
    'an output of another program',
    (s) => {
      s.programs[1].outputs[0].tensor = 9;
      s.tensors[11].role = 'activation';
    },
    ["test, output 'r': 'y' is of another program"],
  ],
  [
    'an output that is not there',
    (s) => s.programs[0].outputs.push({ name: 'more', tensor: 99 }),
    ["train, output 'more': there is no such tensor"],
  ],
  [
    'indices that no input has',
    (s) => {
      s.programs[0].inputs[0].ranges = [{ low: 3, high: 3 }];
    },
    ["train, input 'x': range 0: from 3 to 2 there is no value"],
  ],
  [
    'a default that is no i32',
    (s) => {
      s.tensors.push({ ...s.tensors[2], dtype: 'i32' });
      s.programs[0].inputs.push({ name: 'n', tensor: 12, default: 0.5, counter: false });
    },
    ["train, input 'n': the default 0.5 is not an i32"],
  ],
  [
    'a kernel that is not there',
    step(7, { kernel: 9 }),
    ["train, step 7 'y': there is no kernel 9"],
  ],
  [
    'a tensor too few',
    step(7, { operands: [8] }),
    ["train, step 7 'y': 1 tensors for the 2 buffers of 'join'"],
  ],
  [
    'an offset too many',
    step(6, { offsets: [0, 64, 0] }),
    ["train, step 6 'second': 3 tensors for the 2 buffers of 'part'"],
  ],
  [
    'an operand that is not there',
    step(7, { operands: [8, 99] }),
    ["train, step 7 'y': there is no tensor 99"],
  ],
  [
    'an operand of another program',
    step(0, { operands: [10, 3] }),
    ["train, step 0 'a': 'z' is of another program"],
  ],
  [
    'an operand on the host',
    step(3, { operands: [1, 4] }),
    ["train, step 3 'v': 'v' is on the host"],
  ],
  [
    'an operand of another dtype',
    tensor(8, { dtype: 'i32' }),
    [
      "train, step 5 'first': 'parts' is i32, b1 of 'part' f32",
      "train, step 6 'second': 'parts' is i32, b1 of 'part' f32",
      "train, step 7 'y': 'parts' is i32, b0 of 'join' f32",
    ],
  ],
  [
    'a range between the aligned elements',
    step(6, { offsets: [0, 60] }),
    ["train, step 6 'second': the range of 'parts' starts at 60, not at a multiple of 64"],
  ],
  [
    'a range behind the end',
    step(6, { offsets: [0, 128] }),
    ["train, step 6 'second': binds elements 128 to 191 of 'parts', which has 128"],
  ],
  [
    'two ranges that meet',
    step(3, { operands: [6, 6] }),
    ["train, step 3 'v': binds elements of 'v2' twice, as b0 and as b1"],
  ],
  [
    'an input that is written',
    step(1, { operands: [3, 2] }),
    ["train, step 1 'b': writes the input 'x'"],
  ],
  [
    'a slot of one value with two copies',
    (s) => {
      s.slots[1].copies = 2;
    },
    ['slot 1: only a home slot has two copies'],
  ],
  [
    'a home slot with one copy that is written',
    (s) => {
      s.slots[0].copies = 1;
    },
    ["slot 0: the home slot of 'v' has 1 copies, but a program writes it"],
  ],
  [
    'a home slot of what is on the device',
    (s) => s.slots.push({ tier: 'memory', tensor: 0, copies: 1 }),
    ['slot 2: tensor 0 is not on the host'],
  ],
  [
    'two home slots',
    (s) => s.slots.push({ tier: 'memory', tensor: 1, copies: 1 }),
    ["tensor 'v': is host-resident, but has 2 home slots"],
  ],
  [
    'a slot of two programs',
    (s) => {
      s.programs[1].transfers = [{ kind: 'out', tensor: 11, slot: 1, step: 0 }];
    },
    ['slot 1: is used by train and by test'],
  ],
  [
    'a slot of two sizes',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 8, slot: 1, step: 7 }),
    ["slot 1: holds 100 elements, but 'parts' has 128"],
  ],
  [
    'a read before the write',
    (s) => {
      const { steps } = s.programs[0];
      [steps[6], steps[7]] = [steps[7], steps[6]];
    },
    ["train, step 6 'y': reads elements 0 to 127 of 'parts' before a step has written them"],
  ],
  [
    'a part that nobody writes',
    step(6, { offsets: [0, 0] }),
    ["train, step 7 'y': reads elements 0 to 127 of 'parts' before a step has written them"],
  ],
  [
    'a part that a kernel leaves out',
    (s) => {
      s.kernels[2].axes[0].extent = 32;
    },
    ["train, step 7 'y': reads elements 0 to 127 of 'parts' before a step has written them"],
  ],
  [
    'an output that nobody writes',
    (s) => {
      s.programs[1].steps = [];
    },
    ["test, output 'r': is never written as a whole"],
  ],
  [
    'a copy at a step that is not there',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 9, slot: 1, step: 8 }),
    ['train, transfer 4: there is no step 8'],
  ],
  [
    'copies out of order',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 4, slot: 1, step: 1 }),
    ['train, transfer 4: is earlier than the one before it'],
  ],
  [
    'a copy of no tensor',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 99, slot: 1, step: 7 }),
    ['train, copy out at step 7: 99 is no tensor of this program'],
  ],
  [
    'a copy of a persistent tensor',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 0, slot: 1, step: 7 }),
    ['train, copy out at step 7: 0 is no tensor of this program'],
  ],
  [
    'a copy to no slot',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 9, slot: 7, step: 7 }),
    ["train, copy out at step 7: there is no slot 7 for 'y'"],
  ],
  [
    'another value in a home slot',
    (s) => {
      s.slots.push({ tier: 'memory', tensor: 12, copies: 1 });
      s.tensors.push({ ...s.tensors[1], name: 'u' });
      s.programs[0].transfers[1].slot = 2;
    },
    ["train, copy in at step 3: slot 2 is the home slot of 'u', not of 'v'"],
  ],
  [
    'a home slot that is written twice',
    (s) => s.programs[0].transfers.push({ kind: 'out', tensor: 6, slot: 0, step: 7 }),
    ["train, copy out at step 7: the home slot of 'v' is written twice in a run"],
  ],
  [
    'a copy out of what is half there',
    (s) => {
      s.slots.push({ tier: 'memory', tensor: null, copies: 1 });
      s.programs[0].transfers.push({ kind: 'out', tensor: 8, slot: 2, step: 5 });
      s.programs[0].steps[6].operands[1] = 8;
    },
    [
      "train, copy out at step 5: 'parts' is copied out before it is written as a whole",
      "train, step 6 'second': writes 'parts' after it was copied out at step 5",
    ],
  ],
  [
    'a copy in to an input',
    (s) => {
      s.tensors[5].role = 'input';
      s.programs[0].inputs.push({ name: 'q', tensor: 5, default: null, counter: false });
    },
    ["train, copy in at step 4: 'a2' is an input, which the caller writes"],
  ],
  [
    'a copy in of what says nothing',
    (s) => {
      s.tensors.push({ ...s.tensors[4], name: 'free' });
      s.programs[0].transfers[3].tensor = 12;
      s.programs[0].steps[4].operands[0] = 12;
      s.programs[0].steps[5].operands[0] = 12;
      s.tensors[5].copyOf = undefined;
    },
    [
      "train, copy in at step 4: 'free' does not say what it is a copy of",
      "train, copy in at step 4: slot 1 does not hold the value of 'free'",
    ],
  ],
  [
    'a copy in of what is in use',
    (s) => {
      s.programs[0].steps[2].operands[1] = 5;
      s.programs[0].transfers.splice(1, 0, { kind: 'in', tensor: 5, slot: 1, step: 2 });
    },
    ["train, copy in at step 4: 'a2' is brought in when it is in use"],
  ],
  [
    'a slot that holds nothing yet',
    (s) => s.programs[0].transfers.shift(),
    ["train, copy in at step 4: slot 1 does not hold the value of 'a'"],
  ],
  [
    'a slot that holds another value',
    transfer(0, { tensor: 4 }),
    ["train, copy in at step 4: slot 1 does not hold the value of 'a'"],
  ],
  [
    'a step that runs again for the first time',
    step(4, { label: 'c' }),
    ["train, step 4 'c': is recomputed, but no step like it has run before"],
  ],
  [
    'an update that runs again',
    (s) => {
      const { steps } = s.programs[0];
      steps.push({ ...steps[2], operands: [0, 7], recomputed: true });
    },
    ["train, step 8 'w': is recomputed, but writes 'w', which lives on"],
  ],
  [
    'a write after the copy out',
    (s) => {
      const { steps } = s.programs[0];
      steps[2].operands = [3, 4];
    },
    ["train, step 2 'w': writes 'a' after it was copied out at step 1"],
  ],
  [
    'a value that no transfer brings',
    (s) => {
      s.programs[0].transfers.pop();
      s.programs[0].steps[4].operands[0] = 3;
      s.programs[0].steps[5].operands[0] = 3;
    },
    ["tensor 'a2': is a copy, but no transfer brings it in"],
  ],
  [
    'a value that no step recomputes',
    step(4, { recomputed: undefined }),
    ["tensor 'b2': is a copy, but no recomputed step writes it"],
  ],
];

describe('verifySchedule', () => {
  it('takes what is valid', () => {
    expect(verifySchedule(demo(), { limits: WEBGPU_DEFAULT_LIMITS })).toEqual([]);
  });

  it.each(MUTATIONS)('refuses %s', (_, mutate, sentences) => {
    const schedule = structuredClone(demo());
    mutate(schedule);
    expect(verifySchedule(schedule)).toEqual(sentences);
  });

  it('holds kernels against the limits of the target', () => {
    const limits = { maxStorageBuffers: 1, maxWorkgroupBytes: 0 };
    expect(verifySchedule(demo(), { limits })[0]).toBe(
      "kernel 'reverse': has 2 buffers of at most 1",
    );
  });

  // The scratch memory of a stage, as wasm has it.
  const staged = (scratch: string) =>
    parseSchedule(`schedule staged
kernel chain {
  axis a0 parallel 4
  axis a1 parallel 8
  buffer b0 read f32 32
  buffer b1 write f32 32
  buffer b2 write f32 8
  stage over 1 local f32 8 in b2 {
    axis a1 parallel 8
    n0: f32 = load b0[8*a0 + a1]
    store local[a1] = n0
  }
  n0: f32 = load local[7 - a1]
  store b1[8*a0 + a1] = n0
}
kernel copy {
  axis a0 parallel 8
  buffer b0 read f32 8
  buffer b1 write f32 8
  n0: f32 = load b0[a0]
  store b1[a0] = n0
}
tensor t0 w: f32[8] parameter
tensor t1 x: f32[32] input of p
tensor t2 tile: f32[8] activation of p
tensor t3 y: f32[32] output of p
tensor t4 z: f32[8] output of p
program p
  input x = t1
  step 0: k0(t1, t3, ${scratch}) "chain"
  step 1: k1(${scratch === 't0' ? 't0' : 't2'}, t4) "copy"
  output y = t3
  output z = t4
`);

  it('reads nothing out of scratch memory, and keeps it out of what lives on', () => {
    expect(verifySchedule(staged('t2'))).toEqual([
      "p, step 1 'copy': reads elements 0 to 7 of 'tile' before a step has written them",
    ]);
    expect(verifySchedule(staged('t0'))[0]).toBe(
      "p, step 0 'chain': has its scratch memory in 'w', which lives on",
    );
  });

  it('holds the array of a stage against the limits', () => {
    const limits = { maxStorageBuffers: 8, maxWorkgroupBytes: 31 };
    expect(verifySchedule(staged('t2'), { limits })).toContain(
      "kernel 'chain': its stages fill 32 bytes of at most 31",
    );
  });
});

const HANDOVER = parseSchedule(`schedule handover
kernel double {
  axis a0 parallel 64
  buffer b0 read f32 64
  buffer b1 write f32 64
  n0: f32 = load b0[a0]
  store b1[a0] = n0
}
kernel double_2 {
  axis a0 parallel 64
  buffer b0 read_write f32 64
  n0: f32 = load b0[a0]
  store b0[a0] = n0
}
tensor t0 x: f32[64] input of p
tensor t1 a: f32[64] activation of p
tensor t2 b: f32[64] activation of p
tensor t3 y: f32[64] output of p
tensor t4 c: f32[64] activation of p
program p
  input x = t0
  step 0: k0(t0, t1) "a"
  step 1: k1(t2) "b"
  step 2: k0(t2, t3) "y"
  step 3: k0(t0, t4) "c"
  output y = t3
`);

describe('handovers', () => {
  const given: Handover = { tensor: 2, from: 1, step: 1 };

  it('gives what is read its value', () => {
    expect(verifySchedule(HANDOVER, { handovers: [given] })).toEqual([]);
    expect(verifySchedule(HANDOVER)).toEqual([
      "p, step 1 'b': reads elements 0 to 63 of 'b' before a step has written them",
    ]);
  });

  it.each<[string, Handover, Mutate, string]>([
    [
      'of what is needed later',
      given,
      step(3, { operands: [1, 4] }),
      "p, step 3 'c': needs 'a', whose place was taken over at step 1",
    ],
    [
      'of an output',
      given,
      (s) => {
        s.tensors[1].role = 'output';
        s.programs[0].outputs.push({ name: 'a', tensor: 1 });
      },
      "p, step 1 'b': 'b' takes over the place of 'a', which is an output",
    ],
    [
      'of another size',
      given,
      tensor(1, { shape: [128] }),
      "p, step 1 'b': 'b' takes over the place of 'a', but is not of its type",
    ],
    [
      'to what was in use',
      given,
      step(0, { operands: [0, 2] }),
      "p, step 1 'b': 'b' takes over the place of 'a', but was in use before",
    ],
    [
      'to what is only written',
      { tensor: 3, from: 2, step: 2 },
      () => undefined,
      "p, step 2 'y': 'y' takes over the place of 'b', but no buffer of the step both reads and writes all of it",
    ],
    [
      'of an unwritten value',
      given,
      step(0, { operands: [0, 4] }),
      "p, step 1 'b': reads elements 0 to 63 of 'a' before a step has written them",
    ],
    [
      'at no step',
      { ...given, step: 9 },
      () => undefined,
      'handover of 1 to 2: there is no step 9',
    ],
    [
      'of no tensor',
      { ...given, from: 9 },
      () => undefined,
      'handover of 9 to 2: they are no tensors of one program',
    ],
  ])('is refused: %s', (_, handover, mutate, sentence) => {
    const schedule = structuredClone(HANDOVER);
    mutate(schedule);
    expect(verifySchedule(schedule, { handovers: [handover] })).toContain(sentence);
  });
});
