import { valueType } from '../ir/dtypes.ts';
import type { Plan, PlanTensor } from '../ir/plan.ts';
import { decodeSafetensors, SafetensorsError, type SafetensorsFile } from '../ir/safetensors.ts';
import { CHECKPOINT_FORMAT, sealProblem } from '../ir/sealed.ts';
import { formatType, sameShape } from '../ir/tensor.ts';
import {
  CHECKPOINT_VERSION,
  modelTensors,
  persistentTensors,
  programsUsing,
} from './checkpoint.ts';
import { RuntimeError } from './errors.ts';
import { emptyData, type TensorData } from './executor.ts';
import { kindOf, ownBytes } from './values.ts';
import type { WeightsOrigin } from './weights/save.ts';

/** What the caller chooses about values that are not there. */
export interface RestoreOptions {
  /**
   * `'error'`, the default: every parameter and state must be there. `'initial'`: one that is missing has its initial value, which
   * the plan holds where it is one number for all elements; others are taken from `initial`.
   */
  readonly missing?: 'error' | 'initial';
  /** The compiler's safetensors file of this model, for initial values that the plan does not hold. */
  readonly initial?: Uint8Array;
}

/** What the caller gave for {@link RestoreOptions}. Error: `invalid-input`. */
export function restoreOptions(options: unknown): RestoreOptions {
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `the options are an object, but ${kindOf(options)} was given`,
    );
  const { missing, initial } = options as { missing?: unknown; initial?: unknown };
  if (missing !== undefined && missing !== 'error' && missing !== 'initial')
    throw new RuntimeError('invalid-input', "'missing' is 'error' or 'initial'");
  return {
    ...(missing === undefined ? {} : { missing }),
    ...(initial === undefined ? {} : { initial: ownBytes(initial, "'initial'") }),
  };
}

/** Where every persistent tensor of a session got its value, by name, and what was left over. */
export interface Restored {
  /** From the file or the values given. */
  readonly restored: readonly string[];
  /** Not there, so that it has the initial value of the model. */
  readonly initial: readonly string[];
  /** Not there, and zero: optimiser state; in a plan loaded without any values also what the plan has no initial value of. */
  readonly zero: readonly string[];
  /** In the file and not in the plan: optimiser state, and what only programs use that the plan lacks. */
  readonly ignored: readonly string[];
  /** Finished runs by program, from a checkpoint. */
  readonly counters: Readonly<Record<string, number>>;
  /**
   * Programs whose runs a checkpoint counts but the session does not: the plan lacks them, or their optimiser starts at zero and so
   * does its time.
   */
  readonly ignoredCounters: readonly string[];
}

/** New values for a session, checked as a whole. */
export interface Restoration {
  /** By name, of every persistent tensor that is not zero. */
  readonly values: ReadonlyMap<string, TensorData>;
  readonly report: Restored;
  /** Where values came from a file of another layout or of other names: how it has them. */
  readonly origin?: WeightsOrigin;
}

/** What a file was given as. */
export type FileKind = 'checkpoint' | 'parameters';

/** Error: `invalid-checkpoint`. */
export function refuse(kind: FileKind, reason: string): never {
  const verb = kind === 'parameters' ? 'are' : 'is';
  throw new RuntimeError('invalid-checkpoint', `the ${kind} ${verb} refused: ${reason}`, {
    whole: true,
  });
}

/** The values of a plan that is loaded without any: initial ones where the plan holds them, else zero. */
export function withoutValues(plan: Plan): Restoration {
  return complete(plan, new Map(), (tensor) => constantOf(tensor) ?? 'zero');
}

/** Values by name: every parameter and state, optimiser state as one likes. Error: `invalid-input`. */
export function fromValues(
  plan: Plan,
  given: ReadonlyMap<string, TensorData>,
  options: RestoreOptions,
): Restoration {
  const missing: string[] = [];
  const restoration = complete(plan, given, fallback(plan, options, missing));
  if (missing.length > 0)
    throw new RuntimeError(
      'invalid-input',
      `the parameters are refused: ${missingText(missing, options)}; give every parameter and state, or load without and use writeParameters`,
      { whole: true },
    );
  return restoration;
}

/**
 * A checkpoint or, where those are taken as well, a file of parameters and states. It must have every parameter and state of the
 * plan. Error: `invalid-checkpoint`, which names all that is wrong.
 */
