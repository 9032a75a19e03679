import { beforeAll, describe, expect, test } from 'vitest';
import { type CompileResult, compile } from '../../compiler/index.ts';
import { verifyCode } from '../../compiler/verify/index.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { MODELS } from '../support/models.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';
import { swappedWasm } from '../support/swapped-plan.ts';

const TARGETS = ['wasm', 'webgpu'] as const;
const MLP = 'perceptron, dropout, Adam with clipping';

async function provedFully({ plan, module, diagnostics }: CompileResult): Promise<void> {
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  expect(await verifyCode(plan!, module)).toEqual([]);
}

describe('the code of what the compiler makes is proved', () => {
  const some = Object.keys(MODELS).slice(0, 6);
  test.each(some)('%s', async (name) => {
    for (const target of TARGETS) await provedFully(await compile(MODELS[name](), { target }));
  });

  test.each(['alexnet', 'u-net', 'gpt'])('network %s', async (name) => {
    const { model, set } = SMALL_NETWORKS[name];
    for (const target of TARGETS) await provedFully(await compile(model, { target, set }));
  });

  test('within a budget that takes swaps, and for other limits of a device', async () => {
    const { plan } = await compile(MODELS[MLP](), { target: 'webgpu' });
    const budgetBytes = Math.floor(0.9 * plan!.memory.deviceBytes);
    await provedFully(await compile(MODELS[MLP](), { target: 'webgpu', budgetBytes }));
    for (const limits of [
      { maxWorkgroupBytes: 0 },
      { maxWorkgroupInvocations: 64 },
      { maxWorkgroupsPerDimension: 3 },
    ])
      await provedFully(await compile(MODELS[MLP](), { target: 'webgpu', limits }));
  });

  test('with values that leave the device and come back', async () => {
    const { plan } = await compile(MODELS[MLP](), { target: 'wasm' });
    const draw = { seed: 5, hosted: 5, swapped: 5, recomputed: 5, tiers: ['memory'] } as const;
    const swapped = await swappedWasm(plan!, draw);
    expect(await verifyCode(swapped.plan, swapped.module)).toEqual([]);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
type Tamper = (plan: any) => void;

/** The kernel of a contraction: it reads at computed addresses. */
const K = (plan: Plan) => plan.kernels.findIndex(({ text }) => /load b0\[\d+\*a/.test(text));

// Each changes one thing that `load` cannot know, for the targets given, and says where it must be found.
const TAMPERINGS: readonly (readonly [string, readonly Target[], RegExp, Tamper])[] = [
  ['code', ['webgpu'], /\.wgsl$/, (p) => (p.kernels[0].wgsl += '\n')],
  [
    'an endless loop',
    ['webgpu'],
    /\.wgsl$/,
    (p) => (p.kernels[0].wgsl = p.kernels[0].wgsl.replace(/\}\s*$/, 'loop {} }')),
  ],
  [
    'the code of another kernel',
    ['webgpu'],
    /\.wgsl$/,
    (p) => (p.kernels[0].wgsl = p.kernels[1].wgsl),
  ],
  ['a module', ['wasm'], /^module$/, (p) => (p.module.sha256 = 'ab'.repeat(32))],
  ['the size of a module', ['wasm'], /^module$/, (p) => p.module.bytes++],
  ['exports', ['wasm'], /\.export$/, (p) => swapExports(p)],
  ['text that is none', TARGETS, /\.text$/, (p) => (p.kernels[0].text = 'x')],
  ['text with something behind', TARGETS, /\.text$/, (p) => (p.kernels[0].text += '\n// b9[9]')],
  [
    'an address outside of its binding',
    TARGETS,
    /\.text$/,
    (p) => edit(p, /(load b0\[)/, '$1100000 + '),
  ],
  ['a negative address', TARGETS, /\.text$/, (p) => edit(p, /(load b0\[)/, '$1-100000 + ')],
  ['a larger axis', TARGETS, /\.text$/, (p) => edit(p, /(axis a0 parallel )/, '$19')],
  ['an axis without an end', TARGETS, /\.text$/, (p) => edit(p, /(axis a0 parallel )\d+/, '$1NaN')],
  ['a binding that is not there', TARGETS, /\.text$/, (p) => edit(p, /load b0\[/, 'load b9[')],
  ['an access', TARGETS, /\.text$/, (p) => edit(p, /buffer b0 read /, 'buffer b0 read_write ')],
  ['a kernel’s name', TARGETS, /\.name$|\.text$/, (p) => (p.kernels[0].name = 'other')],
  ['operations', TARGETS, /\.flops$/, (p) => p.programs.train.steps[0].flops++],
  ['bytes', TARGETS, /\.bytesMoved$/, (p) => (p.programs.train.steps[0].bytesMoved = 0)],
  ['a grid', ['webgpu'], /\.grid$/, (p) => (p.programs.train.steps[0].grid = [65535, 65535, 1])],
  ['a variant', ['webgpu'], /\.variant$|\.wgsl$/, (p) => (p.kernels[0].variant = 'points 4 of 7')],
  [
    'a variant of another form',
    ['webgpu'],
    /\.variant$/,
    (p) => (p.kernels[0].variant = 'registers 9x9x4'),
  ],
  [
    'limits',
    ['webgpu'],
    /\.wgsl$|\.grid$|\.variant$/,
    (p) => (p.limits.maxWorkgroupInvocations = 32),
  ],
];

function edit(plan: Plan, from: RegExp, to: string): void {
  const kernel = plan.kernels[K(plan)] as { text: string };
  expect(kernel.text).toMatch(from);
  kernel.text = kernel.text.replace(from, to);
}

/** Kernels with as many bindings, so that the module still has the exports that the plan wants. */
// biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
function swapExports({ kernels }: any): void {
  for (const a of kernels)
    for (const b of kernels)
      if (a !== b && a.bindings.length === b.bindings.length) {
        [a.export, b.export] = [b.export, a.export];
        return;
      }
}

describe('what a plan does not say of its code is found', () => {
  const built = new Map<Target, CompileResult>();
  beforeAll(async () => {
    for (const target of TARGETS) built.set(target, await compile(MODELS[MLP](), { target }));
  });

  const cases = TAMPERINGS.flatMap(([name, targets, at, tamper]) =>
    targets.map((target) => [name, target, at, tamper] as const),
  );
  test.each(cases)('%s on %s', async (_, target, at, tamper) => {
    const { plan, module } = built.get(target)!;
    const tampered = JSON.parse(JSON.stringify(plan)) as Plan;
    tamper(tampered);
    expect(verifyPlan(tampered)).toEqual([]);
    const findings = await verifyCode(tampered, module);
    expect(
      findings.some(({ path }) => at.test(path)),
      JSON.stringify(findings),
    ).toBe(true);
  });

  test('a module that is another one', async () => {
    const { plan, module } = built.get('wasm')!;
    const other = module!.slice();
    other[other.length - 1] ^= 1;
    expect((await verifyCode(plan!, other)).map(({ path }) => path)).toEqual(['module.file']);
    expect(await verifyCode(plan!, null)).toEqual([]);
  });

  test('never throws and always ends, whatever the texts of kernels are', async () => {
    const { plan } = built.get('webgpu')!;
    for (const kernel of plan!.kernels) {
      const lines = kernel.text.split('\n');
      const texts = lines.flatMap((line, k) => [
        lines.toSpliced(k, 1).join('\n'),
        lines.with(k, line.replace(/\d+/, '4294967295')).join('\n'),
        lines.with(k, line.replace(/\d+(?=\D*$)/, '9007199254740991')).join('\n'),
        lines.with(k, line.replace(/\d+/, '-1')).join('\n'),
      ]);
      for (const text of texts.slice(0, 60)) {
        const one = { ...plan!, kernels: [{ ...kernel, text }], programs: {} };
        expect(Array.isArray(await verifyCode(one, null))).toBe(true);
      }
    }
  });
});
