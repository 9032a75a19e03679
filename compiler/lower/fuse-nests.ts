import { labelOf } from './finalise.ts';
import { fusionLimits, type LoweredModule, memoryOf } from './lowered.ts';
import { fuseInOrder, type StepOrdering } from './ordered-fusion.ts';

/** Joins loop nests over the same points, in an order of steps with a low peak. */
export function fuseNests(
  lowered: LoweredModule,
  {
    maxStorageBuffers,
    order,
  }: { readonly maxStorageBuffers: number; readonly order: StepOrdering },
): LoweredModule {
  const remarks = [...lowered.remarks];
  const limits = fusionLimits(lowered, maxStorageBuffers);
  const programs = lowered.programs.map((program) => {
    const { nests, unfused } = fuseInOrder(
      program.nests,
      limits,
      memoryOf(lowered, program),
      order,
    );
    for (const { ops } of unfused)
      remarks.push(
        `${program.name}: ${labelOf(ops)} stays a kernel of its own: in another it would raise the peak`,
      );
    return { ...program, nests };
  });
  return { ...lowered, programs, remarks };
}
