import { describe, expect, test } from 'vitest';
import { initialValues } from '../../compiler/frontend/initialisers.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { programOf } from './run-program.ts';

/** An image [1, 5, 7, 1]; the values below are PyTorch's for it. */
const IMAGE = Array.from({ length: 35 }, (_, i) => 3 * Math.sin(1.7 * i));

function evaluate(f: (x: btc.Tensor) => btc.Tensor, x = IMAGE, shape = [1, 5, 7, 1]): number[] {
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor(shape) },
    build: ({ x }) => ({ y: f(x) }),
  });
  return [...programOf(model, 'predict')({ x }, {}).outputs.y];
}

const mistakes = (f: (x: btc.Tensor) => btc.Tensor) => {
  const inputs = { x: btc.tensor([1, 5, 7, 1]) };
  const { diagnostics } = traceModel(
    btc.defineModel({ name: 'm', inputs, build: ({ x }) => ({ x, y: f(x) }) }),
  );
  return diagnostics.map(({ code }) => code);
};

const close = (given: readonly number[], wanted: readonly number[], digits = 4) => {
  expect(given).toHaveLength(wanted.length);
  wanted.forEach((value, k) => {
    expect(given[k], `element ${k}`).toBeCloseTo(value, digits);
  });
};

/** The mean under each window, element by element; `counted` says which of its places count. */
function means(
  size: number,
  { stride, low, dilation = 1 }: { stride: number; low: number; dilation?: number },
  positions: readonly [number, number],
  counted: (y: number, x: number) => boolean,
): number[] {
  const result: number[] = [];
  for (let oy = 0; oy < positions[0]; oy++)
    for (let ox = 0; ox < positions[1]; ox++) {
      let [sum, count] = [0, 0];
      for (let v = 0; v < size; v++)
        for (let u = 0; u < size; u++) {
          const [y, x] = [oy * stride + v * dilation - low, ox * stride + u * dilation - low];
          if (counted(y, x)) count++;
          if (y >= 0 && y < 5 && x >= 0 && x < 7) sum += IMAGE[7 * y + x];
        }
      result.push(sum / count);
    }
  return result;
}
const inside = (y: number, x: number) => y >= 0 && y < 5 && x >= 0 && x < 7;

describe('the mean under windows counts', () => {
  test('padding, as PyTorch does', () => {
    close(
      evaluate((x) => btc.avgPool2d(x, 2, { padding: 1 })),
      [0, 0.5521, -0.3238, 0.074, -1.1925, 1.8707, -1.8183, 1.6452, -1.026, 0.4041, -0.8576, 1.254],
    );
  });

  test('no padding where it is told so', () => {
    close(
      evaluate((x) => btc.avgPool2d(x, 2, { padding: 1, countIncludePad: false })),
      [
        0, 1.1042, -0.6476, 0.1479, -2.3849, 1.8707, -1.8183, 1.6452, -2.052, 0.4041, -0.8576,
        1.254,
      ],
    );
  });

  test('no padding that makes the size the same, unless it is told so', () => {
    const same = { padding: 'same', stride: 1 } as const;
    const [excluded, included] = [undefined, true].map((countIncludePad) =>
      evaluate((x) =>
        btc.avgPool2d(x, 3, countIncludePad === undefined ? same : { ...same, countIncludePad }),
      ),
    );
    close(excluded, means(3, { stride: 1, low: 1 }, [5, 7], inside), 9);
    close(
      included,
      means(3, { stride: 1, low: 1 }, [5, 7], () => true),
      9,
    );
    // An even size has its odd element behind.
    const even = evaluate((x) => btc.avgPool2d(x, 2, same));
    close(even, means(2, { stride: 1, low: 0 }, [5, 7], inside), 9);
  });

  test('what dilated windows meet', () => {
    const options = { padding: 2, stride: 1, dilation: 2, countIncludePad: false };
    const wanted = means(3, { stride: 1, low: 2, dilation: 2 }, [5, 7], inside);
    close(
      evaluate((x) => btc.avgPool2d(x, 3, options)),
      wanted,
      9,
    );
  });

  test('in the gradient, too', () => {
    const model = btc.defineModel({
      name: 'm',
      inputs: {},
      build: () => ({
        y: btc.avgPool2d(btc.param('x', [1, 2, 2, 1], btc.init.zeros), 2, {
          stride: 1,
          padding: 'same',
        }),
      }),
      train: { loss: ({ y }) => y.sum(), optimizer: btc.sgd({ learningRate: 1 }) },
    });
    const { updates } = programOf(model, 'train')(
      { learningRate: [1] },
      { x: new Float64Array(4) },
    );
    // An element has its share of each window over it: of 4, 2, 2 and 1.
    close([...updates.x], [-0.25, -0.75, -0.75, -2.25], 9);
  });
});

