import type { LocalArray } from '../../ir/kernel.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import type { StageModel } from './cluster-staging.ts';
import { fusionLimits, type LoweredModule, memoryOf } from './lowered.ts';
import { fuseProducers } from './producer-fusion.ts';
import type { TileMode } from './wide-intermediates.ts';

/** Computes reductions inside of what reads them, tile by tile. */
export function fuseProducersOf(
  lowered: LoweredModule,
  {
    maxStorageBuffers,
    stages,
    tiles = 'auto',
  }: {
    readonly maxStorageBuffers: number;
    readonly stages: StageModel;
    readonly tiles?: TileMode;
  },
): LoweredModule {
  const remarks = [...lowered.remarks];
  let hasWide = false;
  // Arrays of stages may take their memory from tensors of their own.
  const tensors: ScheduleTensor[] = [...lowered.tensors];
  const limits = fusionLimits({ tensors }, maxStorageBuffers);
  const add = (local: Omit<LocalArray, 'buffer'>, like: number, part: string, program: number) =>
    tensors.push({
      ...tensors[like],
      name: `${tensors[like].name}.${part}`,
      dtype: local.dtype,
      shape: [local.elements],
      role: 'activation',
      program,
    }) - 1;
  const programs = lowered.programs.map((program, index) => ({
    ...program,
    nests: fuseProducers(program.nests, {
      ...limits,
      memory: memoryOf({ ...lowered, tensors }, program),
      model: stages,
      tiles,
      keepsWide: () => {
        hasWide = true;
      },
      tensors,
      typeOf: (tensor) => tensors[tensor],
      addHolder: (local, intermediate) => add(local, intermediate, 'tile', index),
      addTensor: (elements, like) => add({ dtype: 'f32', elements }, like, 'rows', index),
      report: (tensor, outcome) => remarks.push(`t${tensor} ${tensors[tensor].name} ${outcome}`),
    }),
  }));
  return { ...lowered, tensors, programs, remarks, ...(hasWide ? { hasWide } : {}) };
}
