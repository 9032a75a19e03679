import type { Plan, TensorRole } from '../../ir/plan.ts';
import { placedLiveBytes } from '../liveness/peak.ts';

/** Live arena bytes at each step of a program by the role of what has them; roles without any are left out. Their sum is `planLiveBytes`. */
export function roleBytes(plan: Plan, program: string): ReadonlyMap<TensorRole, Float64Array> {
  const steps = Math.max(1, plan.programs[program].steps.length);
  const own = plan.tensors.filter((tensor) => tensor.program === program);
  return new Map(
    [...new Set(own.map(({ role }) => role))].map((role) => [
      role,
      placedLiveBytes(
        own.filter((tensor) => tensor.role === role),
        steps,
      ),
    ]),
  );
}
