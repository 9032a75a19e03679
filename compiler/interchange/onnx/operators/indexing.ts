import { elementCount, rowMajorStrides } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { elementType, INT64 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { constant } from '../tensor-data.ts';
import type { Constant } from '../values.ts';
import { asEmbedding, tableWeight } from './layers.ts';
import { rangeOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** Indices from 0 on: of those that are known by themselves, of others by a select. */
export function fromZero(n: OnnxNode, input: number, extent: number): Tensor {
  const { f } = n;
  const known = n.known(input);
  if (known) {
    const indices = Array.from(known.values, (index) => (index < 0 ? index + extent : index));
    if (indices.some((index) => !(index >= 0 && index < extent)))
      return n.refuse(`an index is out of range: there are ${extent} elements`);
    if (indices.every((index, k) => index === known.values[k])) return n.tensor(input);
    return f.constant(indices, known.shape, 'i32');
  }
  const indices = n.tensor(input);
  return f.select(f.less(indices, 0), f.add(indices, extent), indices);
}

function gather(n: OnnxNode) {
  const { f } = n;
  const shape = n.shape(0);
  const axis = n.axis(n.attributes.int('axis', 0), shape.length);
  const known = n.known(1);
  // One index is a slice: it follows extents that are options.
  if (known?.values.length === 1) {
    const given = known.values[0];
    const at = given < 0 ? given + shape[axis] : given;
    if (!(at >= 0 && at < shape[axis])) return n.refuse(`index ${given} is out of range`);
    const end = given === -1 ? undefined : at + 1;
    const part = f.slice(n.tensor(0), axis, given === -1 ? -1 : at, end);
    if (known.shape.length === 0) return n.result(f.squeeze(part, axis));
    return n.result(f.reshape(part, shape.toSpliced(axis, 1, ...known.shape)));
  }
  // Of a table of weights an input is the row itself: it has the range of the table.
  const [table, given] = [n.value(0), n.value(1)];
  const isRow = table.kind === 'constant' && given.kind === 'tensor' && n.session.isInput(given);
  const indices = isRow ? n.tensor(1) : fromZero(n, 1, shape[axis]);
  const own = tableWeight(n, 0);
  if (own && axis === 0) return n.result(asEmbedding(n, own, indices));
  return n.result(f.take(n.tensor(0), indices, axis));
}

/** Elements at places that the last axis of the indices names, as rows of a matrix. */
function flatPlaces(n: OnnxNode, indices: Tensor, extents: readonly number[]): Tensor {
  const { f } = n;
  const strides = rowMajorStrides(extents);
  const last = indices.rank - 1;
  return extents
    .map((extent, k) => {
      const part = f.squeeze(f.slice(indices, last, k, k + 1), last);
      const place = f.select(f.less(part, 0), f.add(part, extent), part);
      return strides[k] === 1 ? place : f.mul(place, strides[k]);
    })
    .reduce((sum, part) => f.add(sum, part));
}

function gatherNd(n: OnnxNode) {
  const { f } = n;
  const batch = n.attributes.int('batch_dims', 0);
  const [data, indices] = [n.tensor(0), n.tensor(1)];
  const depth = indices.shape[indices.rank - 1];
  const lead = data.shape.slice(0, batch);
  const inside = data.shape.slice(batch, batch + depth);
  const tail = data.shape.slice(batch + depth);
  const rows = f.reshape(data, [elementCount(lead) * elementCount(inside), ...tail]);
  const places = flatPlaces(n, indices, inside);
  const own = lead.reduce<{ sum: Tensor; stride: number }>(
    ({ sum, stride }, _, k) => {
      const axis = lead.length - 1 - k;
      return {
        sum: f.add(sum, f.mul(f.iota(places.shape, axis), stride)),
        stride: stride * lead[axis],
      };
    },
    { sum: places, stride: elementCount(inside) },
  ).sum;
  return n.result(f.take(rows, own, 0));
}

type Combine = 'none' | 'add' | 'mul' | 'min' | 'max';

/**
 * `rows` [count, …] with updates at places, by a comparison of each place with each update: small, and of any combination. Later updates
 * win where nothing is combined.
 */
function scattered(n: OnnxNode, data: Tensor, places: Tensor, updates: Tensor, how: Combine) {
  const { f } = n;
  const [count, ...tail] = data.shape;
  const updated = rangeOf(places.shape[0]).reduce((x, k) => {
    const place = f.slice(places, 0, k, k + 1);
    const update = f.slice(updates, 0, k, k + 1);
    const at = f.reshape(f.equal(f.iota([count], 0), place), [count, ...tail.map(() => 1)]);
    return f.select(at, combined(n, x, update, how), x);
  }, data);
  return updated;
}

function combined(n: OnnxNode, x: Tensor, update: Tensor, how: Combine): Tensor {
  const { f } = n;
  const wide = f.broadcastTo(update, x.shape);
  const ways: Readonly<Record<Combine, () => Tensor>> = {
    none: () => wide,
    add: () => f.add(x, wide),
    mul: () => f.mul(x, wide),
    min: () => f.minimum(x, wide),
    max: () => f.maximum(x, wide),
  };
  return ways[how]();
}

function wayOf(n: OnnxNode): Combine {
  const text = n.attributes.text('reduction', 'none');
  const ways: readonly string[] = ['none', 'add', 'mul', 'min', 'max'];
  if (!ways.includes(text)) return n.refuse(`its reduction is '${text}'`, `${ways.join(', ')} are`);
  return text as Combine;
}

/** Beyond so many updates the sums of the language are taken. */
const MOST_UPDATES = 256;

function scatterNd(n: OnnxNode) {
  const { f } = n;
  const [data, indices, updates] = [n.tensor(0), n.tensor(1), n.tensor(2)];
  const depth = indices.shape[indices.rank - 1];
  const inside = data.shape.slice(0, depth);
  const tail = data.shape.slice(depth);
  const how = wayOf(n);
  const places = f.reshape(flatPlaces(n, indices, inside), [-1]);
  const rows = f.reshape(data, [elementCount(inside), ...tail]);
  const parts = f.reshape(updates, [places.shape[0], ...tail]);
  if (places.shape[0] > MOST_UPDATES) return n.refuse(tooMany(places.shape[0]), LESS);
  return n.result(f.reshape(scattered(n, rows, places, parts, how), data.shape));
}

const tooMany = (count: number) => `it has ${count} updates`;
const LESS = `up to ${MOST_UPDATES} are taken, more with reduction 'none' or 'add' along an axis`;

/** Along one axis, each update in a row of its own. */
function scatterElements(n: OnnxNode) {
  const { f } = n;
  const data = n.tensor(0);
  const axis = n.axis(n.attributes.int('axis', 0), data.rank);
  const raw = n.tensor(1);
  const extent = data.shape[axis];
  const indices = f.select(f.less(raw, 0), f.add(raw, extent), raw);
  const updates = n.tensor(2);
  const how = wayOf(n);
  const fills = data.shape.every((size, k) => k === axis || size === indices.shape[k]);
  if (fills && data.dtype === 'f32' && how === 'add')
    return n.result(f.scatterAddAlongAxis(data, indices, updates, axis));
  const count = indices.shape[axis];
  if (count > MOST_UPDATES) return n.refuse(tooMany(count), LESS);
  // Where the indices are fewer than the data, what they do not reach is given an index that is none.
  const widths = data.shape.map((size, k): [number, number] =>
    k === axis ? [0, 0] : [0, size - indices.shape[k]],
  );
  const isSmaller = widths.some(([, high]) => high > 0);
  const all = isSmaller ? f.pad(indices, widths, -1) : indices;
  const given = isSmaller ? f.pad(updates, widths) : updates;
  return n.result(
    rangeOf(count).reduce((x, k) => {
      const place = f.slice(all, axis, k, k + 1);
      const update = f.slice(given, axis, k, k + 1);
      const at = f.equal(f.iota(data.shape, axis), place);
      return f.select(at, combined(n, x, update, how), x);
    }, data),
  );
}

function oneHot(n: OnnxNode) {
  const { f } = n;
  const depth = n.numbers(1, 'the depth')[0];
  const [off, on] = [0, 1].map((k) => f.squeeze(f.slice(n.tensor(2), 0, k, k + 1), 0));
  const indices = f.cast(n.tensor(0), 'i32');
  const axis = n.axis(n.attributes.int('axis', -1), indices.rank + 1);
  const own = f.expandDims(f.select(f.less(indices, 0), f.add(indices, depth), indices), axis);
  const shape = indices.shape.toSpliced(axis, 0, depth);
  const hit = f.equal(f.iota(shape, axis), own);
  return n.result(f.select(hit, on, off), n.type(2));
}

function topK(n: OnnxNode) {
  const { f, attributes } = n;
  const count = n.opset < 10 ? attributes.int('k', 1) : n.numbers(1, 'how many are taken')[0];
  const x = n.tensor(0);
  const axis = n.axis(attributes.int('axis', -1), x.rank);
  const smallest = n.opset >= 11 && attributes.int('largest', 1) === 0;
  const { values, indices } = f.topk(x, count, { axis, ...(smallest ? { smallest } : {}) });
  return [n.result(values), n.result(indices, INT64)];
}

function range(n: OnnxNode): Constant {
  const [start, limit, delta] = [0, 1, 2].map((input) => n.numbers(input, 'its length')[0]);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(count) || count > MOST_ELEMENTS)
    return n.refuse(`it has ${count} elements`, `up to ${MOST_ELEMENTS} are taken`);
  return constant(n.type(0), [count], () => rangeOf(count).map((k) => start + k * delta));
}

const MOST_ELEMENTS = 2 ** 20;

/** Places that are not zero: their number is the data's, so that they must be known. */
function nonZero(n: OnnxNode): Constant {
  const { shape, values } = n.constant(0, 'how many elements are not zero');
  const strides = rowMajorStrides(shape);
  const found = rangeOf(values.length).filter((k) => values[k] !== 0);
  const places = shape.flatMap((extent, axis) =>
    found.map((k) => Math.floor(k / strides[axis]) % extent),
  );
  return constant(INT64, [shape.length, found.length], () => places);
}

function compress(n: OnnxNode) {
  const { f } = n;
  const kept = n.numbers(1, 'which elements are kept');
  const axis = n.attributes.has('axis') ? n.attributes.int('axis', 0) : null;
  const x = axis === null ? f.reshape(n.tensor(0), [-1]) : n.tensor(0);
  const own = axis === null ? 0 : n.axis(axis, x.rank);
  const indices = rangeOf(Math.min(kept.length, x.shape[own])).filter((k) => kept[k] !== 0);
  if (indices.length === 0) return constant(n.type(0), x.shape.with(own, 0), () => []);
  return n.result(f.take(x, f.constant(indices, [indices.length], 'i32'), own));
}

function trilu(n: OnnxNode) {
  const diagonal = n.has(1) ? n.numbers(1, 'the diagonal')[0] : 0;
  const x = n.tensor(0);
  const isUpper = n.attributes.int('upper', 1) !== 0;
  return n.result(isUpper ? n.f.triu(x, diagonal) : n.f.tril(x, diagonal));
}

function cumSum(n: OnnxNode) {
  const x = n.tensor(0);
  const axis = n.axis(n.numbers(1, 'the axis')[0], x.rank);
  const exclusive = n.attributes.int('exclusive', 0) !== 0;
  const reverse = n.attributes.int('reverse', 0) !== 0;
  return n.result(n.f.cumsum(x, axis, { exclusive, reverse }));
}

function eyeLike(n: OnnxNode) {
  const { f } = n;
  const [rows, columns] = n.shape(0);
  const type = n.attributes.has('dtype') ? elementType(n.attributes.int('dtype', 1)) : n.type(0);
  if (typeof type === 'string') return n.refuse(`it is of type ${type}`);
  const shape = [rows, columns];
  const diagonal = f.add(f.iota(shape, 0), n.attributes.int('k', 0));
  return n.result(f.cast(f.equal(f.iota(shape, 1), diagonal), type.dtype), type);
}

function reverseSequence(n: OnnxNode) {
  const { f } = n;
  const x = n.tensor(0);
  const batch = n.axis(n.attributes.int('batch_axis', 1), x.rank);
  const time = n.axis(n.attributes.int('time_axis', 0), x.rank);
  const lengths = f.reshape(
    n.tensor(1),
    x.shape.map((extent, axis) => (axis === batch ? extent : 1)),
  );
  const at = f.iota(x.shape, time);
  const source = f.select(f.less(at, lengths), f.sub(f.sub(lengths, 1), at), at);
  return n.result(f.takeAlongAxis(x, source, time));
}

/** Sorted and each once; which there are is the data's. */
function unique(n: OnnxNode) {
  const { shape, values, type } = n.constant(0, 'which elements are different');
  const axis = n.attributes.has('axis') ? n.axis(n.attributes.int('axis', 0), shape.length) : null;
  const whole = axis === null ? [values.length] : shape;
  const along = axis ?? 0;
  const strides = rowMajorStrides(whole);
  const rest = rangeOf(elementCount(whole)).filter(
    (k) => Math.floor(k / strides[along]) % whole[along] === 0,
  );
  const slices = rangeOf(whole[along]).map((at) =>
    rest.map((k) => values[k + at * strides[along]]),
  );
  const keys = slices.map((slice) => slice.join());
  const first = [...new Set(keys)].map((key) => keys.indexOf(key));
  const before = (a: number, b: number) => {
    const at = slices[a].findIndex((value, k) => value !== slices[b][k]);
    return at < 0 ? 0 : slices[a][at] - slices[b][at];
  };
  const order = n.attributes.int('sorted', 1) !== 0 ? first.toSorted(before) : first;
  const places = keys.map((key) => order.findIndex((k) => keys[k] === key));
  const counts = order.map((k) => keys.filter((key) => key === keys[k]).length);
  const result = whole.with(along, order.length);
  const resultStrides = rowMajorStrides(result);
  const made = new Float64Array(elementCount(result));
  for (const [at, k] of order.entries())
    for (const [j, from] of rest.entries()) {
      const place = rangeOf(whole.length).reduce(
        (sum, a) => sum + (Math.floor(from / strides[a]) % whole[a]) * resultStrides[a],
        0,
      );
      made[place + at * resultStrides[along]] = slices[k][j];
    }
  const list = (numbers: readonly number[]) => constant(INT64, [numbers.length], () => numbers);
  return [constant(type, result, () => made), list(order), list(places), list(counts)];
}

export const INDEXING: OperatorTable = {
  Compress: row(compress, 'a condition that is known'),
  CumSum: row(cumSum),
  EyeLike: row(eyeLike),
  Gather: row(gather),
  GatherElements: row((n) => {
    const { f } = n;
    const x = n.tensor(0);
    const axis = n.axis(n.attributes.int('axis', 0), x.rank);
    const indices = fromZero(n, 1, x.shape[axis]);
    // Rows that the indices do not reach are left out.
    const cut = x.shape.reduce(
      (y, extent, k) =>
        k !== axis && indices.shape[k] < extent ? f.slice(y, k, 0, indices.shape[k]) : y,
      x,
    );
    return n.result(f.takeAlongAxis(cut, indices, axis));
  }),
  GatherND: row(gatherNd),
  NonZero: row(nonZero, 'values that are known'),
  OneHot: row(oneHot, 'a depth that is known'),
  Range: row(range, 'limits that are known'),
  ReverseSequence: row(reverseSequence),
  Scatter: row(scatterElements),
  ScatterElements: row(scatterElements, `up to ${MOST_UPDATES} updates along the axis`),
  ScatterND: row(scatterNd, `up to ${MOST_UPDATES} updates`),
  TopK: row(topK, 'a k that is known'),
  Trilu: row(trilu, 'a diagonal that is known'),
  Unique: row(unique, 'values that are known'),
};
