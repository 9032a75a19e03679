import type { Plan, PlanStep } from '../../ir/plan.ts';
import { originals } from '../../ir/plan-copies.ts';

/** What memory is for, from the bottom of the stack to its top. */
export const MEMORY_KINDS = [
  'parameter',
  'state',
  'optimiser',
  'input',
  'activation',
  'gradient',
  'output',
  'scratch',
] as const;
export type MemoryKind = (typeof MEMORY_KINDS)[number];

/** What people call them. */
export const MEMORY_WORDS: Readonly<Record<MemoryKind, string>> = {
  parameter: 'parameters',
  state: 'states',
  optimiser: 'optimiser state',
  input: 'inputs',
  activation: 'activations',
  gradient: 'gradients',
  output: 'outputs',
  scratch: 'working memory',
};

/** What a step is for. */
export const STEP_KINDS = ['forward', 'backward', 'update', 'recompute'] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** What people call them. */
export const STEP_WORDS: Readonly<Record<StepKind, string>> = {
  forward: 'forward',
  backward: 'backward (gradients)',
  update: 'update of parameters',
  recompute: 'recomputed for less memory',
};

/** Of each tensor, an index into {@link MEMORY_KINDS}. A copy counts as what it is a copy of. */
export function memoryKinds(plan: Plan): Uint8Array {
  const original = originals(plan);
  const isScratch = scratchTensors(plan);
  return Uint8Array.from(plan.tensors, ({ source }, index) => {
    const { role } = plan.tensors[original[index]];
    const pass = plan.sources?.[source ?? -1]?.pass ?? '';
    const kind: MemoryKind =
      role !== 'activation'
        ? role
        : isScratch[index]
          ? 'scratch'
          : pass.includes('gradient')
            ? 'gradient'
            : 'activation';
    return MEMORY_KINDS.indexOf(kind);
  });
}

/** 1 for tensors that only hold what code works with. */
function scratchTensors({ tensors, kernels, programs }: Plan): Uint8Array {
  const scratch = new Uint8Array(tensors.length);
  const other = new Uint8Array(tensors.length);
  for (const { steps } of Object.values(programs))
    for (const { kernel, bindings } of steps)
      bindings.forEach((tensor, b) => {
        (kernels[kernel].bindings[b].scratch ? scratch : other)[tensor] = 1;
      });
  return scratch.map((is, index) => (is && !other[index] ? 1 : 0));
}

/**
 * What a step, or a part of one, is for. One kernel that is fused of several passes counts as backward where it makes gradients, else as
 * an update where it makes that.
 */
export function stepKind(
  plan: Plan,
  { source, recomputed }: Pick<PlanStep, 'source' | 'recomputed'>,
): StepKind {
  if (recomputed) return 'recompute';
  const pass = plan.sources?.[source ?? -1]?.pass ?? '';
  return pass.includes('gradient') ? 'backward' : pass.includes('update') ? 'update' : 'forward';
}
