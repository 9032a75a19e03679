import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import {
  CHECKPOINT_FORMAT,
  encodeSealed,
  PARAMETERS_FORMAT,
  sealProblem,
} from '../../ir/sealed.ts';
import { formatType, sameShape } from '../../ir/tensor.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { Factorisation } from '../factorised/factorisation.ts';
import { decompose } from './decompose.ts';
import { createProblem, relativeError } from './problem.ts';
import type { FormRequest } from './request.ts';
import type { DecomposeOptions, Decomposition } from './result.ts';

/** Which matrix of a file {@link decomposeWeights} factorises, and how. */
export interface WeightsOptions extends DecomposeOptions {
  /** A layer's name, `encoder`, or that of its matrix, `encoder.weight`. */
  readonly layer: string;
  /** For messages. */
  readonly file?: string;
}

/** A safetensors file in which cores have taken the place of one matrix. */
export interface DecomposedWeights {
  /** The file with the cores in place of the matrix. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The matrix's name: cores are named `<tensor>.<core>`. */
  readonly tensor: string;
  readonly rows: number;
  readonly columns: number;
  readonly gates: number;
  /** Its error is that of the cores in the file, in float32. */
  readonly decomposition: Decomposition;
  /** Names of the optimiser's state that is not in the file any more. */
  readonly dropped: readonly string[];
}

/** What comes of a file: its decomposition, or nothing but diagnostics. */
export type DecomposeWeightsResult =
  | { readonly weights: DecomposedWeights; readonly diagnostics: readonly Diagnostic[] }
  | { readonly weights: null; readonly diagnostics: readonly Diagnostic[] };

/** Metadata of btc's own files (runtime/checkpoint.ts): what they say is not true of other tensors. */
const OWN_KEYS = [
  'format',
  'version',
  'plan',
  'counters',
  'optimiser',
  'only',
  'crc32',
  'checksum',
];
/** Suffixes of optimiser state (compiler/training/optimisers.ts), by which files that do not name it are read. */
const STATE = /^(.+)\.(?:m|v|momentum)$/;

/**
 * Replaces the matrix of a layer in a safetensors file by the cores of a factorised one. All other tensors stay as they are,
 * but for optimiser state: a matrix that is no more needs none, and a checkpoint becomes a file of parameters, from which
 * training starts with fresh state for all of them.
 *
 * Where the number of gates is not given it follows from the shape of the layer's `hiddenWeight`.
 *
 * @returns diagnostics instead where something does not fit: those of {@link decompose}, and BTC5010 to BTC5012 and BTC5016
 */
export function decomposeWeights(
  bytes: Uint8Array,
  target: Factorisation | FormRequest,
  { layer, file = 'the file', ...options }: WeightsOptions,
): DecomposeWeightsResult {
  const decoded = decode(bytes, file);
  if ('code' in decoded) return { weights: null, diagnostics: [decoded] };
  const found = findMatrix(decoded, layer, file);
  if ('code' in found) return { weights: null, diagnostics: [found] };
  const { name, tensor } = found;
  const [rows, columns] = tensor.shape;
  const gates = options.gates ?? gatesOf(decoded, name);
  const { decomposition, diagnostics } = decompose({ rows, columns, data: tensor.data }, target, {
    ...options,
    gates,
  });
  if (!decomposition) return { weights: null, diagnostics };
  const cores = coreTensors(name, decomposition);
  const clash = cores.find(([core]) => decoded.tensors.has(core));
  if (clash)
    return { weights: null, diagnostics: [diagnostic(5016, null, { file, name: clash[0] })] };
  const { encoded, dropped } = replaced(decoded, name, cores);
  const stored = { ...decomposition, relativeError: storedError(tensor, decomposition, cores) };
  return {
    weights: { bytes: encoded, tensor: name, rows, columns, gates, decomposition: stored, dropped },
    diagnostics,
  };
}

function decode(bytes: Uint8Array, file: string): SafetensorsFile | Diagnostic {
  try {
    const decoded = decodeSafetensors(bytes);
    const problem = sealProblem(bytes, decoded);
    if (problem !== null) throw new SafetensorsError(problem);
    return decoded;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    return diagnostic(5010, null, { file, reason: error.message });
  }
}

const isCheckpoint = ({ metadata }: SafetensorsFile) =>
  metadata.get('format') === CHECKPOINT_FORMAT;
