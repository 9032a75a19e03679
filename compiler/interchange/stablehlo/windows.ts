import type { OpAttributes } from '../../../ir/ops.ts';
import type { Pooling } from '../graph/pooling.ts';
import { type Body, joining, type Value } from './body.ts';
import { gather, scatter } from './rows.ts';
import { arrayText } from './types.ts';

/** Up to so many slices are written one by one; more are gathered or scattered by computed indices. */
const MOST_SLICES = 16;

/** Windows that no convolution or pooling takes: slices side by side. */
export function windows(body: Body, x: Value, attributes: OpAttributes['window']): Value {
  const { axis, stride, dilation, low, positions, size, value } = attributes;
  const { element, shape } = x.type;
  const [first, last] = reach(attributes, positions, size);
  const before = Math.max(0, -first);
  const along = (count: number) => shape.map((_, k) => (k === axis ? count : 0));
  const padded = body.pad(
    x,
    body.constant(value, element),
    along(before),
    along(Math.max(0, last - shape[axis] + 1)),
  );
  if (Math.min(positions, size) > MOST_SLICES) {
    const indices = indicesOf(body, { ...attributes, low: low - before }, positions, size);
    return gather(body, padded, indices, axis);
  }
  const isByTap = size <= positions;
  const [parts, count] = isByTap ? [size, positions] : [positions, size];
  const step = isByTap ? stride : Math.abs(dilation);
  const isReversed = !isByTap && dilation < 0;
  const slices = Array.from({ length: parts }, (_, k) => {
    const at = isByTap ? k * dilation : k * stride + (isReversed ? (size - 1) * dilation : 0);
    const start = at - low + before;
    const { shape: whole } = padded.type;
    const slice = body.slice(
      padded,
      along(start),
      whole.map((extent, j) => (j === axis ? start + (count - 1) * step + 1 : extent)),
      whole.map((_, j) => (j === axis ? step : 1)),
    );
    const turned = isReversed ? body.reverse(slice, [axis]) : slice;
    const extents = isByTap ? [count, 1] : [1, count];
    return body.reshape(turned, shape.toSpliced(axis, 1, ...extents));
  });
  return body.concatenate(slices, isByTap ? axis + 1 : axis);
}

/** The first and the last element that windows touch, counted from the first of the axis. */
function reach(
  { stride, dilation, low }: Pick<OpAttributes['window'], 'stride' | 'dilation' | 'low'>,
  positions: number,
  size: number,
): readonly [number, number] {
  const taps = (size - 1) * dilation;
  const last = (positions - 1) * stride + Math.max(0, taps) - low;
  return [Math.min(0, taps) - low, last];
}

/** [positions, size]: the element of each tap. */
function indicesOf(
  body: Body,
  { stride, dilation, low }: Pick<OpAttributes['window'], 'stride' | 'dilation' | 'low'>,
  positions: number,
  size: number,
): Value {
  const shape = [positions, size];
  const times = (axis: number, factor: number) =>
    body.same('multiply', [body.iota('i32', shape, axis), body.constant(factor, 'i32', shape)]);
  const sum = body.same('add', [times(0, stride), times(1, dilation)]);
  return body.same('subtract', [sum, body.constant(low, 'i32', shape)]);
}

/** Folds that no convolution takes: slices of what is folded, spread out and added. */
export function folds(body: Body, x: Value, attributes: OpAttributes['fold']): Value {
  const { axis, stride, dilation, low, extent } = attributes;
  const { element, shape } = x.type;
  const [positions, size] = shape.slice(axis, axis + 2);
  const zero = body.constant(0, element);
  const result = shape.toSpliced(axis, 2, extent);
  if (Math.min(positions, size) > MOST_SLICES) {
    const rest = shape.map((_, k) => k).filter((k) => k !== axis && k !== axis + 1);
    const front = body.transpose(x, [axis, axis + 1, ...rest]);
    const indices = indicesOf(body, attributes, positions, size);
    const rows = scatter(body, front, indices, extent);
    const back = result.map((_, k) => (k === axis ? 0 : k < axis ? k + 1 : k));
    return body.transpose(rows, back);
  }
  const isByTap = size <= positions;
  const [parts, count] = isByTap ? [size, positions] : [positions, size];
  const step = isByTap ? stride : Math.abs(dilation);
  const isReversed = !isByTap && dilation < 0;
  const along = (at: number) => result.map((_, k) => (k === axis ? at : 0));
  const spread: Value[] = [];
  for (let k = 0; k < parts; k++) {
    const start =
      (isByTap ? k * dilation : k * stride + (isReversed ? (size - 1) * dilation : 0)) - low;
    const last = start + (count - 1) * step;
    if (last < 0 || start >= extent) continue;
    const cut = isByTap ? axis + 1 : axis;
    const slice = body.slice(
      x,
      shape.map((_, j) => (j === cut ? k : 0)),
      shape.map((one, j) => (j === cut ? k + 1 : one)),
      shape.map(() => 1),
    );
    const flat = body.reshape(slice, shape.toSpliced(cut, 1));
    const turned = isReversed ? body.reverse(flat, [axis]) : flat;
    spread.push(body.pad(turned, zero, along(start), along(extent - 1 - last), along(step - 1)));
  }
  if (spread.length === 0) return body.constant(0, element, result);
  return spread.reduce((sum, part) => body.same('add', [sum, part]));
}

/** A reduction over windows in one op. */
export function pooling(body: Body, op: string, x: Value, found: Pooling, identity: number): Value {
  const { element, shape } = x.type;
  const edge = (which: 'low' | 'high') => found.axes.map((axis) => axis?.[which] ?? 0);
  const [low, high] = [edge('low'), edge('high')];
  // What the op pads with is what it starts from, and it takes nothing away.
  const isOwn = Object.is(found.value, identity) && [...low, ...high].every((count) => count >= 0);
  const padded = isOwn ? x : body.pad(x, body.constant(found.value, element), low, high);
  const padding = isOwn ? low.map((before, k) => [before, high[k]]) : low.map(() => [0, 0]);
  const field = (name: 'size' | 'stride' | 'dilation') =>
    arrayText(found.axes.map((axis) => axis?.[name] ?? 1));
  const type = {
    element,
    shape: shape.map((extent, k) => {
      const axis = found.axes[k];
      if (!axis) return extent;
      const taken = extent + low[k] + high[k] - (axis.size - 1) * axis.dilation - 1;
      return Math.floor(taken / axis.stride) + 1;
    }),
  };
  const initial = body.constant(identity, element);
  const operands = [padded, initial];
  const pads = `dense<[${padding.map((pair) => `[${pair.join(', ')}]`).join(', ')}]> : tensor<${padding.length}x2xi64>`;
  const attributes = `{window_dimensions = ${field('size')}, window_strides = ${field('stride')}, window_dilations = ${field('dilation')}, base_dilations = ${arrayText(shape.map(() => 1))}, padding = ${pads}}`;
  const pooled = body.region('reduce_window', operands, joining(op, element), attributes, type);
  const reduced =
    found.reduced.length > 0 ? body.reduce(op, pooled, initial, found.reduced) : pooled;
  const left = shape.map((_, k) => k).filter((k) => !found.reduced.includes(k));
  return body.transpose(
    reduced,
    found.order.map((axis) => left.indexOf(axis)),
  );
}
