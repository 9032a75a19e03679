import { describe, expect, it } from 'vitest';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { readCases } from '../support/cases.ts';
import { moduleOf } from '../support/module-of.ts';

describe('lowering', () => {
  for (const { title, input, expected } of readCases('lower', 'lower')) {
    it(title, () => {
      const schedule = lowerModule(moduleOf(parseGraph(input)), {
        maxStorageBuffers: 8,
        fusion: orderProgram,
      });
      expect(printSchedule(schedule).trim()).toBe(expected);
    });
  }
});

describe('chains of contractions', () => {
  for (const { title, options, input, expected } of readCases('lower', 'chain')) {
    it(title, () => {
      const schedule = lowerModule(moduleOf(parseGraph(input)), {
        maxStorageBuffers: 8,
        fusion: orderProgram,
        // Only bytes matter, and an array has 64 elements at most.
        stages: {
          arrayBytes: 256,
          needsHolder: options.holder === 'yes',
          time: (kernel) => kernelCost(kernel).bytes,
        },
      });
      expect(printSchedule(schedule).trim()).toBe(expected);
    });
  }
});
