import type { Module } from '../../ir/graph.ts';
import type { ScheduleProgram, ScheduleTensor } from '../../ir/schedule.ts';
import type { FusionLimits } from './fuse.ts';
import type { LoopNest } from './loop-nest.ts';
import { LoopNestMemory } from './loop-nest-access.ts';
import { lowerProgram, type StorageOptions, TensorTable } from './program.ts';

/** A module as loop nests over tensors: what the passes between a graph and a schedule work on. */
export interface LoweredModule {
  readonly name: string;
  readonly tensors: readonly ScheduleTensor[];
  /** Tensors take a multiple of this many bytes. */
  readonly alignment: number;
  readonly programs: readonly LoweredProgramNests[];
  /** Wide intermediates are in memory that tiles could take out of it. */
  readonly hasWide?: boolean;
  /** Results of parts of reductions take more than a small part of what these read. */
  readonly hasLargeParts?: boolean;
  /** What passes have decided that the nests do not show, one line each. */
  readonly remarks: readonly string[];
}

export interface LoweredProgramNests extends Pick<ScheduleProgram, 'name' | 'inputs' | 'outputs'> {
  readonly nests: readonly LoopNest[];
}

/** Loop nests of every program, one per stored value, in an order that is right when they run one after the other. */
export function lowerToNests(
  module: Module,
  alignment = 1,
  options: StorageOptions = {},
): LoweredModule {
  const table = new TensorTable(module);
  const declarations = new Map(module.inputs.map((input) => [input.name, input]));
  const programs = module.programs.map((graph, program): LoweredProgramNests => {
    const { nests, inputs, outputs } = lowerProgram(graph, program, table, options);
    return {
      name: graph.name,
      nests,
      inputs: inputs.map(({ name, tensor }) => {
        const declaration = declarations.get(name);
        const ranges = own(declaration?.ranges, graph.name);
        return {
          name,
          tensor,
          default: own(declaration?.defaults, graph.name) ?? declaration?.default ?? null,
          counter: declaration?.counter ?? false,
          ...(ranges ? { ranges } : {}),
        };
      }),
      outputs,
    };
  });
  return { name: module.name, tensors: table.tensors, alignment, programs, remarks: [] };
}

/** What a table says of a program by itself. */
function own<T>(byProgram: Readonly<Record<string, T>> = {}, program: string): T | undefined {
  return Object.hasOwn(byProgram, program) ? byProgram[program] : undefined;
}

/** What fusion may not do to the nests of a module. */
export function fusionLimits(
  { tensors }: Pick<LoweredModule, 'tensors'>,
  maxStorageBuffers: number,
): FusionLimits {
  return {
    maxBindings: maxStorageBuffers,
    isTemporary: (tensor) => tensors[tensor].role === 'activation',
    isPersistent: (tensor) => tensors[tensor].program === null,
  };
}

export function memoryOf(
  { tensors, alignment }: Pick<LoweredModule, 'tensors' | 'alignment'>,
  { inputs }: LoweredProgramNests,
): LoopNestMemory {
  return new LoopNestMemory(
    tensors,
    inputs.map(({ tensor }) => tensor),
    alignment,
  );
}
