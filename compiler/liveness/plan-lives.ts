import type { Plan } from '../../ir/plan.ts';
import { writtenBy } from './access.ts';
import { placedLiveBytes } from './peak.ts';

/** Sum of the bytes of live arena tensors at each step of a plan's program; a shared place counts once. */
export function planLiveBytes(plan: Plan, program: string): number[] {
  const own = plan.tensors.filter((tensor) => tensor.program === program);
  return [...placedLiveBytes(own, Math.max(1, plan.programs[program].steps.length))];
}

/** What each step of a plan's program writes. */
export function planWrites({ programs, kernels }: Plan, program: string): number[][] {
  return programs[program].steps.map(({ kernel, bindings }) =>
    writtenBy(kernels[kernel].bindings, bindings),
  );
}
