import { describe, expect, test } from 'vitest';
import { Tensor } from '../../compiler/frontend/tensor.ts';
import { compileText, define, markedPlaces, placeOf, withOutput } from '../support/compile-text.ts';

const METHODS = Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype)).flatMap(
  ([name, { value }]) =>
    typeof value === 'function' && name !== 'constructor' && name !== 'toJSON'
      ? [[name, value.length] as const]
      : [],
);

/** What is said of a model whose only mistake is an expression with marks. */
async function said(text: string) {
  const { plan, diagnostics } = await compileText(text);
  expect(plan).toBeNull();
  const [place] = markedPlaces(text);
  expect(placeOf(diagnostics[0].source)).toEqual(place);
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

describe('one argument more than a method takes is BTC5222 at the call', () => {
  test('for all of them', () => {
    expect(METHODS.length).toBeGreaterThan(90);
  });
  test.each(METHODS)('%s', async (name, most) => {
    const given = Array.from({ length: most + 1 }, () => '1').join(', ');
    const [first] = await said(withOutput(`x.▸${name}(${given})`));
    expect(first).toMatch(
      new RegExp(`^BTC5222 '${name}' takes (no|\\d) arguments?, not ${most + 1};`),
    );
  });
});

test.each([
  ['linear(3, 2)(x, 3)', 1],
  ['embedding(3, 2)(n, 3)', 1],
  ['convolution(1, 2, { kernel: 1 })(x.reshape([1, 2, 3, 1]), 3)', 1],
  ['batchNorm(3)(x, 3)', 1],
  ['layerNorm(3)(x, 3)', 1],
  ['rmsNorm(3)(x, 3)', 1],
  ['lstm(3, 4)(x.reshape([1, 2, 3]), undefined, {}, 4).outputs', 3],
  ['attention(3, { heads: 1 })(x.reshape([1, 2, 3]), x.reshape([1, 2, 3]), {}, 4)', 3],
])('%s: a layer is given too much', async (call, most) => {
  const { diagnostics } = await compileText(withOutput(call));
  const kind = /^\w+/.exec(call)![0];
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
    `BTC5222 '${kind}' takes ${most} argument${most === 1 ? '' : 's'}, not ${most + 1}; leave out what is behind them`,
  ]);
});

describe('operators of JavaScript are BTC5221 at the expression', () => {
  const TENSOR = /^BTC5221 a tensor has no value while the model is built, .* select\(condition/;
  const LAYER = /^BTC5221 the layer 'linear' has no value while the model is built/;
  test.each([
    ['x > 0 ? x : x', TENSOR],
    ['x <= x', TENSOR],
    ['x + 1', TENSOR],
    ['2 * x', TENSOR],
    ['-x', TENSOR],
    ['x == 3', TENSOR],
    ['"a".concat(x)', TENSOR],
    ['JSON.stringify({ x })', TENSOR],
    ['linear(3, 2) + 1', LAYER],
  ])('%s', async (expression, wanted) => {
    const { diagnostics } = await compileText(withOutput(expression));
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(wanted),
    ]);
    expect(diagnostics[0].source?.line).toBe(4);
  });

  test('of which nothing but a condition stays silent', async () => {
    const { plan } = await compileText(define('build: ({ x, n }) => ({ n, y: x ? x.exp() : x }),'));
    expect(plan).not.toBeNull();
  });
});

test.each([
  [
    'relu(linear(3, 2))',
    "'relu' takes tensors and numbers, not the layer 'linear' itself; call it: layer(x)",
  ],
  [
    'linear(3, 2)(linear(3, 3))',
    "'linear' takes a tensor, not the layer 'linear' itself; call it: layer(x)",
  ],
  [
    'relu(Promise.resolve(x))',
    "'relu' takes tensors and numbers, not a promise; models are built without waiting",
  ],
  ['linear(3, 2)()', "'linear' takes a tensor, not undefined"],
  ['relu([x])', "'relu' takes tensors and numbers, not a list"],
])('%s says what to do', async (expression, message) => {
  const { diagnostics } = await compileText(withOutput(expression));
  expect(diagnostics.map((one) => `${one.code} ${one.message}`)).toEqual([`BTC2003 ${message}`]);
});

describe('what reaches over more elements than i32 counts', () => {
  const image = 'x.reshape([1, -1, 1])';
  const kernel = "param('k', [2, 1, 1], init.ones)";
  test.each([
    ['pad', '▸pad(x, [[0, 0], [2 ** 40, 0]])'],
    ['pad', '▸pad(x, [[0, 2 ** 31], [0, 0]])'],
    ['conv1d', `▸conv1d(${image}, ${kernel}, { padding: 2 ** 40, stride: 2 ** 40 })`],
    ['conv1d', `▸conv1d(${image}, ${kernel}, { padding: 2 ** 40, dilation: 2 ** 40 })`],
    ['conv1d', `▸conv1d(${image}, ${kernel}, { padding: 'same', dilation: 2 ** 40 })`],
  ])('by %s is BTC2015: %s', async (op, call) => {
    const [first] = await said(withOutput(call));
    expect(first).toMatch(new RegExp(`^BTC2015 '${op}': .*2\\^31 elements`));
  });

  test('a step beyond the end takes the first element', async () => {
    const { plan, diagnostics } = await compileText(withOutput('x.slice(1, 0, 3, 2 ** 40)'));
    expect(diagnostics).toEqual([]);
    const z = plan!.programs.predict.outputs.find(({ name }) => name === 'z')!;
    expect(z.shape[1]).toBe(1);
  });
});
