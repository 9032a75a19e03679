import type { ScheduleTensor } from '../../ir/schedule.ts';
import type { StageModel } from './cluster-staging.ts';
import { bindTensors } from './finalise.ts';
import type { LoopNest } from './loop-nest.ts';

/** The time of a loop nest as a kernel. */
export type KernelTimes = (nest: LoopNest) => number;

/** Times of loop nests over tensors by a target's model, each found once. */
export function kernelTimes(
  { time }: Pick<StageModel, 'time'>,
  tensors: readonly ScheduleTensor[],
): KernelTimes {
  const known = new Map<unknown, number>();
  return (nest) => {
    const { kernel } = bindTensors(nest, tensors);
    let found = known.get(kernel);
    if (found === undefined) {
      found = time({ name: '', ...kernel });
      known.set(kernel, found);
    }
    return found;
  };
}