describe('positions are rounded', () => {
  const options = { padding: [1, 0], stride: 2 };
  test('down, or up where it is told so, as PyTorch does', () => {
    expect(evaluate((x) => btc.maxPool2d(x, 2))).toHaveLength(2 * 3);
    close(
      evaluate((x) => btc.maxPool2d(x, 2, { ceilMode: true })),
      [
        2.975, 1.1902, 2.9994, -0.3259, 1.0772, 2.9568, 2.32, 2.8213, -1.375, 2.0107, -1.3013,
        2.8482,
      ],
    );
    close(
      evaluate((x) => btc.avgPool2d(x, 2, { ceilMode: true })),
      [
        0.9245, -1.3095, 1.6075, -1.2128, -1.3628, 0.9899, -0.5513, 2.2043, -1.921, 1.9798, -1.9071,
        2.8482,
      ],
    );
    close(
      evaluate((x) => btc.avgPool2d(x, 3, { ...options, ceilMode: true })),
      [0.458, -0.467, 0.445, 0.2285, -0.3727, 0.4922, -0.2764, 0.1708, -0.0539],
    );
    const excluding = { ...options, ceilMode: true, countIncludePad: false };
    close(
      evaluate((x) => btc.avgPool2d(x, 3, excluding)),
      [0.6869, -0.7004, 0.6674, 0.2285, -0.3727, 0.4922, -0.4146, 0.2562, -0.0808],
    );
  });

  test('up only to windows that start inside', () => {
    const few = (x: btc.Tensor) => btc.maxPool2d(x, 1, { stride: 3, ceilMode: true });
    expect(evaluate(few)).toHaveLength(2 * 3);
  });
});

test('no window may lie wholly in padding', () => {
  for (const pool of [btc.maxPool2d, btc.avgPool2d]) {
    const at = (size: number, options: btc.PoolingOptions) =>
      mistakes((x) => pool(x, size, options));
    expect(at(2, { padding: 1 })).toEqual([]);
    expect(at(2, { padding: 2, stride: 1 })).toEqual(['BTC2052']);
    expect(at(2, { padding: [0, 2] })).toEqual(['BTC2052']);
    // The first window meets elements 0 and 2, the next two miss them all with both taps.
    expect(at(2, { padding: 'same', stride: 1, dilation: 9 })).toEqual(['BTC2052']);
    expect(at(2, { padding: 'same', dilation: 4 })).toEqual([]);
    expect(at(5, { padding: 4, stride: 1 })).toEqual([]);
    expect(at(5, { padding: 5, stride: 1 })).toEqual(['BTC2052']);
  }
});

test('the larger half of an even response norm lies before, as in PyTorch', () => {
  const options = { size: 4, alpha: 0.5, k: 1 };
  close(
    evaluate((x) => btc.localResponseNorm(x, options), IMAGE.slice(0, 7), [1, 7]),
    [0, 0.8044, -0.1408, -0.4703, 0.2825, 0.3958, -0.4791],
  );
});

test('the variance is that of the population, or corrected as torch.var is', () => {
  const x = [1, 2, 4];
  const population = evaluate((y) => btc.variance(y), x, [3]);
  close(population, [14 / 9], 12);
  close(
    evaluate((y) => btc.variance(y, 0, { correction: 1 }), x, [3]),
    [7 / 3],
    12,
  );
  expect(mistakes((y) => btc.variance(y.slice(1, 0, 1), 1, { correction: 1 }))).toEqual([
    'BTC2015',
  ]);
});

