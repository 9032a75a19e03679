import { problemsOf } from '../../ir/form.ts';
import { TARGET_RULES, type Target } from '../../ir/targets.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { didYouMean } from '../nearest.ts';
import { DEVICE_LIMITS, type DeviceLimits, LIMIT_NAMES } from './device-limits.ts';
import type { DeviceProfile } from './profile.ts';
import { isProfileName, PROFILE_NAMES, type ProfileName, SHIPPED_PROFILES } from './shipped.ts';

/** What the option `limits` takes: limits, `default` for those of the target, or the name of a profile that has some. */
export type LimitsOption = DeviceLimits | 'default' | ProfileName;

/** What is wrong with limits (BTC5024); `file` is where they come from, for the message. */
export function checkLimits(value: unknown, file: string): Diagnostic[] {
  return problemsOf(DEVICE_LIMITS, value).map(({ path, kind, wanted, value: found }) => {
    const reason =
      kind === 'field'
        ? `there is no limit '${path}'${didYouMean(path, LIMIT_NAMES) || `; the limits are ${LIMIT_NAMES.join(', ')}`}`
        : `${path === '' ? 'it' : `'${path}'`} is ${textOf(found)}; it must be ${wanted}`;
    return diagnostic(5024, null, { file, reason });
  });
}

/** The limits of a profile that comes with the compiler. */
export function shippedLimits(name: ProfileName): DeviceLimits | null {
  const { limits, adapter }: DeviceProfile = SHIPPED_PROFILES[name];
  return limits ? { of: adapter, ...limits } : null;
}

/** The limits that the option asks for, or what is wrong with it (BTC5024, BTC5025). */
export function limitsOf(
  given: unknown,
): { readonly limits: DeviceLimits } | { readonly diagnostics: readonly Diagnostic[] } {
  if (given === undefined || given === 'default') return { limits: {} };
  if (typeof given !== 'string') {
    const diagnostics = checkLimits(given, 'limits');
    return diagnostics.length > 0 ? { diagnostics } : { limits: given as DeviceLimits };
  }
  if (!isProfileName(given)) return { diagnostics: [unknownLimits(given, ['default'])] };
  const limits = shippedLimits(given);
  return limits ? { limits } : { diagnostics: [noLimits(given)] };
}

/** What is wrong with the option on a target: as {@link limitsOf}, and BTC5027 where it has no device to name. */
export function checkLimitsOption(given: unknown, target: Target): Diagnostic[] {
  const found = limitsOf(given);
  if ('diagnostics' in found) return [...found.diagnostics];
  if (typeof given !== 'string' || given === 'default' || TARGET_RULES[target]?.hasLimits)
    return [];
  return [diagnostic(5027, null, { name: given, targets: target })];
}

/** BTC5024 for a profile without limits. */
export function noLimits(file: string): Diagnostic {
  return diagnostic(5024, null, { file, reason: 'the profile has no limits' });
}

/** BTC5025. */
export function unknownLimits(name: string, others: readonly string[]): Diagnostic {
  const names = [...others, ...PROFILE_NAMES.filter((profile) => shippedLimits(profile))];
  const near = didYouMean(name, names);
  return diagnostic(5025, null, { name, names: names.join(', '), near });
}

function textOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}
