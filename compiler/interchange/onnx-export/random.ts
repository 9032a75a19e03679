import { ELEMENTS_PER_CIPHER, THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../ir/random.ts';
import { elementCount, type Shape } from '../../../ir/tensor.ts';
import type { Builder, Stored } from './builder.ts';
import { elementwise } from './scalars.ts';

// The counter-based generator of ir/random.ts in 32-bit integers: the same bits as btc's kernels. Sums are of int32, which wrap, and
// shifts of uint32, since runtimes have each for that type alone.

const GROUPS = 5;

/** Uniform numbers in [0, 1) of a shape, for a step that is a scalar of int32. */
export function uniform(
  builder: Builder,
  { seed, stream, shape }: { seed: number; stream: number; shape: Shape },
  step: Stored,
): Stored {
  const count = elementCount(shape);
  const ciphers = Math.ceil(count / ELEMENTS_PER_CIPHER);
  const word = (value: number) => builder.constant('int32', [1], [value | 0]);
  const keys = [seed, stream, THREEFRY_PARITY ^ seed ^ stream].map(word);
  const counter = builder.constant(
    'int32',
    [ciphers, 1],
    Array.from({ length: ciphers }, (_, k) => k),
  );
  const one = builder.node('Reshape', [step, builder.integers([1])], {
    element: 'int32',
    shape: [1],
  });
  const words = cipher(builder, keys, counter, one);
  const pairs = builder.node(
    'Concat',
    words,
    { element: 'int32', shape: [ciphers, ELEMENTS_PER_CIPHER] },
    { axis: 1 },
  );
  const all = builder.node('Reshape', [pairs, builder.integers([-1])], {
    element: 'int32',
    shape: [ciphers * ELEMENTS_PER_CIPHER],
  });
  const drawn = builder.node(
    'Slice',
    [all, ...[[0], [count], [0]].map((list) => builder.integers(list))],
    { element: 'int32', shape: [count] },
  );
  const bits = builder.node(
    'BitShift',
    [unsigned(builder, drawn), builder.constant('uint32', [1], [8])],
    { element: 'uint32', shape: [count] },
    { direction: 'RIGHT' },
  );
  const real = builder.node('Cast', [bits], { element: 'float', shape: [count] }, { to: 1 });
  const made = elementwise(builder, 'Mul', [real, builder.constant('float', [1], [2 ** -24])]);
  return builder.node('Reshape', [made, builder.integers(shape)], { element: 'float', shape });
}

function cipher(
  builder: Builder,
  keys: readonly Stored[],
  counter0: Stored,
  counter1: Stored,
): Stored[] {
  const add = (a: Stored, b: Stored) => elementwise(builder, 'Add', [a, b]);
  let x0 = add(counter0, keys[0]);
  let x1 = add(counter1, keys[1]);
  for (let group = 0; group < GROUPS; group++) {
    for (let round = 0; round < 4; round++) {
      x0 = add(x0, x1);
      const turned = rotated(builder, x1, THREEFRY_ROTATIONS[4 * (group % 2) + round]);
      x1 = elementwise(builder, 'BitwiseXor', [turned, x0]);
    }
    x0 = add(x0, keys[(group + 1) % 3]);
    x1 = add(add(x1, keys[(group + 2) % 3]), builder.constant('int32', [1], [group + 1]));
  }
  return [x0, x1];
}

const unsigned = (builder: Builder, word: Stored): Stored =>
  builder.node('Cast', [word], { element: 'uint32', shape: word.shape }, { to: 12 });

function rotated(builder: Builder, word: Stored, bits: number): Stored {
  const given = unsigned(builder, word);
  const shifted = (count: number, direction: string) =>
    builder.node('BitShift', [given, builder.constant('uint32', [1], [count])], given, {
      direction,
    });
  const made = elementwise(builder, 'BitwiseOr', [
    shifted(bits, 'LEFT'),
    shifted(32 - bits, 'RIGHT'),
  ]);
  return builder.node('Cast', [made], { element: 'int32', shape: word.shape }, { to: 6 });
}