export function fromFile(
  plan: Plan,
  bytes: Uint8Array,
  kind: FileKind,
  options: RestoreOptions,
): Restoration {
  const file = decode(bytes, kind);
  const format = file.metadata.get('format');
  const isCheckpoint = format === CHECKPOINT_FORMAT;
  if (kind === 'checkpoint' && !isCheckpoint)
    refuse(
      kind,
      `metadata 'format' is ${quoted(format)}, not '${CHECKPOINT_FORMAT}'; is this a checkpoint?`,
    );
  const about = isCheckpoint ? readCheckpoint(plan, file, bytes) : NO_CHECKPOINT;
  if (!isCheckpoint) checkSeal(kind, file, bytes);
  const { values, problems } = matchTensors(plan, file);
  const unknown = [...file.tensors.keys()].filter(
    (name) => !values.has(name) && !problems.has(name),
  );
  const ignored = unknown.filter(about.ignores);
  const missing: string[] = [];
  const left = fallback(plan, options, missing);
  const restoration = complete(plan, values, (tensor) =>
    problems.has(tensor.name) ? 'zero' : left(tensor),
  );
  const strange = unknown.filter((name) => !ignored.includes(name));
  const reasons = [
    ...(missing.length > 0 ? [missingText(missing, options)] : []),
    ...problems.values(),
    ...(strange.length > 0 ? [`${these(strange)} not in plan '${plan.name}'`] : []),
  ];
  if (reasons.length > 0) refuse(kind, reasons.join('; '));
  return {
    ...restoration,
    report: { ...restoration.report, ignored, ...counted(plan, about, restoration) },
  };
}

/** What a file says of itself as a checkpoint. */
interface CheckpointFacts {
  readonly counters: ReadonlyMap<string, number>;
  /** Whether a tensor that the plan lacks need not be there. */
  readonly ignores: (name: string) => boolean;
}

const NO_CHECKPOINT: CheckpointFacts = { counters: new Map(), ignores: () => false };

function readCheckpoint(plan: Plan, file: SafetensorsFile, bytes: Uint8Array): CheckpointFacts {
  const { metadata } = file;
  const version = metadata.get('version');
  if (version !== CHECKPOINT_VERSION && version !== '1')
    refuse('checkpoint', `metadata 'version' is ${quoted(version)}, not '${CHECKPOINT_VERSION}'`);
  checkSeal('checkpoint', file, bytes);
  const counters = readCounters(metadata);
  // The first version told optimiser state by its name.
  const owner = (name: string) => /^(.+)\.(?:m|v|momentum)$/.exec(name)?.[1] ?? '';
  if (version === '1') return { counters, ignores: (name) => file.tensors.has(owner(name)) };
  const optimiser = readJson(metadata, 'optimiser', '[]', isNames);
  const only = readJson(
    metadata,
    'only',
    '{}',
    (value): value is Record<string, string[]> =>
      isObject(value) && Object.values(value).every(isNames),
  );
  const known = new Set(optimiser);
  const others = new Map(Object.entries(only));
  return {
    counters,
    ignores: (name) =>
      known.has(name) ||
      (others.get(name)?.every((program) => !Object.hasOwn(plan.programs, program)) ?? false),
  };
}

function readCounters(metadata: SafetensorsFile['metadata']): Map<string, number> {
  const counters = readJson(metadata, 'counters', '', isObject);
  for (const [program, count] of Object.entries(counters))
    if (!Number.isSafeInteger(count) || (count as number) < 0)
      refuse(
        'checkpoint',
        `metadata 'counters' has ${JSON.stringify(count)} for program '${program}'`,
      );
  return new Map(Object.entries(counters) as [string, number][]);
}

