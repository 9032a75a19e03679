import type { OpAttributes } from '../../../ir/ops.ts';
import { elementCount } from '../../../ir/tensor.ts';
import type { PooledAxis, Pooling } from '../graph/pooling.ts';
import { type Arranged, type Arranger, plain } from './arranged.ts';
import type { Stored } from './builder.ts';
import { reduced } from './contractions.ts';
import { elementwise } from './scalars.ts';

type Steps = Pick<OpAttributes['window'], 'stride' | 'dilation' | 'low'>;

/** By position and tap: the element, counted from the first of the axis. */
function elements({ stride, dilation, low }: Steps, positions: number, size: number): number[] {
  return Array.from(
    { length: positions * size },
    (_, k) => Math.floor(k / size) * stride + (k % size) * dilation - low,
  );
}

/** Windows that no convolution or pooling takes: elements by index, from a padded axis. */
export function windows(
  arranger: Arranger,
  value: Arranged,
  attributes: OpAttributes['window'],
): Arranged {
  const { axis, positions, size, value: filling } = attributes;
  const { builder } = arranger;
  const x = arranger.flat(value);
  const at = elements(attributes, positions, size);
  const extent = x.shape[axis];
  const before = Math.max(0, -Math.min(...at));
  const behind = Math.max(0, Math.max(...at) - extent + 1);
  const padded = pad(arranger, x, axis, before, behind, filling);
  const indices = builder.constant(
    'int64',
    [positions, size],
    at.map((index) => index + before),
  );
  const shape = x.shape.toSpliced(axis, 1, positions, size);
  return plain(builder.node('Gather', [padded, indices], { element: x.element, shape }, { axis }));
}

function pad(
  { builder }: Arranger,
  x: Stored,
  axis: number,
  before: number,
  behind: number,
  value: number,
): Stored {
  if (before === 0 && behind === 0) return x;
  const edge = (count: number) => x.shape.map((_, k) => (k === axis ? count : 0));
  const counts = builder.integers([...edge(before), ...edge(behind)]);
  const shape = x.shape.with(axis, x.shape[axis] + before + behind);
  const filling = builder.constant(x.element, [], [value]);
  return builder.node('Pad', [x, counts, filling], { element: x.element, shape });
}

/** Folds that no convolution takes: rows added up by index. What lies outside is added to rows that are cut off. */
export function folds(
  arranger: Arranger,
  value: Arranged,
  attributes: OpAttributes['fold'],
): Arranged {
  const { axis, extent } = attributes;
  const [positions, size] = value.shape.slice(axis, axis + 2);
  const rest = value.shape.map((_, k) => k).filter((k) => k !== axis && k !== axis + 1);
  const front = arranger.whole(value, [axis, axis + 1, ...rest]);
  const at = elements(attributes, positions, size).map((index) =>
    index >= 0 && index < extent ? index : extent,
  );
  const indices = arranger.builder.constant('int64', [positions, size, 1], at);
  const rows = scatterRows(arranger, front, indices, extent);
  const axes = [axis, ...rest.map((k) => (k < axis ? k : k - 1))];
  return { stored: rows, order: axes, shape: value.shape.toSpliced(axis, 2, extent) };
}

/** Rows of updates added up; those of index `rows` are left out. */
export function scatterRows(
  { builder }: Arranger,
  updates: Stored,
  indices: Stored,
  rows: number,
): Stored {
  const row = updates.shape.slice(indices.shape.length - 1);
  const all = { element: updates.element, shape: [rows + 1, ...row] };
  const zero = builder.constant(
    updates.element,
    all.shape.map(() => 1),
    [0],
  );
  const zeros = builder.node('Expand', [zero, builder.integers(all.shape)], all);
  const made = builder.node('ScatterND', [zeros, indices, updates], all, { reduction: 'add' });
  const ends = [[0], [rows], [0]].map((list) => builder.integers(list));
  return builder.node('Slice', [made, ...ends], { element: all.element, shape: [rows, ...row] });
}

