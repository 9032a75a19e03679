import { valueType } from '../../ir/dtypes.ts';
import type { ModelTensor, Plan } from '../../ir/plan.ts';
import { decodeSafetensors, type SafetensorsTensor } from '../../ir/safetensors.ts';
import { CHECKPOINT_FORMAT, sealProblem } from '../../ir/sealed.ts';
import { shortName } from '../../ir/shorten.ts';
import { RuntimeError, reading } from '../errors.ts';
import { emptyData, type TensorData } from '../executor.ts';
import {
  complete,
  fallback,
  missingText,
  type Restoration,
  type RestoreOptions,
  refuse,
  these,
} from '../restore.ts';
import { kindOf, ownBytes } from '../values.ts';
import { fromFileData } from './arrange.ts';
import { matchTensors, matchWeights, type TensorMatch, type WeightsMatch } from './match.ts';
import { openSafetensors, type WeightsSource } from './open.ts';
import { checkLayout, type ForeignOptions } from './options.ts';
import type { WeightsReader } from './reader.ts';
import { renameFunction } from './rename.ts';

/** Weights that are read when they are asked for, or where they are. */
export type Weights = WeightsReader | WeightsSource;

/**
 * The values of a plan that is loaded from weights of whatever names and layout. Names and shapes are matched first; then tensors are read
 * one at a time, each once. Errors: `invalid-checkpoint`, which names all that is wrong; those of {@link openSafetensors}.
 */
export async function fromWeights(
  plan: Plan,
  given: Weights,
  options: ForeignOptions & RestoreOptions,
): Promise<Restoration> {
  const layout = checkLayout(options.layout);
  const rename = renameFunction(options.rename);
  const unused = checkUnused(options.unused);
  const isOpen = reading('the parameters', () => isReader(given));
  if (!isOpen && !SOURCES.includes(kindOf(given)))
    throw new RuntimeError(
      'invalid-input',
      `'parameters' takes the bytes of a safetensors file (Uint8Array), an object of values by name or what openSafetensors opens, but ${kindOf(given)} was given`,
    );
  const own = isOpen ? null : await openSafetensors(given as WeightsSource);
  const reader = own ?? (given as WeightsReader);
  try {
    if (kindOf(given) === 'Uint8Array') checkSeal(ownBytes(given, "'parameters'"), reader);
    const match = matchWeights(plan, reader.tensors.values(), { layout, rename });
    const missing: string[] = [];
    const left = fallback(plan, options, missing);
    const found = new Map([...match.found.keys()].map((name) => [name, NOT_READ]));
    const restoration = complete(plan, found, (tensor) =>
      match.problems.has(tensor.name) ? 'zero' : left(tensor),
    );
    const strange = unused === 'error' && !isCheckpoint(reader) ? match.left : [];
    const reasons = reasonsOf(plan, match, missing, strange, options);
    if (reasons.length > 0) refuse('parameters', reasons.join('; '));
    return {
      values: new Map([...restoration.values, ...(await readMatched(reader, match))]),
      origin: { layout, found: match.found },
      report: { ...restoration.report, ignored: [...match.ignored, ...match.left] },
    };
  } finally {
    await own?.close();
  }
}

/**
 * Parameters and states as a file of whatever names and layout has them, by their own names: those that it has. Errors:
 * `invalid-checkpoint` for what has another shape or type, those of {@link openSafetensors}.
 */
export async function readWeights(
  tensors: readonly ModelTensor[],
  given: WeightsSource,
  options: Pick<ForeignOptions, 'layout' | 'rename'> = {},
): Promise<ReadonlyMap<string, SafetensorsTensor>> {
  const layout = checkLayout(options.layout);
  const rename = renameFunction(options.rename);
  const reader = await openSafetensors(given);
  try {
    const match = matchTensors(tensors, reader.tensors.values(), { layout, rename });
    const reasons = [...match.twice.map(twiceText), ...match.problems.values()];
    if (reasons.length > 0) refuse('parameters', reasons.join('; '));
    const values = await readMatched(reader, match);
    return new Map(
      [...match.found.values()].map(({ tensor: { name, dtype, shape } }) => [
        name,
        { dtype: valueType(dtype), shape, data: values.get(name)! },
      ]),
    );
  } finally {
    await reader.close();
  }
}

/** Kinds of what {@link openSafetensors} opens. */
const SOURCES = ['Uint8Array', 'ArrayBuffer', 'Blob', 'File', 'URL', 'string'];

/** Stands for what is read when all is known to fit. */
const NOT_READ: TensorData = new Float32Array();

function isReader(given: unknown): boolean {
  const { tensors, read } = (given ?? {}) as Partial<WeightsReader>;
  return kindOf(tensors) === 'Map' && typeof read === 'function';
}

function checkUnused(given: unknown): 'error' | 'ignore' {
  if (given === undefined || given === 'error' || given === 'ignore') return given ?? 'error';
  throw new RuntimeError('invalid-input', "'unused' is 'error' or 'ignore'");
}

const isCheckpoint = ({ metadata }: WeightsReader) => metadata.get('format') === CHECKPOINT_FORMAT;

/** Bytes of btc's own, of which all are there, must be as they were written. */
function checkSeal(bytes: Uint8Array, { metadata }: WeightsReader): void {
  const isOld = isCheckpoint({ metadata } as WeightsReader) && metadata.get('version') === '1';
  const file = isOld ? decodeSafetensors(bytes) : { tensors: new Map(), metadata };
  const problem = sealProblem(bytes, file);
  if (problem !== null) refuse('parameters', problem);
}

function reasonsOf(
  plan: Plan,
  { problems, twice }: WeightsMatch,
  missing: readonly string[],
  strange: readonly string[],
  options: RestoreOptions,
): string[] {
  return [
    ...twice.map(twiceText),
    ...(missing.length > 0 ? [missingText(missing, options)] : []),
    ...problems.values(),
    ...(strange.length > 0
      ? [`${these(strange)} not in plan '${plan.name}' (with unused: 'ignore' that is no error)`]
      : []),
  ];
}

const twiceText = (name: string) => `two tensors of the file are renamed to '${shortName(name)}'`;

/** In the order of the file, so that no more than one of its tensors is held. */
async function readMatched(
  reader: WeightsReader,
  { found }: WeightsMatch,
): Promise<Map<string, TensorData>> {
  const users = new Map<string, TensorMatch[]>();
  for (const match of found.values())
    for (const name of match.names) users.set(name, [...(users.get(name) ?? []), match]);
  const values = new Map<string, TensorData>();
  for (const name of reader.tensors.keys()) {
    const uses = users.get(name);
    if (!uses) continue;
    const { data } = await reader.read(name);
    for (const { tensor, place, first } of uses) {
      const before = values.get(tensor.name);
      const value = before ?? emptyData(tensor).data;
      fromFileData(place, data, value, first, before !== undefined);
      values.set(tensor.name, value);
    }
  }
  return values;
}
