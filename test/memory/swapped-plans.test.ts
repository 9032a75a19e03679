import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { checkSchema } from '../support/check-schema.ts';
import { soaked } from '../support/soak.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { randomSchedule } from './random-schedule.ts';

test('random plans in which values are swapped and recomputed are valid', () => {
  const draws = fc.record({
    seed: fc.nat(),
    hosted: fc.nat(10),
    swapped: fc.nat(10),
    recomputed: fc.nat(10),
  });
  fc.assert(
    fc.property(fc.nat(), draws, (seed, draw) => {
      const { schedule } = planMemory(randomSchedule(seed, 30), WEBGPU_DEFAULT_LIMITS, {
        target: 'webgpu',
      });
      const plan = assemblePlan(schedule!, {
        target: 'webgpu',
        budgetBytes: null,
        producer: 'test',
        emitted: schedule!.kernels.map(() => ({ wgsl: '//', grid: [1, 1, 1] as const })),
      });
      const swapped = swappedPlan(plan, { ...draw, tiers: ['memory', 'file'] });
      expect(verifyPlan(swapped)).toEqual([]);
      expect(checkSchema(swapped)).toEqual([]);
    }),
    soaked(60),
  );
});