/** Whether ONNX has an op for a reduction over windows. */
export function isPool(op: string, element: string, { axes, value }: Pooling): boolean {
  const windowed = axes.filter((axis): axis is PooledAxis => axis !== null);
  const isInside = windowed.every(({ low, high }) => low <= 0 && high <= 0);
  const isSmall = windowed.every(({ low, high, size }) => low < size && high < size);
  const identity = IDENTITIES[op];
  return (
    element === 'float' &&
    windowed.length <= 3 &&
    isSmall &&
    (isInside || Object.is(value, identity)) &&
    (op !== 'ReduceSum' || windowed.every(({ dilation }) => dilation === 1))
  );
}

const IDENTITIES: Readonly<Record<string, number>> = {
  ReduceSum: 0,
  ReduceMax: Number.NEGATIVE_INFINITY,
  ReduceMin: Number.POSITIVE_INFINITY,
};

/** A reduction over windows as MaxPool or AveragePool: of the last axis without windows are the features, of the others the batch. */
export function pooling(arranger: Arranger, op: string, value: Arranged, found: Pooling): Arranged {
  const { builder } = arranger;
  const isWindowed = (axis: number) => found.axes[axis] !== null;
  const all = value.shape.map((_, axis) => axis);
  const still = all.filter((axis) => !isWindowed(axis));
  const slides = all.filter(isWindowed);
  const [batch, features] = [still.slice(0, -1), still.slice(-1)];
  const size = (axes: readonly number[]) => elementCount(axes.map((axis) => value.shape[axis]));
  const whole = arranger.whole(value, [...still, ...slides]);
  const lead = [size(batch), size(features)];
  const x = arranger.reshaped(whole, [...lead, ...slides.map((axis) => value.shape[axis])]);
  const windowed = slides.map((axis) => found.axes[axis]!);
  const negative = (given: Stored) =>
    op === 'ReduceMin' ? elementwise(builder, 'Neg', [given]) : given;
  const made = negative(pooled(arranger, op, negative(x), windowed));
  const extents = made.shape.slice(2);
  const apart = arranger.reshaped(made, [...still.map((axis) => value.shape[axis]), ...extents]);
  const shape = [...value.shape];
  slides.forEach((axis, k) => {
    shape[axis] = extents[k];
  });
  const placed: Arranged = { stored: apart, order: [...still, ...slides], shape };
  const left = reduced(arranger, op, placed, found.reduced);
  const kept = all.filter((axis) => !found.reduced.includes(axis));
  // Axis k of the result is axis order[k] of the input.
  const inResult = kept.map((axis) => found.order.indexOf(axis));
  return {
    stored: left.stored,
    order: left.order.map((axis) => inResult[axis]),
    shape: found.order.map((axis) => shape[axis]),
  };
}

function pooled(
  arranger: Arranger,
  op: string,
  x: Stored,
  windowed: readonly PooledAxis[],
): Stored {
  const { builder } = arranger;
  const cut = windowed.reduce((made, { low, high }, k) => {
    if (low >= 0 && high >= 0) return made;
    const [start, end] = [Math.max(0, -low), made.shape[k + 2] - Math.max(0, -high)];
    const inputs = [made, ...[[start], [end], [k + 2]].map((list) => builder.integers(list))];
    return builder.node('Slice', inputs, {
      element: made.element,
      shape: made.shape.with(k + 2, end - start),
    });
  }, x);
  const extents = windowed.map(({ size, stride, dilation, low, high }, k) => {
    const padded = x.shape[k + 2] + low + high;
    return Math.floor((padded - (size - 1) * dilation - 1) / stride) + 1;
  });
  const edges = [...windowed.map(({ low }) => low), ...windowed.map(({ high }) => high)];
  const attributes = {
    kernel_shape: windowed.map(({ size }) => size),
    strides: windowed.map(({ stride }) => stride),
    pads: edges.map((count) => Math.max(0, count)),
  };
  const type = { element: x.element, shape: [...x.shape.slice(0, 2), ...extents] };
  if (op !== 'ReduceSum') {
    const dilations = windowed.map(({ dilation }) => dilation);
    return builder.node('MaxPool', [cut], type, { ...attributes, dilations });
  }
  const mean = builder.node('AveragePool', [cut], type, { ...attributes, count_include_pad: 1 });
  const taps = elementCount(attributes.kernel_shape);
  return elementwise(builder, 'Mul', [
    mean,
    builder.constant(
      'float',
      type.shape.map(() => 1),
      [taps],
    ),
  ]);
}
