import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import type { Target } from '../../ir/plan.ts';
import { isTarget } from '../../ir/targets.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { TARGETS } from '../targets/index.ts';
import { type DeviceProfile, PROFILE_FORMAT } from './profile.ts';

let validate: ReturnType<Ajv['compile']> | null = null;

/**
 * What is wrong with a value as a device profile by the published schema, which also knows the ranges that rates can have
 * (BTC5020, BTC5021); empty when nothing is. `file` is where it comes from, for the message.
 */
export function checkProfile(value: unknown, file: string): Diagnostic[] {
  validate ??= new Ajv({ allErrors: true, verbose: true }).compile(
    JSON.parse(readFileSync(new URL('./profile.schema.json', import.meta.url), 'utf8')) as object,
  );
  if (validate(value)) {
    const { target, workgroups } = value as DeviceProfile;
    if ((workgroups !== null) === TARGETS[target].hasWorkgroups) return [];
    const wanted = `${TARGETS[target].hasWorkgroups ? 'an object' : 'null'} on ${target}`;
    return [absurd(value, file, 'workgroups', workgroups, wanted)];
  }
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'anyOf');
  const object = typeof value === 'object' && value !== null && 'format' in value;
  if (!object || (value as DeviceProfile).format !== PROFILE_FORMAT)
    return [diagnostic(5020, null, { file, reason: "its 'format' is not 'btc-profile'" })];
  // `workgroups` is null or an object: where the object has a mistake, that it is not null is none.
  return errors
    .filter(({ schemaPath }) => !schemaPath.includes('/anyOf/0/'))
    .map((error) => problemOf(value, file, error));
}

function problemOf(profile: unknown, file: string, error: ErrorObject): Diagnostic {
  const { instancePath, keyword, params, message, data } = error;
  const path = instancePath.slice(1).replaceAll('/', '.');
  const inside = (name: string) => (path === '' ? name : `${path}.${name}`);
  if (keyword === 'additionalProperties') {
    const reason = `it has an unknown field '${inside(params['additionalProperty'] as string)}'`;
    return diagnostic(5020, null, { file, reason });
  }
  if (keyword === 'required')
    return absurd(profile, file, inside(params['missingProperty'] as string), undefined, 'given');
  const wanted = WANTED[keyword]?.(params) ?? message ?? 'valid';
  return absurd(profile, file, path, data, wanted);
}

const WANTED: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  minimum: ({ limit }) => `at least ${limit}`,
  maximum: ({ limit }) => `at most ${limit}`,
  type: ({ type }) => `a ${type}`,
  const: ({ allowedValue }) => JSON.stringify(allowedValue),
  enum: ({ allowedValues }) => (allowedValues as string[]).join(' or '),
};

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
