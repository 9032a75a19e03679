import { describe, expect, test } from 'vitest';
import { attempt } from '../../compiler/driver/attempt.ts';
import * as btc from '../../compiler/index.ts';
import { NO_KNOBS } from '../../compiler/plan-search/knobs.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { driverOf } from '../support/passes.ts';
import { programOf } from './run-program.ts';

const values = (shape: Shape, seed: number) =>
  Float64Array.from({ length: elementCount(shape) }, (_, k) => Math.sin(1.7 * k + seed));

interface Axis {
  readonly positions: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
}

/** By the definition, element by element; `visit` gets flat indices of the image, the kernel and the result. */
function eachProduct(
  [batch, height, width, channels]: Shape,
  [kh, kw, inside, outside]: Shape,
  [rows, columns]: readonly [Axis, Axis],
  visit: (x: number, w: number, y: number) => void,
): void {
  const groups = channels / inside;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < rows.positions; i++)
      for (let j = 0; j < columns.positions; j++)
        for (let u = 0; u < kh; u++)
          for (let v = 0; v < kw; v++) {
            const h = i * rows.stride + u * rows.dilation - rows.low;
            const w = j * columns.stride + v * columns.dilation - columns.low;
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            for (let d = 0; d < outside; d++)
              for (let c = 0; c < inside; c++) {
                const group = Math.floor(d / (outside / groups));
                visit(
                  ((n * height + h) * width + w) * channels + group * inside + c,
                  ((u * kw + v) * inside + c) * outside + d,
                  ((n * rows.positions + i) * columns.positions + j) * outside + d,
                );
              }
          }
}

const CASES: readonly {
  readonly name: string;
  readonly x: Shape;
  readonly kernel: Shape;
  readonly options: btc.ConvolutionOptions;
  readonly axes: readonly [Axis, Axis];
}[] = [
  {
    name: 'valid',
    x: [2, 5, 6, 3],
    kernel: [3, 2, 3, 4],
    options: {},
    axes: [
      { positions: 3, stride: 1, dilation: 1, low: 0 },
      { positions: 5, stride: 1, dilation: 1, low: 0 },
    ],
  },
  {
    name: 'same, odd and even windows',
    x: [2, 5, 4, 2],
    kernel: [3, 2, 2, 3],
    options: { padding: 'same' },
    axes: [
      { positions: 5, stride: 1, dilation: 1, low: 1 },
      { positions: 4, stride: 1, dilation: 1, low: 0 },
    ],
  },
  {
    name: 'strides, padded, of extents that they do not divide',
    x: [2, 7, 8, 2],
    kernel: [3, 3, 2, 3],
    options: { stride: [2, 3], padding: [1, 2] },
    axes: [
      { positions: 4, stride: 2, dilation: 1, low: 1 },
      { positions: 4, stride: 3, dilation: 1, low: 2 },
    ],
  },
  {
    name: 'a stride beyond the window',
    x: [1, 7, 7, 2],
    kernel: [1, 2, 2, 3],
    options: { stride: 3, padding: 'same' },
    axes: [
      { positions: 3, stride: 3, dilation: 1, low: 0 },
      { positions: 3, stride: 3, dilation: 1, low: 0 },
    ],
  },
  {
    name: 'dilated, with a stride that shares a factor',
    x: [1, 9, 8, 2],
    kernel: [3, 2, 2, 2],
    options: { dilation: [2, 3], stride: [4, 2], padding: 1 },
    axes: [
      { positions: 2, stride: 4, dilation: 2, low: 1 },
      { positions: 4, stride: 2, dilation: 3, low: 1 },
    ],
  },
  {
    name: 'two groups',
    x: [2, 4, 4, 4],
    kernel: [3, 3, 2, 6],
    options: { groups: 2, padding: 1 },
    axes: [
      { positions: 4, stride: 1, dilation: 1, low: 1 },
      { positions: 4, stride: 1, dilation: 1, low: 1 },
    ],
  },
  {
    name: 'depthwise',
    x: [2, 5, 5, 3],
    kernel: [3, 3, 1, 3],
    options: { groups: 3, stride: 2, padding: 'same' },
    axes: [
      { positions: 3, stride: 2, dilation: 1, low: 1 },
      { positions: 3, stride: 2, dilation: 1, low: 1 },
    ],
  },
];

const close = (given: ArrayLike<number>, wanted: ArrayLike<number>) => {
  expect(given.length).toBe(wanted.length);
  Array.from(wanted).forEach((value, i) => {
    expect(Math.abs(given[i] - value), `[${i}]`).toBeLessThan(1e-10);
  });
};

