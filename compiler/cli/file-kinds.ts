import { PLAN_FORMAT } from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { TRACE_FORMAT } from '../inspect/chrome-trace.ts';
import { PROFILE_FORMAT } from '../profile/profile.ts';
import { unreadable } from './file-reason.ts';
import { checkRegular, readRegularFile, readRegularText } from './read-file.ts';

/** Kinds of files that commands read, or that are given to them by mistake. */
export type FileKind =
  | 'model'
  | 'module'
  | 'onnx'
  | 'page'
  | 'plan'
  | 'profile'
  | 'trace'
  | 'weights';
/** What an argument or an option takes. */
export type Wanted = Exclude<FileKind, 'module' | 'page'> | 'limits';

/** What a file is. */
const CALLED: Readonly<Record<FileKind | 'limits', string>> = {
  limits: 'limits of a device',
  model: 'a model',
  module: 'a WebAssembly module',
  onnx: 'a model of ONNX',
  page: 'a page',
  plan: 'a plan',
  profile: 'a device profile',
  trace: 'a trace',
  weights: 'a file of weights',
};

/** Where what is wanted comes from. */
const ORIGINS: Readonly<Record<Wanted, string>> = {
  limits: ', as btc profile writes them into a profile',
  model: ': TypeScript or JavaScript code with a default export made by defineModel',
  onnx: ' (.onnx)',
  plan: ', as btc build writes it (.plan.json)',
  profile: ', as btc profile writes it',
  trace: ', as btc run --trace writes it',
  weights: ' (.safetensors)',
};

/** A profile may say limits. */
const TAKEN: Readonly<Record<Wanted, readonly FileKind[]>> = {
  limits: ['profile'],
  model: ['model'],
  onnx: ['onnx'],
  plan: ['plan'],
  profile: ['profile'],
  trace: ['trace'],
  weights: ['weights'],
};

const BY_NAME: readonly (readonly [RegExp, FileKind])[] = [
  [/\.[cm]?[jt]sx?$/i, 'model'],
  [/\.wasm$/i, 'module'],
  [/\.onnx$/i, 'onnx'],
  [/\.html?$/i, 'page'],
  [/\.safetensors$/i, 'weights'],
];

const BY_VALUE: readonly (readonly [(value: Record<string, unknown>) => boolean, FileKind])[] = [
  [({ format }) => format === PLAN_FORMAT, 'plan'],
  [({ format }) => format === PROFILE_FORMAT, 'profile'],
  [({ otherData }) => (otherData as { format?: unknown } | null)?.format === TRACE_FORMAT, 'trace'],
  [({ weight_map: map }) => map !== null && typeof map === 'object', 'weights'],
];

const kindByName = (file: string): FileKind | undefined =>
  BY_NAME.find(([pattern]) => pattern.test(file))?.[1];

export const calledLikeAModel = (file: string): boolean => kindByName(file) === 'model';

const kindByValue = (value: unknown): FileKind | undefined =>
  value !== null && typeof value === 'object'
    ? BY_VALUE.find(([is]) => is(value as Record<string, unknown>))?.[1]
    : undefined;

/** BTC6006 where a file is of another kind than what is wanted. */
function otherKind(file: string, wanted: Wanted, kind: FileKind | undefined): Diagnostic | null {
  if (kind === undefined || TAKEN[wanted].includes(kind)) return null;
  return diagnostic(6006, null, {
    ...{ file, wanted: `${CALLED[wanted]}${ORIGINS[wanted]}`, found: `: it is ${CALLED[kind]}` },
  });
}

type Value = { readonly value: unknown };
type Failed = { readonly diagnostic: Diagnostic };

/** The value of a JSON file, or why there is none: BTC6003, BTC5002, BTC6091 or BTC6006. */
export async function readJsonFile(file: string, wanted: Wanted): Promise<Value | Failed> {
  let text: string;
  try {
    text = await readRegularText(file);
  } catch (error) {
    return { diagnostic: unreadable(file, error) };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const other = otherKind(file, wanted, kindByName(file));
    return { diagnostic: other ?? diagnostic(6091, null, { file, wanted: CALLED[wanted] }) };
  }
  const other = otherKind(file, wanted, kindByValue(value));
  return other ? { diagnostic: other } : { value };
}

/** The bytes of a file that is not JSON, or why there are none: BTC6003, BTC5002 or BTC6006. */
export async function readBinaryFile(
  file: string,
  wanted: Wanted,
): Promise<Uint8Array<ArrayBuffer> | Diagnostic> {
  try {
    const bytes = await readRegularFile(file);
    return (await wrongKind(file, wanted)) ?? bytes;
  } catch (error) {
    return unreadable(file, error);
  }
}

/** BTC6006 for a file that its name, or its content where it is JSON, shows to be of another kind. @throws what reading it throws */
async function wrongKind(file: string, wanted: Wanted): Promise<Diagnostic | null> {
  if (!/\.json$/i.test(file)) return otherKind(file, wanted, kindByName(file));
  const read = await readJsonFile(file, wanted);
  return 'diagnostic' in read ? read.diagnostic : null;
}

/** What is wrong with a file that another part reads, before it does. */
export async function readProblem(file: string, wanted: Wanted): Promise<Diagnostic | null> {
  try {
    await checkRegular(file);
    return await wrongKind(file, wanted);
  } catch (error) {
    return unreadable(file, error);
  }
}

/** BTC6006 for a file that its name, or its content where it is JSON, shows to be no model; null for any other. */
export async function noModel(file: string): Promise<Diagnostic | null> {
  const kind = kindByName(file) ?? (/\.json$/i.test(file) ? await kindOfJson(file) : undefined);
  return otherKind(file, 'model', kind);
}

async function kindOfJson(file: string): Promise<FileKind | undefined> {
  try {
    return kindByValue(JSON.parse(await readRegularText(file)));
  } catch {
    return undefined;
  }
}

/** What looks like a path is one; other texts that are no file may be a name, mistyped. */
export const LOOKS_LIKE_A_PATH = /[\\/.]/;
