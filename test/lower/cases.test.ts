import { describe } from 'vitest';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { testCases } from '../support/cases.ts';
import { moduleOf } from '../support/module-of.ts';

describe('lowering', () => {
  testCases('lower', 'lower', ({ input }) =>
    printSchedule(
      lowerModule(moduleOf(parseGraph(input)), { maxStorageBuffers: 8, fusion: orderProgram }),
    ),
  );
});

describe('chains of contractions', () => {
  testCases('lower', 'chain', ({ input, options }) => {
    const schedule = lowerModule(moduleOf(parseGraph(input)), {
      maxStorageBuffers: 8,
      fusion: orderProgram,
      // Only bytes matter, and an array has 64 elements at most.
      stages: {
        arrayBytes: 256,
        needsHolder: options.holder === 'yes',
        clusters: false,
        hasWorkgroups: false,
        splitsReductions: false,
        time: (kernel) => kernelCost(kernel).bytes,
      },
    });
    return printSchedule(schedule);
  });
});
