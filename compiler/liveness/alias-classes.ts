import type { Affine, Kernel } from '../../ir/kernel.ts';
import { repeatedAxes } from '../../ir/kernel-addresses.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { tilesOwn } from '../../ir/kernel-stage.ts';
import type { Schedule, ScheduleStep, ScheduleTensor } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { TensorPair } from './handovers.ts';

// What may be in one place. A kernel says which of its buffers could be one, its tensors say whether they may, and
// liveness says when (handovers.ts). Tensors that took over a place in turn are an alias class.

/** A kernel's buffer that is read and one that is written, which may be the same memory. */
export interface BufferPair {
  readonly read: number;
  readonly written: number;
}

/** A kernel's body, in which `buffer` may also name something else than a buffer of a kernel. */
export type KernelBody = Pick<Kernel, 'axes' | 'nodes' | 'reductions' | 'stores' | 'staging'>;

const known = new WeakMap<Kernel, readonly BufferPair[]>();

/**
 * The pairs of buffers that a kernel could have in one place: overwritable ones of one size and dtype. Derived once per
 * kernel object.
 */
export function inPlacePairs(kernel: Kernel): readonly BufferPair[] {
  let pairs = known.get(kernel);
  if (!pairs) {
    const { buffers } = kernel;
    const having = (access: 'read' | 'write') =>
      buffers.flatMap((buffer, index) => (buffer.access === access ? [index] : []));
    pairs = overwritable(kernel, having('read'), having('write')).filter(
      ({ read, written }) =>
        buffers[read].dtype === buffers[written].dtype &&
        buffers[read].elements === buffers[written].elements,
    );
    known.set(kernel, pairs);
  }
  return pairs;
}

/**
 * Of what is only read and what is only written, by the body's names for them, the pairs that could be in one place,
 * whatever the sizes. A point may overwrite only elements that it alone reads, after it has read them: plain stores to
 * what is written, which no two points do to one element; every load of what is read at the very index of one of them, without
 * bounds, indirection or reduction, and in a stage only where tiles own what they load (`tilesOwn`); no sequential axes.
 */
export function overwritable(
  body: KernelBody,
  onlyRead: readonly number[],
  onlyWritten: readonly number[],
): BufferPair[] {
  if (body.axes.some((axis) => axis.kind === 'sequential')) return [];
  const staged = new Set(
    body.staging?.stages.flatMap(({ nodes, stores }) => [
      ...nodes.flatMap((node) => (node.kind === 'load' ? [node.buffer] : [])),
      ...stores.map(({ buffer }) => buffer),
    ]),
  );
  const mayOverwrite = (read: number, written: number) =>
    !staged.has(read) || tilesOwn(body, read, written);
  const under = nodesUnderReduction(body);
  // Axes of one point, which nests may have, make no difference.
  const sameAddress = (a: Affine, b: Affine) =>
    a.offset === b.offset &&
    body.axes.every(
      ({ extent }, axis) => extent === 1 || a.coefficients[axis] === b.coefficients[axis],
    );
  const isReadAt = (read: number, stores: KernelBody['stores']) =>
    body.nodes.every(
      (node, i) =>
        node.kind !== 'load' ||
        node.buffer !== read ||
        (!under[i] &&
          !node.indirect &&
          node.bounds.length === 0 &&
          stores.some(({ index }) => sameAddress(node.index, index))),
    );
  return onlyWritten.flatMap((written) => {
    const stores = body.stores.filter((store) => store.buffer === written);
    const plain = stores.every(
      (store) => !store.accumulate && !store.indirect && repeatedAxes(body, store).length === 0,
    );
    if (stores.length === 0 || !plain) return [];
    return onlyRead.flatMap((read) =>
      isReadAt(read, stores) && mayOverwrite(read, written) ? [{ read, written }] : [],
    );
  });
}

/** Whether `to` may ever be in the place of `from`: both in the arena, of one size and dtype, and `from` is no output. */
export function mayShare(
  tensors: readonly ScheduleTensor[],
  { from, to }: TensorPair,
  isOutput: (tensor: number) => boolean,
): boolean {
  const [source, target] = [tensors[from], tensors[to]];
  return (
    source.program !== null &&
    target.program !== null &&
    source.dtype === target.dtype &&
    elementCount(source.shape) === elementCount(target.shape) &&
    !isOutput(from)
  );
}

/** A pair of a step's tensors with the buffers that it binds them to. */
export interface StepPair extends TensorPair, BufferPair {}

/** The pairs of tensors that a step could have in one place: those that may share and that it binds as a whole. */
export function stepPairs(
  { tensors, kernels }: Pick<Schedule, 'tensors' | 'kernels'>,
  { kernel, operands }: Pick<ScheduleStep, 'kernel' | 'operands'>,
  isOutput: (tensor: number) => boolean,
): StepPair[] {
  const { buffers } = kernels[kernel];
  return inPlacePairs(kernels[kernel]).flatMap(({ read, written }) => {
    const pair = { read, written, from: operands[read], to: operands[written] };
    const isWhole = elementCount(tensors[pair.to].shape) === buffers[written].elements;
    return isWhole && mayShare(tensors, pair, isOutput) ? [pair] : [];
  });
}

/** For each tensor the first of its alias class: itself where it took over nothing. */
export function aliasClassRoots(count: number, handovers: readonly Handover[]): Int32Array {
  const root = Int32Array.from({ length: count }, (_, index) => index);
  // A tensor's own handover is always seen before the one in which it is taken over.
  for (const { tensor, from } of handovers) root[tensor] = root[from];
  return root;
}
