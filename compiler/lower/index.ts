import type { Module } from '../../ir/graph.ts';
import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { fuse } from './fuse.ts';
import { lowerProgram, TensorTable } from './program.ts';
import { KernelTable, seal } from './seal.ts';

export interface LoweringOptions {
  readonly maxStorageBuffers: number;
  /** False leaves one kernel per stored value: for tests and for seeing what fusion does. */
  readonly fusion: boolean;
}

/** Lowers every program of a module whose contractions have at most two operands each. */
export function lowerModule(module: Module, options: LoweringOptions): Schedule {
  const table = new TensorTable(module);
  const kernels = new KernelTable();
  const programs = module.programs.map((graph, program): ScheduleProgram => {
    const lowered = lowerProgram(graph, program, table);
    const isTemporary = (tensor: number) => table.tensors[tensor].role === 'activation';
    const drafts = options.fusion
      ? fuse(lowered.drafts, { maxBindings: options.maxStorageBuffers, isTemporary })
      : lowered.drafts;
    const declarations = new Map(module.inputs.map((input) => [input.name, input]));
    return {
      name: graph.name,
      steps: drafts.map((draft) => seal(draft, table.tensors, kernels)),
      inputs: lowered.inputs.map(({ name, tensor }) => {
        const declaration = declarations.get(name);
        return {
          name,
          tensor,
          default: declaration?.default ?? null,
          counter: declaration?.counter ?? false,
        };
      }),
      outputs: lowered.outputs,
    };
  });
  return withoutUnusedTensors({
    name: module.name,
    tensors: table.tensors,
    kernels: kernels.kernels,
    programs,
  });
}

/** Fusion leaves tensors that no step touches; they take no memory. */
function withoutUnusedTensors(schedule: Schedule): Schedule {
  const used = new Uint8Array(schedule.tensors.length);
  schedule.tensors.forEach((tensor, k) => {
    if (tensor.role === 'parameter' || tensor.role === 'state') used[k] = 1;
  });
  for (const { steps, inputs, outputs } of schedule.programs) {
    for (const step of steps) for (const tensor of step.operands) used[tensor] = 1;
    for (const { tensor } of [...inputs, ...outputs]) used[tensor] = 1;
  }
  const image = new Int32Array(schedule.tensors.length);
  const tensors = schedule.tensors.filter((_, k) => used[k]);
  let next = 0;
  for (let k = 0; k < image.length; k++) image[k] = used[k] ? next++ : -1;
  const move = <T extends { readonly tensor: number }>(entry: T): T => ({
    ...entry,
    tensor: image[entry.tensor],
  });
  return {
    ...schedule,
    tensors,
    programs: schedule.programs.map((program) => ({
      ...program,
      steps: program.steps.map((step) => ({
        ...step,
        operands: step.operands.map((tensor) => image[tensor]),
      })),
      inputs: program.inputs.map(move),
      outputs: program.outputs.map(move),
    })),
  };
}
