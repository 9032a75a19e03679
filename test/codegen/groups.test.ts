import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupVariant } from '../../compiler/codegen/gpu/group-variant.ts';
import {
  emitGpu,
  emitWgsl,
  groupText,
  namedGroup,
  type Variant,
} from '../../compiler/codegen/gpu/index.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { kernelAccess } from '../../ir/kernel-access.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { bindingCount } from '../../ir/spans.ts';
import { testDevice } from '../support/gpu.ts';
import { type GroupCase, groupCases, throughBindings } from '../support/random-group.ts';
import { kernelCases } from '../support/random-kernel.ts';
import { runOnScript } from '../support/run-script.ts';
import { runOnGpu } from '../support/run-wgsl.ts';
import { SCRIPT } from '../support/script-dialect.ts';
import { soaked } from '../support/soak.ts';

// Kernels with parts: what several kernels that share a dispatch compute is what each computes alone, to the bit.

type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
type Run = (kernel: Kernel, buffers: readonly Data[], variant: Variant) => Data[];

const runAlone =
  (limits: TargetLimits): Run =>
  (kernel, buffers, variant) =>
    runOnScript(kernel, buffers, emitGpu(SCRIPT, kernel, variant, limits));

/** Where the group gave other numbers than its parts alone. */
function differences(
  one: GroupCase,
  together: readonly Data[],
  alone: readonly Data[][],
): string[] {
  return one.group.parts!.flatMap(({ kernel, places }, p) =>
    places.flatMap(({ buffer, start }, b) => {
      const wanted = alone[p][b];
      const given = together[buffer].subarray(start, start + kernel.buffers[b].elements);
      const at = wanted.findIndex((value, i) => !Object.is(value, given[i]));
      return at < 0 ? [] : [`part ${p}, b${b}[${at}]: ${given[at]} instead of ${wanted[at]}`];
    }),
  );
}

async function check(one: GroupCase, limits: TargetLimits = WEBGPU_DEFAULT_LIMITS): Promise<void> {
  const emitted = emitGpu(SCRIPT, one.group, one.variant, limits);
  const run = runAlone(limits);
  const alone = one.cases.map(({ kernel, buffers }, p) =>
    run(kernel, buffers, one.variant.parts[p]),
  );
  let problems: string[];
  try {
    const together = await throughBindings(one.group, one.buffers, (bound) =>
      runOnScript(one.group, bound, emitted),
    );
    problems = differences(one, together, alone);
  } catch (error) {
    problems = [String(error)];
  }
  if (problems.length > 0)
    throw new Error(
      `${problems.join('\n')}\n${groupText(one.variant)}\n${printKernel(one.group)}${emitted.code}`,
    );
}

