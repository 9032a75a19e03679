import { elementCount } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import { rangeOf } from './layout.ts';

/** How a Resize finds the places that it reads. */
interface Law {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludesOutside: boolean;
  readonly extrapolation: number;
}

/** One axis of a Resize. */
interface Axis {
  readonly extent: number;
  readonly size: number;
  readonly scale: number;
  /** Of a crop, as shares of the axis. */
  readonly from: number;
  readonly to: number;
}

/** Where in the operand a place of the result is. */
function placeOf(at: number, { coordinates }: Law, axis: Axis): number {
  const { extent, size, scale, from, to } = axis;
  switch (coordinates) {
    case 'asymmetric':
      return at / scale;
    case 'align_corners':
      // By the factor, which need not make a whole number of elements.
      return size === 1 ? 0 : (at * (extent - 1)) / (extent * scale - 1);
    case 'pytorch_half_pixel':
      return size > 1 ? (at + 0.5) / scale - 0.5 : 0;
    case 'tf_half_pixel_for_nn':
      return (at + 0.5) / scale;
    case 'half_pixel_symmetric': {
      const adjustment = size / (scale * extent);
      return (extent / 2) * (1 - adjustment) + (at + 0.5) / scale - 0.5;
    }
    case 'tf_crop_and_resize':
      return size > 1
        ? from * (extent - 1) + (at * (to - from) * (extent - 1)) / (size - 1)
        : 0.5 * (from + to) * (extent - 1);
    default:
      return (at + 0.5) / scale - 0.5;
  }
}

function nearestOf(place: number, rounding: string): number {
  switch (rounding) {
    case 'floor':
      return Math.floor(place);
    case 'ceil':
      return Math.ceil(place);
    case 'round_prefer_ceil':
      return Math.floor(place + 0.5);
    default:
      return Math.ceil(place - 0.5);
  }
}

/** Keys' cubic weights of the four neighbours of a place between the middle two. */
function cubicWeights(share: number, a: number): number[] {
  const near = (s: number) => ((a + 2) * s - (a + 3)) * s * s + 1;
  const far = (s: number) => ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
  return [far(share + 1), near(share), near(1 - share), far(2 - share)];
}

/** [size, extent]: each place of the result as shares of elements. */
function shares(law: Law, axis: Axis): number[][] {
  const { extent, size } = axis;
  return rangeOf(size).map((at) => {
    const row = new Array<number>(extent).fill(0);
    const place = placeOf(at, law, axis);
    const add = (index: number, share: number) => {
      row[Math.max(0, Math.min(extent - 1, index))] += share;
    };
    const floor = Math.floor(place);
    if (law.mode === 'nearest') add(nearestOf(place, law.nearest), 1);
    else if (law.mode === 'linear') {
      add(floor, 1 - (place - floor));
      add(floor + 1, place - floor);
    } else {
      const weights = cubicWeights(place - floor, law.cubic);
      const isThere = (k: number) => {
        const index = floor - 1 + k;
        return !law.excludesOutside || (index >= 0 && index < extent);
      };
      const total = weights.reduce((sum, weight, k) => sum + (isThere(k) ? weight : 0), 0);
      for (const [k, weight] of weights.entries())
        if (isThere(k)) add(floor - 1 + k, law.excludesOutside ? weight / total : weight);
    }
    return row;
  });
}

/** Axis by axis: elements of the nearest places are taken, others are products with a matrix of shares. */
function resized(n: OnnxNode, x: Tensor, law: Law, axes: readonly Axis[]): Tensor {
  const { f } = n;
  const integers = x.dtype === 'i32';
  const scaled = axes.reduce(
    (y, axis, k) => {
      const same = rangeOf(axis.size).every((at) => placeOf(at, law, axis) === at);
      if (axis.size === axis.extent && same) return y;
      const rows = shares(law, axis);
      if (law.mode === 'nearest') {
        const indices = rows.map((row) => row.indexOf(1));
        return f.take(y, f.constant(indices, [axis.size], 'i32'), k);
      }
      const matrix = f.constant(rows.flat(), [axis.size, axis.extent]);
      const letters = [...'abcdefghij'].slice(0, y.rank).join('');
      const result = letters.replace(letters[k], 'z');
      return f.einsum(`${letters},z${letters[k]}->${result}`, y, matrix);
    },
    law.mode === 'nearest' ? x : f.cast(x, 'f32'),
  );
  const whole = integers ? f.cast(scaled, 'i32') : scaled;
  return law.coordinates === 'tf_crop_and_resize' ? outsideFilled(n, whole, law, axes) : whole;
}

