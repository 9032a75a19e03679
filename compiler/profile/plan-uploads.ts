import type { Plan } from '../../ir/plan.ts';
import { STAGING_ALIGNMENT } from '../../ir/plan-staging.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import type { DeviceProfile } from './profile.ts';

/** One is filled while the device reads the other. */
const BUFFERS = 2;
/** Less goes up in no time. */
const LEAST_BYTES = 64 * 1024;
/** What a run takes above that goes up without. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * The plan with buffers through which inputs go up, where the profile says that mapped buffers are faster than `writeBuffer`, the
 * inputs are large, and the buffers fit into the budget beside all else.
 */
export function withUploads(plan: Plan, { uploads }: Pick<DeviceProfile, 'uploads'>): Plan {
  if (TARGET_RULES[plan.target].readsDirectly || !uploads) return plan;
  if (uploads.mappedBytesPerSecond <= uploads.writeBytesPerSecond) return plan;
  const inputBytes = Object.values(plan.programs).map(({ inputs }) =>
    inputs.reduce((sum, { tensor }) => sum + plan.tensors[tensor].bytes, 0),
  );
  const most = Math.min(MOST_BYTES, Math.max(0, ...inputBytes));
  if (most < LEAST_BYTES) return plan;
  const bytes = Math.ceil(most / STAGING_ALIGNMENT) * STAGING_ALIGNMENT;
  const added = BUFFERS * bytes;
  const { budgetBytes, deviceBytes, stagingBytes } = plan.memory;
  if (budgetBytes !== null && deviceBytes + added > budgetBytes) return plan;
  const memory = {
    ...plan.memory,
    ...{ deviceBytes: deviceBytes + added, stagingBytes: stagingBytes + added },
  };
  return { ...plan, memory, uploads: { buffers: BUFFERS, bytes } };
}
