import { ELEMENTS_PER_CIPHER, THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../ir/random.ts';
import { elementCount, type Shape } from '../../../ir/tensor.ts';
import type { Body, Helper, Value } from './body.ts';

// The counter-based generator of ir/random.ts in integer operations: the same bits as btc's kernels, on any number of devices.

const WORD = { element: 'ui32', shape: [] } as const;
const GROUPS = 5;

/** The function of (seed, stream, step) that gives uniform numbers in [0, 1) of a shape. */
export const uniformHelper = (shape: Shape): Helper => ({
  name: ['uniform', ...shape].join('_'),
  parameters: [WORD, WORD, WORD],
  result: { element: 'f32', shape },
  write: (body, [seed, stream, step]) => {
    const count = elementCount(shape);
    const ciphers = [Math.ceil(count / ELEMENTS_PER_CIPHER)];
    const spread = (word: Value) => body.broadcast(word, ciphers, []);
    const parity = body.constant(THREEFRY_PARITY, 'ui32');
    const third = body.same('xor', [body.same('xor', [seed, stream]), parity]);
    const words = cipher(
      body,
      [seed, stream, third].map(spread),
      body.iota('ui32', ciphers, 0),
      spread(step),
    );
    const pairs = body.concatenate(
      words.map((word) => body.reshape(word, [...ciphers, 1])),
      1,
    );
    const all = body.reshape(pairs, [ciphers[0] * ELEMENTS_PER_CIPHER]);
    const word = body.reshape(body.slice(all, [0], [count], [1]), shape);
    const upper = body.same('shift_right_logical', [word, body.constant(8, 'ui32', shape)]);
    const unit = body.constant(2 ** -24, 'f32', shape);
    return body.same('multiply', [body.convert(upper, 'f32'), unit]);
  },
});

/** Both words of the cipher: 20 rounds in five groups, a key after each group. */
function cipher(body: Body, keys: readonly Value[], counter0: Value, counter1: Value): Value[] {
  const add = (a: Value, b: Value) => body.same('add', [a, b]);
  let x0 = add(counter0, keys[0]);
  let x1 = add(counter1, keys[1]);
  for (let group = 0; group < GROUPS; group++) {
    for (let round = 0; round < 4; round++) {
      x0 = add(x0, x1);
      x1 = body.same('xor', [rotated(body, x1, THREEFRY_ROTATIONS[4 * (group % 2) + round]), x0]);
    }
    x0 = add(x0, keys[(group + 1) % 3]);
    x1 = add(add(x1, keys[(group + 2) % 3]), body.like(x1, group + 1));
  }
  return [x0, x1];
}

function rotated(body: Body, word: Value, bits: number): Value {
  const left = body.same('shift_left', [word, body.like(word, bits)]);
  const right = body.same('shift_right_logical', [word, body.like(word, 32 - bits)]);
  return body.same('or', [left, right]);
}