function outsideFilled(n: OnnxNode, x: Tensor, law: Law, axes: readonly Axis[]): Tensor {
  const { f } = n;
  return axes.reduce((y, axis, k) => {
    const isOutside = rangeOf(axis.size).map((at) => {
      const place = placeOf(at, law, axis);
      return Number(place < 0 || place > axis.extent - 1);
    });
    if (!isOutside.includes(1)) return y;
    const mask = f.reshape(
      f.constant(isOutside, [axis.size], 'i32'),
      y.shape.map((extent, j) => (j === k ? extent : 1)),
    );
    return f.select(mask, law.extrapolation, y);
  }, x);
}

const MODES: readonly string[] = ['nearest', 'linear', 'cubic'];
const COORDINATES: readonly string[] = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
];

export function resize(n: OnnxNode) {
  const { attributes } = n;
  const shape = n.shape(0);
  const rank = shape.length;
  const isOld = n.opset < 11;
  const law: Law = {
    mode: attributes.text('mode', 'nearest').replace('bilinear', 'linear'),
    coordinates: isOld
      ? 'asymmetric'
      : attributes.text('coordinate_transformation_mode', 'half_pixel'),
    nearest: isOld ? 'floor' : attributes.text('nearest_mode', 'round_prefer_floor'),
    cubic: attributes.float('cubic_coeff_a', -0.75),
    excludesOutside: attributes.int('exclude_outside', 0) !== 0,
    extrapolation: attributes.float('extrapolation_value', 0),
  };
  if (!MODES.includes(law.mode))
    return n.refuse(`its mode is '${law.mode}'`, `${MODES.join(', ')} are`);
  if (!COORDINATES.includes(law.coordinates))
    return n.refuse(`its coordinates are '${law.coordinates}'`, `${COORDINATES.join(', ')} are`);
  if (attributes.int('antialias', 0) !== 0) return n.refuse('it has antialias', 'resize without');
  if (attributes.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    return n.refuse('it keeps the aspect ratio', "keep_aspect_ratio_policy 'stretch' is taken");
  const given = attributes.ints('axes') ?? rangeOf(rank);
  const own = given.map((axis) => n.axis(axis, rank));
  const [scales, sizes] = targets(n, isOld);
  const roi = !isOld && n.has(1) && law.coordinates === 'tf_crop_and_resize';
  const crop = roi ? n.numbers(1, 'the crop') : [];
  const axes = shape.map((extent, axis): Axis => {
    const k = own.indexOf(axis);
    if (k < 0) return { extent, size: extent, scale: 1, from: 0, to: 1 };
    const [from, to] = roi ? [crop[k], crop[k + own.length]] : [0, 1];
    if (sizes.length > 0) return { extent, size: sizes[k], scale: sizes[k] / extent, from, to };
    return {
      extent,
      size: Math.floor(extent * scales[k] * (to - from)),
      scale: scales[k],
      from,
      to,
    };
  });
  if (axes.some(({ size }) => !(Number.isSafeInteger(size) && size > 0)))
    return n.refuse(`it makes [${axes.map(({ size }) => size)}] of [${shape}]`);
  if (elementCount(axes.map(({ size }) => size)) > MOST_ELEMENTS)
    return n.refuse('it makes more elements than can be');
  return n.result(resized(n, n.tensor(0), law, axes));
}

const MOST_ELEMENTS = 2 ** 31;

/** Factors or extents, whichever are given. */
function targets(n: OnnxNode, isOld: boolean): readonly (readonly number[])[] {
  const rank = n.shape(0).length;
  if (n.op === 'Upsample' && n.opset < 9) return [n.attributes.floats('scales') ?? [], []];
  const scales = isOld ? 1 : 2;
  const factors = n.has(scales) ? n.numbers(scales, 'the factors') : [];
  const sizes = !isOld && n.has(3) ? n.numbers(3, 'the extents') : [];
  const wanted = n.attributes.ints('axes')?.length ?? rank;
  if (factors.length !== wanted && sizes.length !== wanted)
    return n.refuse(`it has ${factors.length} factors and ${sizes.length} extents`);
  return [factors, sizes];
}
