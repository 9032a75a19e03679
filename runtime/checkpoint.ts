import { crc32 } from '../ir/crc32.ts';
import type { Plan, PlanTensor } from '../ir/plan.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
} from '../ir/safetensors.ts';
import { formatType, sameShape } from '../ir/tensor.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';

// A checkpoint is a safetensors file of all persistent tensors. Its metadata: `format` and `version`; `plan`, the model's
// name; `counters`, JSON { program: finished runs }; `crc32` of the tensors' bytes, in hex.
const FORMAT = 'btc-checkpoint';
const VERSION = '1';

/** What a session must hold again to go on as before. */
export interface Checkpoint {
  /** By name of the tensor: every parameter, and every optimiser state where the file has state. */
  readonly values: ReadonlyMap<string, TensorData>;
  /** Finished runs by program; null where the file holds initial values only. */
  readonly counters: ReadonlyMap<string, number> | null;
}

export function persistentTensors(plan: Plan): PlanTensor[] {
  return plan.tensors.filter(({ policy }) => policy === 'persistent' || policy === 'host');
}

export function encodeCheckpoint(
  plan: Plan,
  values: readonly TensorData[],
  counters: ReadonlyMap<string, number>,
): Uint8Array<ArrayBuffer> {
  const tensors = persistentTensors(plan).map(
    ({ name, dtype, shape }, i) => [name, { dtype, shape, data: values[i] }] as const,
  );
  return encodeSafetensors(tensors, {
    format: FORMAT,
    version: VERSION,
    plan: plan.name,
    counters: JSON.stringify(Object.fromEntries(counters)),
    crc32: crc32(values),
  });
}

/**
 * Reads a checkpoint of `plan`, or none of it: every persistent tensor must be there with its dtype and shape, and
 * nothing else. Error: `invalid-checkpoint`, naming the field.
 */
export function decodeCheckpoint(plan: Plan, bytes: Uint8Array): Checkpoint {
  const file = decode(bytes, 'checkpoint');
  const format = file.metadata.get('format');
  if (format !== FORMAT)
    refuse(
      'checkpoint',
      `metadata 'format' is ${quoted(format)}, not '${FORMAT}'; is this a checkpoint?`,
    );
  const version = file.metadata.get('version');
  if (version !== VERSION)
    refuse('checkpoint', `metadata 'version' is ${quoted(version)}, not '${VERSION}'`);
  const name = file.metadata.get('plan');
  if (name !== plan.name)
    refuse('checkpoint', `metadata 'plan' is ${quoted(name)}; the model is '${plan.name}'`);
  const counters = decodeCounters(plan, file.metadata.get('counters'));
  const values = matchTensors(plan, file, persistentTensors(plan), 'checkpoint');
  const sum = crc32([...file.tensors.values()].map(({ data }) => data));
  if (file.metadata.get('crc32') !== sum)
    refuse(
      'checkpoint',
      `metadata 'crc32' is ${quoted(file.metadata.get('crc32'))}, but the data give '${sum}'`,
    );
  return { values, counters };
}

/**
 * Reads initial values: a file with every parameter of `plan`, with or without optimiser state, or a checkpoint.
 * Error: `invalid-checkpoint`.
 */
export function decodeParameters(plan: Plan, bytes: Uint8Array): Checkpoint {
  const file = decode(bytes, 'parameters');
  if (file.metadata.get('format') === FORMAT) return decodeCheckpoint(plan, bytes);
  const wanted = persistentTensors(plan).filter(
    ({ name, role }) => role === 'parameter' || file.tensors.has(name),
  );
  return { values: matchTensors(plan, file, wanted, 'parameters'), counters: null };
}

/** What a file was given as. */
type FileKind = 'checkpoint' | 'parameters';

function refuse(kind: FileKind, reason: string): never {
  const verb = kind === 'parameters' ? 'are' : 'is';
  throw new RuntimeError('invalid-checkpoint', `the ${kind} ${verb} refused: ${reason}`);
}

function quoted(value: string | undefined): string {
  return value === undefined ? 'missing' : `'${value}'`;
}

function decode(bytes: Uint8Array, kind: FileKind): SafetensorsFile {
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (error instanceof SafetensorsError) refuse(kind, error.message);
    throw error;
  }
}

function matchTensors(
  plan: Plan,
  { tensors }: SafetensorsFile,
  wanted: readonly PlanTensor[],
  kind: FileKind,
): Map<string, TensorData> {
  const values = new Map<string, TensorData>();
  for (const { name, dtype, shape } of wanted) {
    const found = tensors.get(name);
    if (!found) refuse(kind, `tensor '${name}' is missing`);
    if (found.dtype !== dtype || !sameShape(found.shape, shape))
      refuse(
        kind,
        `tensor '${name}' is ${formatType(found)}; the plan wants ${formatType({ dtype, shape })}`,
      );
    values.set(name, found.data);
  }
  for (const name of tensors.keys()) {
    if (!values.has(name)) refuse(kind, `tensor '${name}' is not in plan '${plan.name}'`);
  }
  return values;
}

function decodeCounters(plan: Plan, text: string | undefined): Map<string, number> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text ?? '');
  } catch {
    parsed = null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    refuse('checkpoint', `metadata 'counters' is ${quoted(text)}, not an object in JSON`);
  const counters = new Map<string, number>();
  for (const [program, count] of Object.entries(parsed)) {
    if (!Object.hasOwn(plan.programs, program))
      refuse(
        'checkpoint',
        `metadata 'counters' names program '${program}', which plan '${plan.name}' lacks`,
      );
    if (!Number.isSafeInteger(count) || count < 0)
      refuse(
        'checkpoint',
        `metadata 'counters' has ${JSON.stringify(count)} for program '${program}'`,
      );
    counters.set(program, count);
  }
  return counters;
}
