import { elementCount } from '../../../../ir/tensor.ts';
import type { ConvolutionOptions } from '../../../frontend/convolution.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import type { PerAxis, WindowOptions } from '../../../frontend/windows.ts';
import { INT32, INT64 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { layerFor, ownWeight, withBias } from './layers.ts';
import { channelsLast, rangeOf, withChannelsLast } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** Where the windows of a node lie along its spatial axes. */
export interface Windows {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** SAME_UPPER, which the language has too. */
  readonly isSame: boolean;
}

/** The windows that attributes state, with `auto_pad` as numbers. */
export function windowsOf(n: OnnxNode, given: readonly number[] | null): Windows {
  const { attributes } = n;
  const extents = n.shape(0).slice(2);
  const spatial = extents.length;
  const sizes = attributes.ints('kernel_shape') ?? given ?? n.refuse('it has no kernel_shape');
  const each = (name: string, fallback: number) =>
    attributes.ints(name) ?? new Array<number>(spatial).fill(fallback);
  const strides = each('strides', 1);
  const dilations = each('dilations', 1);
  const pads = attributes.ints('pads') ?? new Array<number>(2 * spatial).fill(0);
  const all = [sizes, strides, dilations, pads.slice(0, spatial), pads.slice(spatial)];
  if (all.some((list) => list.length !== spatial))
    return n.refuse(`its windows do not have ${spatial} axes`);
  const auto = attributes.text('auto_pad', 'NOTSET');
  if (auto === 'NOTSET' || auto === 'VALID' || auto === '') {
    const none = auto === 'VALID' ? sizes.map(() => 0) : null;
    const [low, high] = [none ?? pads.slice(0, spatial), none ?? pads.slice(spatial)];
    return { sizes, strides, dilations, low, high, isSame: false };
  }
  const missing = extents.map((extent, k) => {
    const positions = Math.ceil(extent / strides[k]);
    return Math.max(0, (positions - 1) * strides[k] + (sizes[k] - 1) * dilations[k] + 1 - extent);
  });
  const isUpper = auto === 'SAME_UPPER';
  const low = missing.map((all) => (isUpper ? Math.floor(all / 2) : Math.ceil(all / 2)));
  const high = missing.map((all, k) => all - low[k]);
  return { sizes, strides, dilations, low, high, isSame: isUpper };
}

const oneOrAll = (list: readonly number[]): number | readonly number[] =>
  list.every((one) => one === list[0]) ? list[0] : list;

/** Options of the language without those that are its defaults. */
function optionsOf(
  { strides, dilations, low, high, isSame }: Windows,
  defaultStride: PerAxis,
): WindowOptions {
  const isEven = low.every((one, k) => one === high[k]);
  const padding = isSame ? 'same' : isEven ? oneOrAll(low) : 0;
  const stride = oneOrAll(strides);
  const dilation = oneOrAll(dilations);
  return {
    ...(stride === defaultStride ? {} : { stride }),
    ...(padding === 0 ? {} : { padding }),
    ...(dilation === 1 ? {} : { dilation }),
  };
}

/** Padding that differs at the two ends is put into the signal before. */
function paddedSignal(n: OnnxNode, x: Tensor, { low, high, isSame }: Windows, value: number) {
  if (isSame || low.every((one, k) => one === high[k])) return x;
  return n.f.pad(
    x,
    [[0, 0], ...low.map((one, k): [number, number] => [one, high[k]]), [0, 0]],
    value,
  );
}

const SPATIAL = [1, 2, 3];

/** Kernels of ONNX [out, in, …taps] as [..taps, in, out]. */
const kernelOrder = (rank: number) => [...rangeOf(rank).slice(2), 1, 0];

/** The functions of the language for so many spatial axes. */
export const CONVOLUTIONS = {
  1: {
    plain: 'conv1d',
    layer: 'convolution1d',
    max: 'maxPool1d',
    mean: 'avgPool1d',
    turned: 'conv1dTranspose',
    turnedLayer: 'transposedConvolution1d',
  },
  2: {
    plain: 'conv2d',
    layer: 'convolution',
    max: 'maxPool2d',
    mean: 'avgPool2d',
    turned: 'conv2dTranspose',
    turnedLayer: 'transposedConvolution',
  },
  3: {
    plain: 'conv3d',
    layer: 'convolution3d',
    max: 'maxPool3d',
    mean: 'avgPool3d',
    turned: 'conv3dTranspose',
    turnedLayer: 'transposedConvolution3d',
  },
} as const;

function functionsFor(n: OnnxNode) {
  const spatial = n.shape(0).length - 2;
  if (!SPATIAL.includes(spatial))
    return n.refuse(`it has ${spatial} spatial axes`, '1, 2 and 3 are taken');
  return CONVOLUTIONS[spatial as 1 | 2 | 3];
}

function convolution(n: OnnxNode) {
  const { f } = n;
  const shape = n.shape(1);
  const functions = functionsFor(n);
  const windows = windowsOf(n, shape.slice(2));
  const groups = n.attributes.int('group', 1);
  const order = kernelOrder(shape.length);
  const x = paddedSignal(n, channelsLast(n, 0), windows, 0);
  const options = { ...optionsOf(windows, 1), ...(groups === 1 ? {} : { groups }) };
  const weight = ownWeight(n, 1);
  const own = n.has(2) ? ownWeight(n, 2) : null;
  if (weight) {
    const bias = n.has(2) ? own : n.followingBias(shape[0], 1, shape.length);
    const name = layerFor(n, withBias({ constant: weight, order }, bias));
    const layer = f[functions.layer](shape[1] * groups, shape[0], {
      ...{ kernel: oneOrAll(windows.sizes), ...options },
      ...(bias ? {} : { bias: false }),
      name,
    });
    const y = layer(x);
    return withChannelsLast(n.type(0), bias ? y : withAddend(n, y));
  }
  return withChannelsLast(n.type(0), withAddend(n, convolved(n, x, options)));
}

function convolved(n: OnnxNode, x: Tensor, options: ConvolutionOptions): Tensor {
  const kernel = n.f.transpose(n.tensor(1), kernelOrder(n.shape(1).length));
  const { plain } = functionsFor(n);
  return Object.keys(options).length > 0 ? n.f[plain](x, kernel, options) : n.f[plain](x, kernel);
}

/** A convolution of a signal with channels last by ONNX's kernel, whose shape is that of an input. */
export function convolvedWith(n: OnnxNode, x: Tensor, kernel: Tensor, input: number): Tensor {
  const windows = windowsOf(n, n.shape(input).slice(2));
  const groups = n.attributes.int('group', 1);
  const turned = n.f.transpose(kernel, kernelOrder(kernel.rank));
  const { plain } = functionsFor(n);
  return n.f[plain](paddedSignal(n, x, windows, 0), turned, {
    ...optionsOf(windows, 1),
    ...(groups === 1 ? {} : { groups }),
  });
}

const withAddend = (n: OnnxNode, y: Tensor) => (n.has(2) ? n.f.add(y, n.tensor(2)) : y);

/** By the transposed convolutions of the language, which pad both ends alike: what a file cuts off or adds beyond that is cut or added behind. */
function transposedConvolution(n: OnnxNode) {
  const { f, attributes } = n;
  const functions = functionsFor(n);
  const extents = n.shape(0).slice(2);
  const [channels, perGroup, ...taps] = n.shape(1);
  const groups = attributes.int('group', 1);
  const windows = windowsOf(n, taps);
  const { strides, dilations } = windows;
  const extra = attributes.ints('output_padding') ?? extents.map(() => 0);
  const spans = taps.map((size, k) => (size - 1) * dilations[k] + 1);
  const whole = extents.map((extent, k) => (extent - 1) * strides[k] + spans[k] + extra[k]);
  const edges = transposedPadding(n, windows, whole, extents);
  const [low, high] = edges;
  // Negative edges are zeros beyond what any tap reaches.
  const isEven = low.every(
    (one, k) => one === high[k] && one >= 0 && 2 * one < whole[k] - extra[k],
  );
  const reaches = extra.every((one, k) => one < Math.max(strides[k], dilations[k]));
  const options = {
    ...optionsOf(
      { ...windows, low: isEven ? low : [0], high: isEven ? high : [0], isSame: false },
      1,
    ),
    ...(groups === 1 ? {} : { groups }),
    ...(reaches && extra.some((one) => one > 0) ? { outputPadding: oneOrAll(extra) } : {}),
  };
  const order = [...rangeOf(taps.length).map((k) => k + 2), 0, 1];
  const fitted = (y: Tensor): Tensor =>
    resized(n, y, [
      isEven ? low.map(() => 0) : low,
      (isEven ? high.map(() => 0) : high).map((one, k) => one - (reaches ? 0 : extra[k])),
    ]);
  const x = channelsLast(n, 0);
  const weight = ownWeight(n, 1);
  // A bias is added where zeros are put too.
  const isWhole = isEven && (reaches || extra.every((one) => one === 0));
  const own = n.has(2) && isWhole ? ownWeight(n, 2) : null;
  if (!weight) {
    const kernel = f.transpose(n.tensor(1), order);
    const y = f[functions.turned](x, kernel, ...(Object.keys(options).length > 0 ? [options] : []));
    return withChannelsLast(n.type(0), withAddend(n, fitted(y)));
  }
  const outside = groups * perGroup;
  const bias = n.has(2) || !isWhole ? own : n.followingBias(outside, 1, n.shape(0).length);
  const name = layerFor(n, withBias({ constant: weight, order }, bias));
  const layer = f[functions.turnedLayer](channels, outside, {
    ...{ kernel: oneOrAll(taps), ...options },
    ...(bias ? {} : { bias: false }),
    name,
  });
  const y = fitted(layer(x));
  return withChannelsLast(n.type(0), bias ? y : withAddend(n, y));
}

/** Extents of a result with channels last, less so many elements before and behind; of negative ones zeros. */
function resized(n: OnnxNode, y: Tensor, [low, high]: readonly (readonly number[])[]): Tensor {
  const { f } = n;
  const cut = low.reduce((part, one, k) => {
    const [start, end] = [Math.max(0, one), part.shape[k + 1] - Math.max(0, high[k])];
    return start > 0 || end < part.shape[k + 1] ? f.slice(part, k + 1, start, end) : part;
  }, y);
  if ([...low, ...high].every((one) => one >= 0)) return cut;
  const widths = low.map((one, k): [number, number] => [Math.max(0, -one), Math.max(0, -high[k])]);
  return f.pad(cut, [[0, 0], ...widths, [0, 0]]);
}

function transposedPadding(
  n: OnnxNode,
  { low, high, strides }: Windows,
  whole: readonly number[],
  extents: readonly number[],
): readonly (readonly number[])[] {
  const auto = n.attributes.text('auto_pad', 'NOTSET');
  const isSame = auto.startsWith('SAME');
  const wanted =
    n.attributes.ints('output_shape')?.slice(-extents.length) ??
    (isSame ? extents.map((extent, k) => extent * strides[k]) : null);
  if (!wanted) return [low, high];
  const missing = whole.map((extent, k) => extent - wanted[k]);
  const isUpper = auto === 'SAME_UPPER';
  const before = missing.map((all) => (isUpper ? Math.floor(all / 2) : all - Math.floor(all / 2)));
  return [before, missing.map((all, k) => all - before[k])];
}

function maxPool(n: OnnxNode) {
  const functions = functionsFor(n);
  const windows = windowsOf(n, null);
  const isInteger = n.type(0).kind !== 'float';
  const signal = n.f.cast(channelsLast(n, 0), 'f32');
  const x = paddedSignal(n, signal, windows, Number.NEGATIVE_INFINITY);
  const ceilMode = n.attributes.int('ceil_mode', 0) !== 0;
  const size = oneOrAll(windows.sizes);
  const options = { ...optionsOf(windows, size), ...(ceilMode ? { ceilMode } : {}) };
  const pooled = n.f[functions.max](x, size, options);
  const values = withChannelsLast(n.type(0), isInteger ? n.f.cast(pooled, 'i32') : pooled);
  return n.outputs.length > 1 && n.outputs[1] !== ''
    ? [values, maxIndices(n, windows, pooled)]
    : values;
}

/** Where the largest elements are, counted over all of the tensor. */
function maxIndices(n: OnnxNode, windows: Windows, pooled: Tensor) {
  const { f } = n;
  const { sizes, strides, dilations, low, high } = windows;
  const shape = n.shape(0);
  const extents = shape.slice(2);
  if (n.attributes.int('ceil_mode', 0) !== 0)
    return n.refuse('it gives indices with ceil_mode', 'leave the indices out');
  const widths = extents.map((_, k): [number, number] => [low[k], high[k]]);
  const x = f.pad(
    f.cast(n.tensor(0), 'f32'),
    [[0, 0], [0, 0], ...widths],
    Number.NEGATIVE_INFINITY,
  );
  const byRow = n.attributes.int('storage_order', 0) === 0;
  const steps = extents.map((_, k) =>
    elementCount(byRow ? extents.slice(k + 1) : extents.slice(0, k)),
  );
  const index = f.pad(
    extents
      .map((_, k) => f.mul(f.iota(shape, k + 2), steps[k]))
      .reduce((sum, part) => f.add(sum, part)),
    [[0, 0], [0, 0], ...widths],
  );
  const positions = pooled.shape.slice(1, -1);
  const tapsOf = (y: Tensor) =>
    combinations(sizes).map((tap) =>
      tap.reduce((part, at, k) => {
        const from = at * dilations[k];
        return f.slice(part, k + 2, from, from + (positions[k] - 1) * strides[k] + 1, strides[k]);
      }, y),
    );
  const best = f.argmax(f.stack(tapsOf(x), 0), 0, { keepDims: true });
  const places = f.stack(tapsOf(index), 0);
  const hit = f.equal(f.iota(places.shape, 0), best);
  const inPlane = f.sum(f.select(hit, places, 0), 0);
  const plane = elementCount(extents);
  const base = f.add(
    f.mul(f.iota(inPlane.shape, 0), shape[1] * plane),
    f.mul(f.iota(inPlane.shape, 1), plane),
  );
  return n.result(f.add(inPlane, base), INT64);
}

/** All places in a window, the last axis fastest. */
function combinations(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap((tap) => rangeOf(size).map((at) => [...tap, at])),
    [[]],
  );
}