function readJson<T>(
  metadata: SafetensorsFile['metadata'],
  key: string,
  without: string,
  is: (value: unknown) => value is T,
): T {
  const text = metadata.get(key) ?? without;
  try {
    const value: unknown = JSON.parse(text);
    if (is(value)) return value;
  } catch {}
  refuse(
    'checkpoint',
    `metadata '${key}' is ${quoted(metadata.get(key))}, which is not the JSON that belongs there`,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');

/**
 * Time restarts with the state of an optimiser, `parameter.state`: its first steps after zero are corrected by their number. What belongs to
 * no parameter, as the scale of the loss, starts at any time.
 */
function counted(plan: Plan, { counters }: CheckpointFacts, { report }: Restoration) {
  const users = programsUsing(plan);
  const owners = new Set(modelTensors(plan).map(({ name }) => name));
  const ofOwner = report.zero.filter((name) => owners.has(name.slice(0, name.lastIndexOf('.'))));
  const anew = new Set(ofOwner.flatMap((name) => [...users.get(name)!]));
  const taken = (program: string) => Object.hasOwn(plan.programs, program) && !anew.has(program);
  return {
    counters: Object.fromEntries([...counters].filter(([program]) => taken(program))),
    ignoredCounters: [...counters.keys()].filter((program) => !taken(program)),
  };
}

function decode(bytes: Uint8Array, kind: FileKind): SafetensorsFile {
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (error instanceof SafetensorsError) refuse(kind, error.message);
    throw error;
  }
}

function checkSeal(kind: FileKind, file: SafetensorsFile, bytes: Uint8Array): void {
  const problem = sealProblem(bytes, file);
  if (problem !== null) refuse(kind, problem);
}

function matchTensors(plan: Plan, { tensors }: SafetensorsFile) {
  const values = new Map<string, TensorData>();
  const problems = new Map<string, string>();
  for (const { name, dtype: held, shape } of persistentTensors(plan)) {
    const dtype = valueType(held);
    const found = tensors.get(name);
    if (!found) continue;
    if (found.dtype === dtype && sameShape(found.shape, shape)) values.set(name, found.data);
    else
      problems.set(
        name,
        `tensor '${name}' is ${formatType(found)}; the plan wants ${formatType({ dtype, shape })}`,
      );
  }
  return { values, problems };
}

/** The value of a tensor that is not given. */
export type Fallback = (tensor: PlanTensor) => TensorData | 'zero';

/** The value of a tensor that is not given; `missing` gathers the names of those that have none. */
export function fallback(
  plan: Plan,
  { missing, initial }: RestoreOptions,
  names: string[],
): Fallback {
  const file = missing === 'initial' && initial ? decode(initial, 'parameters') : null;
  if (file) checkSeal('parameters', file, initial!);
  const found = file ? matchTensors(plan, file).values : null;
  return (tensor) => {
    if (tensor.role === 'optimiser') return 'zero';
    const value = missing === 'initial' ? (found?.get(tensor.name) ?? constantOf(tensor)) : null;
    if (value) return value;
    names.push(tensor.name);
    return 'zero';
  };
}

/** The initial value that the plan holds of a tensor. */
function constantOf(tensor: PlanTensor): TensorData | null {
  const { initial } = tensor;
  if (initial === undefined) return null;
  const { data } = emptyData(tensor);
  return initial === 0 ? data : data.fill(initial);
}

/** Values of all persistent tensors: those that are given, and what `left` says of all others. */
export function complete(
  plan: Plan,
  given: ReadonlyMap<string, TensorData>,
  left: Fallback,
): Restoration {
  const values = new Map(given);
  const report = { restored: [...given.keys()], initial: [] as string[], zero: [] as string[] };
  for (const tensor of persistentTensors(plan)) {
    const { name } = tensor;
    if (given.has(name)) continue;
    const value = left(tensor);
    report[value === 'zero' ? 'zero' : 'initial'].push(name);
    if (value !== 'zero') values.set(name, value);
  }
  return { values, report: { ...report, ignored: [], counters: {}, ignoredCounters: [] } };
}

function quoted(value: string | undefined): string {
  return value === undefined ? 'missing' : `'${value}'`;
}

/** `tensor 'a' is`, `tensors 'a', 'b' are`. */
export function these(names: readonly string[]): string {
  const list = names.map((name) => `'${name}'`).join(', ');
  return names.length === 1 ? `tensor ${list} is` : `tensors ${list} are`;
}

/** Says which tensors are missing, and what would do. */
export function missingText(
  names: readonly string[],
  { missing, initial }: RestoreOptions,
): string {
  if (missing !== 'initial') return `${these(names)} missing`;
  const where = initial
    ? "'initial' and the plan have no initial value of it"
    : "the plan holds no initial value of it (give the compiler's file as 'initial')";
  return `${these(names)} missing, and ${names.length === 1 ? where : where.replace('of it', 'of them')}`;
}
