import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { decodeSafetensors, encodeSafetensors } from '../../ir/safetensors.ts';
import { openSession } from '../support/agreement.ts';

// Masks: inputs that are declared as bool, what makes masks, and what takes them.

const model = () =>
  btc.defineModel({
    name: 'masks',
    inputs: { m: btc.tensor([2, 3], 'bool'), x: btc.tensor([2, 3]) },
    build: ({ m, x }) => {
      const constant = btc.constant([true, false, true]);
      return {
        where: btc.where(m, x, -1),
        filled: btc.maskedFill(x, m, 9),
        and: btc.logicalAnd(m, constant),
        or: btc.logicalOr(m, constant),
        xor: btc.logicalXor(m, btc.constant([5, 0, -3], [3], 'i32')),
        not: btc.logicalNot(m),
        cast: btc.cast(x, 'bool'),
        number: m.cast('f32').mul(0.5),
        any: btc.any(x, 1),
        all: btc.all(x, 1, { keepDims: true }),
        zeros: btc.zeros([2], 'bool'),
        threes: btc.constant([3, 0, Number.NaN], [3], 'bool'),
        finite: btc.isFinite(btc.constant([1, Number.NaN, Number.POSITIVE_INFINITY])),
        infinite: btc.isInfinite(btc.constant([1, Number.NaN, Number.NEGATIVE_INFINITY])),
      };
    },
  });

const X = [1, 0, -2, 0, 0, 0];
const BITS = [1, 0, 0, 1, 1, 0];
const BOOLEANS = [
  [true, false, false],
  [true, true, false],
];
const WANTED: Readonly<Record<string, readonly number[]>> = {
  where: [1, -1, -1, 0, 0, -1],
  filled: [9, 0, -2, 9, 9, 0],
  and: [1, 0, 0, 1, 0, 0],
  or: [1, 0, 1, 1, 1, 1],
  xor: [0, 0, 1, 0, 1, 1],
  not: [0, 1, 1, 0, 0, 1],
  cast: [1, 0, 1, 0, 0, 0],
  number: [0.5, 0, 0, 0.5, 0.5, 0],
  any: [1, 0],
  all: [0, 0],
  zeros: [0, 0],
  threes: [1, 0, 1],
  finite: [1, 0, 0],
  infinite: [0, 0, 1],
};

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  test('masks are given as booleans or numbers, and nothing but 0 and 1', async () => {
    const built = await compile(model(), { target });
    expect(built.diagnostics).toEqual([]);
    const session = await openSession(built as Parameters<typeof openSession>[0]);
    const file = encodeSafetensors([
      ['m', { dtype: 'i32', shape: [2, 3], data: Int32Array.from(BITS) }],
    ]);
    for (const m of [
      BOOLEANS,
      BOOLEANS.flat(),
      BITS,
      Uint8Array.from(BITS),
      Int8Array.from(BITS),
      Int32Array.from(BITS),
      decodeSafetensors(file).tensors.get('m')!.data,
    ]) {
      const outputs = await session.run('predict', { m, x: X });
      for (const [name, values] of Object.entries(WANTED))
        expect([...outputs[name]], name).toEqual([...values]);
    }
    for (const [m, message] of [
      [Uint8Array.from([0, 1, 2, 0, 0, 0]), /'m' .* is 2 at \[0, 2\], but it must be 0 or 1/],
      [[0, 1, 0, -1, 0, 0], /'m' .* is -1 at \[1, 0\], but it must be 0 or 1/],
      [new Uint8Array(5), /'m' .*\[5\] \(it has 6 elements\)/],
      [new Float32Array(6), /Float32Array \(use Int32Array\)/],
    ] as const)
      await expect(session.run('predict', { m, x: X })).rejects.toThrow(message);
    await expect(session.run('predict', { m: BITS, x: BOOLEANS })).rejects.toThrow(
      /'x' .* is f32, but element 0 is boolean/,
    );
    session.destroy();
  });
});

test('a mask by a name that is no dtype', async () => {
  const { diagnostics } = await compile(
    btc.defineModel({
      name: 'masks',
      inputs: { m: btc.tensor([2, 3], 'boolean' as 'bool') },
      build: ({ m }) => ({ m }),
    }),
    { target: 'wasm' },
  );
  expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
    ['BTC2015', "'input m': 'dtype' is boolean; it must be 'f32' or 'i32' or 'bool'"],
  ]);
});
