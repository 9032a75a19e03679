import { describe, expect, it } from 'vitest';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { testCases } from '../support/cases.ts';

describe('kernel text, verifier and cost', () => {
  testCases('memory', 'kernels', ({ input }) => {
    const kernel = parseKernel(input);
    expect(printKernel(kernel)).toBe(input);
    const errors = verifyKernel(kernel);
    if (errors.length > 0) return errors.join('\n');
    const { flops, bytes } = kernelCost(kernel);
    return `flops ${flops} bytes ${bytes}`;
  });
});

describe('parseKernel', () => {
  it.each([
    ['kernel a {\n  axis a0 parallel 4\n', 'line 1: the kernel has no closing brace'],
    ['kernel a {\n  axis a1 parallel 4\n}', 'line 2: expected number 0, not 1'],
    [
      'kernel a {\n  buffer b0 write f32 4\n  n0: f32 = load b0[a3]\n}',
      'line 3: a3 is not an axis',
    ],
    ['kernel a {\n  n0: f32 = frob n0\n}', "line 2: 'frob' is not an operation"],
    ['kernel a {\n  n0: f32 = constant 1\n  nonsense\n}', "line 3: 'nonsense' is not a line"],
    ['kernel a {\n  n0: f32 = constructor n0\n}', "line 2: 'constructor' is not an operation"],
    [
      'kernel a {\n  stage over 1 local f32 4 {\n  }\n}',
      'line 2: the tile axes stand before the stage',
    ],
    ['kernel a {\n  stage over 0 local f32 4 {\n  }\n}', 'line 2: a stage has a store'],
    [
      'kernel a {\n  stage over 0 local f32 4 {\n    buffer b0 read f32 4\n  }\n}',
      'line 2: buffers stand outside of the stage',
    ],
    [
      'kernel a {\n  stage over 0 local f32 4 {\n    stage over 0 local f32 4 {\n  }\n  }\n}',
      'line 3: a stage has no stages',
    ],
    ['kernel a {\n}\nrest', "unexpected text after the kernel: 'rest'"],
  ])('names the line of %j', (text, message) => {
    expect(() => parseKernel(text)).toThrow(message);
  });
});
