import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';

const tensor = fc
  .record({
    dtype: fc.constantFrom('f32' as const, 'i32' as const),
    shape: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    seed: fc.integer(),
  })
  .map(({ dtype, shape, seed }): SafetensorsTensor => {
    const values = Array.from({ length: elementCount(shape) }, (_, i) => (seed + i * 31) | 0);
    return {
      dtype,
      shape,
      data: dtype === 'f32' ? new Float32Array(values) : new Int32Array(values),
    };
  });
const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');

test('what is encoded decodes to the same, whatever the names', () => {
  const files = fc.tuple(
    fc.uniqueArray(fc.tuple(names, tensor), { selector: ([name]) => name, maxLength: 5 }),
    fc.dictionary(names, fc.string()),
  );
  fc.assert(
    fc.property(files, ([tensors, metadata]) => {
      const bytes = encodeSafetensors(tensors, metadata);
      const file = decodeSafetensors(bytes);
      expect(file.tensors).toEqual(new Map(tensors));
      expect(file.metadata).toEqual(new Map(Object.entries(metadata)));
    }),
  );
});

test('a file at an odd place in its buffer is read', () => {
  const data = new Float32Array([1, 2, 3]);
  const bytes = encodeSafetensors([['x', { dtype: 'f32', shape: [3], data }]]);
  const moved = new Uint8Array(bytes.length + 3);
  moved.set(bytes, 3);
  expect(decodeSafetensors(moved.subarray(3)).tensors.get('x')?.data).toEqual(data);
});

/** A file with this header and `dataBytes` zero bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe('files of other precisions become f32', () => {
  /** One tensor of all bit patterns, between two others. */
  function decoded(dtype: string, bits: ArrayBufferView): Float32Array {
    const { byteLength } = bits;
    const bytes = file(
      {
        before: { dtype: 'I32', shape: [], data_offsets: [0, 4] },
        all: { dtype, shape: [(bits as Uint16Array).length], data_offsets: [4, 4 + byteLength] },
        after: { dtype: 'BF16', shape: [1], data_offsets: [4 + byteLength, 6 + byteLength] },
      },
      6 + byteLength,
    );
    bytes.set(new Uint8Array(bits.buffer), bytes.length - 2 - byteLength);
    bytes.set([0xc0, 0xbf], bytes.length - 2);
    const { tensors } = decodeSafetensors(bytes);
    expect(tensors.get('after')).toEqual({
      dtype: 'f32',
      shape: [1],
      data: new Float32Array([-1.5]),
    });
    expect(tensors.get('all')!.dtype).toBe('f32');
    return tensors.get('all')!.data as Float32Array;
  }

  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

  test('BF16 exactly: the upper half of the bits of an f32', () => {
    const given = new Uint32Array(decoded('BF16', all).buffer);
    expect(given.every((bits, k) => bits === k * 65536)).toBe(true);
  });

  test('F16 exactly', () => {
    const given = decoded('F16', all);
    expect([0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00].map((bits) => given[bits])).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(given[0x7c01]).toBeNaN();
    // Halves in order of their bits are in order.
    expect(given.subarray(1, 0x7c01).every((value, k) => value > given[k])).toBe(true);
    expect(given.subarray(0x8000, 0xfc01).every((value, k) => value === -given[k])).toBe(true);
  });

  test('F64 as the nearest f32', () => {
    const values = Float64Array.from([1, 0.1, 1e300, -1e-50, Number.NaN, 16777217]);
    expect(decoded('F64', values)).toEqual(Float32Array.from(values));
  });
});

