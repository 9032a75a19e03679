import type { Module } from '../../ir/graph.ts';
import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { expandFolds } from '../window/folds.ts';
import { finalise, KernelTable, labelOf } from './finalise.ts';
import type { FusionLimits } from './fuse.ts';
import { LoopNestMemory } from './loop-nest-access.ts';
import { fuseInOrder, type StepOrdering } from './ordered-fusion.ts';
import { fuseProducers, type StageModel } from './producer-fusion.ts';
import { lowerProgram, TensorTable } from './program.ts';

export type { StageModel, StepOrdering };

export interface LoweringOptions {
  readonly maxStorageBuffers: number;
  /** Tensors take a multiple of this many bytes; 1 by default. */
  readonly offsetAlignment?: number;
  /** Fuses kernels, in the order that this chooses. Null leaves one kernel per stored value: for tests and for seeing what fusion does. */
  readonly fusion: StepOrdering | null;
  /** Kernels with a stage, where the target has them. */
  readonly stages?: StageModel;
  /** Hears what became of the intermediates of chains of contractions. */
  readonly explain?: (line: string) => void;
}

/**
 * Lowers every program of a module whose contractions have at most two operands each. Tensors that fusion left without
 * a step stay in the table; memory planning drops them.
 */
export function lowerModule(module: Module, options: LoweringOptions): Schedule {
  const table = new TensorTable(module);
  const kernels = new KernelTable();
  const programs = module.programs.map((graph, program): ScheduleProgram => {
    const lowered = lowerProgram(expandFolds(graph), program, table);
    const limits: FusionLimits = {
      maxBindings: options.maxStorageBuffers,
      isTemporary: (tensor) => table.tensors[tensor].role === 'activation',
      isPersistent: (tensor) => table.tensors[tensor].program === null,
    };
    const memory = new LoopNestMemory(
      table.tensors,
      lowered.inputs.map(({ tensor }) => tensor),
      options.offsetAlignment ?? 1,
    );
    const fused = options.fusion
      ? fuseInOrder(lowered.nests, limits, memory, options.fusion)
      : { nests: lowered.nests, unfused: [] };
    for (const { ops } of fused.unfused)
      options.explain?.(
        `${graph.name}: ${labelOf(ops)} stays a kernel of its own: in another it would raise the peak`,
      );
    const nests = options.stages
      ? fuseProducers(fused.nests, {
          ...limits,
          memory,
          model: options.stages,
          tensors: table.tensors,
          addHolder: (elements, intermediate) =>
            table.add({
              ...table.tensors[intermediate],
              name: `${table.tensors[intermediate].name}.tile`,
              dtype: 'f32',
              shape: [elements],
              role: 'activation',
              program,
            }),
          report: (tensor, outcome) =>
            options.explain?.(`t${tensor} ${table.tensors[tensor].name} ${outcome}`),
        })
      : fused.nests;
    const declarations = new Map(module.inputs.map((input) => [input.name, input]));
    return {
      name: graph.name,
      steps: nests.map((nest) => finalise(nest, table.tensors, kernels)),
      inputs: lowered.inputs.map(({ name, tensor }) => {
        const declaration = declarations.get(name);
        const byProgram = declaration?.ranges ?? {};
        const ranges = Object.hasOwn(byProgram, graph.name) ? byProgram[graph.name] : undefined;
        return {
          name,
          tensor,
          default: declaration?.default ?? null,
          counter: declaration?.counter ?? false,
          ...(ranges ? { ranges } : {}),
        };
      }),
      outputs: lowered.outputs,
    };
  });
  return { name: module.name, tensors: table.tensors, kernels: kernels.kernels, programs };
}
