import type { Plan, PlanKernel, PlanProgram } from '../ir/plan.ts';
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

const LINE = 64;

/** Where the working memory of a kernel lies in that of a thread, by binding, and all that it takes; each begins a line of a cache. */
export function scratchPlaces({ bindings }: Pick<PlanKernel, 'bindings'>): {
  readonly places: readonly (number | null)[];
  readonly bytes: number;
} {
  let end = 0;
  const places = bindings.map(({ scratch, bytes }) => {
    if (!scratch) return null;
    const start = end;
    end += Math.ceil(bytes / LINE) * LINE;
    return start;
  });
  return { places, bytes: end };
}

/** Per step, the address of each binding; working memory is at `scratch`, if that is given. */
export function stepAddresses(
  plan: Plan,
  program: PlanProgram,
  scratch: number | null = null,
): number[][] {
  const slabs = slabAddresses(plan);
  const places = plan.kernels.map((kernel) => scratchPlaces(kernel).places);
  return program.steps.map(({ kernel, bindings, offsets }) =>
    bindings.map((tensor, k) => {
      const place = places[kernel][k];
      if (scratch !== null && place !== null) return scratch + place;
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
