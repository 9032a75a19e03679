import { describe } from 'vitest';
import { emitWgsl } from '../../compiler/codegen/gpu/index.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { testCases } from '../support/cases.ts';

describe('emitWgsl', () => {
  testCases('codegen', 'wgsl', ({ options, input }) => {
    const limits = { ...WEBGPU_DEFAULT_LIMITS };
    if (options.workgroupBytes)
      Object.assign(limits, { maxWorkgroupBytes: Number(options.workgroupBytes) });
    const { wgsl, grid } = emitWgsl(parseKernel(input), limits);
    return `grid ${grid.join(' ')}\n${wgsl}`;
  });
});
