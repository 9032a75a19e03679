import { elementCount } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import { roundHalfToEven } from './elementwise.ts';
import { rangeOf } from './layout.ts';
import { resize } from './resize.ts';
import { type OperatorTable, row } from './row.ts';

/** Elements of images [batch, channels, height, width] at places [batch, …] of each, zeros outside where it is asked. */
function pixels(n: OnnxNode, x: Tensor, column: Tensor, line: Tensor, zeros: boolean): Tensor {
  const { f } = n;
  const [batch, channels, height, width] = x.shape;
  const inside = (at: Tensor, extent: number) =>
    f.logicalAnd(f.greaterEqual(at, 0), f.less(at, extent));
  const there = f.logicalAnd(inside(column, width), inside(line, height));
  const clamp = (at: Tensor, extent: number) => f.cast(f.clip(at, 0, extent - 1), 'i32');
  const place = f.add(f.mul(clamp(line, height), width), clamp(column, width));
  const own = f.reshape(f.mul(f.iota(place.shape, 0), height * width), place.shape);
  const table = f.reshape(f.transpose(x, [0, 2, 3, 1]), [batch * height * width, channels]);
  const rows = f.gather(table, f.add(place, own));
  return zeros ? f.select(f.expandDims(there, -1), rows, 0) : rows;
}

/** A place mirrored at the borders until it is inside. */
function reflected(n: OnnxNode, at: Tensor, low: number, high: number): Tensor {
  const { f } = n;
  const span = high - low;
  if (span === 0) return f.mul(at, 0);
  const from = f.abs(f.sub(at, low));
  const flips = f.floor(f.div(from, span));
  const rest = f.sub(from, f.mul(flips, span));
  const isOdd = f.notEqual(f.sub(flips, f.mul(f.floor(f.mul(flips, 0.5)), 2)), 0);
  return f.add(f.select(isOdd, f.sub(span, rest), rest), low);
}

function gridSample(n: OnnxNode) {
  const { f, attributes } = n;
  const x = n.tensor(0);
  const grid = n.tensor(1);
  if (x.rank !== 4) return n.refuse(`its images have rank ${x.rank}`, 'rank 4 is taken');
  const [, , height, width] = x.shape;
  const corners = attributes.int('align_corners', 0) !== 0;
  const padding = attributes.text('padding_mode', 'zeros');
  const mode = attributes
    .text('mode', 'bilinear')
    .replace(/^linear$/, 'bilinear')
    .replace(/^cubic$/, 'bicubic');
  const at = (k: number, extent: number): Tensor => {
    const share = f.squeeze(f.slice(grid, 3, k, k + 1), 3);
    return corners
      ? f.mul(f.add(share, 1), (extent - 1) / 2)
      : f.sub(f.mul(f.add(share, 1), extent / 2), 0.5);
  };
  const bordered = (place: Tensor, extent: number): Tensor => {
    if (padding === 'border') return f.clip(place, 0, extent - 1);
    if (padding !== 'reflection') return place;
    const [low, high] = corners ? [0, extent - 1] : [-0.5, extent - 0.5];
    return reflected(n, place, low, high);
  };
  const zeros = padding === 'zeros';
  const [column, line] = [at(0, width), at(1, height)];
  const read = (c: Tensor, l: Tensor) =>
    pixels(n, x, bordered(c, width), bordered(l, height), zeros);
  const ways: Readonly<Record<string, () => Tensor>> = {
    nearest: () => read(roundHalfToEven(f, column), roundHalfToEven(f, line)),
    bilinear: () => blended(n, bordered(column, width), bordered(line, height), 0, 2, linear, read),
    bicubic: () => blended(n, column, line, -1, 4, cubic, read),
  };
  const way = ways[mode] ?? (() => n.refuse(`its mode is '${mode}'`, Object.keys(ways).join(', ')));
  return n.result(f.transpose(way(), [0, 3, 1, 2]));
}

type Weight = (n: OnnxNode, share: Tensor, k: number) => Tensor;
const linear: Weight = ({ f }, share, k) => (k === 0 ? f.sub(1, share) : share);

const CUBIC = -0.75;
const cubic: Weight = ({ f }, share, k) => {
  const distance = [f.add(share, 1), share, f.sub(1, share), f.sub(2, share)][k];
  const polynomial = (coefficients: readonly number[]) =>
    coefficients
      .slice(1)
      .reduce<Tensor>(
        (sum, one) => f.add(f.mul(sum, distance), one),
        f.full(distance.shape, coefficients[0]),
      );
  return k === 1 || k === 2
    ? polynomial([CUBIC + 2, -(CUBIC + 3), 0, 1])
    : polynomial([CUBIC, -5 * CUBIC, 8 * CUBIC, -4 * CUBIC]);
};

/** Neighbours of places, each with its weight of both axes. */
function blended(
  n: OnnxNode,
  column: Tensor,
  line: Tensor,
  first: number,
  count: number,
  weight: Weight,
  read: (column: Tensor, line: Tensor) => Tensor,
): Tensor {
  const { f } = n;
  const [left, top] = [f.floor(column), f.floor(line)];
  const [right, down] = [f.sub(column, left), f.sub(line, top)];
  const all = rangeOf(count).flatMap((y) =>
    rangeOf(count).map((x) => {
      const share = f.mul(weight(n, right, x), weight(n, down, y));
      return f.mul(read(f.add(left, x + first), f.add(top, y + first)), f.expandDims(share, -1));
    }),
  );
  return all.reduce((sum, part) => f.add(sum, part));
}