const isMatrix = ({ dtype, shape }: SafetensorsTensor) => dtype === 'f32' && shape.length === 2;

/** The f32 matrix of that name, or the only one of the layer of that name. */
function findMatrix(
  decoded: SafetensorsFile,
  layer: string,
  file: string,
): { name: string; tensor: SafetensorsTensor } | Diagnostic {
  const { tensors } = decoded;
  const exact = tensors.get(layer);
  if (exact && !isMatrix(exact))
    return diagnostic(5012, null, { name: layer, type: formatType(exact) });
  if (exact) return { name: layer, tensor: exact };
  const states = new Set(stateNames(decoded));
  const matrices = [...tensors].filter(([name, tensor]) => isMatrix(tensor) && !states.has(name));
  const own = matrices.filter(([name]) => name.slice(0, name.lastIndexOf('.')) === layer);
  if (own.length === 1) return { name: own[0][0], tensor: own[0][1] };
  const listed = (entries: typeof matrices) =>
    entries.map(([name, { shape }]) => `${name} [${shape.join(', ')}]`).join(', ');
  const layers =
    own.length > 1
      ? `it has several matrices, name one of them: ${listed(own)}`
      : matrices.length > 0
        ? `it has ${listed(matrices)}`
        : 'it has no f32 matrix';
  return diagnostic(5011, null, { file, layer, layers });
}

/** Gates of a recurrent layer: its `hiddenWeight` is [hidden, gates · hidden]. */
function gatesOf({ tensors }: SafetensorsFile, name: string): number {
  const match = /^(.*\.)?(?:input|hidden)Weight$/.exec(name);
  const hidden = match ? tensors.get(`${match[1] ?? ''}hiddenWeight`) : undefined;
  if (!hidden || !isMatrix(hidden)) return 1;
  const gates = hidden.shape[1] / hidden.shape[0];
  return Number.isInteger(gates) ? gates : 1;
}

type NamedTensor = readonly [name: string, tensor: SafetensorsTensor];

function coreTensors(name: string, { cores }: Decomposition): NamedTensor[] {
  return cores.map((core) => [
    `${name}.${core.name}`,
    { dtype: 'f32', shape: core.shape, data: Float32Array.from(core.data) },
  ]);
}

/** The relative error of the cores as they are stored, rounded to float32. */
function storedError(
  { data }: SafetensorsTensor,
  { matrix }: Decomposition,
  cores: readonly NamedTensor[],
): number {
  const rounded = cores.map(([, tensor]) => Float64Array.from(tensor.data));
  let next = 0;
  const values = matrix.networks.map((network) =>
    network.cores.map(({ letters, shape }) => ({ letters, shape, data: rounded[next++] })),
  );
  return relativeError(createProblem(Float64Array.from(data), matrix), values);
}

/** Optimiser state: by what a checkpoint says, else by its name. */
function stateNames({ tensors, metadata }: SafetensorsFile): string[] {
  const told = metadata.get('optimiser');
  if (told !== undefined) {
    try {
      const names: unknown = JSON.parse(told);
      if (Array.isArray(names)) return names.filter((name) => tensors.has(name));
    } catch {}
  }
  return [...tensors].flatMap(([name, { shape }]) => {
    const owner = tensors.get(STATE.exec(name)?.[1] ?? '');
    return owner && sameShape(owner.shape, shape) ? [name] : [];
  });
}

function replaced(file: SafetensorsFile, name: string, cores: readonly NamedTensor[]) {
  const fresh = isCheckpoint(file);
  const dropped = stateNames(file).filter((state) => fresh || STATE.exec(state)?.[1] === name);
  const tensors = [...file.tensors]
    .filter(([one]) => !dropped.includes(one))
    .flatMap(([one, tensor]): NamedTensor[] => (one === name ? [...cores] : [[one, tensor]]));
  const own = fresh || file.metadata.get('format') === PARAMETERS_FORMAT;
  const metadata = Object.fromEntries(
    [...file.metadata].filter(([key]) => !own || !OWN_KEYS.includes(key)),
  );
  const encoded = own
    ? encodeSealed(tensors, { ...metadata, format: PARAMETERS_FORMAT })
    : encodeSafetensors(tensors, metadata);
  return { encoded, dropped };
}
