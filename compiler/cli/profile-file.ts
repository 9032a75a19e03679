import type { Target } from '../../ir/plan.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { checkProfile, unknownProfile } from '../profile/check.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { isProfileName, SHIPPED_PROFILES } from '../profile/shipped.ts';
import { TARGETS } from '../targets/index.ts';
import { LOOKS_LIKE_A_PATH, readJsonFile } from './file-kinds.ts';
import { isAdapter } from './other-adapter.ts';

type Found = { readonly profile: DeviceProfile } | { readonly diagnostics: readonly Diagnostic[] };

/**
 * The profile of a name, or of a file. Names come first, so that a build does not depend on what lies in the folder: a file that
 * is called as one of them is `./h100`.
 */
export async function findProfile(given: string): Promise<Found> {
  if (isProfileName(given)) return { profile: SHIPPED_PROFILES[given] };
  const read = await readProfileFile(given);
  const missing = 'diagnostics' in read && read.diagnostics[0].code === 'BTC6003';
  return missing && !LOOKS_LIKE_A_PATH.test(given)
    ? { diagnostics: [unknownProfile(given)] }
    : read;
}

/** Reads and checks a profile file. */
export async function readProfileFile(file: string): Promise<Found> {
  const read = await readJsonFile(file, 'profile');
  if ('diagnostic' in read) return { diagnostics: [read.diagnostic] };
  const problems = checkProfile(read.value, file);
  return problems.length > 0 ? { diagnostics: problems } : { profile: read.value as DeviceProfile };
}

/** Of the profiles that come with the compiler, the one of an adapter; where there is none, that which builds go by. */
export function nearestProfile(target: Target, adapter: string): DeviceProfile {
  const { hasAdapters, profile } = TARGETS[target];
  const near = Object.values(SHIPPED_PROFILES).find(
    (one) => hasAdapters && one.target === target && isAdapter(adapter, one.adapter),
  );
  return near ?? profile;
}
