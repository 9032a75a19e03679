import type { NarrowStorage } from '../ir/dtypes.ts';
import { isDType } from '../ir/dtypes.ts';
import { halfBits, halfValue } from '../ir/half.ts';
import type { PlanTensor } from '../ir/plan.ts';
import { elementCount } from '../ir/tensor.ts';
import type { TensorData } from './executor.ts';

/** What memory holds of persistent tensors, in whole words, from the elements, and back. */
interface Held {
  readonly array: new (buffer: ArrayBufferLike) => { [k: number]: number };
  readonly hold: (value: number) => number;
  readonly value: (held: number) => number;
}

const HELD: Readonly<Record<NarrowStorage, Held>> = {
  f16: { array: Uint16Array, hold: halfBits, value: halfValue },
};

/** What memory is to hold of a tensor with these elements: the nearest that it can. */
export function toHeld(tensor: PlanTensor, data: TensorData): TensorData {
  if (isDType(tensor.dtype)) return data;
  const { array, hold } = HELD[tensor.dtype];
  const words = new Int32Array(tensor.bytes / Int32Array.BYTES_PER_ELEMENT);
  const held = new array(words.buffer);
  for (let k = 0; k < data.length; k++) held[k] = hold(data[k]);
  return words;
}

/** The elements of a tensor of which memory holds these words. */
export function fromHeld(tensor: PlanTensor, words: TensorData): TensorData {
  if (isDType(tensor.dtype)) return words;
  const { array, value } = HELD[tensor.dtype];
  const held = new array(words.buffer);
  return Float32Array.from({ length: elementCount(tensor.shape) }, (_, k) => value(held[k]));
}