function averagePool(n: OnnxNode) {
  const { f } = n;
  const functions = functionsFor(n);
  const windows = windowsOf(n, null);
  const ceilMode = n.attributes.int('ceil_mode', 0) !== 0;
  const countIncludePad = n.attributes.int('count_include_pad', 0) !== 0;
  const size = oneOrAll(windows.sizes);
  const isEven = windows.isSame || windows.low.every((one, k) => one === windows.high[k]);
  const hasPadding = [...windows.low, ...windows.high].some((one) => one > 0);
  const options = {
    ...optionsOf(windows, size),
    ...(ceilMode ? { ceilMode } : {}),
    ...(hasPadding || ceilMode ? { countIncludePad } : {}),
  };
  const x = channelsLast(n, 0);
  if (isEven || countIncludePad)
    return withChannelsLast(
      n.type(0),
      f[functions.mean](paddedSignal(n, x, windows, 0), size, options),
    );
  // Means over what is there: those of the signal by those of ones.
  const ones = f.full([1, ...x.shape.slice(1, -1), 1], 1);
  const [total, there] = [x, ones].map((y) =>
    f[functions.mean](paddedSignal(n, y, windows, 0), size, options),
  );
  return withChannelsLast(n.type(0), f.div(total, there));
}

/** (Σ |x|^p)^(1/p). */
const normOf = (n: OnnxNode, x: Tensor, total: (powers: Tensor) => Tensor): Tensor => {
  const { f } = n;
  const p = n.opset < 2 ? n.attributes.float('p', 2) : n.attributes.int('p', 2);
  if (p === 1) return total(f.abs(x));
  if (p === 2) return f.sqrt(total(f.mul(x, x)));
  return f.pow(total(f.pow(f.abs(x), p)), 1 / p);
};

