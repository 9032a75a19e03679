import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
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
