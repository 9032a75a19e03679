import { describe } from 'vitest';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { testCases } from '../support/cases.ts';
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
});
