import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { programOf } from './run-program.ts';

// What docs/pytorch.md says of values and gradients, against numbers of PyTorch 1.13 in float64. Tensors are filled with
// sin(1.3·k + salt) in PyTorch's row-major order, and turned into the layouts that layers here have.

const filled = (count: number, salt: number) =>
  Float64Array.from({ length: count }, (_, k) => Math.sin(1.3 * k + salt));

/** The tensor of a shape in PyTorch, its axes in another order. */
function turned(shape: Shape, salt: number, order: readonly number[]): Float64Array {
  const values = filled(elementCount(shape), salt);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const target = order.map((axis) => shape[axis]);
  return values.map((_, element) => {
    let [rest, index] = [element, 0];
    for (let k = target.length - 1; k >= 0; k--) {
      index += (rest % target[k]) * strides[order[k]];
      rest = Math.floor(rest / target[k]);
    }
    return values[index];
  });
}

const close = (given: Iterable<number>, wanted: readonly number[], digits = 7) => {
  const list = [...given];
  expect(list).toHaveLength(wanted.length);
  for (const [k, value] of wanted.entries()) expect(list[k], `${k}`).toBeCloseTo(value, digits);
};

function predict(
  shape: Shape,
  values: Float64Array,
  build: (x: btc.Tensor) => btc.Tensor,
  parameters: Readonly<Record<string, Float64Array>>,
): Float64Array {
  const inputs = { x: btc.tensor(shape) };
  const model = btc.defineModel({ name: 'm', inputs, build: ({ x }) => ({ y: build(x) }) });
  return programOf(model, 'predict')({ x: values }, parameters).outputs.y;
}

/** The gradient of the sum of `f` at `x`. */
function gradient(x: readonly number[], f: (x: btc.Tensor) => btc.Tensor, shape = [x.length]) {
  const model = btc.defineModel({
    name: 'm',
    inputs: {},
    build: () => ({ y: f(btc.param('x', shape, btc.init.zeros)) }),
    train: { loss: ({ y }) => y.sum(), optimizer: btc.sgd({ learningRate: 1 }) },
  });
  const { updates } = programOf(model, 'train')({ learningRate: [1] }, { x: Float64Array.from(x) });
  // The sum of 0 makes 0 of -0.
  return x.map((value, k) => 0 + value - updates.x[k]);
}

describe('recurrent layers have PyTorch’s gates, matrices turned and its two biases added', () => {
  const last = (y: btc.Tensor) => y.slice(1, 2, 3);
  const inputs = filled(12, 9);
  const weights = (gates: number) => ({
    'r.inputWeight': turned([2 * gates, 2], 0, [1, 0]),
    'r.hiddenWeight': turned([2 * gates, 2], 1, [1, 0]),
  });
  const added = (gates: number) => {
    const other = filled(2 * gates, 3);
    return { 'r.bias': filled(2 * gates, 2).map((value, k) => value + other[k]) };
  };
  const run = (
    layer: btc.Recurrent,
    parameters: Readonly<Record<string, Float64Array>>,
    wanted: readonly number[],
  ) => {
    close(
      predict([2, 3, 2], inputs, (x) => last(layer(x).outputs), parameters),
      wanted,
    );
  };

  test('rnn', () => {
    const wanted = [0.8643545476, -0.1925744025, 0.3703955456, -0.1442529261];
    run(btc.rnn(2, 2, { name: 'r' }), { ...weights(1), ...added(1) }, wanted);
  });
  test('lstm', () => {
    const wanted = [0.0870961347, 0.0490486394, 0.2012140459, -0.0021756867];
    run(btc.lstm(2, 2, { name: 'r' }), { ...weights(4), ...added(4) }, wanted);
  });
  test('gru, whose biases stay apart', () => {
    const biases = { 'r.bias': filled(6, 2), 'r.hiddenBias': filled(6, 3) };
    const wanted = [0.0793928745, 0.4896188172, 0.8248935872, -0.1016731142];
    run(btc.gru(2, 2, { name: 'r' }), { ...weights(3), ...biases }, wanted);
  });
});

