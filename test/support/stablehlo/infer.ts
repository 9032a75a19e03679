import {
  convolutionDimensions,
  integer,
  integers,
  isSorted,
  isUnique,
  isWithin,
  ones,
  padding,
  record,
  require,
  same,
  windowCount,
} from './fields.ts';
import type { Operation, TensorType } from './syntax.ts';

// By op: the constraints of the specification, and the types of results where these follow. `C5` is the name of a constraint there.

type Shape = readonly number[];
/** The shape or the type of the one result; null where only the text says it. */
type Rule = (
  operation: Operation,
  operands: readonly TensorType[],
  result: TensorType,
) => TensorType | null;

const INTEGERS = ['i8', 'i16', 'i32', 'i64', 'ui8', 'ui16', 'ui32', 'ui64'];
const FLOATS = ['f16', 'bf16', 'f32', 'f64'];
const count = (shape: Shape) => shape.reduce((product, extent) => product * extent, 1);

/** Operands of one type, which is the result's. */
const elementwise =
  (...elements: readonly string[]): Rule =>
  (_, operands) => {
    const [first] = operands;
    for (const { element, shape } of operands)
      require(element === first.element && same(shape, first.shape), 'operands have one type');
    require(elements.includes(first.element), `element type ${first.element} of ${elements}`);
    return first;
  };

const float = elementwise(...FLOATS);
const number = elementwise(...FLOATS, ...INTEGERS);
const bits = elementwise('i1', ...INTEGERS);
const words = elementwise(...INTEGERS);
const any = elementwise('i1', ...FLOATS, ...INTEGERS);
const signed = elementwise(...FLOATS, 'i8', 'i16', 'i32', 'i64');

const BIT_COUNTS: Readonly<Record<string, number>> = {
  ...{ i8: 8, i16: 16, i32: 32, i64: 64, ui8: 8, ui16: 16, ui32: 32, ui64: 64 },
  ...{ f16: 16, bf16: 16, f32: 32, f64: 64 },
};

/** The body of a reduction: two scalars to one. */
function checkBody({ regions }: Operation, element: string): void {
  require(regions.length === 1, 'one region');
  const [{ parameters, operations }] = regions;
  const isScalar = (type: TensorType) => type.element === element && type.shape.length === 0;
  require(parameters.length === 2 &&
    parameters.every(({ type }) => isScalar(type)), 'the body takes two scalars');
  const last = operations[operations.length - 1];
  require(last?.name === 'return' && last.operandTypes.length === 1, 'the body returns one scalar');
  require(isScalar(last.operandTypes[0]), 'the body returns a scalar of the element type');
}

