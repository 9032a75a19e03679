import type { Combine } from './evaluate.ts';
import { convolutionDimensions, integer, integers, ones, padding, record } from './fields.ts';
import type { Attributes, Operation, TensorType } from './syntax.ts';
import { at, countOf, type Evaluated, fill, indices, stridesOf } from './tensors.ts';

// Ops whose elements are of many elements of their operands.

/** Offsets of all places of some axes, in row-major order of these. */
function offsets(shape: readonly number[], axes: readonly number[]): Int32Array {
  const strides = stridesOf(shape);
  const own = axes.map((axis) => strides[axis]);
  const made = new Int32Array(countOf(axes.map((axis) => shape[axis])));
  let i = 0;
  for (const place of indices(axes.map((axis) => shape[axis]))) made[i++] = at(place, own);
  return made;
}

export function dotGeneral(
  { attributes }: Operation,
  a: Evaluated,
  b: Evaluated,
  type: TensorType,
): Float64Array {
  const numbers = record(attributes, 'dot_dimension_numbers');
  const list = (name: string) => integers(numbers, name, []);
  const side = (which: 'lhs' | 'rhs', { type: { shape } }: Evaluated) => {
    const [batch, summed] = [
      list(`${which}_batching_dimensions`),
      list(`${which}_contracting_dimensions`),
    ];
    const rest = shape
      .map((_, axis) => axis)
      .filter((axis) => !batch.includes(axis) && !summed.includes(axis));
    return [batch, rest, summed].map((axes) => offsets(shape, axes));
  };
  const [aBatch, aRest, aSummed] = side('lhs', a);
  const [bBatch, bRest, bSummed] = side('rhs', b);
  const made = new Float64Array(countOf(type.shape));
  let i = 0;
  for (let batch = 0; batch < aBatch.length; batch++)
    for (let row = 0; row < aRest.length; row++)
      for (let column = 0; column < bRest.length; column++) {
        const [x, y] = [aBatch[batch] + aRest[row], bBatch[batch] + bRest[column]];
        let sum = 0;
        for (let k = 0; k < aSummed.length; k++)
          sum += a.data[x + aSummed[k]] * b.data[y + bSummed[k]];
        made[i++] = sum;
      }
  return made;
}

export function convolve(
  operation: Operation,
  lhs: Evaluated,
  rhs: Evaluated,
  type: TensorType,
): Float64Array {
  const { attributes } = operation;
  const rank = type.shape.length - 2;
  const numbers = convolutionDimensions(operation, rank + 2);
  const list = (name: string) => integers(attributes, name, ones(rank));
  const [stride, base, dilation] = ['window_strides', 'lhs_dilation', 'rhs_dilation'].map(list);
  const pads = padding(attributes, rank);
  const reversal = attributes.window_reversal as readonly boolean[] | undefined;
  const groups = integer(attributes, 'feature_group_count');
  const batchGroups = integer(attributes, 'batch_group_count');
  const [a, b] = [stridesOf(lhs.type.shape), stridesOf(rhs.type.shape)];
  const taps = numbers.rhs.spatial.map((axis) => rhs.type.shape[axis]);
  const inputs = rhs.type.shape[numbers.rhs.input];
  const perGroup = rhs.type.shape[numbers.rhs.output] / groups;
  const perBatchGroup = rhs.type.shape[numbers.rhs.output] / batchGroups;
  const [inputStride, kernelStride] = [a[numbers.lhs.feature], b[numbers.rhs.input]];
  const places = Array.from(indices(taps), (place) => [...place]);
  return fill(type.shape, (place) => {
    const feature = place[numbers.result.feature];
    const group = Math.floor(feature / perGroup);
    const batch =
      place[numbers.result.batch] +
      Math.floor(feature / perBatchGroup) * type.shape[numbers.result.batch];
    const start = batch * a[numbers.lhs.batch] + group * inputs * inputStride;
    let sum = 0;
    for (const tap of places) {
      let [x, y] = [start, feature * b[numbers.rhs.output]];
      let isInside = true;
      for (let k = 0; k < rank && isInside; k++) {
        const moved = reversal?.[k] ? taps[k] - 1 - tap[k] : tap[k];
        const index =
          place[numbers.result.spatial[k]] * stride[k] + moved * dilation[k] - pads[k][0];
        const axis = numbers.lhs.spatial[k];
        isInside = index >= 0 && index % base[k] === 0 && index / base[k] < lhs.type.shape[axis];
        x += (index / base[k]) * a[axis];
        y += tap[k] * b[numbers.rhs.spatial[k]];
      }
      if (!isInside) continue;
      for (let i = 0; i < inputs; i++)
        sum += lhs.data[x + i * inputStride] * rhs.data[y + i * kernelStride];
    }
    return sum;
  });
}

