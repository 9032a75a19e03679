import type { PlanTensor } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';

/** Persistent tensors that a failed run may have left half written. Until they are written as a whole, nothing reads them. */
export class Torn {
  readonly #tensors = new Set<PlanTensor>();

  add(tensors: Iterable<PlanTensor>): void {
    for (const tensor of tensors) this.#tensors.add(tensor);
  }

  written(tensors: Iterable<PlanTensor>): void {
    for (const tensor of tensors) this.#tensors.delete(tensor);
  }

  /** Error: `kernel-failed`. */
  check(): void {
    if (this.#tensors.size === 0) return;
    const names = [...this.#tensors].map(({ name }) => `'${name}'`).join(', ');
    throw new RuntimeError(
      'kernel-failed',
      `an earlier run ended half-way and may have left ${names} half written; load a checkpoint (with the option 'snapshots' a failed run has no effect)`,
    );
  }
}