export const WINDOWS: OperatorTable = {
  AveragePool: row(averagePool),
  Conv: row(convolution, '1, 2 or 3 spatial axes'),
  ConvInteger: row((n) => {
    const { f } = n;
    const point = (input: number) => f.cast(n.tensor(input), 'f32');
    const signal = f.cast(channelsLast(n, 0), 'f32');
    const x = n.has(2) ? f.sub(signal, point(2)) : signal;
    const raw = f.cast(n.tensor(1), 'f32');
    const perOutput = (zero: Tensor) =>
      zero.rank === 1 && zero.shape[0] > 1
        ? f.reshape(zero, [-1, ...raw.shape.slice(1).map(() => 1)])
        : zero;
    const kernel = n.has(3) ? f.sub(raw, perOutput(point(3))) : raw;
    return withChannelsLast(INT32, f.cast(convolvedWith(n, x, kernel, 1), 'i32'));
  }),
  ConvTranspose: row(transposedConvolution, '1, 2 or 3 spatial axes'),
  GlobalAveragePool: row((n) => {
    const axes = rangeOf(n.shape(0).length).slice(1, -1);
    return withChannelsLast(n.type(0), n.f.mean(channelsLast(n, 0), axes, { keepDims: true }));
  }),
  GlobalLpPool: row((n) => {
    const axes = rangeOf(n.shape(0).length).slice(2);
    return n.result(normOf(n, n.tensor(0), (powers) => n.f.sum(powers, axes, { keepDims: true })));
  }),
  LpPool: row((n) => {
    const windows = windowsOf(n, null);
    const { mean } = functionsFor(n);
    const size = oneOrAll(windows.sizes);
    const x = paddedSignal(n, channelsLast(n, 0), windows, 0);
    const count = elementCount(windows.sizes);
    const options = { ...optionsOf(windows, size), countIncludePad: true };
    return withChannelsLast(
      n.type(0),
      normOf(n, x, (powers) => n.f.mul(n.f[mean](powers, size, options), count)),
    );
  }),
  MaxPool: row(maxPool, 'no indices with ceil_mode'),
};
