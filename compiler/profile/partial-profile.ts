import type { KernelFindings } from './measure.ts';
import type { DeviceProfile } from './profile.ts';

/** What only the end of a measurement tells. */
const LAST = [
  ...['deviceToHostBytesPerSecond', 'hostToDeviceBytesPerSecond', 'transferSeconds', 'overlap'],
  ...['fileReadBytesPerSecond', 'fileWriteBytesPerSecond'],
];

/** The profile of a measurement that was ended before its time: what was not found is that of `base`, and among `undetermined`. */
export function partialProfile(
  base: DeviceProfile,
  { undetermined = [], sizes, ...found }: KernelFindings,
): DeviceProfile {
  const whole: DeviceProfile = { ...base, ...found, sizes: { ...base.sizes, ...sizes } };
  return {
    ...undetermined.reduce((profile, path) => withValueOf(base, profile, path.split('.')), whole),
    undetermined: [...undetermined, ...LAST],
  };
}

/** `value` with what `base` has at a path. */
function withValueOf<T>(base: T, value: T, [first, ...rest]: readonly string[]): T {
  if (first === undefined) return base;
  const [from, to] = [base, value] as Record<string, unknown>[];
  return { ...to, [first]: withValueOf(from[first], to[first], rest) } as T;
}
