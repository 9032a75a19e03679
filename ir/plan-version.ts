// The version of the plan format, `major.minor`.
//
// A reader of version M.m reads every plan of M.0 to M.m. A minor version only adds: an optional field, a required field for which
// older plans have a value that stands in, or another value of a choice. Whatever renames, removes or changes the meaning of a
// field is a new major version, and readers take one major version alone.

/** `format` field of every plan file. */
export const PLAN_FORMAT = 'btc-plan';

/** A field that a minor version added. */
export interface AddedField {
  /** The minor version that added it. */
  readonly since: number;
  /** The objects that have it, by the names that lead there; `*` is every item of a list or record: `['tensors', '*']`. */
  readonly at: readonly string[];
  readonly field: string;
  /** What stands for it in plans that are older; absent for an optional field, which older plans do not have. */
  readonly value?: unknown;
}

const MAJOR = 3;
/** The history of the major version: one row per field that a minor version added, oldest first. */
export const ADDED: readonly AddedField[] = [
  { since: 1, at: [], field: 'adapter' },
  { since: 1, at: ['memory'], field: 'bounds' },
  { since: 1, at: ['programs', '*'], field: 'bound' },
  { since: 1, at: [], field: 'graphActions' },
  { since: 1, at: [], field: 'microBatches' },
  { since: 2, at: ['kernels', '*'], field: 'variant' },
  { since: 2, at: ['kernels', '*'], field: 'parts' },
  { since: 2, at: ['kernels', '*', 'bindings', '*'], field: 'scratch' },
  { since: 2, at: [], field: 'precision' },
  { since: 2, at: [], field: 'features' },
  { since: 2, at: ['limits'], field: 'minSubgroupSize' },
  { since: 2, at: ['limits'], field: 'subgroupMatrices' },
  { since: 2, at: [], field: 'uploads' },
  { since: 2, at: ['programs', '*', 'steps', '*'], field: 'parts' },
  { since: 3, at: ['tensors', '*'], field: 'layer' },
  { since: 3, at: ['tensors', '*'], field: 'pieceOf' },
  { since: 3, at: ['tensors', '*'], field: 'data' },
  { since: 4, at: ['programs', '*', 'steps', '*'], field: 'waitSeconds' },
  { since: 4, at: ['programs', '*', 'transfers', '*'], field: 'startSeconds' },
  { since: 4, at: ['programs', '*', 'transfers', '*'], field: 'seconds' },
  { since: 4, at: ['kernels', '*'], field: 'spans' },
];

const minorOf = (added: readonly AddedField[]) => added.at(-1)?.since ?? 0;

/** Version of the plans that this compiler writes, and the newest that this reader reads. */
export const PLAN_VERSION = `${MAJOR}.${minorOf(ADDED)}`;

/** What {@link currentPlan} reads, as `3.0` or `3.0 to 3.2`. */
export function versionsRead(added = ADDED): string {
  const minor = minorOf(added);
  return minor === 0 ? `${MAJOR}.0` : `${MAJOR}.0 to ${MAJOR}.${minor}`;
}

/** Every version that this reader reads. */
export const VERSIONS_READ: readonly string[] = Array.from(
  { length: minorOf(ADDED) + 1 },
  (_, minor) => `${MAJOR}.${minor}`,
);

/** `3.2` as its numbers; versions before 3.0 were whole numbers. Null for what is no version. */
function parseVersion(version: unknown): readonly [number, number] | null {
  if (typeof version === 'number') return Number.isSafeInteger(version) ? [version, 0] : null;
  const match = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/.exec(
    typeof version === 'string' ? version : '',
  );
  return match && [Number(match[1]), Number(match[2])];
}

/** Why a reader cannot read plans of a version, as one sentence that says which it reads; null where it can. */
export function versionProblem(version: unknown, added = ADDED): string | null {
  const parsed = parseVersion(version);
  const reads = `this btc-compiler reads ${versionsRead(added)}`;
  if (!parsed) return `must be a version such as "${PLAN_VERSION}"; ${reads}`;
  const [major, minor] = parsed;
  const given = `the plan is of version ${version}, but ${reads}`;
  if (major < MAJOR || typeof version === 'number')
    return `${given}; build the model again with this btc-compiler`;
  return major > MAJOR || minor > minorOf(added)
    ? `${given}; update btc-compiler, or build the model again with this one`
    : null;
}

/**
 * The plan as one of the newest version, which everyone who reads a plan starts with: what stands for fields that its version
 * does not have is filled in. Its `version` stays. The form of everything but `format` and `version` is still to be checked.
 */
export function currentPlan(
  value: unknown,
  added = ADDED,
): { readonly plan: unknown } | { readonly problem: string } {
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format !== PLAN_FORMAT) return { problem: `format: must be "${PLAN_FORMAT}"` };
  const problem = versionProblem(version, added);
  if (problem !== null) return { problem: `version: ${problem}` };
  const [, minor] = parseVersion(version)!;
  const missing = added.filter((row) => row.since > minor && row.value !== undefined);
  return { plan: missing.reduce((plan, row) => filled(plan, row, row.at), value) };
}

/** A copy in which the objects that `at` leads to have the field; what is not of the form stays as it is. */
function filled(value: unknown, row: AddedField, at: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const [step, ...rest] = at;
  if (step === undefined)
    return Object.hasOwn(value, row.field) ? value : { ...value, [row.field]: row.value };
  if (Array.isArray(value))
    return step === '*' ? value.map((item) => filled(item, row, rest)) : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      step === '*' || step === name ? filled(item, row, rest) : item,
    ]),
  );
}
