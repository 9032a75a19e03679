import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Plan, PlanContraction, Target } from '../../ir/plan.ts';
import { planFormErrors } from '../../ir/plan-form.ts';
import { planLimits } from '../../ir/plan-limits.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import type { ScheduleContraction } from '../../ir/schedule.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { parseSchedule } from '../../ir/schedule-text.ts';
import { countReads } from '../support/count-reads.ts';
import { soaked } from '../support/soak.ts';
import { randomSchedule } from './random-schedule.ts';

const schema = JSON.parse(
  readFileSync(new URL('../../ir/plan.schema.json', import.meta.url), 'utf8'),
);

// In `train`: x is scaled in place of itself, the state m is updated, and what is left is reversed into y, which cannot
// be in place. `predict` has a name and a tensor in common with it.
const SCHEDULE = `schedule demo
kernel double {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 write f32 100
  n0: f32 = load b0[a0]
  n1: f32 = add n0, n0
  store b1[a0] = n1
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
kernel reverse {
  axis a0 parallel 100
  buffer b0 read f32 100
  buffer b1 write f32 100
  n0: f32 = load b0[99 - a0]
  store b1[a0] = n0
}
tensor t0 w: f32[10,10] parameter
tensor t1 x: f32[100] input of train
tensor t2 a: f32[100] activation of train
tensor t3 b: f32[100] activation of train
tensor t4 y: f32[100] output of train
tensor t5 x: f32[100] input of predict
tensor t6 z: f32[100] output of predict
tensor t7 step: i32[] input of train
program train
  input x = t1
  input step = t7 default 0 counter
  step 0: k0(t1, t2) "mul" @ model.ts(3,4)
  step 1: k1(t0, t2) "sub"
  step 2: k2(t2, t3) "slice"
  step 3: k2(t3, t4) "slice"
  output y = t4
program predict
  input x = t5
  step 0: k2(t5, t6) "slice"
  output z = t6
`;

const CONTRACTION: ScheduleContraction = {
  equation: 'ab,bc,cd->ad',
  sizes: { a: 2, b: 3, c: 4, d: 5 },
  order: [
    [0, 1],
    [3, 2],
  ],
  method: 'exact',
  macs: 64,
  trainMacs: null,
  leftToRightMacs: 64,
  denseMacs: 30,
  times: 1,
  origin: null,
};

/** A change of the contraction of `train`. */
const contracted = (change: Partial<PlanContraction>): Tamper => {
  return (plan) => Object.assign(plan.programs.train.contractions[0], change);
};
const IN_ORDER = 'programs.train.contractions[0].order';

