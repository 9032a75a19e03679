import type { DeviceProfile } from './profile.ts';
import { H100 } from './shipped/h100.ts';
import { LAVAPIPE } from './shipped/lavapipe.ts';
import { SWIFTSHADER } from './shipped/swiftshader.ts';
import { WASM } from './shipped/wasm.ts';

/** Profiles that come with the compiler, by the names that `--profile` and the option `profile` take. */
export const SHIPPED_PROFILES = {
  h100: H100,
  swiftshader: SWIFTSHADER,
  lavapipe: LAVAPIPE,
  wasm: WASM,
} as const satisfies Readonly<Record<string, DeviceProfile>>;

/** The name of a device profile that comes with the compiler. */
export type ProfileName = keyof typeof SHIPPED_PROFILES;

export const PROFILE_NAMES = Object.keys(SHIPPED_PROFILES) as readonly ProfileName[];

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(SHIPPED_PROFILES, name);
}

/** What the option `profile`, already checked, stands for. */
export function profileOf(given: DeviceProfile | ProfileName | undefined): DeviceProfile | null {
  return typeof given === 'string' ? SHIPPED_PROFILES[given] : (given ?? null);
}
