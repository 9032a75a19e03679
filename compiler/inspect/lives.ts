import type { Plan } from '../../ir/plan.ts';
import { planWrites } from '../liveness/plan-lives.ts';
import { sourceText } from './places.ts';

/** The user's expression behind a step and the outermost call that led there, or null. */
export function sourceOf(plan: Plan, program: string, step: number): string | null {
  return sourceText(plan, plan.programs[program].steps[step]?.source);
}

/** The step that writes each tensor of a program first. */
export function writers(plan: Plan, program: string): Map<number, number> {
  const first = new Map<number, number>();
  planWrites(plan, program).forEach((written, step) => {
    for (const tensor of written) if (!first.has(tensor)) first.set(tensor, step);
  });
  return first;
}
