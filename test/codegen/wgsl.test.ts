import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collapseAxes } from '../../compiler/codegen/gpu/collapse.ts';
import { classifyContraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import { emitWgsl, variantsOf } from '../../compiler/codegen/gpu/index.ts';
import { foldGrid } from '../../compiler/codegen/gpu/module.ts';
import { TUNING } from '../../compiler/codegen/gpu/tuning.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { attentionCases, onlineCases } from '../support/attention-kernels.ts';
import { testDevice } from '../support/gpu.ts';
import {
  disagreements,
  GPU_FORMS,
  type KernelCase,
  kernelCases,
} from '../support/random-kernel.ts';
import { emitTiled, fitsByDefault, runOnGpu } from '../support/run-wgsl.ts';
import { soaked } from '../support/soak.ts';
import { chosenWgsl } from '../support/variants.ts';

type Emit = (kernelCase: KernelCase) => ReturnType<typeof emitWgsl>;

async function check(kernelCase: KernelCase, emit: Emit): Promise<void> {
  const { kernel, buffers } = kernelCase;
  const emitted = emit(kernelCase);
  const problems = disagreements(kernelCase, await runOnGpu(kernel, buffers, emitted));
  if (problems.length > 0)
    throw new Error(`${problems.join('\n')}\n${printKernel(kernel)}${emitted.wgsl}`);
}

const withLimits = (limits: Partial<TargetLimits>): Emit => {
  const all = { ...WEBGPU_DEFAULT_LIMITS, ...limits };
  return ({ kernel }) => chosenWgsl(kernel, all);
};

// A software GPU needs seconds for kernels with barriers, so those runs are few; most contractions have them, and wgsl-contraction.test.ts
// goes through all of their tilings.
test.each(GPU_FORMS)('%s kernels are what the interpreter says', async (form) => {
  const property = fc.asyncProperty(kernelCases([form]), (one) => check(one, withLimits({})));
  await fc.assert(property, soaked(form === 'contraction' ? 12 : 30));
});

test('kernels are the same in a grid of many short rows', async () => {
  const narrow = withLimits({ maxWorkgroupsPerDimension: 3, maxWorkgroupInvocations: 16 });
  await fc.assert(
    fc.asyncProperty(kernelCases(), (one) => check(one, narrow)),
    soaked(30),
  );
});

test('kernels are the same without workgroup memory', async () => {
  const plain = withLimits({ maxWorkgroupBytes: 0 });
  await fc.assert(
    fc.asyncProperty(kernelCases(['reduction', 'contraction']), (one) => check(one, plain)),
    soaked(30),
  );
});

test('contractions of any form are the same in any tiling', async () => {
  const cases = fc.tuple(
    kernelCases(['contraction']),
    fc.constantFrom(...TUNING.contraction.tilings.filter(fitsByDefault)),
  );
  const property = fc.asyncProperty(cases, ([one, tiling]) =>
    check(one, ({ kernel }) => {
      const collapsed = collapseAxes(kernel);
      const groups = classifyContraction(collapsed);
      return groups ? emitTiled(collapsed, { ...groups, tiling }) : chosenWgsl(kernel);
    }),
  );
  await fc.assert(property, { ...soaked(3), endOnFailure: true });
});

test('kernels of any form are the same in any variant without barriers', async () => {
  const property = fc.asyncProperty(kernelCases(), fc.nat(100), (one, turn) =>
    check(one, ({ kernel }) => {
      const variants = variantsOf(kernel, { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes: 0 });
      // What has large arrays in stages has no other way.
      if (variants.length === 0) return chosenWgsl(kernel);
      return emitWgsl(kernel, variants[turn % variants.length], WEBGPU_DEFAULT_LIMITS);
    }),
  );
  await fc.assert(property, soaked(40));
});

test('merging axes keeps the meaning', () => {
  fc.assert(
    fc.property(
      kernelCases(GPU_FORMS.filter((form) => form !== 'staged' && form !== 'carried')),
      (one) => {
        const collapsed = collapseAxes(one.kernel);
        expect(collapsed.axes.length).toBeLessThanOrEqual(one.kernel.axes.length);
        const results = one.buffers.map((data) => Float64Array.from(data));
        interpretKernel(collapsed, results);
        expect(disagreements(one, results)).toEqual([]);
      },
    ),
  );
});

test('axes that memory runs through in one go become one', () => {
  const kernel = parseKernel(`kernel double {
  axis a0 parallel 8
  axis a1 parallel 1
  axis a2 parallel 4
  axis a3 parallel 5
  buffer b0 read f32 160
  buffer b1 write f32 320
  n0: f32 = load b0[20*a0 + 5*a2 + a3]
  n1: f32 = add n0, n0
  store b1[40*a0 + 10*a2 + 2*a3] = n1
}
`);
  expect(collapseAxes(kernel).axes).toEqual([{ kind: 'parallel', extent: 160 }]);
});

test('grids fold where a dimension is too short', () => {
  expect(foldGrid(65535, 65535)).toEqual([65535, 1, 1]);
  const [x, y, z] = foldGrid(1_000_003, 65535);
  expect(x * y * z).toBeGreaterThanOrEqual(1_000_003);
  expect(Math.max(x, y)).toBeLessThanOrEqual(65535);
});

test('sums are the same by exchanges in subgroups', async () => {
  const { subgroupMinSize: minSubgroupSize } = (await testDevice()).adapterInfo;
  expect(minSubgroupSize).toBeGreaterThan(1);
  const limits = { ...WEBGPU_DEFAULT_LIMITS, minSubgroupSize };
  let count = 0;
  const forms = ['reduction', 'staged', 'carried'] as const;
  const property = fc.asyncProperty(kernelCases(forms), fc.nat(100), async (one, turn) => {
    const exchanging = variantsOf(one.kernel, limits).filter(
      (variant) => 'exchange' in variant && variant.exchange > 1,
    );
    if (exchanging.length === 0) return;
    count++;
    await check(one, ({ kernel }) =>
      emitWgsl(kernel, exchanging[turn % exchanging.length], limits),
    );
  });
  await fc.assert(property, { ...soaked(12), endOnFailure: true });
  expect(count).toBeGreaterThan(2);
});

test('sums that are rescaled are the same in all divisions', async () => {
  let weighted = 0;
  const property = fc.asyncProperty(onlineCases, fc.nat(), async (one, pick) => {
    const all = variantsOf(one.kernel, WEBGPU_DEFAULT_LIMITS);
    const blocked = all.filter((variant) => variant.form === 'staged' && variant.chunk > 0);
    const list = blocked.length > 0 ? blocked : all;
    if (list.length === 0) return;
    await check(one, ({ kernel }) => {
      const emitted = emitWgsl(kernel, list[pick % list.length], WEBGPU_DEFAULT_LIMITS);
      if (emitted.wgsl.includes('rows_factor')) weighted++;
      return emitted;
    });
  });
  await fc.assert(property, { ...soaked(16), endOnFailure: true });
  expect(weighted).toBeGreaterThan(1);
});

test('contractions in tiles of a kernel with stages are the same in blocks', async () => {
  let count = 0;
  const property = fc.asyncProperty(attentionCases, fc.nat(), async (one, pick) => {
    const blocked = variantsOf(one.kernel, WEBGPU_DEFAULT_LIMITS).filter(
      (variant) => variant.form === 'staged' && variant.chunk > 0,
    );
    if (blocked.length === 0) return;
    count++;
    await check(one, ({ kernel }) =>
      emitWgsl(kernel, blocked[pick % blocked.length], WEBGPU_DEFAULT_LIMITS),
    );
  });
  await fc.assert(property, { ...soaked(10), endOnFailure: true });
  expect(count).toBeGreaterThan(3);
});

test.each([4, 8, 24])(
  'sums of products of %i terms that an invocation has to itself',
  async (terms) => {
    // Rows that are picked, less a value of their own, and the sum of the squares: vectors along the terms, of one point.
    const [rows, picked] = [9, 11];
    const kernel = parseKernel(`kernel squares {
  axis a0 parallel ${picked}
  axis a1 parallel ${terms}
  buffer b0 read i32 ${picked}
  buffer b1 read f32 ${rows * terms}
  buffer b2 write f32 ${picked * terms}
  stage over 1 local f32 1 {
    axis a1 reduced ${terms}
    n0: i32 = load b0[a0]
    n1: f32 = load b1[a1 + ${terms}*(n0 < ${rows})]
    reduce sum n1
    n2: f32 = accumulator
    store local[0] = n2
  }
  stage over 1 local f32 1 {
    axis a1 reduced ${terms}
    n0: i32 = load b0[a0]
    n1: f32 = load b1[a1 + ${terms}*(n0 < ${rows})]
    n2: f32 = load local[0]
    n3: f32 = sub n1, n2
    n4: f32 = mul n3, n3
    reduce sum n4
    n5: f32 = accumulator
    store local2[0] = n5
  }
  n0: i32 = load b0[a0]
  n1: f32 = load b1[a1 + ${terms}*(n0 < ${rows})]
  n2: f32 = load local2[0]
  n3: f32 = add n1, n2
  store b2[${terms}*a0 + a1] = n3
}
`);
    const buffers = [
      Int32Array.from({ length: picked }, (_, k) => (k * 5) % rows),
      Float32Array.from({ length: rows * terms }, (_, k) => Math.sin(k)),
      new Float32Array(picked * terms),
    ];
    const alone = variantsOf(kernel, WEBGPU_DEFAULT_LIMITS).filter(
      ({ form }) => form === 'private',
    );
    expect(alone.length).toBeGreaterThan(0);
    for (const variant of alone)
      await check({ kernel, buffers, tolerance: [0, 0, 1e-4] }, () =>
        emitWgsl(kernel, variant, WEBGPU_DEFAULT_LIMITS),
      );
  },
);
