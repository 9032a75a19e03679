import { expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { load } from '../../runtime/index.ts';

async function run(build: (x: btc.Tensor) => btc.Tensor, x: Float32Array<ArrayBuffer>) {
  const { plan, module, parameters } = await compile(
    () =>
      btc.defineModel({
        ...{ name: 'm', inputs: { x: btc.tensor([1, 1, 3, 3]) } },
        build: (inputs) => ({ y: build(inputs.x) }),
      }),
    { target: 'wasm' },
  );
  const session = await load(plan!, { module: module!, parameters: parameters! });
  const { y } = await session.run('predict', { x });
  session.destroy();
  return Array.from(y as ArrayLike<number>);
}

const SHAPE = [1, 1, 3, 3] as const;
const isPast = () => btc.greaterEqual(btc.iota(SHAPE, 2), btc.iota(SHAPE, 3));
const past = () => btc.cast(isPast(), 'f32');

test('0 by a condition over positions times NaN is NaN', async () => {
  const x = Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, 2, 3, -5, 4, 5, 6);
  const wanted = [1, Number.NaN, Number.NaN, 2, 3, -0, 4, 5, 6];
  expect(await run((scores) => btc.mul(scores, past()), x)).toEqual(wanted);
  const powers = await run((scores) => btc.mul(btc.exp(scores), past()), x);
  expect(powers[1]).toBeNaN();
  // A softmax of scores that are not masked.
  const weights = await run((scores) => btc.mul(btc.softmax(scores), past()), x);
  expect(weights[1]).toBeNaN();
});

test('weights of masked scores are 0 where the condition says so, in a row with NaN too', async () => {
  const x = Float32Array.of(Number.NaN, 1, 1, Number.NaN, 1, 1, 1, 1, 1);
  const weights = (scores: btc.Tensor) =>
    btc.mul(btc.softmax(btc.select(isPast(), scores, -1e30)), past());
  const y = await run(weights, x);
  expect(y.slice(0, 3)).toEqual([Number.NaN, 0, 0]);
  expect(y.slice(3, 6)).toEqual([Number.NaN, Number.NaN, 0]);
  expect(y.slice(6)).toEqual([1 / 3, 1 / 3, 1 / 3].map(Math.fround));
});
