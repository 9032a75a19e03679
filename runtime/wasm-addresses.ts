import type { Plan, PlanProgram } from '../ir/plan.ts';
import type { ThreadProgram } from './wasm-walk.ts';

/** Address of the first byte of each slab: they follow one another. */
export function slabAddresses({ slabs }: Plan): number[] {
  let end = 0;
  return slabs.map(({ bytes }) => {
    const start = end;
    end += bytes;
    return start;
  });
}

/** Per step, the address of each binding; working memory is at `scratch`, if that is given. */
export function stepAddresses(
  plan: Plan,
  program: PlanProgram,
  scratch: number | null = null,
): number[][] {
  const slabs = slabAddresses(plan);
  return program.steps.map(({ kernel, bindings, offsets }) =>
    bindings.map((tensor, k) => {
      if (scratch !== null && plan.kernels[kernel].bindings[k].scratch) return scratch;
      const { slab, offset } = plan.tensors[tensor];
      return slabs[slab!] + offset + (offsets?.[k] ?? 0);
    }),
  );
}

/**
 * Floating-point operations, and bytes that are moved, each as long as two of them, from which on a step is shared: some 25
 * microseconds of one thread. Threads meet before and behind such a step, for a microsecond or two where each has a core that
 * is idle, for more where another program has it.
 */
const LEAST_SHARED = 2 ** 20;

/** The programs of a plan for a thread whose working memory is at `scratch`; null: where the plan has it. */
export function threadPrograms(plan: Plan, scratch: number | null): ThreadProgram[] {
  return Object.values(plan.programs).map((program) => {
    const wholes = program.steps.map(({ kernel }) => plan.kernels[kernel].parts ?? 1);
    return {
      exports: program.steps.map(({ kernel }) => plan.kernels[kernel].export!),
      addresses: stepAddresses(plan, program, scratch),
      parts: program.steps.map(({ flops, bytesMoved }, s) =>
        flops + 2 * bytesMoved < LEAST_SHARED ? 1 : wholes[s],
      ),
      wholes,
    };
  });
}
