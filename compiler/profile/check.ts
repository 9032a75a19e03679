import { type Problem, problemsOf } from '../../ir/form.ts';
import type { Target } from '../../ir/plan.ts';
import { isTarget } from '../../ir/targets.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { didYouMean } from '../nearest.ts';
import { TARGETS } from '../targets/index.ts';
import { type DeviceProfile, PROFILE, PROFILE_FORMAT } from './profile.ts';
import { isProfileName, PROFILE_NAMES } from './shipped.ts';

/**
 * What is wrong with a value as a device profile, whose form also knows the ranges that rates can have (BTC5020, BTC5021); empty
 * when nothing is. `file` is where it comes from, for the message.
 */
export function checkProfile(value: unknown, file: string): Diagnostic[] {
  if ((value as Partial<DeviceProfile> | null | undefined)?.format !== PROFILE_FORMAT)
    return [diagnostic(5020, null, { file, reason: `its 'format' is not '${PROFILE_FORMAT}'` })];
  const problems = problemsOf(PROFILE, value);
  if (problems.length > 0) return problems.map((problem) => problemOf(value, file, problem));
  const { target, workgroups } = value as DeviceProfile;
  if ((workgroups !== null) === TARGETS[target].hasWorkgroups) return [];
  const wanted = `${TARGETS[target].hasWorkgroups ? 'an object' : 'null'} on ${target}`;
  return [absurd(value, file, 'workgroups', workgroups, wanted)];
}

/** What is wrong with the option `profile`: a value as of {@link checkProfile}, or a name (BTC5023). */
export function checkProfileOption(given: unknown): Diagnostic[] {
  if (typeof given !== 'string') return checkProfile(given, 'profile');
  return isProfileName(given) ? [] : [unknownProfile(given)];
}

/** BTC5023. */
export function unknownProfile(name: string): Diagnostic {
  const near = didYouMean(name, PROFILE_NAMES);
  return diagnostic(5023, null, { name, names: PROFILE_NAMES.join(', '), near });
}

function problemOf(profile: unknown, file: string, problem: Problem): Diagnostic {
  const { path, kind, wanted, value } = problem;
  return kind === 'field'
    ? diagnostic(5020, null, { file, reason: `it has an unknown field '${path}'` })
    : absurd(profile, file, path, value, value === undefined ? 'given' : wanted);
}

/** BTC5021, with what the default profile of the target has in that place. */
function absurd(
  profile: unknown,
  file: string,
  field: string,
  value: unknown,
  wanted: string,
): Diagnostic {
  const { name = file, target } = profile as Partial<DeviceProfile>;
  const usual: unknown = TARGETS[isTarget(target) ? target : 'wasm'].profile;
  const proposal = field
    .split('.')
    .reduce((part, key) => (part as Record<string, unknown> | null)?.[key], usual);
  return diagnostic(5021, null, {
    name: String(name),
    field,
    value: value === undefined ? 'missing' : textOf(value),
    wanted,
    proposal: textOf(proposal),
  });
}

/** As JSON, but with the numbers that JSON has not. */
function textOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** BTC5022 where a profile is of none of the targets. */
export function targetProblem(profile: DeviceProfile, targets: readonly Target[]): Diagnostic[] {
  if (targets.includes(profile.target)) return [];
  const { name, target: given } = profile;
  return [diagnostic(5022, null, { name, given, targets: targets.join(' and ') })];
}
