import { parseKernel } from '../../ir/kernel-text.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import type { Schedule, ScheduleProgram, ScheduleTensor, TargetLimits } from '../../ir/schedule.ts';
import { generatePlan } from '../codegen/index.ts';
import { planMemory } from '../plan-search/plan-memory.ts';
import { TARGETS } from '../targets/index.ts';
import { PRODUCER } from '../version.ts';
import type { Benchmark } from './benchmarks.ts';
import { measuringModel } from './code-model.ts';

/** How often the kernel runs in the programs of a benchmark's plan, which are called `times1`, `times16`, … */
export const REPEATS = [1, 16, 256] as const;
/** The output of every program: one number, for the sake of waiting for it. */
export const DONE = 'done';

const NOTE = parseKernel(
  'kernel note {\nbuffer b0 write i32 1\nn0: i32 = constant 1\nstore b0[0] = n0\n}\n',
);

/** A plan that runs a benchmark's kernel over parameters, which start at zero. */
export async function benchmarkPlan(
  { name, kernel, form }: Benchmark,
  target: Target,
  limits: TargetLimits,
): Promise<{ plan: Plan; module: Uint8Array | null }> {
  const parameters = kernel.buffers.map(
    ({ dtype, elements, access }, i): ScheduleTensor => ({
      name: `b${i}`,
      dtype,
      shape: [elements],
      role: access === 'read' ? 'parameter' : 'state',
      program: null,
      source: null,
    }),
  );
  const done = REPEATS.map(
    (_, program): ScheduleTensor => ({
      name: `${DONE}${program}`,
      dtype: 'i32',
      shape: [],
      role: 'output',
      program,
      source: null,
    }),
  );
  const schedule: Schedule = {
    name: 'benchmark',
    tensors: [...parameters, ...done],
    kernels: [kernel, NOTE],
    programs: REPEATS.map((count, program): ScheduleProgram => {
      const step = { kernel: 0, operands: [...parameters.keys()], label: name, source: null };
      const output = parameters.length + program;
      return {
        name: programName(count),
        steps: [
          ...new Array<typeof step>(count).fill(step),
          { kernel: 1, operands: [output], label: DONE, source: null },
        ],
        inputs: [],
        outputs: [{ name: DONE, tensor: output }],
      };
    }),
  };
  const { schedule: allocated } = planMemory(schedule, limits, { target });
  if (!allocated) throw new Error(`internal error: benchmark '${name}' does not fit ${target}`);
  return generatePlan(allocated, {
    ...{ target, limits, budgetBytes: null, producer: PRODUCER },
    variants: measuringModel(TARGETS[target].profile, form),
  });
}

export function programName(repeats: (typeof REPEATS)[number]): string {
  return `times${repeats}`;
}