test('integers of all widths and booleans become i32', () => {
  const cases: [string, ArrayBufferView & { readonly length: number }, number[]][] = [
    ['I64', BigInt64Array.of(-5n, 2147483647n, -2147483648n), [-5, 2147483647, -2147483648]],
    ['U64', BigUint64Array.of(7n), [7]],
    ['U32', Uint32Array.of(0, 2147483647), [0, 2147483647]],
    ['I16', Int16Array.of(-32768, 3), [-32768, 3]],
    ['U16', Uint16Array.of(65535), [65535]],
    ['I8', Int8Array.of(-128, 127), [-128, 127]],
    ['U8', Uint8Array.of(255, 0), [255, 0]],
    ['BOOL', Uint8Array.of(0, 1, 255), [0, 1, 1]],
  ];
  for (const [dtype, values, wanted] of cases) {
    const { byteLength, length } = values;
    const bytes = file(
      { a: { dtype, shape: [length], data_offsets: [0, byteLength] } },
      byteLength,
    );
    bytes.set(new Uint8Array(values.buffer), bytes.length - byteLength);
    expect(decodeSafetensors(bytes).tensors.get('a')).toEqual({
      ...{ dtype: 'i32', shape: [length], data: Int32Array.from(wanted) },
    });
  }
});

describe('damaged files', () => {
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  const huge = new Uint8Array(16).fill(255);
  const cases: [string, Uint8Array, string][] = [
    ['a header longer than the file', huge, "the header's length is 18446744073709551615 bytes"],
    ['text that is not JSON', file('{"a":', 0), 'the header is not JSON'],
    ['a list', file([], 0), 'the header is not an object'],
    ['a tensor that is no object', file({ a: 3 }, 0), "tensor 'a' is not an object"],
    ['an unknown field', file({ a: { ...entry, note: 1 } }, 8), "tensor 'a': unknown field 'note'"],
    [
      'another dtype',
      file({ a: { ...entry, dtype: 'C64' } }, 8),
      'dtype "C64" is not F32, I32, F16, BF16, F64, I64, U64, U32, I16, U16, I8, U8 or BOOL',
    ],
    [
      'an integer beyond 32 bits',
      (() => {
        const bytes = file({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8);
        bytes[bytes.length - 4] = 1;
        return bytes;
      })(),
      "tensor 'a': an element does not fit into 32 bits",
    ],
    [
      'a negative extent',
      file({ a: { ...entry, shape: [-2] } }, 8),
      "tensor 'a': shape [-2] is not a list of integers from 0 on",
    ],
    [
      'a fractional extent',
      file({ a: { ...entry, shape: [0.5, 4] } }, 8),
      "tensor 'a': shape [0.5,4] is not a list",
    ],
    [
      'one offset',
      file({ a: { ...entry, data_offsets: [0] } }, 8),
      "tensor 'a': data_offsets [0] is not a pair",
    ],
    [
      'offsets that disagree with the shape',
      file({ a: { ...entry, shape: [3] } }, 8),
      "tensor 'a': data_offsets span 8 bytes, f32[3] takes 12",
    ],
    [
      'overlapping tensors',
      file({ a: entry, b: { ...entry, data_offsets: [4, 12] } }, 12),
      "tensor 'b': its data start at 4, not at 8",
    ],
    [
      'a gap',
      file({ a: entry, b: { ...entry, data_offsets: [12, 20] } }, 20),
      "tensor 'b': its data start at 12, not at 8",
    ],
    ['data cut short', file({ a: entry }, 4), "tensor 'a': its data end at 8"],
    ['bytes behind the data', file({ a: entry }, 9), '1 bytes follow the last tensor'],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }, 0), '__metadata__.a is not a'],
  ];
  test.each(cases)('%s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  test('no change of one byte makes the decoder fail in another way', () => {
    const bytes = file({ a: entry, __metadata__: { b: 'c' } }, 8);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(change, ([at, bits]) => {
        const copy = bytes.slice();
        copy[at] ^= bits;
        try {
          decodeSafetensors(copy);
        } catch (error) {
          expect((error as Error).name).toBe('SafetensorsError');
        }
      }),
    );
  });

  test('data that do not fit their shape are not encoded', () => {
    const data = new Float32Array(3);
    const wrong: SafetensorsTensor = { dtype: 'f32', shape: [2], data };
    expect(() => encodeSafetensors([['x', wrong]])).toThrow(
      "tensor 'x': 3 elements are given for f32[2]",
    );
    const reserved: SafetensorsTensor = { dtype: 'f32', shape: [3], data };
    expect(() => encodeSafetensors([['__metadata__', reserved]])).toThrow('cannot be named');
  });
});