function demoPlan(target: Target): Plan {
  const limits = target === 'wasm' ? WASM_LIMITS : WEBGPU_DEFAULT_LIMITS;
  const schedule = planMemory(parseSchedule(SCHEDULE), limits, { target }).schedule!;
  const pages = schedule.slabs[0].bytes / 65536;
  return assemblePlan(schedule, {
    target,
    budgetBytes: 1_000_000,
    producer: 'btc-compiler test',
    contractions: [[CONTRACTION], []],
    emitted: schedule.kernels.map(({ name }) =>
      target === 'wasm'
        ? { export: name, grid: [1, 1, 1] as const }
        : { wgsl: `// ${name}`, grid: [2, 1, 1] as const },
    ),
    ...(target === 'wasm'
      ? { wasmModule: { file: 'demo.wasm', bytes: 8, sha256: 'ab'.repeat(32), pages } }
      : {}),
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
type Tamper = (plan: any) => void;

function tampered(target: Target, tamper: Tamper): Plan {
  const plan = JSON.parse(JSON.stringify(demoPlan(target)));
  tamper(plan);
  return plan;
}

const tensor = (plan: Plan, name: string) => plan.tensors.find((t) => t.name === name)!;
const named = (name: string, change: Record<string, unknown>): Tamper => {
  return (plan) => Object.assign(tensor(plan, name), change);
};

// Each changes one thing, and says what the message must start with.
const TAMPERINGS: readonly (readonly [string, Target, string, Tamper])[] = [
  ['another format', 'webgpu', 'format:', (p) => Object.assign(p, { format: 'x' })],
  ['another version', 'webgpu', 'version:', (p) => Object.assign(p, { version: '99.0' })],
  ['another target', 'webgpu', 'kernels[0].export:', (p) => Object.assign(p, { target: 'wasm' })],
  [
    'an equation',
    'wasm',
    'programs.train.contractions[0].equation:',
    contracted({ equation: 'ab' }),
  ],
  [
    'no size of a letter',
    'wasm',
    'programs.train.contractions[0].sizes:',
    contracted({ sizes: {} }),
  ],
  ['a missing step', 'wasm', `${IN_ORDER}:`, contracted({ order: [[0, 1]] })],
  [
    'a part to come',
    'wasm',
    `${IN_ORDER}[0]:`,
    contracted({
      order: [
        [0, 4],
        [3, 2],
      ],
    }),
  ],
  [
    'a part twice',
    'wasm',
    `${IN_ORDER}[1]:`,
    contracted({
      order: [
        [0, 1],
        [0, 2],
      ],
    }),
  ],
  [
    'no such window',
    'wasm',
    'programs.train.contractions[0].windows:',
    contracted({ windows: [3] }),
  ],
  ['no slabs', 'webgpu', 'slabs:', (p) => Reflect.deleteProperty(p, 'slabs')],
  ['a missing slab', 'webgpu', 'tensors[0].slab:', (p) => p.slabs.pop()],
  ['a larger slab', 'webgpu', 'slabs[0].bytes:', (p) => (p.slabs[0].bytes += 256)],
  ['a smaller slab', 'webgpu', 'tensors[', (p) => (p.slabs[0].bytes -= 256)],
  ['an unused slab', 'webgpu', 'slabs[1].bytes:', (p) => p.slabs.push({ bytes: 256 })],
  ['NaN as an offset', 'webgpu', 'tensors[0].offset:', (p) => (p.tensors[0].offset = Number.NaN)],
  ['a negative offset', 'webgpu', 'tensors[0].offset:', (p) => (p.tensors[0].offset = -256)],
  ['a huge offset', 'webgpu', 'tensors[0].offset:', (p) => (p.tensors[0].offset = 1e300)],
  ['a fraction', 'webgpu', 'tensors[0].offset:', (p) => (p.tensors[0].offset = 0.5)],
  ['an unaligned offset', 'webgpu', 'tensors[0].offset:', (p) => (p.tensors[0].offset += 4)],
  [
    'an offset past the end',
    'webgpu',
    'tensors[0].offset:',
    (p) => (p.tensors[0].offset += 2 ** 20),
  ],
  ['a slab that is not there', 'webgpu', 'tensors[0].slab:', (p) => (p.tensors[0].slab = 7)],
  ['wrong bytes', 'webgpu', 'tensors[0].bytes:', (p) => (p.tensors[0].bytes -= 4)],
  ['a wrong shape', 'webgpu', 'tensors[0].bytes:', (p) => (p.tensors[0].shape = [99])],
  [
    'a shape beyond all numbers',
    'webgpu',
    'tensors[0].bytes:',
    (p) => (p.tensors[0].shape = new Array(64).fill(2 ** 52)),
  ],
  ['an extent of zero', 'webgpu', 'tensors[0].shape[0]:', (p) => (p.tensors[0].shape = [0])],
  ['another dtype', 'webgpu', 'programs.train.steps[1].bindings[0]:', named('w', { dtype: 'i32' })],
  [
    'overlapping offsets',
    'webgpu',
    'programs.train.steps[2].bindings:',
    (p) => Object.assign(tensor(p, 'b'), { offset: tensor(p, 'a').offset }),
  ],
  ['a parameter in the arena', 'webgpu', 'tensors[0].policy:', named('w', { policy: 'arena' })],
  [
    'an activation that persists',
    'webgpu',
    'tensors[2].policy:',
    named('a', { policy: 'persistent' }),
  ],
  ['a parameter of a program', 'webgpu', 'tensors[0].program:', named('w', { program: 'train' })],
  ['a program that is not there', 'webgpu', 'tensors[2].program:', named('a', { program: 'test' })],
  ['an inherited program', 'webgpu', 'tensors[2].program:', named('a', { program: 'toString' })],
  ['another program', 'webgpu', 'programs.train.steps[', named('b', { program: 'predict' })],
  [
    'no memory for the input',
    'webgpu',
    'tensors[1].firstStep:',
    named('train/x', { firstStep: 1 }),
  ],
  ['a life that ends early', 'webgpu', 'tensors[2].lastStep:', named('a', { lastStep: 1 })],
  ['a life that ends late', 'webgpu', 'tensors[2].lastStep:', named('a', { lastStep: 3 })],
  ['a life past the program', 'webgpu', 'tensors[4].lastStep:', named('y', { lastStep: 9 })],
  ['a parameter that dies', 'webgpu', 'tensors[0].lastStep:', named('w', { lastStep: 2 })],
  [
    'a place not taken over',
    'webgpu',
    'programs.train.steps[0].bindings[0]:',
    named('a', { policy: 'arena' }),
  ],
  [
    'a place taken over from nobody',
    'webgpu',
    'tensors[3].policy:',
    named('b', { policy: 'in-place' }),
  ],
  ['an input in place', 'webgpu', 'tensors[1].policy:', named('train/x', { policy: 'in-place' })],
  [
    'an input that is none',
    'webgpu',
    'tensors[2].role:',
    named('a', { role: 'input', policy: 'arena' }),
  ],
  ['an output that is none', 'webgpu', 'tensors[3].role:', named('b', { role: 'output' })],
  ['two tensors of one name', 'webgpu', 'tensors[3].name:', named('b', { name: 'a' })],
  ['a dangerous name', 'webgpu', 'tensors[3].name:', named('b', { name: '__proto__' })],
  [
    'two kernels of one name',
    'webgpu',
    'kernels[1].name:',
    (p) => (p.kernels[1].name = p.kernels[0].name),
  ],
  [
    'a kernel without code',
    'webgpu',
    'kernels[0].wgsl:',
    (p) => Reflect.deleteProperty(p.kernels[0], 'wgsl'),
  ],
  ['a kernel with both codes', 'webgpu', 'kernels[0].export:', (p) => (p.kernels[0].export = 'f')],
  [
    'a kernel that needs more',
    'webgpu',
    'programs.train.steps[0].bindings[0]:',
    (p) => (p.kernels[0].bindings[0].bytes = 404),
  ],
  [
    'a kernel that needs nothing',
    'webgpu',
    'kernels[0].bindings[0].bytes:',
    (p) => (p.kernels[0].bindings[0].bytes = 0),
  ],
  [
    'a kernel that reads first',
    'webgpu',
    'programs.train.steps[2].bindings[1]:',
    (p) => (p.kernels[2].bindings[1].access = 'read'),
  ],
  [
    'one binding more',
    'webgpu',
    'programs.train.steps[0].bindings:',
    (p) => p.kernels[0].bindings.push({ dtype: 'f32', access: 'read', bytes: 4 }),
  ],
  [
    'one operand less',
    'webgpu',
    'programs.train.steps[1].bindings:',
    (p) => p.programs.train.steps[1].bindings.pop(),
  ],
  [
    'an operand that is not there',
    'webgpu',
    'programs.train.steps[1].bindings[0]:',
    (p) => (p.programs.train.steps[1].bindings[0] = 99),
  ],
  [
    'an operand of another program',
    'webgpu',
    'programs.train.steps[1].bindings[1]:',
    (p) => (p.programs.train.steps[1].bindings[1] = 5),
  ],
  [
    'one operand twice',
    'webgpu',
    'programs.train.steps[1].bindings:',
    (p) => (p.programs.train.steps[1].bindings[0] = 2),
  ],
  [
    'another kernel',
    'webgpu',
    'programs.train.steps[0].',
    (p) => (p.programs.train.steps[0].kernel = 2),
  ],
  [
    'a kernel that is not there',
    'webgpu',
    'programs.train.steps[0].kernel:',
    (p) => (p.programs.train.steps[0].kernel = 77),
  ],
  ['a missing step', 'webgpu', 'tensors[', (p) => p.programs.train.steps.splice(2, 1)],
  ['steps in another order', 'webgpu', 'tensors[', (p) => p.programs.train.steps.reverse()],
  [
    'an empty grid',
    'webgpu',
    'programs.train.steps[0].grid[1]:',
    (p) => (p.programs.train.steps[0].grid[1] = 0),
  ],
  [
    'a flat grid',
    'webgpu',
    'programs.train.steps[0].grid:',
    (p) => p.programs.train.steps[0].grid.pop(),
  ],
  [
    'a source that is none',
    'webgpu',
    'programs.train.steps[0].source:',
    (p) => (p.programs.train.steps[0].source = 'x'),
  ],
  [
    'a source that is not there',
    'webgpu',
    'programs.train.steps[0].source:',
    (p) => (p.programs.train.steps[0].source = 99),
  ],
  [
    'a source of a tensor that is not there',
    'webgpu',
    'tensors[0].source:',
    (p) => (p.tensors[0].source = 99),
  ],
  ['a call that leads to itself', 'webgpu', 'frames[0].from:', (p) => (p.frames[0].from = 0)],
  ['a place in no frame', 'webgpu', 'sources[0].frame:', (p) => (p.sources[0].frame = 99)],
  ['a missing program', 'webgpu', 'tensors[', (p) => Reflect.deleteProperty(p.programs, 'predict')],
  [
    'an input shape',
    'webgpu',
    'programs.train.inputs[0].shape:',
    (p) => (p.programs.train.inputs[0].shape = [10, 10]),
  ],
  [
    'an input dtype',
    'webgpu',
    'programs.train.inputs[0].dtype:',
    (p) => (p.programs.train.inputs[0].dtype = 'i32'),
  ],
  [
    'an input tensor',
    'webgpu',
    'programs.train.inputs[0].tensor:',
    (p) => (p.programs.train.inputs[0].tensor = 0),
  ],
  ['an input left out', 'webgpu', 'tensors[1].role:', (p) => p.programs.train.inputs.shift()],
  [
    'an input of the same name',
    'webgpu',
    'programs.train.inputs[1].name:',
    (p) => (p.programs.train.inputs[1].name = 'x'),
  ],
  [
    'a default that is no i32',
    'webgpu',
    'programs.train.inputs[1].default:',
    (p) => (p.programs.train.inputs[1].default = 0.5),
  ],
  [
    'an output shape',
    'webgpu',
    'programs.train.outputs[0].shape:',
    (p) => (p.programs.train.outputs[0].shape = [100, 1]),
  ],
  [
    'an output that dies',
    'webgpu',
    'programs.train.outputs[0].tensor:',
    (p) => (p.programs.train.outputs[0].tensor = 3),
  ],
  ['an output left out', 'webgpu', 'tensors[4].role:', (p) => p.programs.train.outputs.pop()],
  [
    'a dangerous output name',
    'webgpu',
    'programs.train.outputs[0].name:',
    (p) => (p.programs.train.outputs[0].name = '__proto__'),
  ],
  ['deviceBytes', 'webgpu', 'memory.deviceBytes:', (p) => (p.memory.deviceBytes -= 16)],
  ['arenaBytes', 'webgpu', 'memory.arenaBytes:', (p) => (p.memory.arenaBytes += 256)],
  ['persistentBytes', 'webgpu', 'memory.persistentBytes:', (p) => (p.memory.persistentBytes = 0)],
  ['stagingBytes', 'webgpu', 'memory.stagingBytes:', (p) => (p.memory.stagingBytes += 16)],
  ['hostBytes', 'webgpu', 'memory.hostBytes:', (p) => (p.memory.hostBytes = 1)],
  ['gapBytes', 'webgpu', 'memory.packing.gapBytes:', (p) => (p.memory.packing.gapBytes += 256)],
  ['peakLiveBytes', 'webgpu', 'memory.peakLiveBytes:', (p) => (p.memory.peakLiveBytes -= 256)],
  ['a budget below the need', 'webgpu', 'memory.deviceBytes:', (p) => (p.memory.budgetBytes = 100)],
  ['a module', 'webgpu', 'module:', (p) => (p.module = demoPlan('wasm').module)],
  ['no module', 'wasm', 'module:', (p) => Reflect.deleteProperty(p, 'module')],
  ['a page more', 'wasm', 'module.pages:', (p) => (p.module.pages += 1)],
  [
    'a grid',
    'wasm',
    'programs.train.steps[0].grid:',
    (p) => (p.programs.train.steps[0].grid = [2, 1, 1]),
  ],
  ['staging', 'wasm', 'memory.stagingBytes:', (p) => (p.memory.stagingBytes = 16)],
];

describe('verifyPlan', () => {
  it.each(['webgpu', 'wasm'] as const)('accepts what the compiler makes for %s', (target) => {
    expect(verifyPlan(demoPlan(target))).toEqual([]);
  });

  it.each(TAMPERINGS)('refuses %s (%s): %s', (_, target, start, tamper) => {
    const errors = verifyPlan(tampered(target, tamper));
    expect(errors.length).toBeGreaterThan(0);
    expect(
      errors.some((error) => error.startsWith(start)),
      errors.join('\n'),
    ).toBe(true);
  });

  it('refuses a program called __proto__', () => {
    const text = JSON.stringify(demoPlan('webgpu')).replaceAll('"predict"', '"__proto__"');
    expect(verifyPlan(JSON.parse(text))[0]).toMatch(/^programs: '__proto__' is not allowed/);
  });

  it('never throws, whatever stands anywhere in a plan', () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        null,
        undefined,
        Number.NaN,
        -1,
        0.5,
        1e300,
        2 ** 53,
        4294967295,
        '',
        '__proto__',
        [],
        {},
        true,
      ),
      fc.integer({ min: 0, max: 12 }),
      fc.jsonValue(),
    );
    const plan = demoPlan('webgpu');
    const paths = leafPaths(plan, []);
    fc.assert(
      fc.property(fc.constantFrom(...paths), hostile, (path, value) => {
        const copy = structuredClone(plan) as never;
        replace(copy, path, value);
        expect(Array.isArray(verifyPlan(copy))).toBe(true);
      }),
      soaked(1500),
    );
    for (const value of [null, undefined, 1, 'plan', [], {}, { programs: null }]) {
      expect(verifyPlan(value as never).length).toBeGreaterThan(0);
    }
  });

  it('finds every change of a tensor, a total, a binding or an access in random plans', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, pick) => {
        const schedule = planMemory(randomSchedule(seed, 20), WEBGPU_DEFAULT_LIMITS, {
          target: 'webgpu',
        }).schedule!;
        const plan = assemblePlan(schedule, {
          target: 'webgpu',
          budgetBytes: null,
          producer: 'test',
          emitted: schedule.kernels.map(() => ({ wgsl: '//', grid: [1, 1, 1] as const })),
        });
        expect(verifyPlan(plan)).toEqual([]);
        const numbers = ['slab', 'bytes', 'firstStep', 'lastStep'] as const;
        // biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
        const copy = structuredClone(plan) as any;
        const target = copy.tensors[pick % copy.tensors.length];
        target[numbers[pick % numbers.length]] += 1 + (pick % 3);
        expect(verifyPlan(copy)).not.toEqual([]);
      }),
      soaked(100),
    );
  });

  it('reads a plan of four times the steps four times as often', () => {
    const reads = [1000, 4000].map((steps) => {
      const schedule = planMemory(randomSchedule(5, steps, 1), WEBGPU_DEFAULT_LIMITS, {
        target: 'webgpu',
      }).schedule!;
      const plan = assemblePlan(schedule, {
        target: 'webgpu',
        budgetBytes: null,
        producer: 'test',
        emitted: schedule.kernels.map(() => ({ wgsl: '//', grid: [1, 1, 1] as const })),
      });
      return countReads(plan, (counted) => expect(verifyPlan(counted)).toEqual([]));
    });
    expect(reads[0]).toBeGreaterThan(1000);
    expect(reads[1] / reads[0]).toBeLessThan(5);
  });
});

