import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { checkProfile } from '../profile/check.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { readRegularText } from './read-file.ts';

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