describe.each(CASES)('conv2d: $name', ({ x: shape, kernel, options, axes }) => {
  const model = btc.defineModel({
    name: 'm',
    inputs: {},
    build: () => {
      const x = btc.param('x', shape, btc.init.zeros);
      const w = btc.param('w', kernel, btc.init.zeros);
      return { y: btc.conv2d(x, w, options) };
    },
    train: {
      loss: ({ y }) => btc.mul(btc.sum(btc.square(y)), 0.5),
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
  const given = { x: values(shape, 1), w: values(kernel, 2) };
  const positions = axes.map((axis) => axis.positions);
  const y = new Float64Array(shape[0] * elementCount(positions) * kernel[3]);
  eachProduct(shape, kernel, axes, (x, w, out) => {
    y[out] += given.x[x] * given.w[w];
  });

  test('is the sum over the window', () => {
    close(programOf(model, 'predict')({}, given).outputs.y, y);
  });

  test('has the gradients of that sum', () => {
    const wanted = { x: given.x.slice(), w: given.w.slice() };
    eachProduct(shape, kernel, axes, (x, w, out) => {
      wanted.x[x] -= y[out] * given.w[w];
      wanted.w[w] -= y[out] * given.x[x];
    });
    const rate = Float64Array.of(1);
    const { updates } = programOf(model, 'train')({ learningRate: rate }, given);
    close(updates.x, wanted.x);
    close(updates.w, wanted.w);
  });
});

const SHAPE: Shape = [2, 8, 8, 4];
const same = { kernel: 3, padding: 'same' } as const;
/** Trained networks that read windows in many ways; nothing else has many more elements than the images with 8 channels. */
const NETWORKS: Readonly<Record<string, (x: btc.Tensor) => btc.Tensor>> = {
  'one on the other': (x) => btc.convolution(8, 8, same)(btc.relu(btc.convolution(4, 8, same)(x))),
  'with strides': (x) =>
    btc.convolution(8, 4, { kernel: 5, stride: 2, padding: 2 })(btc.convolution(4, 8, same)(x)),
  'two over one image': (x) => {
    const y = btc.convolution(4, 8, same)(x);
    return btc
      .convolution(
        8,
        8,
        same,
      )(y)
      .add(btc.convolution(8, 8, same)(y));
  },
  // Its gradient stacks the images of all uses, of 2 channels each.
  'one that is used four times': (image) => {
    const x = btc.slice(image, 3, 0, 2);
    const layer = btc.convolution(2, 2, same);
    return layer(btc.tanh(layer(btc.tanh(layer(btc.tanh(layer(x)))))));
  },
  depthwise: (x) => btc.convolution(8, 8, { ...same, groups: 8 })(btc.convolution(4, 8, same)(x)),
  'in groups': (x) => btc.convolution(8, 8, { ...same, groups: 2 })(btc.convolution(4, 8, same)(x)),
  'of CP kernels': (x) => {
    const weight = btc.cpKernel({ rank: 4 });
    return btc.convolution(8, 8, { ...same, weight })(btc.convolution(4, 8, same)(x));
  },
  'under overlapping pools': (x) => {
    const y = btc.maxPool2d(btc.convolution(4, 8, same)(x), 3, { stride: 2, padding: 1 });
    return btc.avgPool2d(y, 3, { stride: 1, padding: 1 });
  },
};

describe('no tensor has an element per position and tap', () => {
  test.each(Object.entries(NETWORKS))('%s', (_, build) => {
    const model = btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor(SHAPE) },
      build: ({ x }) => ({ y: build(x) }),
      train: { loss: ({ y }) => btc.mean(btc.square(y)), optimizer: btc.sgd() },
    });
    const driver = driverOf();
    const { memory } = attempt(driver, driver.run('trace', model), NO_KNOBS, {
      actions: null,
      localNorm: false,
    });
    const sizes = memory!.schedule!.tensors.map(({ shape }) => elementCount(shape));
    // What is interleaved is rounded up to the stride.
    expect(Math.max(...sizes)).toBeLessThan(1.5 * elementCount([...SHAPE.slice(0, 3), 8]));
  });
});

/** A program without parameters, run in float64 and as kernels. */
const evaluated = (shape: Shape, build: (x: btc.Tensor) => btc.Tensor) => {
  const x = values(shape, 0);
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor(shape) },
    build: ({ x }) => ({ y: build(x) }),
  });
  return { x, y: programOf(model, 'predict')({ x }, {}).outputs.y };
};