describe('kernels with parts', () => {
  test('compute what their parts do alone', async () => {
    await fc.assert(
      fc.asyncProperty(groupCases(), (one) => check(one)),
      soaked(50),
    );
  });

  test('do so in a grid of many short rows', async () => {
    const limits = { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupsPerDimension: 3 };
    await fc.assert(
      fc.asyncProperty(groupCases(), (one) => check(one, limits)),
      soaked(15),
    );
  });

  test('are valid, print what is parsed, cost what their parts cost, and are interpreted part by part', () => {
    fc.assert(
      fc.property(groupCases(), ({ group, cases, buffers }) => {
        expect(verifyKernel(group)).toEqual([]);
        expect(parseKernel(printKernel(group))).toEqual(group);
        const costs = cases.map(({ kernel }) => kernelCost(kernel));
        expect(kernelCost(group).flops).toBe(costs.reduce((sum, { flops }) => sum + flops, 0));
        const whole = buffers.map((data) => Float64Array.from(data));
        interpretKernel(group, whole);
        group.parts!.forEach(({ kernel, places }, p) => {
          const own = cases[p].buffers.map((data) => Float64Array.from(data));
          interpretKernel(kernel, own);
          places.forEach(({ buffer, start }, b) => {
            const { written } = kernelAccess(kernel)[b];
            for (const range of written)
              expect(kernelAccess(group)[buffer].written).toContainEqual({
                ...range,
                start: range.start + start,
                end: range.end + start,
              });
            expect(whole[buffer].subarray(start, start + own[b].length)).toEqual(own[b]);
          });
        });
      }),
      soaked(15),
    );
  });

  test('are made again from the names of their variants, and from no others', () => {
    fc.assert(
      fc.property(groupCases(), ({ group, variant }) => {
        const text = groupText(variant);
        expect(namedGroup(group, WEBGPU_DEFAULT_LIMITS, text)).toEqual(variant);
        const other = text.replace(/of \d+/, 'of 1024');
        expect(() => namedGroup(group, WEBGPU_DEFAULT_LIMITS, other)).toThrow('cannot be made as');
        expect(() =>
          namedGroup(group, WEBGPU_DEFAULT_LIMITS, `${text} | points 1 of 64`),
        ).toThrow();
      }),
      soaked(30),
    );
  });

  test('have one size of workgroups, or are none', () => {
    const [kernel] = fc
      .sample(kernelCases(['elementwise']), { numRuns: 1, seed: 1 })
      .map((one) => one.kernel);
    const staged = (workgroupSize: number) =>
      ({ form: 'staged', workgroupSize, exchange: 1, terms: 1, chunk: 0 }) as const;
    const points = (workgroupSize: number) =>
      ({ form: 'points', width: 1, workgroupSize }) as const;
    const of = (...variants: Variant[]) =>
      groupVariant(
        variants.map(() => kernel),
        variants,
        WEBGPU_DEFAULT_LIMITS,
      )?.workgroupSize;
    expect(of(staged(64), staged(128))).toBeUndefined();
    expect(of(staged(64), points(256))).toBe(64);
    expect(of(staged(256), points(64))).toBe(256);
    expect(of(points(64), points(256))).toBe(256);
    expect(of(points(64), points(96))).toBeUndefined();
    const reduction = {
      ...({ form: 'reduction', outputs: 4, reducers: 64, reducersFirst: true } as const),
      ...({ width: 1, terms: 1, exchange: 1 } as const),
    };
    expect(of(reduction, staged(64))).toBe(64);
    expect(of(reduction, staged(32))).toBeUndefined();
    // Where reducers of an output are apart by the number of outputs, that number stays.
    expect(of({ ...reduction, exchange: 16 }, staged(64))).toBe(64);
    expect(of({ ...reduction, reducersFirst: false }, points(512))).toBe(256);
    expect(of({ ...reduction, reducersFirst: false, exchange: 4 }, points(512))).toBe(256);
    expect(of({ ...reduction, reducersFirst: false, exchange: 4 }, staged(64))).toBeUndefined();
    const blocks = { form: 'blocks', block: [4], terms: 2, workgroupSize: 64 } as const;
    expect(of(blocks, staged(128))).toBe(128);
    expect(of(blocks, reduction)).toBe(256);
  });

  test('are refused where spans are not what they must be', () => {
    const text = (...spans: string[]) => `kernel both {
      buffer b0 read f32 8
      buffer b1 write f32 8
      buffer b2 write f32 8
      buffer b3 read i32 8
      ${spans.map((span) => `span ${span}`).join('\n')}
      part one over b0, b1 {
        axis a0 parallel 8
        buffer b0 read f32 8
        buffer b1 write f32 8
        n0: f32 = load b0[a0]
        store b1[a0] = n0
      }
      part two over b3, b2 {
        axis a0 parallel 8
        buffer b0 read i32 8
        buffer b1 write f32 8
        n0: i32 = load b0[a0]
        n1: f32 = toF32 n0
        store b1[a0] = n1
      }
    }`;
    const problems = (...spans: string[]) => verifyKernel(parseKernel(text(...spans)));
    expect(problems('b1, b0+8, b2+64')).toEqual([]);
    expect(problems('b0')).toEqual(['span 0: 1 of at least 2 buffers']);
    expect(problems('b0, b1+4')).toEqual([
      'span 0: b1 starts at 4, not at a multiple of 4 behind 8',
    ]);
    expect(problems('b0, b1+10')).toEqual([
      'span 0: b1 starts at 10, not at a multiple of 4 behind 8',
    ]);
    expect(problems('b0+4, b1+16')).toEqual(['span 0: starts at 4, not at 0']);
    expect(problems('b0, b3+8')).toEqual(['span 0: b3 is i32, b0 another type']);
    expect(problems('b0, b7+8')).toEqual(['span 0: there is no buffer b7']);
    expect(problems('b0, b1+8', 'b1, b2+8')).toEqual(['span 1: b1 has a place already']);
    const alone = parseKernel(
      'kernel alone {\n  axis a0 parallel 8\n  buffer b0 write f32 8\n  buffer b1 read f32 8\n  span b0, b1+8\n  n0: f32 = load b1[a0]\n  store b0[a0] = n0\n}\n',
    );
    expect(verifyKernel(alone)).toEqual(['spans: only a kernel with parts has any']);
  });

  test('are refused where a part touches what another stores', () => {
    const text = (second: string) => `kernel both {
      buffer b0 read f32 8
      buffer b1 write f32 16
      part one over b0, b1 {
        axis a0 parallel 8
        buffer b0 read f32 8
        buffer b1 write f32 8
        n0: f32 = load b0[a0]
        store b1[a0] = n0
      }
      part two over b0, ${second} {
        axis a0 parallel 8
        buffer b0 read f32 8
        buffer b1 write f32 8
        n0: f32 = load b0[a0]
        store b1[a0] = n0
      }
    }`;
    expect(verifyKernel(parseKernel(text('b1+8')))).toEqual([]);
    expect(verifyKernel(parseKernel(text('b1+4')))).toEqual([
      'b1: part 1 touches what part 0 does, and one of them stores',
    ]);
    expect(verifyKernel(parseKernel(text('b1+6')))).toEqual([
      'part 1: b1 starts at 6, not at a multiple of 4',
    ]);
    expect(verifyKernel(parseKernel(text('b1+12')))).toEqual([
      'part 1: b1 ends behind b1, which has 16',
    ]);
    expect(verifyKernel(parseKernel(text('b2')))).toEqual(['part 1: there is no buffer b2']);
  });

  test('are the same on WebGPU', async () => {
    await testDevice();
    const cases = fc
      .sample(groupCases(), { numRuns: 24, seed: 7 })
      .filter(({ group }) => bindingCount(group.buffers.length, group.spans) <= 8)
      .map((one) => ({ one, emitted: emitWgsl(one.group, one.variant, WEBGPU_DEFAULT_LIMITS) }))
      // Invocations may not store lanes of one vector at the same time, and the compiler makes no such groups.
      .filter(({ emitted }) => !/>> 2u\]\[[^\]]*\] \+?= /.test(emitted.wgsl));
    expect(cases.length).toBeGreaterThan(4);
    expect(cases.some(({ one }) => one.group.spans)).toBe(true);
    for (const { one, emitted } of cases.slice(0, 8)) {
      const alone: Data[][] = [];
      for (const [p, { kernel, buffers }] of one.cases.entries())
        alone.push(
          await runOnGpu(
            kernel,
            buffers,
            emitWgsl(kernel, one.variant.parts[p], WEBGPU_DEFAULT_LIMITS),
          ),
        );
      const together = await throughBindings(one.group, one.buffers, (bound) =>
        runOnGpu(one.group, bound, emitted),
      );
      expect(differences(one, together, alone), emitted.wgsl).toEqual([]);
    }
  });
});