export function reduceWindow(
  { attributes }: Operation,
  x: Evaluated,
  initial: Evaluated,
  type: TensorType,
  combine: Combine,
): Float64Array {
  const rank = type.shape.length;
  const list = (name: string) => integers(attributes, name, ones(rank));
  const [size, stride, base, dilation] = [
    ...['window_dimensions', 'window_strides', 'base_dilations', 'window_dilations'],
  ].map(list);
  const pads = padding(attributes, rank);
  const strides = stridesOf(x.type.shape);
  return fill(type.shape, (place) => {
    let made = initial.data[0];
    for (const tap of indices(size)) {
      const index = place.map((one, k) => one * stride[k] + tap[k] * dilation[k] - pads[k][0]);
      const isInside = index.every(
        (one, k) => one >= 0 && one % base[k] === 0 && one / base[k] < x.type.shape[k],
      );
      const element = isInside
        ? x.data[
            at(
              index.map((one, k) => one / base[k]),
              strides,
            )
          ]
        : initial.data[0];
      made = combine(made, element);
    }
    return made;
  });
}

/** The start of the slice that a place of the batch has, by axis of the operand. */
function starts(
  indicesOf: Evaluated,
  batch: readonly number[],
  numbers: Attributes,
  names: { readonly map: string; readonly batching: string; readonly indicesBatching: string },
  rank: number,
): number[] {
  const vector = typeof numbers.index_vector_dim === 'number' ? numbers.index_vector_dim : 0;
  const { shape } = indicesOf.type;
  const strides = stridesOf(shape);
  const made = new Array<number>(rank).fill(0);
  integers(numbers, names.map, []).forEach((axis, k) => {
    const place = vector < shape.length ? batch.toSpliced(vector, 0, k) : [...batch];
    made[axis] = indicesOf.data[at(place, strides)];
  });
  return made;
}

/** The place in the batch of an operand's batching dimensions. */
function batching(
  batch: readonly number[],
  numbers: Attributes,
  names: { readonly batching: string; readonly indicesBatching: string },
  rank: number,
): number[] {
  const vector = typeof numbers.index_vector_dim === 'number' ? numbers.index_vector_dim : 0;
  const made = new Array<number>(rank).fill(0);
  const from = integers(numbers, names.indicesBatching, []);
  integers(numbers, names.batching, []).forEach((axis, k) => {
    made[axis] = batch[from[k] - (from[k] < vector ? 0 : 1)];
  });
  return made;
}

export function gather(
  { attributes }: Operation,
  table: Evaluated,
  start: Evaluated,
  type: TensorType,
): Float64Array {
  const numbers = record(attributes, 'dimension_numbers');
  const offset = integers(numbers, 'offset_dims', []);
  const collapsed = [
    ...integers(numbers, 'collapsed_slice_dims', []),
    ...integers(numbers, 'operand_batching_dims', []),
  ];
  const sizes = integers(attributes, 'slice_sizes');
  const { shape } = table.type;
  const strides = stridesOf(shape);
  const kept = shape.map((_, axis) => axis).filter((axis) => !collapsed.includes(axis));
  const names = {
    map: 'start_index_map',
    batching: 'operand_batching_dims',
    indicesBatching: 'start_indices_batching_dims',
  };
  return fill(type.shape, (place) => {
    const batch = place.filter((_, axis) => !offset.includes(axis));
    const first = starts(start, batch, numbers, names, shape.length);
    const own = batching(batch, numbers, names, shape.length);
    const index = first.map(
      (one, axis) => Math.max(0, Math.min(shape[axis] - sizes[axis], one)) + own[axis],
    );
    offset.forEach((axis, k) => {
      index[kept[k]] += place[axis];
    });
    return table.data[at(index, strides)];
  });
}

export function scatter(
  { attributes }: Operation,
  input: Evaluated,
  start: Evaluated,
  updates: Evaluated,
  combine: Combine,
): Float64Array {
  const numbers = record(attributes, 'scatter_dimension_numbers');
  const window = integers(numbers, 'update_window_dims', []);
  const inserted = [
    ...integers(numbers, 'inserted_window_dims', []),
    ...integers(numbers, 'input_batching_dims', []),
  ];
  const { shape } = input.type;
  const strides = stridesOf(shape);
  const kept = shape.map((_, axis) => axis).filter((axis) => !inserted.includes(axis));
  const names = {
    map: 'scatter_dims_to_operand_dims',
    ...{ batching: 'input_batching_dims', indicesBatching: 'scatter_indices_batching_dims' },
  };
  const made = Float64Array.from(input.data);
  let i = 0;
  for (const place of indices(updates.type.shape)) {
    const batch = place.filter((_, axis) => !window.includes(axis));
    const own = batching(batch, numbers, names, shape.length);
    const index = starts(start, batch, numbers, names, shape.length).map(
      (one, axis) => one + own[axis],
    );
    window.forEach((axis, k) => {
      index[kept[k]] += place[axis];
    });
    const update = updates.data[i++];
    if (!index.every((one, axis) => one >= 0 && one < shape[axis])) continue;
    const to = at(index, strides);
    made[to] = combine(made[to], update);
  }
  return made;
}
