import { describe, expect, it } from 'vitest';
import { emitWgsl } from '../../compiler/codegen/gpu/index.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { readCases } from '../support/cases.ts';

describe('emitWgsl', () => {
  for (const { title, options, input, expected } of readCases('codegen', 'wgsl')) {
    it(title, () => {
      const limits = { ...WEBGPU_DEFAULT_LIMITS };
      if (options.workgroupBytes)
        Object.assign(limits, { maxWorkgroupBytes: Number(options.workgroupBytes) });
      const { wgsl, grid } = emitWgsl(parseKernel(input), limits);
      expect(`grid ${grid.join(' ')}\n${wgsl}`.trim()).toBe(expected);
    });
  }
});
