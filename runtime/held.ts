import { isDType, type NarrowStorage, STORAGE_TYPES, scaleName } from '../ir/dtypes.ts';
import { halfBits, halfValue } from '../ir/half.ts';
import type { Plan, PlanTensor } from '../ir/plan.ts';
import { elementCount } from '../ir/tensor.ts';
import { RuntimeError } from './errors.ts';
import { heldData, type TensorData } from './executor.ts';

// What memory holds of persistent tensors that take fewer bytes than their elements: halves, or bytes with a scale for each index of the
// last axis (symmetric, round to nearest), which is a state of its own beside. Whoever reads and writes sees elements alone.

/** What is held of a tensor, by tensor, in whole words. */
type Held = readonly (readonly [PlanTensor, TensorData])[];

interface Form {
  readonly hold: (tensor: PlanTensor, data: TensorData, scale: PlanTensor | null) => Held;
  readonly elements: (tensor: PlanTensor, words: TensorData, scales: TensorData) => TensorData;
}

const GREATEST_BYTE = 127;
/** What rounds to infinity. */
const BEYOND_HALVES = 65520;

function tooLarge({ name, dtype }: PlanTensor, value: number): RuntimeError {
  return new RuntimeError(
    'invalid-input',
    `'${name}' has ${value}, which ${dtype} cannot hold; keep this layer as f32`,
  );
}

const FORMS: Readonly<Record<NarrowStorage, Form>> = {
  f16: {
    hold: (tensor, data) => {
      const words = heldData(tensor).data;
      const halves = new Uint16Array(words.buffer);
      for (let k = 0; k < data.length; k++) {
        if (Math.abs(data[k]) >= BEYOND_HALVES) throw tooLarge(tensor, data[k]);
        halves[k] = halfBits(data[k]);
      }
      return [[tensor, words]];
    },
    elements: (tensor, words) => {
      const halves = new Uint16Array(words.buffer, words.byteOffset);
      const data = new Float32Array(elementCount(tensor.shape));
      for (let k = 0; k < data.length; k++) data[k] = halfValue(halves[k]);
      return data;
    },
  },
  i8: {
    hold: (tensor, data, scale) => {
      const columns = tensor.shape.at(-1)!;
      const scales = new Float32Array(columns);
      for (let k = 0; k < data.length; k++) {
        if (!Number.isFinite(data[k])) throw tooLarge(tensor, data[k]);
        scales[k % columns] = Math.max(scales[k % columns], Math.abs(data[k]));
      }
      for (let j = 0; j < columns; j++) scales[j] = shortScale(scales[j] / GREATEST_BYTE);
      const words = heldData(tensor).data;
      const bytes = new Int8Array(words.buffer);
      for (let k = 0; k < data.length; k++)
        bytes[k] = scales[k % columns] === 0 ? 0 : Math.round(data[k] / scales[k % columns]);
      return [[tensor, words], ...(scale ? [[scale, scales] as const] : [])];
    },
    elements: (tensor, words, scales) => {
      const bytes = new Int8Array(words.buffer, words.byteOffset);
      const data = new Float32Array(elementCount(tensor.shape));
      for (let k = 0; k < data.length; k++) data[k] = bytes[k] * scales[k % scales.length];
      return data;
    },
  },
};

/**
 * The least number of 16 binary digits that is not below. Its products with 127 and fewer are exact in f32, so that what is read, written
 * again and read is the same.
 */
function shortScale(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const unit = 2 ** Math.max(Math.floor(Math.log2(value)) - 15, -149);
  return Math.ceil(value / unit) * unit;
}

/** By tensor that is held as bytes: its scales. */
function scalesOf(plan: Plan): Map<PlanTensor, PlanTensor> {
  const scaled = plan.tensors.filter(
    ({ dtype, program }) => STORAGE_TYPES[dtype].isScaled && program === null,
  );
  if (scaled.length === 0) return new Map();
  const named = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]));
  return new Map(scaled.map((tensor) => [tensor, named.get(scaleName(tensor.name))!]));
}

/** What memory is to hold of tensors with these elements: the nearest that it can. */
export function toHeld(
  plan: Plan,
  values: Iterable<readonly [PlanTensor, TensorData]>,
): Map<PlanTensor, TensorData> {
  const scales = scalesOf(plan);
  const held = new Map<PlanTensor, TensorData>();
  for (const [tensor, data] of values) {
    const { dtype } = tensor;
    const all = isDType(dtype)
      ? ([[tensor, data]] as const)
      : FORMS[dtype].hold(tensor, data, scales.get(tensor) ?? null);
    for (const [part, words] of all) held.set(part, words);
  }
  return held;
}

/** The elements of tensors; `read` gives what memory holds of some. */
export async function fromHeld(
  plan: Plan,
  tensors: readonly PlanTensor[],
  read: (tensors: readonly PlanTensor[]) => Promise<TensorData[]>,
): Promise<TensorData[]> {
  const scales = scalesOf(plan);
  const beside = tensors.flatMap((tensor) => scales.get(tensor) ?? []);
  const held = await read([...tensors, ...beside]);
  const found = new Map(beside.map((tensor, k) => [tensor, held[tensors.length + k]]));
  return tensors.map((tensor, k) => {
    const { dtype } = tensor;
    if (isDType(dtype)) return held[k];
    return FORMS[dtype].elements(tensor, held[k], found.get(scales.get(tensor)!)!);
  });
}
