import { isRead, isWritten } from '../../compiler/liveness/access.ts';
import type { Plan } from '../../ir/plan.ts';

/** A tensor that a step works with. */
export interface StepOperand {
  readonly tensor: number;
  readonly reads: boolean;
  readonly writes: boolean;
  /** Of the part that the step touches. */
  readonly bytes: number;
}

/**
 * What each step of a program reads and writes, each tensor once. A result that takes over the memory of an operand in place is bound in
 * its stead: here the step reads the one and writes the other.
 */
export function stepOperands(plan: Plan, program: string): StepOperand[][] {
  const ends = new Map<string, number>();
  plan.tensors.forEach(({ program: own, policy, slab, offset, firstStep, lastStep }, tensor) => {
    // What begins and ends in one step by taking over is the taker there.
    const isBrief = policy === 'in-place' && firstStep === lastStep;
    if (own === program && !isBrief) ends.set(`${slab} ${offset} ${lastStep}`, tensor);
  });
  return plan.programs[program].steps.map(({ kernel, bindings }, step) => {
    const operands = new Map<number, StepOperand>();
    const add = (tensor: number, reads: boolean, writes: boolean, bytes: number) => {
      const before = operands.get(tensor);
      operands.set(tensor, {
        tensor,
        reads: reads || (before?.reads ?? false),
        writes: writes || (before?.writes ?? false),
        bytes: Math.max(bytes, before?.bytes ?? 0),
      });
    };
    bindings.forEach((tensor, b) => {
      const binding = plan.kernels[kernel].bindings[b];
      const { policy, firstStep, slab, offset } = plan.tensors[tensor];
      const isTaken = policy === 'in-place' && firstStep === step && isRead(binding);
      const donor = isTaken ? ends.get(`${slab} ${offset} ${step}`) : undefined;
      if (donor !== undefined && donor !== tensor) {
        add(donor, true, false, binding.bytes);
        add(tensor, false, isWritten(binding), binding.bytes);
      } else add(tensor, isRead(binding), isWritten(binding), binding.bytes);
    });
    return [...operands.values()];
  });
}
