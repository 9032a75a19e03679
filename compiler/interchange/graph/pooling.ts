import type { Graph, NodeOf, ValueId } from '../../../ir/graph.ts';
import { windowChain } from './views.ts';

/** One axis of what a reduction over windows reads. */
export interface PooledAxis {
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Elements before and behind; negative ones cut off. */
  readonly low: number;
  readonly high: number;
}

/** A reduction over the taps of windows. */
export interface Pooling {
  readonly input: ValueId;
  /** By axis of the input; null along axes without windows. */
  readonly axes: readonly (PooledAxis | null)[];
  /** Outside of the axes. */
  readonly value: number;
  /** Axis k of the reduction's result without `reduced` is axis `order[k]` of the input. */
  readonly order: readonly number[];
  /** Axes of the input that are reduced as well. */
  readonly reduced: readonly number[];
}

type Reduction = NodeOf<'reduceSum' | 'reduceMax' | 'reduceMin'>;

/** The windows that a reduction takes together, or null where it does not take all taps of windows. */
export function poolingOf(graph: Graph, node: Reduction): Pooling | null {
  const chain = windowChain(graph, node.operands[0]);
  if (!chain) return null;
  const { windows, base, axes } = chain;
  const isReduced = (axis: number) => node.attributes.axes.includes(axis);
  if (!windows.every(({ position, tap }) => isReduced(tap) && !isReduced(position))) return null;
  const [{ value }] = windows;
  if (!windows.every((window) => Object.is(window.value, value))) return null;
  const { shape } = graph.nodes[base].type;
  const pooled = axes.map((axis, k): PooledAxis | null => {
    if (!('window' in axis)) return null;
    const { stride, dilation, low: given, positions, size } = windows[axis.window];
    const step = Math.abs(dilation);
    const low = dilation < 0 ? given + (size - 1) * step : given;
    const high = (positions - 1) * stride + (size - 1) * step + 1 - low - shape[k];
    return { size, stride, dilation: step, low, high };
  });
  /** By axis of the reduction's operand: the axis of the base that it comes from. */
  const from = new Map(
    axes.map((axis, k) => ['axis' in axis ? axis.axis : windows[axis.window].position, k]),
  );
  const rank = graph.nodes[node.operands[0]].type.shape.length;
  const kept = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !isReduced(axis));
  return {
    ...{ input: base, axes: pooled, value },
    order: kept.map((axis) => from.get(axis)!),
    reduced: [...from]
      .filter(([axis]) => isReduced(axis))
      .map(([, k]) => k)
      .sort((a, b) => a - b),
  };
}