describe('convolutions have channels last, and kernels [height, width, in, out]', () => {
  const image = turned([1, 2, 3, 3], 4, [0, 2, 3, 1]);
  /** The first elements of the first channel. */
  const firstChannel = (y: Float64Array) => Array.from({ length: 8 }, (_, k) => y[3 * k]);

  test('convolution', () => {
    const layer = btc.convolution(2, 3, { kernel: 2, padding: 1, name: 'c' });
    const parameters = {
      'c.weight': turned([3, 2, 2, 2], 0, [2, 3, 1, 0]),
      'c.bias': filled(3, 1),
    };
    close(
      firstChannel(predict([1, 3, 3, 2], image, layer, parameters)),
      [
        1.36451517, 0.72491486, -0.92849651, 0.48052322, -0.35546379, 1.15140219, 3.41828085,
        0.64238817,
      ],
    );
  });

  test('transposed convolution, whose taps are not turned around', () => {
    const layer = btc.transposedConvolution(2, 3, { kernel: 2, stride: 2, name: 'c' });
    const parameters = {
      'c.weight': turned([2, 3, 2, 2], 0, [2, 3, 0, 1]),
      'c.bias': filled(3, 1),
    };
    close(
      firstChannel(predict([1, 3, 3, 2], image, layer, parameters)),
      [
        0.84232905, 0.10484896, 0.73787689, 0.93279037, 0.78519033, 1.62694867, 0.44652187,
        1.36679616,
      ],
    );
  });
});

describe('optimisers make PyTorch’s steps', () => {
  test.each<[string, btc.Optimiser, readonly number[]]>([
    [
      'sgd',
      btc.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
      [-0.11165109425900013, 0.22330218851800027],
    ],
    [
      'adam',
      btc.adam({ learningRate: 0.1, weightDecay: 0.01 }),
      [0.701586272938277, -1.700623392042656],
    ],
    ['adamw', btc.adamw({ learningRate: 0.1 }), [0.6989111831582322, -1.6949445143849768]],
    [
      'one step along a gradient [3, 4] of norm 5, which is cut to 1',
      btc.sgd({ learningRate: 0.1, clipNorm: 1 }),
      [],
    ],
  ])('%s', (_, optimizer, wanted) => {
    const isClipped = wanted.length === 0;
    const model = btc.defineModel({
      name: 'm',
      inputs: {},
      build: () => {
        const p = btc.param('p', [2], btc.init.zeros);
        return { y: btc.mul(btc.square(p).sum(), isClipped ? 0.5 : 1) };
      },
      train: { loss: ({ y }) => y, optimizer },
    });
    const program = programOf(model, 'train');
    let state: Record<string, Float64Array> = {
      p: Float64Array.from(isClipped ? [3, 4] : [1, -2]),
      ...Object.fromEntries(
        optimizer.states.map((name) => [`p.${name}`, new Float64Array(2)] as const),
      ),
    };
    for (let step = 0; step < (isClipped ? 1 : 3); step++) {
      const given = { learningRate: [0.1], step: [step] };
      state = { ...state, ...program(given, state).updates };
    }
    close(state.p, isClipped ? [3 - 0.06, 4 - 0.08] : wanted, 6);
  });
});