export const INFER: Readonly<Record<string, Rule>> = {
  ...{ cosine: float, exponential: float, exponential_minus_one: float, log: float, sine: float },
  ...{ log_plus_one: float, logistic: float, sqrt: float, tanh: float, floor: float, ceil: float },
  ...{
    power: number,
    abs: signed,
    sign: signed,
    negate: number,
    not: bits,
    is_finite: boolean(FLOATS),
  },
  ...{ and: bits, or: bits, xor: bits, shift_left: words, shift_right_logical: words },
  ...{ shift_right_arithmetic: words, divide: number, remainder: number, subtract: number },
  ...{ add: any, multiply: any, maximum: any, minimum: any },
  constant: ({ attributes }, _, result) => {
    const { value } = attributes;
    require(typeof value === 'object' && 'dense' in value, 'C1: a constant');
    require(value.dense.elements.length ===
      count(result.shape), 'C1: as many elements as the type has');
    return value.dense.type;
  },
  iota: ({ attributes }, _, result) => {
    require(isWithin(
      [integer(attributes, 'iota_dimension')],
      result.shape.length,
    ), 'C1: dimension in range');
    require(result.element !== 'i1', 'numbers');
    return null;
  },
  convert: (_, [operand], result) => ({ element: result.element, shape: operand.shape }),
  bitcast_convert: (_, [operand], result) => {
    require(BIT_COUNTS[operand.element] === BIT_COUNTS[result.element], 'C1: as many bits');
    return { element: result.element, shape: operand.shape };
  },
  reshape: (_, [operand], result) => {
    require(operand.element === result.element, 'C1: element types agree');
    require(count(operand.shape) === count(result.shape), 'C2: as many elements');
    return null;
  },
  transpose: ({ attributes }, [operand]) => {
    const permutation = integers(attributes, 'permutation');
    require(same(
      [...permutation].sort((a, b) => a - b),
      operand.shape.map((_, axis) => axis),
    ), 'C2: a permutation of the dimensions');
    return { element: operand.element, shape: permutation.map((axis) => operand.shape[axis]) };
  },
  reverse: ({ attributes }, [operand]) => {
    const dimensions = integers(attributes, 'dimensions');
    require(isUnique(dimensions) && isWithin(dimensions, operand.shape.length), 'C2, C3');
    return operand;
  },
  broadcast_in_dim: ({ attributes }, [operand], result) => {
    const dimensions = integers(attributes, 'broadcast_dimensions');
    require(operand.element === result.element, 'C1: element types agree');
    require(dimensions.length === operand.shape.length, 'C2: a dimension for each of the operand');
    require(isWithin(dimensions, result.shape.length), 'C3: dimensions in range');
    require(isUnique(dimensions), 'C4: each dimension once');
    dimensions.forEach((dimension, k) => {
      require(operand.shape[k] === 1 ||
        operand.shape[k] === result.shape[dimension], 'C5: extents agree or are 1');
    });
    return null;
  },
  concatenate: ({ attributes }, operands) => {
    const dimension = integer(attributes, 'dimension');
    const [first] = operands;
    require(isWithin([dimension], first.shape.length), 'C4: dimension in range');
    for (const { element, shape } of operands)
      require(element === first.element &&
        same(
          shape.toSpliced(dimension, 1),
          first.shape.toSpliced(dimension, 1),
        ), 'C1, C2: types agree but for the dimension');
    const extent = operands.reduce((sum, { shape }) => sum + shape[dimension], 0);
    return { element: first.element, shape: first.shape.with(dimension, extent) };
  },
  slice: ({ attributes }, [operand]) => {
    const [starts, limits, strides] = ['start_indices', 'limit_indices', 'strides'].map((name) =>
      integers(attributes, name),
    );
    for (const list of [starts, limits, strides])
      require(list.length === operand.shape.length, 'C2: one for each dimension');
    operand.shape.forEach((extent, k) => {
      require(0 <= starts[k] && starts[k] <= limits[k] && limits[k] <= extent, 'C3: in range');
      require(strides[k] > 0, 'C4: positive strides');
    });
    const shape = starts.map((start, k) => Math.ceil((limits[k] - start) / strides[k]));
    return { element: operand.element, shape };
  },
  pad: ({ attributes }, [operand, value]) => {
    const [low, high, interior] = ['edge_padding_low', 'edge_padding_high', 'interior_padding'].map(
      (name) => integers(attributes, name),
    );
    require(value.element === operand.element &&
      value.shape.length === 0, 'C1: a scalar of the type');
    for (const list of [low, high, interior])
      require(list.length === operand.shape.length, 'C2: one for each dimension');
    require(interior.every((one) => one >= 0), 'C3: no negative interior');
    const shape = operand.shape.map(
      (extent, k) => extent + low[k] + Math.max(extent - 1, 0) * interior[k] + high[k],
    );
    require(shape.every((extent) => extent >= 0), 'C4: no negative extent');
    return { element: operand.element, shape };
  },
  compare: ({ attributes }, [lhs, rhs]) => {
    require(lhs.element === rhs.element &&
      same(lhs.shape, rhs.shape), 'C1, C2: operands of one type');
    const { compare_type: kind } = attributes;
    const wanted = FLOATS.includes(lhs.element)
      ? ['FLOAT', 'TOTALORDER']
      : [lhs.element.startsWith('ui') || lhs.element === 'i1' ? 'UNSIGNED' : 'SIGNED'];
    require(kind === undefined || wanted.includes(String(kind)), `C3: comparison type ${wanted}`);
    return { element: 'i1', shape: lhs.shape };
  },
  select: (_, [condition, a, b]) => {
    require(condition.element === 'i1', 'a predicate');
    require(condition.shape.length === 0 ||
      same(condition.shape, a.shape), 'C1: one predicate or one each');
    require(a.element === b.element && same(a.shape, b.shape), 'C2: both of one type');
    return a;
  },
  reduce: (operation, [input, initial]) => {
    const dimensions = integers(operation.attributes, 'dimensions');
    require(initial.element === input.element &&
      initial.shape.length === 0, 'C2: a scalar of the type');
    require(isWithin(dimensions, input.shape.length), 'C4: dimensions in range');
    require(isUnique(dimensions), 'C5: each dimension once');
    checkBody(operation, input.element);
    return { element: input.element, shape: input.shape.filter((_, k) => !dimensions.includes(k)) };
  },
  reduce_window: (operation, [input, initial]) => {
    const rank = input.shape.length;
    const { attributes } = operation;
    const list = (name: string) =>
      integers(attributes, name, name === 'window_dimensions' ? undefined : ones(rank));
    const [size, stride, base, dilation] = [
      ...['window_dimensions', 'window_strides', 'base_dilations', 'window_dilations'],
    ].map(list);
    require(initial.element === input.element &&
      initial.shape.length === 0, 'C3: a scalar of the type');
    for (const one of [size, stride, base, dilation])
      require(one.length === rank &&
        one.every((each) => each > 0), 'C4-C11: one positive number for each dimension');
    const pads = padding(attributes, rank);
    require(pads.length === rank, 'C12: a pair for each dimension');
    checkBody(operation, input.element);
    const shape = input.shape.map((extent, k) => {
      const way = { stride: stride[k], base: base[k], dilation: dilation[k] };
      return windowCount(extent, size[k], { ...way, low: pads[k][0], high: pads[k][1] });
    });
    return { element: input.element, shape };
  },
  dot_general: ({ attributes }, [lhs, rhs], result) => {
    const numbers = record(attributes, 'dot_dimension_numbers');
    const list = (name: string) => integers(numbers, name, []);
    const [lhsBatch, rhsBatch, lhsSummed, rhsSummed] = [
      ...['lhs_batching_dimensions', 'rhs_batching_dimensions'],
      ...['lhs_contracting_dimensions', 'rhs_contracting_dimensions'],
    ].map(list);
    require(lhsBatch.length === rhsBatch.length, 'C1');
    require(lhsSummed.length === rhsSummed.length, 'C2');
    require(isUnique([...lhsBatch, ...lhsSummed]) &&
      isUnique([...rhsBatch, ...rhsSummed]), 'C3, C4');
    require(isWithin([...lhsBatch, ...lhsSummed], lhs.shape.length), 'C5, C6');
    require(isWithin([...rhsBatch, ...rhsSummed], rhs.shape.length), 'C7, C8');
    const extents = (type: TensorType, axes: Shape) => axes.map((axis) => type.shape[axis]);
    require(same(extents(lhs, lhsBatch), extents(rhs, rhsBatch)), 'C9');
    require(same(extents(lhs, lhsSummed), extents(rhs, rhsSummed)), 'C10');
    checkPrecision(attributes.precision_config, 'C11');
    require(lhs.element === rhs.element, 'C13: element types agree');
    const rest = (type: TensorType, axes: Shape) => type.shape.filter((_, k) => !axes.includes(k));
    return {
      element: result.element,
      shape: [
        ...extents(lhs, lhsBatch),
        ...rest(lhs, [...lhsBatch, ...lhsSummed]),
        ...rest(rhs, [...rhsBatch, ...rhsSummed]),
      ],
    };
  },
  convolution: (operation, [lhs, rhs], result) => {
    const { attributes } = operation;
    const rank = lhs.shape.length;
    require(rhs.shape.length === rank, 'C1: ranks agree');
    const dimensions = convolutionDimensions(operation, rank);
    const list = (name: string) => integers(attributes, name, ones(rank - 2));
    const [stride, base, dilation] = ['window_strides', 'lhs_dilation', 'rhs_dilation'].map(list);
    for (const one of [stride, base, dilation])
      require(one.length === rank - 2 && one.every((each) => each > 0), 'C2, C3, C5-C8');
    const pads = padding(attributes, rank - 2);
    require(pads.length === rank - 2, 'C4: a pair for each spatial dimension');
    const groups = integer(attributes, 'feature_group_count');
    const batchGroups = integer(attributes, 'batch_group_count');
    require(groups > 0 && batchGroups > 0 && (groups === 1 || batchGroups === 1), 'C21-C23');
    require(lhs.shape[dimensions.lhs.batch] % batchGroups === 0, 'C10');
    require(lhs.shape[dimensions.lhs.feature] % groups === 0, 'C11');
    require(rhs.shape[dimensions.rhs.input] === lhs.shape[dimensions.lhs.feature] / groups, 'C14');
    require(rhs.shape[dimensions.rhs.output] % batchGroups === 0, 'C15');
    require(rhs.shape[dimensions.rhs.output] % groups === 0, 'C16');
    checkPrecision(attributes.precision_config, 'C24');
    const shape = new Array<number>(rank);
    shape[dimensions.result.batch] = lhs.shape[dimensions.lhs.batch] / batchGroups;
    shape[dimensions.result.feature] = rhs.shape[dimensions.rhs.output];
    dimensions.result.spatial.forEach((axis, k) => {
      const way = { stride: stride[k], base: base[k], dilation: dilation[k] };
      const [extent, size] = [
        lhs.shape[dimensions.lhs.spatial[k]],
        rhs.shape[dimensions.rhs.spatial[k]],
      ];
      shape[axis] = windowCount(extent, size, { ...way, low: pads[k][0], high: pads[k][1] });
    });
    require(lhs.element === rhs.element, 'C27: element types agree');
    return { element: result.element, shape };
  },
  gather: ({ attributes }, [operand, start], result) => {
    const numbers = record(attributes, 'dimension_numbers');
    const offset = integers(numbers, 'offset_dims', []);
    const collapsed = integers(numbers, 'collapsed_slice_dims', []);
    const batching = integers(numbers, 'operand_batching_dims', []);
    const map = integers(numbers, 'start_index_map', []);
    const vector = typeof numbers.index_vector_dim === 'number' ? numbers.index_vector_dim : 0;
    const sizes = integers(attributes, 'slice_sizes');
    const rank = operand.shape.length;
    require(rank === offset.length + collapsed.length + batching.length, 'C1');
    require(vector >= 0 && vector <= start.shape.length, 'C2');
    require(map.length === (start.shape[vector] ?? 1), 'C3');
    require(isUnique(offset) &&
      isSorted(offset) &&
      isWithin(offset, result.shape.length), 'C4, C5');
    require(isUnique([...collapsed, ...batching]) &&
      isSorted(collapsed) &&
      isWithin(collapsed, rank), 'C6-C8');
    require(collapsed.every((axis) => sizes[axis] <= 1), 'C9');
    require(isUnique([...map, ...batching]) && isWithin(map, rank), 'C18, C19');
    require(sizes.length === rank &&
      sizes.every((size, k) => size >= 0 && size <= operand.shape[k]), 'C20, C21');
    require(INTEGERS.includes(start.element), 'indices are integers');
    const batchSizes = start.shape.filter((_, k) => k !== vector);
    const offsetSizes = sizes.filter((_, k) => !collapsed.includes(k) && !batching.includes(k));
    const total = batchSizes.length + offsetSizes.length;
    const shape = Array.from({ length: total }, (_, k) =>
      offset.includes(k) ? offsetSizes.shift()! : batchSizes.shift()!,
    );
    return { element: operand.element, shape };
  },
  scatter: (operation, [input, indices, updates]) => {
    const { attributes } = operation;
    const numbers = record(attributes, 'scatter_dimension_numbers');
    const window = integers(numbers, 'update_window_dims', []);
    const inserted = integers(numbers, 'inserted_window_dims', []);
    const batching = integers(numbers, 'input_batching_dims', []);
    const map = integers(numbers, 'scatter_dims_to_operand_dims', []);
    const vector = typeof numbers.index_vector_dim === 'number' ? numbers.index_vector_dim : 0;
    const rank = input.shape.length;
    require(rank === window.length + inserted.length + batching.length, 'C2');
    require(isUnique(window) &&
      isSorted(window) &&
      isWithin(window, updates.shape.length), 'C7, C8');
    require(isUnique([...inserted, ...batching]) &&
      isSorted(inserted) &&
      isWithin(inserted, rank), 'C9-C11');
    require(vector >= 0 && vector <= indices.shape.length, 'C22');
    require(map.length === (indices.shape[vector] ?? 1), 'C19');
    require(isUnique([...map, ...batching]) && isWithin(map, rank), 'C20, C21');
    require(updates.element === input.element && INTEGERS.includes(indices.element), 'C6');
    const scattered = indices.shape.filter((_, k) => k !== vector);
    require(same(
      updates.shape.filter((_, k) => !window.includes(k)),
      scattered,
    ), 'C4: the updates have the shape of the indices');
    const bounds = input.shape.filter((_, k) => !inserted.includes(k) && !batching.includes(k));
    window.forEach((axis, k) => {
      require(updates.shape[axis] <= bounds[k], 'C4: windows of updates fit');
    });
    checkBody(operation, input.element);
    return input;
  },
};

function boolean(elements: readonly string[]): Rule {
  return (_, [operand]) => {
    require(elements.includes(operand.element), `element type of ${elements}`);
    return { element: 'i1', shape: operand.shape };
  };
}

function checkPrecision(given: unknown, constraint: string): void {
  require(given === undefined ||
    (Array.isArray(given) && given.length === 2), `${constraint}: two precisions`);
}