function maxUnpool(n: OnnxNode) {
  const { f, attributes } = n;
  const x = n.tensor(0);
  const extents = x.shape.slice(2);
  const sizes = attributes.ints('kernel_shape') ?? [];
  const strides = attributes.ints('strides') ?? extents.map(() => 1);
  const pads = attributes.ints('pads') ?? extents.flatMap(() => [0, 0]);
  const inner = extents.map(
    (extent, k) => (extent - 1) * strides[k] + sizes[k] - pads[k] - pads[k + extents.length],
  );
  const wanted = n.has(2)
    ? n.numbers(2, 'the shape of the result')
    : [...x.shape.slice(0, 2), ...inner];
  // Indices count over the smaller tensor that the windows lie in.
  const whole = [...x.shape.slice(0, 2), ...inner];
  const count = elementCount(whole);
  const flat = f.scatterAddAlongAxis(
    f.full([count], 0),
    f.pad(f.reshape(n.tensor(1), [-1]), [[0, count - elementCount(x.shape)]]),
    f.pad(f.reshape(x, [-1]), [[0, count - elementCount(x.shape)]]),
    0,
  );
  const placed = f.reshape(flat, whole);
  return n.result(
    f.pad(
      placed,
      wanted.map((extent, axis): [number, number] => [0, extent - whole[axis]]),
    ),
  );
}

function roiAlign(n: OnnxNode) {
  const { f, attributes } = n;
  const x = n.tensor(0);
  const [, channels, height, width] = x.shape;
  const rois = n.tensor(1);
  const [count] = rois.shape;
  const [rows, columns] = [attributes.int('output_height', 1), attributes.int('output_width', 1)];
  const scale = attributes.float('spatial_scale', 1);
  const half =
    n.opset >= 16 &&
    attributes.text('coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
  const ratio = attributes.int('sampling_ratio', 0);
  if (ratio <= 0)
    return n.refuse('its sampling_ratio follows each region', 'state a sampling_ratio above 0');
  const side = (k: number) => {
    const scaled = f.mul(f.slice(rois, 1, k, k + 1), scale);
    return half ? f.sub(scaled, 0.5) : scaled;
  };
  const [left, top, right, bottom] = [0, 1, 2, 3].map(side);
  const span = (from: Tensor, to: Tensor) => {
    const whole = f.sub(to, from);
    return half ? whole : f.maximum(whole, 1);
  };
  // Places [regions, bins · samples] along one axis.
  const places = (from: Tensor, to: Tensor, bins: number) => {
    const samples = rangeOf(bins * ratio).map(
      (k) => (Math.floor(k / ratio) + ((k % ratio) + 0.5) / ratio) / bins,
    );
    return f.add(f.mul(span(from, to), f.constant(samples, [1, bins * ratio])), from);
  };
  const line = places(top, bottom, rows);
  const column = places(left, right, columns);
  const all = [count, rows * ratio, columns * ratio];
  const wide = f.broadcastTo(f.expandDims(column, 1), all);
  const tall = f.broadcastTo(f.expandDims(line, 2), all);
  const image = f.take(x, n.tensor(2), 0);
  const outside = f.logicalOr(
    f.logicalOr(f.less(tall, -1), f.greater(tall, height)),
    f.logicalOr(f.less(wide, -1), f.greater(wide, width)),
  );
  const isMax = attributes.text('mode', 'avg') === 'max';
  const corners = sampledCorners(n, image, wide, tall);
  const masked = corners.map((one) => f.select(f.expandDims(outside, -1), 0, one));
  const split = (y: Tensor) => f.reshape(y, [count, rows, ratio, columns, ratio, channels]);
  const pooled = isMax
    ? f.max(
        masked.map(split).reduce((a, b) => f.maximum(a, b)),
        [2, 4],
      )
    : f.mean(split(masked.reduce((a, b) => f.add(a, b))), [2, 4]);
  return n.result(f.transpose(pooled, [0, 3, 1, 2]));
}

/** The four neighbours of each place, times their shares. */
function sampledCorners(n: OnnxNode, image: Tensor, column: Tensor, line: Tensor): Tensor[] {
  const { f } = n;
  const [, , height, width] = image.shape;
  const inside = (at: Tensor, extent: number) => f.clip(at, 0, extent - 1);
  const [c, l] = [inside(column, width), inside(line, height)];
  const [left, top] = [f.floor(c), f.floor(l)];
  const [right, down] = [f.sub(c, left), f.sub(l, top)];
  return [0, 1].flatMap((y) =>
    [0, 1].map((x) => {
      const share = f.mul(linear(n, right, x), linear(n, down, y));
      const pixel = pixels(n, image, f.add(left, x), f.add(top, y), false);
      return f.mul(pixel, f.expandDims(share, -1));
    }),
  );
}

export const SAMPLING: OperatorTable = {
  GridSample: row(gridSample, 'images'),
  MaxUnpool: row(maxUnpool),
  Resize: row(resize, 'factors and extents that are known; no antialias'),
  RoiAlign: row(roiAlign, 'a sampling_ratio above 0'),
  Upsample: row(resize, 'factors that are known'),
};
