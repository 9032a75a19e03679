import { elementCount, type Shape, sameShape } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { FLOAT, INT64 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { constant, readTensor } from '../tensor-data.ts';
import { type Constant, computed } from '../values.ts';
import { joinShapes, lastOrder, like, rangeOf, rawOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

const integers = (values: readonly number[]): Constant =>
  constant(INT64, [values.length], () => values);

/** Axes that an attribute gave and an input gives from a version on; null for none. */
export function axesOf(n: OnnxNode, input: number, since: number): number[] | null {
  if (n.opset < since) return n.attributes.ints('axes')?.slice() ?? null;
  return n.has(input) ? n.numbers(input, 'the axes') : null;
}

/** A tensor of no elements, which the language has not, under another shape. */
function emptyAs(n: OnnxNode, shape: Shape): Constant | null {
  const value = n.value(0);
  if (elementCount(n.shape(0)) !== 0 || elementCount(shape) !== 0) return null;
  return constant(value.type, shape, () => []);
}

const viewed = (n: OnnxNode, shape: readonly number[]) =>
  emptyAs(n, shape) ?? n.result(n.f.reshape(n.tensor(0), shape));

/** The extents that a Reshape asks for: 0 is that of the operand, -1 what is left. */
function target(n: OnnxNode): number[] {
  const shape = n.shape(0);
  const wanted =
    n.opset < 5 ? (n.attributes.ints('shape') ?? []) : n.numbers(1, 'the shape of the result');
  const keepsZero = n.attributes.int('allowzero', 0) !== 0;
  const extents = wanted.map((extent, axis) => {
    if (extent !== 0 || keepsZero) return extent;
    return axis < shape.length ? shape[axis] : n.refuse(`it keeps extent ${axis} of [${shape}]`);
  });
  const open = extents.indexOf(-1);
  if (open < 0) return extents;
  const known = extents.reduce((product, extent) => product * (extent === -1 ? 1 : extent), 1);
  const count = elementCount(shape);
  if (!(known > 0 && count % known === 0 && extents.lastIndexOf(-1) === open))
    return n.refuse(`[${shape}] cannot be reshaped to [${wanted}]`);
  return extents.with(open, count / known);
}

/** One range of a Slice, with positions as Python has them, within the axis. */
function within(start: number, end: number, step: number, extent: number): readonly number[] {
  const clamp = (at: number, low: number, high: number) => {
    const from = at < 0 ? at + extent : at;
    return Math.max(low, Math.min(high, from));
  };
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const from = clamp(start, low, high);
  // An end before the first element counts as such, and not from the end.
  const to = step < 0 && end < -extent ? -1 : clamp(end, low, high);
  return [from, Math.max(0, Math.ceil((to - from) / step))];
}

function sliced(n: OnnxNode) {
  const { f, attributes } = n;
  const old = n.opset < 10;
  const starts = old ? (attributes.ints('starts') ?? []) : n.numbers(1, 'where it starts');
  const ends = old ? (attributes.ints('ends') ?? []) : n.numbers(2, 'where it ends');
  const given = old ? attributes.ints('axes') : n.has(3) ? n.numbers(3, 'the axes') : null;
  const steps = !old && n.has(4) ? n.numbers(4, 'the steps') : starts.map(() => 1);
  const shape = n.shape(0);
  const axes = (given ?? rangeOf(starts.length)).map((axis) => n.axis(axis, shape.length));
  if (ends.length !== starts.length || axes.length !== starts.length)
    return n.refuse('its starts, ends and axes differ in number');
  const ranges = axes.map((axis, k) => {
    if (steps[k] === 0) n.refuse('its step is 0');
    const [from, count] = within(starts[k], ends[k], steps[k], shape[axis]);
    return { axis, from, count, step: steps[k] };
  });
  const result = shape.slice();
  for (const { axis, count } of ranges) result[axis] = count;
  if (elementCount(result) === 0) return constant(n.type(0), result, () => []);
  const value = n.value(0);
  const axisOf = (axis: number) =>
    value.kind === 'tensor' && value.order ? value.order[axis] : axis;
  const raw = ranges.reduce(
    (x, { axis, from, count, step }) => {
      const own = axisOf(axis);
      if (step > 0) {
        const whole = from === 0 && step === 1 && count === shape[axis];
        if (whole) return x;
        // To the end, where it goes there, so that it stays so for other extents.
        const to = from + (count - 1) * step + 1;
        const toTheEnd = count === Math.ceil((shape[axis] - from) / step);
        const end = toTheEnd ? undefined : to;
        return step === 1 ? f.slice(x, own, from, end) : f.slice(x, own, from, end, step);
      }
      const last = from + (count - 1) * step;
      const part = f.flip(f.slice(x, own, last, from + 1), own);
      return step === -1 ? part : f.slice(part, own, 0, undefined, -step);
    },
    rawOf(n, 0),
  );
  return like(n, 0, raw);
}

function padded(n: OnnxNode) {
  const { f, attributes } = n;
  const rank = n.shape(0).length;
  const name = n.opset < 2 ? 'paddings' : 'pads';
  const pads = n.opset < 11 ? (attributes.ints(name) ?? []) : n.numbers(1, 'the padding');
  const mode = attributes.text('mode', 'constant');
  const fill =
    n.opset < 11 ? attributes.float('value', 0) : n.has(2) ? n.numbers(2, 'the value')[0] : 0;
  const axes = (n.has(3) ? n.numbers(3, 'the axes') : rangeOf(rank)).map((axis) =>
    n.axis(axis, rank),
  );
  if (pads.length !== 2 * axes.length) return n.refuse(`it has ${pads.length} pads`);
  const widths = rangeOf(rank).map((axis): [number, number] => {
    const k = axes.indexOf(axis);
    return k < 0 ? [0, 0] : [pads[k], pads[k + axes.length]];
  });
  const cut = widths.reduce((x, [low, high], axis) => {
    if (low >= 0 && high >= 0) return x;
    const end = x.shape[axis] + Math.min(0, high);
    return f.slice(x, axis, Math.max(0, -low), end);
  }, n.tensor(0));
  const grown = widths.map(([low, high]): [number, number] => [
    Math.max(0, low),
    Math.max(0, high),
  ]);
  if (mode === 'constant') return n.result(f.pad(cut, grown, fill));
  if (mode !== 'edge' && mode !== 'reflect' && mode !== 'wrap')
    return n.refuse(`its mode is '${mode}'`, 'constant, edge, reflect and wrap are');
  return n.result(
    grown.reduce((x, [low, high], axis) => {
      if (low === 0 && high === 0) return x;
      const indices = rangeOf(x.shape[axis] + low + high).map((at) =>
        source(at - low, x.shape[axis], mode),
      );
      return f.take(x, f.constant(indices, [indices.length], 'i32'), axis);
    }, cut),
  );
}

/** The element that stands for one outside of an axis. */
function source(at: number, extent: number, mode: 'edge' | 'reflect' | 'wrap'): number {
  if (mode === 'edge') return Math.max(0, Math.min(extent - 1, at));
  if (mode === 'wrap') return ((at % extent) + extent) % extent;
  if (extent === 1) return 0;
  const period = 2 * (extent - 1);
  const inside = ((at % period) + period) % period;
  return inside < extent ? inside : period - inside;
}

/** The parts that a Split cuts an axis of an extent into. */
function parts(n: OnnxNode, extent: number): readonly number[] {
  const given =
    n.opset < 13 ? n.attributes.ints('split') : n.has(1) ? n.numbers(1, 'the parts') : null;
  if (given) return given;
  const count =
    n.opset >= 18 ? n.attributes.int('num_outputs', n.outputs.length) : n.outputs.length;
  const size = Math.ceil(extent / count);
  return rangeOf(count).map((k) => Math.max(0, Math.min(size, extent - k * size)));
}

export const SHAPES: OperatorTable = {
  Concat: row((n) => {
    const rank = Math.max(...n.inputs.map((_, k) => n.shape(k).length));
    const axis = n.axis(n.attributes.int('axis', n.opset < 4 ? 1 : 0), rank);
    const filled = n.inputs.flatMap((_, k) => (elementCount(n.shape(k)) > 0 ? [k] : []));
    const [first] = filled;
    if (first === undefined) return constant(n.type(0), n.shape(0), () => []);
    const value = n.value(first);
    const order = value.kind === 'tensor' ? value.order : null;
    const alike = filled.every((k) => {
      const other = n.value(k);
      return other.kind === 'tensor' && `${other.order}` === `${order}`;
    });
    if (order && alike)
      return like(
        n,
        first,
        n.f.concat(
          filled.map((k) => rawOf(n, k)),
          order[axis],
        ),
      );
    return n.result(
      n.f.concat(
        filled.map((k) => n.tensor(k)),
        axis,
      ),
    );
  }),
  Constant: {
    folds: false,
    make: (n) => {
      const { attributes } = n;
      const tensor = attributes.tensor('value');
      if (tensor) return readTensor(tensor, null, n.name);
      if (attributes.has('value_int'))
        return constant(INT64, [], () => [attributes.int('value_int', 0)]);
      if (attributes.has('value_float'))
        return constant(FLOAT, [], () => [attributes.float('value_float', 0)]);
      const ints = attributes.ints('value_ints');
      if (ints) return integers(ints);
      const floats = attributes.floats('value_floats');
      if (floats) return constant(FLOAT, [floats.length], () => floats);
      return n.refuse('its value is a text or sparse', 'numbers are taken');
    },
  },
  ConstantOfShape: {
    folds: false,
    make: (n) => {
      const shape = n.numbers(0, 'the shape of the result');
      const tensor = n.attributes.tensor('value');
      const value = tensor ? readTensor(tensor, null, n.name) : constant(FLOAT, [], () => [0]);
      if (shape.some((extent) => !(Number.isSafeInteger(extent) && extent >= 0)))
        return n.refuse(`[${shape}] is no shape`);
      const count = elementCount(shape);
      if (count > MOST_ELEMENTS) {
        if (!Number.isSafeInteger(count))
          return n.refuse(`[${shape}] are more elements than can be`);
        return computed(value.type, n.f.full(shape, value.values[0], value.type.dtype));
      }
      return constant(value.type, shape, () => new Float64Array(count).fill(value.values[0]));
    },
  },
  DepthToSpace: row((n) => {
    const { f } = n;
    const [batch, channels, height, width] = n.shape(0);
    const b = n.attributes.int('blocksize', 1);
    const deep = channels / (b * b);
    if (!(b > 0 && Number.isInteger(deep)))
      return n.refuse(`${channels} channels have no blocks of ${b}`);
    const byColumn = n.attributes.text('mode', 'DCR') === 'CRD';
    const split = byColumn
      ? [batch, deep, b, b, height, width]
      : [batch, b, b, deep, height, width];
    const order = byColumn ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
    const blocks = f.transpose(f.reshape(n.tensor(0), split), order);
    return n.result(f.reshape(blocks, [batch, deep, height * b, width * b]));
  }),
  Expand: row((n) => {
    const wanted = n.numbers(1, 'the shape of the result');
    const joined = joinShapes(n.shape(0), wanted);
    if (!joined) return n.refuse(`[${n.shape(0)}] does not broadcast with [${wanted}]`);
    return emptyAs(n, joined) ?? n.result(n.f.broadcastTo(n.tensor(0), joined));
  }),
  Flatten: row((n) => {
    const shape = n.shape(0);
    const given = n.attributes.int('axis', 1);
    const axis = given === shape.length ? given : n.axis(given, shape.length || 1);
    const rows = elementCount(shape.slice(0, axis));
    return viewed(n, [rows, elementCount(shape) / rows]);
  }),
  Pad: row(padded, 'constant, edge, reflect, wrap'),
  Reshape: row((n) => viewed(n, target(n))),
  Shape: {
    folds: false,
    make: (n) => {
      const shape = n.shape(0);
      const from = n.attributes.int('start', 0);
      const to = n.attributes.has('end') ? n.attributes.int('end', 0) : shape.length;
      return integers(shape.slice(from, to));
    },
  },
  Size: {
    folds: false,
    make: (n) => constant(INT64, [], () => [elementCount(n.shape(0))]),
  },
  Slice: row(sliced),
  SpaceToDepth: row((n) => {
    const { f } = n;
    const [batch, channels, height, width] = n.shape(0);
    const b = n.attributes.int('blocksize', 1);
    if (!(b > 0 && height % b === 0 && width % b === 0))
      return n.refuse(`${height} by ${width} has no blocks of ${b}`);
    const split = f.reshape(n.tensor(0), [batch, channels, height / b, b, width / b, b]);
    const blocks = f.transpose(split, [0, 3, 5, 1, 2, 4]);
    return n.result(f.reshape(blocks, [batch, channels * b * b, height / b, width / b]));
  }),
  Split: row((n) => {
    const shape = n.shape(0);
    const axis = n.axis(n.attributes.int('axis', 0), shape.length);
    const value = n.value(0);
    const own = value.kind === 'tensor' && value.order ? value.order[axis] : axis;
    const sizes = parts(n, shape[axis]);
    if (sizes.reduce((sum, size) => sum + size, 0) !== shape[axis])
      return n.refuse(`its parts [${sizes}] are not all of ${shape[axis]}`);
    let from = 0;
    return sizes.map((size) => {
      const start = from;
      from += size;
      if (size === 0) return constant(n.type(0), shape.with(axis, 0), () => []);
      return like(n, 0, n.f.slice(rawOf(n, 0), own, start, start + size));
    });
  }),
  Squeeze: row((n) => {
    const shape = n.shape(0);
    const axes = axesOf(n, 1, 13)?.map((axis) => n.axis(axis, shape.length));
    const goes = (axis: number) => (axes ? axes.includes(axis) : shape[axis] === 1);
    const held = shape.findIndex((extent, axis) => goes(axis) && extent !== 1);
    if (held >= 0) return n.refuse(`axis ${held} has extent ${shape[held]}, not 1`);
    return viewed(
      n,
      shape.filter((_, axis) => !goes(axis)),
    );
  }),
  Tile: row((n) => {
    const { f } = n;
    const repeats = n.numbers(1, 'how often it is repeated');
    return n.result(
      repeats.reduce(
        (x, count, axis) => (count === 1 ? x : f.concat(new Array<Tensor>(count).fill(x), axis)),
        n.tensor(0),
      ),
    );
  }),
  Transpose: row((n) => {
    const rank = n.shape(0).length;
    const permutation = n.attributes.ints('perm') ?? rangeOf(rank).reverse();
    const sorted = [...permutation].sort((a, b) => a - b);
    if (sorted.length !== rank || sorted.some((axis, k) => axis !== k))
      return n.refuse(`[${permutation}] is no order of ${rank} axes`);
    const value = n.value(0);
    // Images with channels last, brought into ONNX's order, stay as they lie.
    const isImage = rank > 3 && sameShape(permutation, lastOrder(rank));
    if (value.kind !== 'tensor' || (!value.order && !isImage))
      return n.result(n.f.transpose(n.tensor(0), permutation));
    const order = permutation.map((axis) => value.order?.[axis] ?? axis);
    const straight = order.every((axis, k) => axis === k);
    return { ...value, order: straight ? null : order, known: null };
  }),
  Unsqueeze: row((n) => {
    const shape = n.shape(0);
    const given = axesOf(n, 1, 13) ?? n.refuse('it has no axes');
    const rank = shape.length + given.length;
    const axes = given.map((axis) => n.axis(axis, rank));
    if (new Set(axes).size !== axes.length) return n.refuse(`its axes [${given}] are the same`);
    const rest = shape.slice();
    return viewed(
      n,
      rangeOf(rank).map((axis) => (axes.includes(axis) ? 1 : rest.shift()!)),
    );
  }),
};

/** Larger constants of one number are never values of the importer's. */
const MOST_ELEMENTS = 2 ** 20;
