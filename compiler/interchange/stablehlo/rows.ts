import { type Body, joining, type Value } from './body.ts';
import { arrayText } from './types.ts';

/** Fields of a record of the grammar; lists without elements are left out. */
function record(fields: Readonly<Record<string, readonly number[] | number>>): string {
  return Object.entries(fields)
    .filter(([, value]) => typeof value === 'number' || value.length > 0)
    .map(
      ([name, value]) => `${name} = ${typeof value === 'number' ? value : `[${value.join(', ')}]`}`,
    )
    .join(', ');
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, k) => from + k);

/** Along `axis`, the elements at `indices`, whose axes take its place. Indices out of range are clamped. */
export function gather(body: Body, table: Value, indices: Value, axis: number): Value {
  const { element, shape } = table.type;
  const rank = indices.type.shape.length;
  const numbers = record({
    offset_dims: [...range(0, axis), ...range(axis + rank, shape.length - axis - 1)],
    collapsed_slice_dims: [axis],
    start_index_map: [axis],
    index_vector_dim: rank,
  });
  const sizes = arrayText(shape.map((extent, k) => (k === axis ? 1 : extent)));
  const attributes = `{dimension_numbers = #stablehlo.gather<${numbers}>, slice_sizes = ${sizes}, indices_are_sorted = false}`;
  const type = { element, shape: shape.toSpliced(axis, 1, ...indices.type.shape) };
  return body.generic('gather', [table, indices], attributes, type);
}

/** Rows of `updates` added up by index; what has an index out of range is dropped. */
export function scatter(body: Body, updates: Value, indices: Value, rows: number): Value {
  const { element, shape } = updates.type;
  const rank = indices.type.shape.length;
  const row = shape.slice(rank);
  const type = { element, shape: [rows, ...row] };
  const numbers = record({
    update_window_dims: range(rank, row.length),
    inserted_window_dims: [0],
    scatter_dims_to_operand_dims: [0],
    index_vector_dim: rank,
  });
  const attributes = `{scatter_dimension_numbers = #stablehlo.scatter<${numbers}>, indices_are_sorted = false, unique_indices = false}`;
  const zeros = body.constant(0, element, type.shape);
  return body.region(
    'scatter',
    [zeros, indices, updates],
    joining('add', element),
    attributes,
    type,
  );
}
