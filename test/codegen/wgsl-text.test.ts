import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emitGpu, emitWgsl, variantsOf } from '../../compiler/codegen/gpu/index.ts';
import { WGSL } from '../../compiler/codegen/gpu/wgsl/dialect.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { testCases } from '../support/cases.ts';
import { kernelCases } from '../support/random-kernel.ts';
import { soaked } from '../support/soak.ts';
import { chosenWgsl } from '../support/variants.ts';

describe('emitWgsl', () => {
  testCases('codegen', 'wgsl', ({ options, input }) => {
    const limits = { ...WEBGPU_DEFAULT_LIMITS };
    if (options.workgroupBytes)
      Object.assign(limits, { maxWorkgroupBytes: Number(options.workgroupBytes) });
    if (options.subgroup) Object.assign(limits, { minSubgroupSize: Number(options.subgroup) });
    const { wgsl, grid } = chosenWgsl(parseKernel(input), limits);
    return `grid ${grid.join(' ')}\n${wgsl}`;
  });

  test('remembers the module of a kernel by its variant and all limits that it is made within', () => {
    const within = [1, 2, 65535].map((maxWorkgroupsPerDimension) => {
      return { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupsPerDimension };
    });
    fc.assert(
      fc.property(kernelCases(), ({ kernel }) => {
        for (const variant of variantsOf(kernel, WEBGPU_DEFAULT_LIMITS))
          for (const limits of within) {
            const { code, grid } = emitGpu(WGSL, kernel, variant, limits);
            for (let again = 0; again < 2; again++)
              expect(emitWgsl(kernel, variant, limits)).toEqual({ wgsl: code, grid });
          }
      }),
      soaked(60),
    );
  });
});
