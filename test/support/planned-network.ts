import { stageModel } from '../../compiler/driver/stage-model.ts';
import { givenOptions, withOptions } from '../../compiler/frontend/option.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { type ActionSet, planMemory } from '../../compiler/plan-search/index.ts';
import type { Target } from '../../ir/plan.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  WASM_LIMITS,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { driverOf, graphsOf } from './passes.ts';
import type { SmallNetwork } from './small-networks.ts';

export const limitsOf = (target: Target) =>
  target === 'wasm' ? WASM_LIMITS : WEBGPU_DEFAULT_LIMITS;

/** The schedule of a network behind lowering. */
export async function loweredNetwork(network: SmallNetwork, target: Target): Promise<Schedule> {
  const limits = limitsOf(target);
  const { result } = await withOptions(givenOptions(network.set), async () =>
    graphsOf(await network.model(), driverOf(target, limits)),
  );
  const { module } = result;
  return lowerModule(module, {
    maxStorageBuffers: limits.maxStorageBuffers,
    offsetAlignment: limits.offsetAlignment,
    fusion: orderProgram,
    stages: stageModel(target, limits),
  });
}

/** The same with places in memory, where memory actions shall save a share of what it takes without them. */
export function plannedWithin(
  schedule: Schedule,
  target: Target,
  actions: ActionSet,
  share: number,
): AllocatedSchedule {
  const limits = limitsOf(target);
  const plain = planMemory(schedule, limits, { target });
  const costs = {
    deviceToHostBytesPerSecond: 1e9,
    hostToDeviceBytesPerSecond: 1e9,
    transferSeconds: 1e-6,
    overlap: 0.5,
  };
  const { schedule: planned } = planMemory(schedule, limits, {
    target,
    actions: {
      ...actions,
      budgetBytes: Math.floor(plain.deviceBytes * share),
      secondsOf: () => 1e-5,
      costs,
      host: { hostBytes: Number.POSITIVE_INFINITY, spillBytes: 0 },
    },
  });
  if (!planned) throw new Error(`'${schedule.name}' cannot be placed`);
  return planned;
}
