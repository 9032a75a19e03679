import type { Plan, PlanTensor } from '../../ir/plan.ts';
import { sourceText } from './places.ts';

/** The user's expression behind a step and the outermost call that led there, or null. */
export function sourceOf(plan: Plan, program: string, step: number): string | null {
  return sourceText(plan, plan.programs[program].steps[step]?.source);
}

/** The step that writes each tensor of a program first. */
export function writers(plan: Plan, program: string): Map<number, number> {
  const first = new Map<number, number>();
  plan.programs[program].steps.forEach(({ kernel, bindings }, step) => {
    bindings.forEach((tensor, binding) => {
      if (plan.kernels[kernel].bindings[binding].access !== 'read' && !first.has(tensor))
        first.set(tensor, step);
    });
  });
  return first;
}

/** Sum of the bytes of live arena tensors at each step; tensors in one place (in-place chains) count once. */
export function liveBytes(plan: Plan, program: string): number[] {
  const count = Math.max(1, plan.programs[program].steps.length);
  const change = new Float64Array(count + 1);
  const places = new Map<string, PlanTensor[]>();
  for (const tensor of plan.tensors) {
    if (tensor.program !== program) continue;
    const key = `${tensor.slab}:${tensor.offset}`;
    const list = places.get(key);
    if (list) list.push(tensor);
    else places.set(key, [tensor]);
  }
  for (const tensors of places.values()) {
    tensors.sort((a, b) => a.firstStep - b.firstStep);
    let freeFrom = 0;
    for (const { firstStep, lastStep, bytes } of tensors) {
      // At a handover both names of the one place are live: it counts from where the first one ended.
      const from = Math.max(firstStep, freeFrom);
      if (from > lastStep) continue;
      change[from] += bytes;
      change[lastStep + 1] -= bytes;
      freeFrom = lastStep + 1;
    }
  }
  const live: number[] = [];
  let sum = 0;
  for (let step = 0; step < count; step++) {
    sum += change[step];
    live.push(sum);
  }
  return live;
}