describe('initial kernels of groups', () => {
  const deviation = (layer: (x: btc.Tensor) => btc.Tensor, channels: number) => {
    const inputs = { x: btc.tensor([1, 8, 8, channels]) };
    const { parameters } = traceModel(
      btc.defineModel({ name: 'm', inputs, build: ({ x }) => ({ y: layer(x) }) }),
    );
    const { declaration, initialiser } = parameters.find(({ declaration }) =>
      declaration.name.endsWith('weight'),
    )!;
    const values = initialValues(initialiser, 'w', declaration.type.shape, 1);
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  };
  /** With 2304 values and more the estimate is within 5 %. */
  const near = (given: number, wanted: number) => expect(given / wanted).toBeCloseTo(1, 1);

  test('have the deviation of one group', () => {
    const depthwise = { kernel: 3, groups: 256, name: 'd' };
    near(deviation(btc.convolution(256, 256, depthwise), 256), Math.sqrt(2 / (9 + 9)));
    const multiplied = { kernel: 3, groups: 128, name: 'd' };
    near(deviation(btc.convolution(128, 256, multiplied), 128), Math.sqrt(2 / (9 + 18)));
    const grouped = { kernel: 3, groups: 4, name: 'g' };
    near(deviation(btc.convolution(64, 64, grouped), 64), Math.sqrt(2 / (9 * 32)));
    near(
      deviation(btc.convolution(64, 64, { kernel: 3, name: 'p' }), 64),
      Math.sqrt(2 / (9 * 128)),
    );
  });

  test.each<[string, btc.Initialiser, number]>([
    ['glorotNormal', btc.init.glorotNormal, Math.sqrt(2 / 18)],
    ['heNormal', btc.init.heNormal, Math.sqrt(2 / 9)],
    ['heUniform', btc.init.heUniform, Math.sqrt(2 / 9)],
    ['lecunNormal', btc.init.lecunNormal, Math.sqrt(1 / 9)],
  ])('with %s, too', (_, weightInit, wanted) => {
    const layer = btc.convolution(256, 256, { kernel: 3, groups: 256, weightInit, name: 'd' });
    near(deviation(layer, 256), wanted);
  });
});

/** One element of each row along an axis, by an index of the model's own. */
const along = (shape: number[], axis: number) =>
  btc.takeAlongAxis(btc.zeros(shape), btc.zeros(shape.toSpliced(axis, 1, 1), 'i32'), axis);
const scattered = ([rows, extent]: number[]) =>
  btc
    .scatterAddAlongAxis(
      btc.zeros([rows, extent]),
      btc.zeros([rows, 1], 'i32'),
      btc.ones([rows, 1]),
    )
    .slice(1, 0, 1);

test.each<[string, (x: btc.Tensor) => btc.Tensor, string]>([
  ['as many numbers as i32 has', () => btc.arange(2 ** 31).slice(0, 0, 1), ''],
  ['more', () => btc.arange(2 ** 31 + 1).slice(0, 0, 1), 'BTC2015'],
  ['along one axis', () => btc.iota([2, 2 ** 32], 1).slice(1, 0, 1), 'BTC2015'],
  ['along the other axis', () => btc.iota([2, 2 ** 32], 0).slice(1, 0, 1), ''],
  ['an element of rows that are counted', () => along([2 ** 15, 2 ** 16], 1), ''],
  ['of rows that are not', () => along([2 ** 15, 2 ** 16 + 1], 1), 'BTC2015'],
  ['of the longest row', () => along([2 ** 31], 0), ''],
  ['of a longer row', () => along([1, 2 ** 33], 1), ''],
  ['updates of rows that are counted', () => scattered([2 ** 15, 2 ** 16]), ''],
  ['updates of rows that are not', () => scattered([2 ** 15, 2 ** 16 + 1]), 'BTC2015'],
  ['updates of a longer row', () => scattered([1, 2 ** 33]), ''],
  ['the place of the largest of as many as i32 has', () => btc.argmax(btc.zeros([2 ** 31])), ''],
  ['of more', () => btc.argmax(btc.zeros([2 ** 31 + 1])), 'BTC2015'],
  ['the largest of so many', () => btc.topk(btc.zeros([2 ** 31 - 1]), 2).values, ''],
  ['the largest of one more', () => btc.topk(btc.zeros([2 ** 31]), 2).values, 'BTC2015'],
  ['limits that are none', (x) => btc.clip(x, 1, -1), 'BTC2015'],
  ['one limit', (x) => btc.clip(x, 1, 1), ''],
])('%s', (_, f, code) => {
  expect(mistakes(f)).toEqual(code === '' ? [] : [code]);
});
