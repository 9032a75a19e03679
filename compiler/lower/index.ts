import type { Module } from '../../ir/graph.ts';
import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { expandFolds } from '../window/folds.ts';
import { fuseChains, type StageModel } from './chain.ts';
import { type FusionLimits, fuse } from './fuse.ts';
import { lowerProgram, TensorTable } from './program.ts';
import { KernelTable, seal } from './seal.ts';

export type { StageModel };

export interface LoweringOptions {
  readonly maxStorageBuffers: number;
  /** False leaves one kernel per stored value: for tests and for seeing what fusion does. */
  readonly fusion: boolean;
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
    const fused = options.fusion ? fuse(lowered.drafts, limits) : lowered.drafts;
    const drafts = options.stages
      ? fuseChains(fused, {
          ...limits,
          model: options.stages,
          tensors: table.tensors,
          addHolder: (elements, { source }, intermediate) =>
            table.add({
              name: `${table.tensors[intermediate].name}.tile`,
              dtype: 'f32',
              shape: [elements],
              role: 'activation',
              program,
              source,
            }),
          report: (tensor, outcome) =>
            options.explain?.(`t${tensor} ${table.tensors[tensor].name} ${outcome}`),
        })
      : fused;
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
  return { name: module.name, tensors: table.tensors, kernels: kernels.kernels, programs };
}