/** Paths to every value inside of `value`. */
function leafPaths(value: unknown, path: readonly string[]): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  const inner = Object.entries(value).flatMap(([key, entry]) => leafPaths(entry, [...path, key]));
  return path.length > 0 ? [[...path], ...inner] : inner;
}

function replace(root: never, path: readonly string[], value: unknown): void {
  let parent = root as Record<string, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
  parent[path.at(-1)!] = value;
}

describe('planLimits', () => {
  it('says what a device must offer', () => {
    expect(planLimits(demoPlan('webgpu'))).toEqual({
      maxBufferSize: demoPlan('webgpu').slabs[0].bytes,
      maxStorageBufferBindingSize: 400,
      maxStorageBuffersPerShaderStage: 2,
      maxComputeWorkgroupsPerDimension: 2,
      maxComputeInvocationsPerWorkgroup: 0,
      maxComputeWorkgroupSizeX: 0,
      maxComputeWorkgroupStorageSize: 0,
    });
  });
});

describe('the published schema', () => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true });
  const compiled = ajv.compile(schema);

  it('describes every field', () => {
    const undescribed: string[] = [];
    const walk = (node: Record<string, unknown>, path: string) => {
      for (const [name, field] of Object.entries(
        (node.properties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        const referred = String(field.$ref ?? '').replace('#/definitions/', '');
        const described = field.description ?? schema.definitions[referred]?.description;
        if (!described) undescribed.push(`${path}.${name}`);
        walk(field, `${path}.${name}`);
      }
      if (node.items) walk(node.items as Record<string, unknown>, `${path}[]`);
    };
    walk(schema, '');
    for (const [name, definition] of Object.entries(schema.definitions))
      walk(definition as Record<string, unknown>, name);
    expect(undescribed).toEqual([]);
  });

  it.each(['webgpu', 'wasm'] as const)('accepts plans for %s', (target) => {
    const plan = demoPlan(target);
    expect(compiled(plan), JSON.stringify(compiled.errors)).toBe(true);
    expect(planFormErrors(plan)).toEqual([]);
  });

  it('and the verifier refuse an unknown field anywhere, which the verifier names', () => {
    for (const path of leafPaths(demoPlan('wasm'), [])) {
      const plan = structuredClone(demoPlan('wasm')) as never;
      let value = plan as unknown;
      for (const key of path) value = (value as Record<string, unknown>)[key];
      if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
      if (path.length === 1 && path[0] === 'programs') continue;
      (value as Record<string, unknown>)['extra'] = 1;
      expect(compiled(plan), path.join('.')).toBe(false);
      const [error] = verifyPlan(plan);
      const reason =
        path.at(-1) === 'sizes' ? 'letter of an equation' : 'field of a plan of this version';
      expect(error).toMatch(new RegExp(`(^|\\.)extra: is not a ${reason}$`));
    }
  });

  it('refuses what the form that the verifier relies on refuses, and nothing else', () => {
    for (const [, target, , tamper] of TAMPERINGS) {
      const plan = tampered(target, tamper);
      expect(planFormErrors(plan).length > 0).toBe(!compiled(plan));
    }
    const odd = [null, -1, 0, 1, 1.5, 2 ** 40, 2 ** 60, '', 'x', true, [], {}, [1, 2, 3]];
    for (const target of ['webgpu', 'wasm'] as const) {
      // Places of a list are alike: its first one and the next stand for all.
      const paths = leafPaths(demoPlan(target), []).filter((path) =>
        path.every((key) => !/^\d+$/.test(key) || Number(key) < 2),
      );
      for (const path of paths) {
        const plan = structuredClone(demoPlan(target)) as never;
        for (const value of odd) {
          replace(plan, path, value);
          const errors = planFormErrors(plan);
          expect(errors.length > 0, `${path.join('.')} = ${JSON.stringify(value)}`).toBe(
            !compiled(plan),
          );
        }
      }
    }
  });
});
