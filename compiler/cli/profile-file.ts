import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { checkProfile, unknownProfile } from '../profile/check.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { isProfileName, SHIPPED_PROFILES } from '../profile/shipped.ts';
import { readRegularText } from './read-file.ts';

/** What looks like a path is one; other texts may be the name of a profile, mistyped. */
const PATH = /[\\/.]/;

/**
 * The profile of a name, or of a file. Names come first, so that a build does not depend on what lies in the folder: a file that
 * is called as one of them is `./h100`.
 */
export async function findProfile(
  given: string,
): Promise<{ profile: DeviceProfile } | { diagnostics: readonly Diagnostic[] }> {
  if (isProfileName(given)) return { profile: SHIPPED_PROFILES[given] };
  const read = await readProfileFile(given);
  const missing = 'diagnostics' in read && read.diagnostics[0].code === 'BTC6003';
  return missing && !PATH.test(given) ? { diagnostics: [unknownProfile(given)] } : read;
}

/** Reads and checks a profile file. */
export async function readProfileFile(
  file: string,
): Promise<{ profile: DeviceProfile } | { diagnostics: readonly Diagnostic[] }> {
  let text: string;
  try {
    text = await readRegularText(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT';
    const problem = diagnostic(missing ? 6003 : 5002, null, { file, reason: message });
    return { diagnostics: [problem] };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { diagnostics: [diagnostic(5020, null, { file, reason: 'it is not JSON' })] };
  }
  const problems = checkProfile(value, file);
  return problems.length > 0 ? { diagnostics: problems } : { profile: value as DeviceProfile };
}