describe('at kinks and ties gradients are', () => {
  test('PyTorch’s for relu, abs, clip, maximum and max over everything', () => {
    expect(gradient([0], btc.relu)).toEqual([0]);
    expect(gradient([0], btc.abs)).toEqual([0]);
    expect(gradient([0, 1, -1, 2], (x) => btc.clip(x, -1, 1))).toEqual([1, 1, 1, 0]);
    expect(gradient([2, 2], (x) => btc.maximum(x.slice(0, 0, 1), x.slice(0, 1, 2)))).toEqual([
      0.5, 0.5,
    ]);
    expect(gradient([1, 3, 3], (x) => btc.max(x))).toEqual([0, 0.5, 0.5]);
  });

  test('shared by what ties in a pool, where PyTorch takes the first', () => {
    const pool = (x: btc.Tensor) => btc.maxPool2d(x, 2);
    expect(gradient([1, 3, 3, 0], pool, [1, 2, 2, 1])).toEqual([0, 0.5, 0.5, 0]);
  });
});

test('normalisation divides by PyTorch’s variances, and moves the running one by the unbiased', () => {
  close(
    predict([1, 3], Float64Array.of(1, 2, 4), (x) => btc.normalise(x), {}),
    [-1.0690416, -0.2672604, 1.336302],
    6,
  );
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor([3, 1]) },
    build: ({ x }) => ({ y: btc.batchNorm(1, { name: 'b' })(x) }),
    train: { loss: ({ y }) => y.sum(), optimizer: btc.sgd() },
  });
  const start = {
    'b.scale': Float64Array.of(1),
    'b.shift': Float64Array.of(0),
    'b.runningMean': Float64Array.of(0),
    'b.runningVariance': Float64Array.of(1),
  };
  const given = { x: [1, 2, 4], learningRate: [0.01] };
  const { updates } = programOf(model, 'train')(given, start);
  close(updates['b.runningMean'], [0.7 / 3], 9);
  close(updates['b.runningVariance'], [0.9 + 0.7 / 3], 9);
});

test('gelu has both forms', () => {
  const gelus = (x: btc.Tensor) =>
    btc.concat([btc.gelu(x), btc.gelu(x, { approximate: 'none' })], 0);
  close(predict([1], Float64Array.of(0.5), gelus, {}), [0.34571400982514394, 0.34573123063700656]);
});

test('integers divide as torch.div with trunc and torch.fmod do', () => {
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor([1], 'i32') },
    build: ({ x }) => ({
      quotient: btc.div(x, 2),
      remainder: btc.mod(x, 2),
      byZero: btc.concat([btc.div(x, 0), btc.mod(x, 0)]),
      cast: btc.cast(btc.constant(1e20, [1]), 'i32'),
    }),
  });
  const { outputs } = programOf(model, 'predict')({ x: [-7] }, {});
  const lists = Object.values(outputs).map((values) => [...values]);
  expect(lists).toEqual([[-3], [-1], [-7, 0], [2 ** 31 - 1]]);
});

test('initial values come from the laws that the page names', () => {
  const layers: Readonly<Record<string, (x: btc.Tensor) => btc.Tensor>> = {
    linear: btc.linear(300, 100, { name: 'w' }),
    embedding: (x) => btc.embedding(200, 300, { name: 'w' })(btc.cast(x.slice(1, 0, 1), 'i32')),
    gru: (x) => btc.gru(300, 100, { name: 'w' })(btc.reshape(x, [1, 2, 300])).outputs,
  };
  const kinds = Object.entries(layers).flatMap(([layer, f]) => {
    const inputs = { x: btc.tensor([2, 300]) };
    const build = ({ x }: Record<string, btc.Tensor>) => ({ y: f(x) });
    const { parameters } = traceModel(btc.defineModel({ name: 'm', inputs, build }));
    return parameters.map(
      ({ declaration, initialiser }) =>
        `${layer} ${declaration.name.slice(2)} ${initialiser.kind} [${declaration.type.shape}]`,
    );
  });
  expect(kinds).toEqual([
    'linear weight glorotUniform [300,100]',
    'linear bias zeros [100]',
    'embedding weight normal [200,300]',
    'gru inputWeight glorotUniform [300,300]',
    'gru hiddenWeight orthogonal [100,300]',
    'gru bias zeros [300]',
    'gru hiddenBias zeros [300]',
  ]);
});
