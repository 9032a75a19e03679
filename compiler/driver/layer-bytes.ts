import type { AllocatedSchedule } from '../../ir/schedule.ts';
import type { SourceSpan } from '../../ir/source.ts';
import type { StoredType } from '../../ir/tensor.ts';
import { byteCount } from '../../ir/tensor.ts';
import { persistentOnDevice } from '../liveness/lifetimes.ts';
import type { MemoryPeak } from '../memory/index.ts';

/** What a layer, or a tensor of none, takes of the device's memory at the peak. */
export interface LayerBytes {
  readonly name: string;
  readonly bytes: number;
  /** Largest first. */
  readonly tensors: readonly LayerTensor[];
}

interface LayerTensor {
  /** Within its layer. */
  readonly name: string;
  readonly full: string;
  readonly type: StoredType;
  readonly source: SourceSpan | null;
  readonly sort: Sort;
}

/** What a tensor is for; copies of what is on the host count as what they copy. */
type Sort =
  | 'parameters'
  | 'optimiser state'
  | 'other state'
  | 'activations'
  | 'gradients'
  | 'inputs and outputs';

function sortOf({ tensors }: AllocatedSchedule, index: number): Sort {
  const { role, copyOf, pass } = tensors[index];
  if (copyOf && tensors[copyOf.tensor].program === null)
    return sortOf({ tensors } as AllocatedSchedule, copyOf.tensor);
  switch (role) {
    case 'parameter':
      return 'parameters';
    case 'state':
      return 'other state';
    case 'optimiser':
      return 'optimiser state';
    case 'input':
    case 'output':
      return 'inputs and outputs';
    case 'activation':
      return pass ? 'gradients' : 'activations';
  }
}

/** What is in device memory at the peak: what is persistent, and what is live there. */
function residents(schedule: AllocatedSchedule, peak: MemoryPeak | null): number[] {
  return [...persistentOnDevice(schedule), ...(peak?.tensors ?? [])];
}

/** The tensors in device memory at the peak by the layer that they come from, the largest first. */
export function byLayer(schedule: AllocatedSchedule, peak: MemoryPeak | null): LayerBytes[] {
  const program = peak ? `${schedule.programs[peak.program].name}/` : '';
  const layers = new Map<string, LayerTensor[]>();
  for (const index of residents(schedule, peak)) {
    const tensor = schedule.tensors[index];
    const plain = tensor.name.startsWith(program) ? tensor.name.slice(program.length) : tensor.name;
    const layer = tensor.scope ?? plain;
    const one = {
      name: nameWithin(layer, plain),
      full: tensor.name,
      type: tensor,
      source: tensor.source,
      sort: sortOf(schedule, index),
    };
    const list = layers.get(layer);
    if (list) list.push(one);
    else layers.set(layer, [one]);
  }
  return [...layers]
    .map(([name, tensors]) => ({
      name,
      bytes: tensors.reduce((sum, { type }) => sum + byteCount(type), 0),
      tensors: tensors.sort((a, b) => byteCount(b.type) - byteCount(a.type)),
    }))
    .sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}

function nameWithin(layer: string, name: string): string {
  const inside = name.startsWith(layer) && /^[./]/.test(name.slice(layer.length));
  return inside ? name.slice(layer.length + 1) : name;
}

type SortedBytes = readonly (readonly [Sort, number])[];

/** Bytes by what they are for: of persistent tensors on the device and on the host, and of what is live at the peak. */
export function sortBytes(
  schedule: AllocatedSchedule,
  peak: MemoryPeak | null,
): Readonly<Record<'device' | 'host' | 'live', SortedBytes>> {
  const totals = (indices: readonly number[], always: readonly Sort[]): SortedBytes => {
    const sums = new Map<Sort, number>(always.map((sort) => [sort, 0]));
    for (const index of indices) {
      const sort = sortOf(schedule, index);
      sums.set(sort, (sums.get(sort) ?? 0) + byteCount(schedule.tensors[index]));
    }
    return [...sums];
  };
  const host = schedule.tensors.flatMap(({ hostResident }, index) => (hostResident ? [index] : []));
  return {
    device: totals(
      persistentOnDevice(schedule),
      host.length > 0 ? [] : ['parameters', 'optimiser state'],
    ),
    host: totals(host, []),
    live: totals(peak?.tensors ?? [], []),
  };
}

const WEIGHTS: readonly Sort[] = ['parameters', 'optimiser state', 'other state'];

/** What would make the largest layer smaller, by what most of its bytes are for. */
export function layerAdvice(layers: readonly LayerBytes[]): string[] {
  const [largest] = layers;
  if (!largest) return [];
  const total = layers.reduce((sum, { bytes }) => sum + bytes, 0);
  const weights = largest.tensors.reduce(
    (sum, { sort, type }) => sum + (WEIGHTS.includes(sort) ? byteCount(type) : 0),
    0,
  );
  const share = `${((100 * largest.bytes) / total).toFixed(0)} % of it`;
  const what =
    weights > 0.5 * largest.bytes
      ? 'fewer features or channels there, or a factorised weight'
      : 'a smaller batch, or fewer features or channels there';
  return [`'${largest.name}' takes most, ${share}; what makes it smaller: ${what}`];
}
