import type { Affine } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { delinearise } from './affine.ts';
import { type LoopNest, splitAxis } from './loop-nest.ts';

/** A contraction and a later one that reads its result, cut so that axes of one correspond to axes of the other. */
export interface ProducerLink {
  readonly producer: LoopNest;
  readonly consumer: LoopNest;
  /** The consumer's node that loads the intermediate result. */
  readonly load: number;
  /** For each parallel axis of the producer, its index as the consumer has it: over the consumer's axes. */
  readonly digits: readonly Affine[];
  /** Parallel axes of the consumer that are nothing but one parallel axis of the producer each. */
  readonly shared: readonly SharedAxis[];
}

export interface SharedAxis {
  readonly producer: number;
  readonly consumer: number;
  readonly extent: number;
}

/** Cuts of axes after which the attempt is given up. */
const MOST_CUTS = 8;

/** The link of two contractions through the tensor that the first one stores, or why there is none. */
export function linkProducer(
  producer: LoopNest,
  consumer: LoopNest,
  tensor: number,
): ProducerLink | { readonly reason: string } {
  const load = intermediateLoad(consumer, tensor);
  if (load === null) return { reason: 'the intermediate is read in more than one way' };
  let [first, second] = [producer, consumer];
  for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
    const digits = readDigits(first, second, load);
    if (!digits) break;
    if ('cutConsumer' in digits) {
      const { axis, inner } = digits.cutConsumer;
      second = splitAxis(second, axis, inner);
      continue;
    }
    const cut = radixCut(digits.list, second);
    if (!cut) {
      const shared = sharedAxes(first, second, digits.list);
      return { producer: first, consumer: second, load, digits: digits.list, shared };
    }
    first = splitAxis(first, cut.axis, cut.inner);
  }
  return { reason: 'the axes of the two contractions do not correspond' };
}

/** The only node that loads from a tensor, if it is a plain load that the reduction needs. */
function intermediateLoad(consumer: LoopNest, tensor: number): number | null {
  const loads = consumer.nodes.flatMap((node, index) =>
    node.kind === 'load' && node.buffer === tensor ? [{ node, index }] : [],
  );
  if (loads.length !== 1) return null;
  const [{ node, index }] = loads;
  const plain = node.bounds.length === 0 && !node.indirect;
  return plain && nodesUnderReduction(consumer)[index] === 1 ? index : null;
}

const parallelCount = ({ axes }: LoopNest) => axes.filter(({ kind }) => kind === 'parallel').length;

/** What the consumer loads, read as indices of the producer's parallel axes. */
function readDigits(
  producer: LoopNest,
  consumer: LoopNest,
  load: number,
): { list: readonly Affine[] } | { cutConsumer: { axis: number; inner: number } } | null {
  const node = consumer.nodes[load];
  if (node.kind !== 'load') return null;
  const { index } = producer.stores[0];
  const count = parallelCount(producer);
  const reading = delinearise(
    { offset: node.index.offset - index.offset, coefficients: node.index.coefficients },
    consumer.axes,
    index.coefficients.slice(0, count),
    producer.axes.slice(0, count).map(({ extent }) => extent),
  );
  if (!reading) return null;
  return 'split' in reading ? { cutConsumer: reading.split } : { list: reading.digits };
}

/** Where to cut a producer's axis that several axes of the consumer make up, like the digits of a number. */
function radixCut(
  digits: readonly Affine[],
  consumer: LoopNest,
): { axis: number; inner: number } | null {
  for (const [axis, { offset, coefficients }] of digits.entries()) {
    const parts = coefficients
      .flatMap((stride, k) =>
        stride > 0 && consumer.axes[k].extent > 1
          ? [{ stride, extent: consumer.axes[k].extent }]
          : [],
      )
      .sort((a, b) => a.stride - b.stride);
    const [inner, next] = parts;
    if (offset === 0 && next && inner.stride === 1 && next.stride === inner.extent)
      return { axis, inner: inner.extent };
  }
  return null;
}

function sharedAxes(
  producer: LoopNest,
  consumer: LoopNest,
  digits: readonly Affine[],
): SharedAxis[] {
  const uses = consumer.axes.map(
    (_, axis) => digits.filter(({ coefficients }) => coefficients[axis] !== 0).length,
  );
  return digits.flatMap(({ offset, coefficients }, axis) => {
    const used = coefficients.flatMap((stride, k) => (stride !== 0 ? [k] : []));
    const { extent } = producer.axes[axis];
    const [one] = used;
    const equal =
      used.length === 1 &&
      offset === 0 &&
      extent > 1 &&
      coefficients[one] === 1 &&
      uses[one] === 1 &&
      consumer.axes[one].kind === 'parallel' &&
      consumer.axes[one].extent === extent;
    return equal ? [{ producer: axis, consumer: one, extent }] : [];
  });
}
