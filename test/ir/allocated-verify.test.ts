import { describe, expect, it } from 'vitest';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { verifyAllocated } from '../../ir/allocated-verify.ts';
import { type AllocatedSchedule, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';

// What the memory passes make of a chain of steps with an update, where only swaps keep the budget, and some of what is swapped goes
// to a file. A second program has elementwise steps, which are in place.
const TEXT = `schedule demo
kernel reverse {
  axis a0 parallel 1000
  buffer b0 read f32 1000
  buffer b1 write f32 1000
  n0: f32 = load b0[999 - a0]
  store b1[a0] = n0
}
kernel join {
  axis a0 parallel 1000
  buffer b0 read f32 1000
  buffer b1 read f32 1000
  buffer b2 write f32 1000
  n0: f32 = load b0[999 - a0]
  n1: f32 = load b1[999 - a0]
  n2: f32 = add n0, n1
  store b2[a0] = n2
}
kernel descend {
  axis a0 parallel 1000
  buffer b0 read_write f32 1000
  buffer b1 read f32 1000
  n0: f32 = load b0[a0]
  n1: f32 = load b1[a0]
  n2: f32 = sub n0, n1
  store b0[a0] = n2
}
kernel double {
  axis a0 parallel 1000
  buffer b0 read f32 1000
  buffer b1 write f32 1000
  n0: f32 = load b0[a0]
  n1: f32 = add n0, n0
  store b1[a0] = n1
}
tensor t0 w: f32[1000] parameter
tensor t1 v: f32[1000] parameter
tensor t2 x: f32[1000] input of train
tensor t3 a: f32[1000] activation of train
tensor t4 b: f32[1000] activation of train
tensor t5 c: f32[1000] activation of train
tensor t6 d: f32[1000] activation of train
tensor t7 e: f32[1000] activation of train
tensor t8 f: f32[1000] activation of train
tensor t9 y: f32[1000] output of train
tensor t10 z: f32[1000] input of test
tensor t11 p: f32[1000] activation of test
tensor t12 q: f32[1000] activation of test
tensor t13 r: f32[1000] output of test
program train
  input x = t2
  step 0: k0(t2, t3) "a"
  step 1: k0(t3, t4) "b"
  step 2: k0(t4, t5) "c"
  step 3: k0(t5, t6) "d"
  step 4: k1(t6, t5, t7) "e"
  step 5: k1(t7, t4, t8) "f"
  step 6: k2(t0, t8) "w"
  step 7: k1(t8, t3, t9) "y"
  output y = t9
program test
  input z = t10
  step 0: k3(t10, t11) "p"
  step 1: k0(t11, t12) "q"
  step 2: k1(t12, t1, t13) "r"
  output r = t13
`;

const limits = WEBGPU_DEFAULT_LIMITS;
const target = 'webgpu';

function planned(share: number, hostBytes: number): AllocatedSchedule {
  const schedule = parseSchedule(TEXT);
  const { deviceBytes } = planMemory(schedule, limits, { target });
  const { schedule: made } = planMemory(schedule, limits, {
    target,
    actions: {
      ...{ recompute: 'none', swap: 'auto', budgetBytes: Math.floor(deviceBytes * share) },
      secondsOf: () => 1e-5,
      costs: {
        deviceToHostBytesPerSecond: 1e9,
        hostToDeviceBytesPerSecond: 1e9,
        transferSeconds: 1e-6,
        overlap: 0,
      },
      host: { hostBytes, spillBytes: 1e9 },
    },
  });
  return made!;
}

const PLAIN = planned(1, 0);
const SWAPPED = planned(0.8, 16000);
/** Here one parameter has its home slot in the file, and the other one a snapshot. */
const HOMED = planned(0.9, 8000);

// biome-ignore lint/suspicious/noExplicitAny: mutating is what types forbid
type Mutate = (allocated: any) => void;
const placement =
  (name: string, change: object): Mutate =>
  (s) =>
    Object.assign(s.placements[indexOf(s, name)], change);
const indexOf = ({ tensors }: AllocatedSchedule, name: string) =>
  tensors.findIndex((tensor) => tensor.name === name);

/** Each changes one thing of a valid schedule; the first sentence that reports it. */
const PLAIN_MUTATIONS: readonly (readonly [string, Mutate, string])[] = [
  ['a place too few', (s) => s.placements.pop(), 'placements: 13 for 14 tensors'],
  [
    'a parameter in the arena',
    placement('w', { policy: 'arena' }),
    "tensor 'w': has role 'parameter' and policy 'arena'",
  ],
  [
    'an input in place',
    placement('x', { policy: 'in-place' }),
    "tensor 'x': is an input, which the caller writes, and in place",
  ],
  [
    'an activation in no slab',
    placement('a', { slab: null, offset: 0 }),
    "tensor 'a': has policy 'arena' and no slab",
  ],
  ['a slab that is not there', placement('a', { slab: 3 }), "tensor 'a': there is no slab 3"],
  [
    'a place between',
    placement('a', { offset: 8200 }),
    "tensor 'a': is at 8200, not at a multiple of 256",
  ],
  [
    'a place behind the end',
    placement('a', { offset: 2 ** 20 }),
    "tensor 'a': ends at 1052576, behind its slab's end at ",
  ],
  [
    'a handover of nothing',
    placement('q', { policy: 'in-place' }),
    "tensor 'q': is in place, but nothing that was there ends at step 1",
  ],
  [
    'a life too long',
    placement('e', { lastStep: 6 }),
    "tensor 'e': lives from step 4 to 6, but is in use from 4 to 5",
  ],
  [
    'a life too short',
    placement('e', { firstStep: 5 }),
    "tensor 'e': lives from step 5 to 5, but is in use from 4 to 5",
  ],
  [
    'a persistent life too short',
    placement('w', { lastStep: 2 }),
    "tensor 'w': lives from step 0 to 2, but is in use from 0 to 7",
  ],
  [
    'a tensor that nothing touches',
    (s) => {
      s.tensors.push({ ...s.tensors[3], name: 'more' });
      s.placements.push(s.placements[3]);
    },
    "tensor 'more': has a place, but no step touches it",
  ],
  [
    'two tensors in one place',
    (s) => {
      s.placements[indexOf(s, 'b')].offset = s.placements[indexOf(s, 'a')].offset;
    },
    "tensor 'b': shares bytes with 'a' while both live",
  ],
  [
    'an activation on a parameter',
    (s) => {
      s.placements[indexOf(s, 'b')].offset = s.placements[indexOf(s, 'w')].offset;
    },
    "tensor 'b': shares bytes with 'w' while both live",
  ],
  ['a slab too large', (s) => (s.slabs[0].bytes += 256), 'size of slab 0: is '],
  ['a sum of the arena', (s) => (s.arenaBytes += 256), 'arenaBytes: is '],
  ['a sum of what lives on', (s) => (s.persistentBytes += 256), 'persistentBytes: is '],
  ['a peak', (s) => (s.peakLiveBytes += 256), 'peakLiveBytes: is '],
  ['a sum of staging', (s) => (s.stagingBytes += 16), 'stagingBytes: is '],
  [
    'staging for no swap',
    (s) => {
      s.swapStaging = { buffers: 2, bytes: 4096 };
      s.stagingBytes += 8192;
    },
    'staging of swaps: 2 buffers of 4096 bytes, but nothing passes through them',
  ],
  [
    'memory that nothing is read into',
    (s) => {
      s.reading = { buffers: 1, bytes: 16 };
    },
    'memory for reading: 1 buffers of 16 bytes, but nothing passes through them',
  ],
  [
    'a snapshot of nothing',
    (s) => s.snapshots.push({ tier: 'memory', offset: 0, bytes: 4000, tensor: 0, copies: 2 }),
    'snapshot of tensor 0: is taken of nothing that could be lost',
  ],
  [
    'a kernel that leaves its buffer',
    (s) => {
      s.kernels[0].nodes[0].index.offset = 1000;
    },
    "kernel 'reverse': n0: addresses 1 to 1000 of b0, which has 1000",
  ],
  [
    'a step on an operand that is gone',
    (s) => {
      s.programs[0].steps[7].operands[0] = indexOf(s, 'e');
    },
    "tensor 'e': lives from step 4 to 5, but is in use from 4 to 7",
  ],
];

const SWAPPED_MUTATIONS: readonly (readonly [string, Mutate, string])[] = [
  ['a slot too few', (s) => s.hostSlots.pop(), 'host slots: '],
  ['a slot between', (s) => (s.hostSlots[0].offset += 8), 'slot 0: is at '],
  ['a slot too small', (s) => (s.hostSlots[0].bytes -= 4), 'slot 0: has '],
  [
    'a home slot of another tensor',
    (s) => (s.hostSlots[0].copies = 3),
    'slot 0: is the home slot of another tensor than the schedule says',
  ],
  [
    'two slots in one place',
    (s) => {
      const [a, ...others] = [...s.hostSlots, ...s.snapshots];
      const b = others.find(({ tier }: { tier: string }) => tier === a.tier) ?? others[0];
      Object.assign(b, { tier: a.tier, offset: a.offset });
    },
    'shares bytes with slot',
  ],
  [
    'no staging',
    (s) => {
      s.stagingBytes -= s.swapStaging.buffers * s.swapStaging.bytes;
      s.swapStaging = { buffers: 0, bytes: 0 };
    },
    'staging of swaps: 0 buffers of 0 bytes, but something passes through them',
  ],
  [
    'nothing to read into',
    (s) => {
      s.reading = { buffers: 0, bytes: 0 };
    },
    'memory for reading: 0 buffers of 0 bytes, but something passes through them',
  ],
  [
    'nothing to write from',
    (s) => {
      s.writing = { buffers: 0, bytes: 0 };
    },
    'memory for writing: 0 buffers of 0 bytes, but something passes through them',
  ],
];

const HOMED_MUTATIONS: typeof SWAPPED_MUTATIONS = [
  ['a snapshot with one copy', (s) => (s.snapshots[0].copies = 1), ': has 1 copies, not 2'],
  ['no snapshot', (s) => s.snapshots.shift(), ': has no snapshot'],
];

describe('verifyAllocated', () => {
  it('takes what the memory passes make', () => {
    for (const schedule of [PLAIN, SWAPPED, HOMED])
      expect(verifyAllocated(schedule, { limits, target })).toEqual([]);
    expect(PLAIN.placements.some(({ policy }) => policy === 'in-place')).toBe(true);
    expect(SWAPPED.hostSlots.some(({ tier }) => tier === 'file')).toBe(true);
    expect(HOMED.snapshots.length).toBeGreaterThan(0);
  });

  it.each(PLAIN_MUTATIONS)('refuses %s', (_, mutate, sentence) => {
    const schedule = structuredClone(PLAIN);
    mutate(schedule);
    expect(verifyAllocated(schedule, { limits, target }).join('\n')).toContain(sentence);
  });

  it.each(SWAPPED_MUTATIONS)('refuses, where values are swapped, %s', (_, mutate, sentence) => {
    const schedule = structuredClone(SWAPPED);
    mutate(schedule);
    expect(verifyAllocated(schedule, { limits, target }).join('\n')).toContain(sentence);
  });

  it.each(HOMED_MUTATIONS)('refuses %s', (_, mutate, sentence) => {
    const schedule = structuredClone(HOMED);
    mutate(schedule);
    expect(verifyAllocated(schedule, { limits, target }).join('\n')).toContain(sentence);
  });

  it('holds sizes against the limits of the target', () => {
    const of = (changes: object) =>
      verifyAllocated(PLAIN, { target, limits: { ...limits, ...changes } }).join('\n');
    expect(of({ maxBindingBytes: 3999 })).toContain(
      "tensor 'w': is bound by more than the 3999 bytes",
    );
    expect(of({ maxBufferBytes: 8192 })).toContain('a buffer at most 8192');
    expect(verifyAllocated(PLAIN, { target: 'wasm', limits }).join('\n')).toContain('stagingBytes');
  });
});

describe('planMemory', () => {
  it('refuses a schedule whose memory is planned already, instead of dropping its transfers', () => {
    for (const schedule of [SWAPPED, { ...parseSchedule(TEXT), slots: SWAPPED.slots! }])
      expect(() => planMemory(schedule, limits, { target })).toThrow(
        "internal error: the memory of schedule 'demo' has been planned before",
      );
  });

  it('refuses a kernel that leaves its buffers', () => {
    const schedule = structuredClone(parseSchedule(TEXT));
    // biome-ignore lint/suspicious/noExplicitAny: mutating is what types forbid
    (schedule.kernels[1].nodes[0] as any).index.offset = 1000;
    expect(() => planMemory(schedule, limits, { target })).toThrow(
      "internal error: what 'order' made is not valid: kernel 'join': n0: addresses 1 to 1000 of b0, which has 1000",
    );
  });
});