/** The elements under each window of one channel, without padding. */
const patches = (x: Float64Array, width: number, extents: Shape, size: number, stride: number) => {
  const [rows, columns] = extents.map((extent) => Math.floor((extent - size) / stride) + 1);
  return Array.from({ length: rows * columns }, (_, p) =>
    Array.from({ length: size * size }, (_, k) => {
      const h = Math.floor(p / columns) * stride + Math.floor(k / size);
      const w = (p % columns) * stride + (k % size);
      return x[h * width + w];
    }),
  );
};

describe('pooling', () => {
  const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  test.each([
    [2, 2],
    [3, 2],
    [3, 1],
  ])('of windows of %i every %i elements, with a rest', (size, stride) => {
    const largest = evaluated([1, 7, 8, 1], (x) => btc.maxPool2d(x, size, { stride }));
    const wanted = patches(largest.x, 8, [7, 8], size, stride);
    close(
      largest.y,
      wanted.map((patch) => Math.max(...patch)),
    );
    close(evaluated([1, 7, 8, 1], (x) => btc.avgPool2d(x, size, { stride })).y, wanted.map(mean));
  });

  test('padding never wins a maximum and counts as zero in a mean', () => {
    const negative = (x: btc.Tensor) => btc.sub(x, 5);
    const { x, y } = evaluated([1, 2, 2, 1], (x) =>
      btc.maxPool2d(negative(x), 2, { stride: 1, padding: 1 }),
    );
    const [a, b, c, d] = x.map((value) => value - 5);
    const { max } = Math;
    close(y, [a, max(a, b), b, max(a, c), max(a, b, c, d), max(b, d), c, max(c, d), d]);
    const means = evaluated([1, 2, 2, 1], (x) =>
      btc.avgPool2d(negative(x), 2, { stride: 2, padding: 1 }),
    );
    close(means.y, [a / 4, b / 4, c / 4, d / 4]);
  });

  test('over all positions', () => {
    const { x, y } = evaluated([2, 2, 3, 2], btc.globalAveragePool);
    const channel = (n: number, c: number) =>
      mean(Array.from({ length: 6 }, (_, k) => x[12 * n + 2 * k + c]));
    close(y, [channel(0, 0), channel(0, 1), channel(1, 0), channel(1, 1)]);
  });
});

test('a convolution along one axis is one of images of height 1', () => {
  const kernel = (x: btc.Tensor, shape: Shape) =>
    btc.reshape(btc.cast(btc.arange(elementCount(shape)), 'f32').add(x.sum()), shape);
  const options = { stride: 2, padding: 2 };
  const { y } = evaluated([2, 7, 3], (x) => btc.conv1d(x, kernel(x, [4, 3, 2]), options));
  const image = evaluated([2, 7, 3], (x) =>
    btc.conv2d(btc.expandDims(x, 1), kernel(x, [1, 4, 3, 2]), { ...options, padding: [0, 2] }),
  );
  close(y, image.y);
});

describe('a transposed convolution', () => {
  test.each([
    [{ stride: 2 }, [2, 4, 5, 3], [2, 2]],
    [{ stride: [2, 3], padding: 'same' }, [1, 3, 2, 2], [3, 4]],
    [{ stride: 2, padding: 1, dilation: [1, 2] }, [1, 4, 3, 2], [3, 2]],
  ] as const)('is the transpose of the convolution: %o', (options, small, taps) => {
    const outside = 4;
    const shape = [...taps, outside, small[3]];
    const given = { y: values(small, 1), w: values(shape, 2) };
    const model = btc.defineModel({
      name: 'm',
      inputs: {},
      build: () => {
        const y = btc.param('y', small, btc.init.zeros);
        const w = btc.param('w', shape, btc.init.zeros);
        const x = btc.conv2dTranspose(y, btc.transpose(w), options);
        const probe = btc.sin(
          btc.reshape(btc.cast(btc.arange(elementCount(x.shape)), 'f32'), x.shape),
        );
        const there = btc.conv2d(probe, w, options);
        return { left: btc.sum(btc.mul(x, probe)), right: btc.sum(btc.mul(y, there)) };
      },
      // What both are equal to has equal gradients.
      train: {
        loss: ({ left, right }) => btc.sub(left, right),
        optimizer: btc.sgd({ learningRate: 1 }),
      },
    });
    const { left, right } = programOf(model, 'predict')({}, given).outputs;
    close(left, right);
    const rate = Float64Array.of(1);
    const { updates } = programOf(model, 'train')({ learningRate: rate }, given);
    close(updates.y, given.y);
    close(updates.w, given.w);
  });

  test('has the extents of an image of the stride times as many pixels', () => {
    const { y } = evaluated([1, 3, 4, 2], (x) =>
      btc.conv2dTranspose(x, btc.ones([2, 2, 2, 1]), { stride: 2 }),
    );
    expect(y).toHaveLength(6 * 8);
  });
});
