import fc from 'fast-check';
import { Parser } from 'pickleparser';
import { expect, test } from 'vitest';
import { type PickleValue, pickle } from '../../compiler/inspect/pickle.ts';

// What is read back is by a reader that is not ours.
const read = (value: PickleValue) => new Parser().parse(pickle(value));

test.each<[string, PickleValue]>([
  ['nothing', null],
  ['truth', [true, false]],
  ['small numbers', [0, 1, 255, 256, 65535, 65536]],
  ['numbers of 32 bits', [2 ** 31 - 1, -1, -(2 ** 31)]],
  ['numbers of 64 bits', [2 ** 31, 2 ** 32, 2 ** 53 - 1]],
  ['fractions', [0.5, -1e-9, 2 ** 60, Number.POSITIVE_INFINITY]],
  ['texts', ['', 'plain', 'Größe 模型 🙂', 'a'.repeat(300)]],
  ['objects', { a: { b: [] }, c: {} }],
  ['a list longer than one batch', Array.from({ length: 2500 }, (_, k) => k)],
  [
    'an object of more than one batch',
    Object.fromEntries(Array.from({ length: 1200 }, (_, k) => [`k${k}`, k])),
  ],
])('%s', (_, value) => {
  expect(read(value)).toEqual(value);
});

test('a tuple is one', () => {
  expect(read({ pool: { tuple: [0, 0] } })).toEqual({ pool: [0, 0] });
  // ( K 0 K 0 t
  expect([...pickle({ tuple: [0, 0] })]).toEqual([0x80, 2, 0x28, 0x4b, 0, 0x4b, 0, 0x74, 0x2e]);
});

test("negative numbers of 64 bits are in two's complement, as Python reads them", () => {
  // The reader above takes these as unsigned; the bytes are those of Python's pickletools for LONG1.
  const bytes = [0x80, 2, 0x8a, 8, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x2e];
  expect([...pickle(-(2 ** 31) - 1)]).toEqual(bytes);
});

test('what is the same is written once, and is the same again', () => {
  const shared = [{ name: 'a long name of a frame' }];
  const value = Array.from({ length: 400 }, () => ({ frames: shared }));
  const again = read(value) as typeof value;
  expect(again).toEqual(value);
  expect(again[1].frames).toBe(again[0].frames);
  const text = new TextDecoder('latin1').decode(pickle(value));
  expect(text.split('a long name of a frame')).toHaveLength(2);
  expect(text.split('frames')).toHaveLength(2);
});

test('any plain data', () => {
  const { tree } = fc.letrec<{ tree: PickleValue }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<PickleValue>(null, true, false),
      fc.integer(),
      fc.maxSafeNat(),
      // The reader takes negative numbers of 64 bits as unsigned: the test above holds their bytes.
      fc.double({ noNaN: true }).filter((x) => !Number.isSafeInteger(x) || x >= -(2 ** 31)),
      fc.string({ unit: 'grapheme' }),
      fc.array(tie('tree')),
      fc.dictionary(
        fc
          .string({ unit: 'grapheme-ascii', minLength: 1 })
          .filter((key) => key !== 'tuple' && key !== '__proto__'),
        tie('tree'),
        {
          noNullPrototype: true,
        },
      ),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      // Whole numbers have no sign of zero in Python.
      expect(JSON.stringify(read(value))).toBe(JSON.stringify(value));
    }),
  );
});
