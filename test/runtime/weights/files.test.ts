import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../../ir/safetensors.ts';
import {
  openSafetensors,
  RuntimeError,
  type WeightsReader,
  type WeightsSource,
} from '../../../runtime/weights/index.ts';
import { errorOf } from '../../support/errors.ts';
import { soaked } from '../../support/soak.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const LAYERS = readFileSync(path('./layers.safetensors'));
const DTYPES = new Uint8Array(readFileSync(path('./dtypes.safetensors')));

let folder: string;
let server: Server;
let origin: string;
/** Bytes of the bodies that were sent. */
let sent = 0;
/** How the server answers. */
let manner: 'ranges' | 'whole' | 'hidden' | 'changing' | 'endless' = 'ranges';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'btc-test-weights-'));
  let requests = 0;
  server = createServer((request, response) => {
    const file = join(folder, decodeURIComponent(request.url!.slice(1).split('?')[0]));
    let bytes: Buffer;
    try {
      bytes = readFileSync(file);
    } catch {
      response.writeHead(404).end();
      return;
    }
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    if (manner === 'whole') {
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      return;
    }
    const part = bytes.subarray(Number(from), Number(to) + 1);
    sent += part.length;
    response.writeHead(206, {
      ...(manner === 'hidden'
        ? {}
        : { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` }),
      etag: manner === 'changing' ? String(requests++) : 'one',
    });
    response.end(manner === 'endless' ? Buffer.concat([part, Buffer.alloc(2 ** 20)]) : part);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: Uint8Array | string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

async function all(reader: WeightsReader) {
  const list: Record<string, unknown> = {};
  for (const name of reader.tensors.keys()) list[name] = await reader.read(name);
  return list;
}

describe('tensors of PyTorch of every dtype', () => {
  test('are read and converted', async () => {
    const reader = await openSafetensors(DTYPES);
    expect([...reader.tensors.keys()]).toEqual([
      ...['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8', 'U8', 'BOOL'],
    ]);
    const values = [0, 1, 2, 3, 100, 7];
    for (const [name, { dtype, shape, bytes }] of reader.tensors) {
      expect({ dtype, shape }).toEqual({ dtype: name, shape: [2, 3] });
      const { data } = await reader.read(name);
      expect(data).toEqual(
        dtype.includes('F')
          ? Float32Array.from(values)
          : Int32Array.from(values, (value) => (dtype === 'BOOL' ? Math.sign(value) : value)),
      );
      expect(bytes % 6).toBe(0);
    }
  });

  test('that is not read leave the others readable', async () => {
    const header = {
      a: { dtype: 'F8_E4M3', shape: [3], data_offsets: [0, 3] },
      b: { dtype: 'U8', shape: [1], data_offsets: [3, 4] },
      c: { dtype: 'F32', shape: [0, 4], data_offsets: [4, 4] },
    };
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + 4).fill(5);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    const reader = await openSafetensors(bytes);
    expect((await reader.read('b')).data).toEqual(Int32Array.of(5));
    expect((await reader.read('c')).data).toEqual(new Float32Array());
    const { code, message } = await errorOf(() => reader.read('a'));
    expect(code).toBe('invalid-checkpoint');
    expect(message).toMatch(/^'the bytes' is refused: tensor 'a': dtype "F8_E4M3" is not F32, /);
    expect((await errorOf(() => reader.read('d'))).code).toBe('unknown-name');
  });
});

describe('the same is read', () => {
  const wanted = Object.fromEntries(decodeSafetensors(LAYERS).tensors);
  const sources: [string, () => WeightsSource][] = [
    ['bytes', () => new Uint8Array(LAYERS)],
    ['an ArrayBuffer', () => new Uint8Array(LAYERS).buffer],
    ['a Blob', () => new Blob([LAYERS])],
    ['a path', () => path('./layers.safetensors')],
    ['a file: URL', () => pathToFileURL(path('./layers.safetensors'))],
    ['an address', () => `${origin}/layers.safetensors`],
    ['a URL', () => new URL(`${origin}/layers.safetensors?token=1`)],
  ];
  test.each(sources)('of %s', async (_, source) => {
    file('layers.safetensors', LAYERS);
    const reader = await openSafetensors(source());
    expect(await all(reader)).toEqual(wanted);
    await reader.close();
  });

  test('of a server that hides sizes, and of one without ranges where the file is small', async () => {
    for (const how of ['hidden', 'whole'] as const) {
      manner = how;
      const reader = await openSafetensors(`${origin}/layers.safetensors`);
      expect(await all(reader)).toEqual(wanted);
    }
    manner = 'ranges';
  });
});

describe('of a large file', () => {
  const rows = 2 ** 20;
  const large = encodeSafetensors(
    ['a', 'b', 'c'].map((name, k) => [
      name,
      { dtype: 'f32', shape: [rows], data: new Float32Array(rows).fill(k) },
    ]),
  );

  test('no more is read than is asked for', async () => {
    file('large.safetensors', large);
    sent = 0;
    const reader = await openSafetensors(`${origin}/large.safetensors`);
    const { data } = await reader.read('b');
    expect([data[0], data[rows - 1], data.length]).toEqual([1, 1, rows]);
    expect(sent).toBeLessThan(4 * rows + 2 ** 19);
  });

  test.each([
    ['whole', /gives the whole file alone, not ranges of it/],
    ['changing', /it was changed while it was read; open it again$/],
    ['endless', /its server gave more than the \d+ bytes that were asked for$/],
  ] as const)('a server with answers that are %s is refused', async (how, message) => {
    file('large.safetensors', large);
    manner = how;
    const error = await errorOf(async () =>
      (await openSafetensors(`${origin}/large.safetensors`)).read('c'),
    );
    manner = 'ranges';
    expect(error.code).toBe('file-failed');
    expect(error.message).toMatch(message);
  });

  test('what is not there is said', async () => {
    const missing = await errorOf(() => openSafetensors(`${origin}/nothing.safetensors`));
    expect(missing.message).toBe(
      `'${origin}/nothing.safetensors' cannot be read: its server says 404 Not Found`,
    );
    const none = await errorOf(() => openSafetensors(join(folder, 'nothing')));
    expect([none.code, none.message]).toEqual([
      'file-failed',
      `'${join(folder, 'nothing')}' cannot be read: there is no such file`,
    ]);
    expect((await errorOf(() => openSafetensors(folder))).message).toContain('not a regular file');
    expect((await errorOf(() => openSafetensors(7 as never))).code).toBe('invalid-input');
  });
});

describe('a model in several files', () => {
  const one = encodeSafetensors([['a', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }]]);
  const two = encodeSafetensors([
    ['b', { dtype: 'i32', shape: [], data: Int32Array.of(3) }],
    ['unlisted', { dtype: 'i32', shape: [], data: Int32Array.of(4) }],
  ]);
  const index = (map: unknown) =>
    JSON.stringify({ metadata: { total_size: 12, format: 'pt' }, weight_map: map });
  const map = { a: 'm-1 of 2.safetensors', b: 'm-2 of 2.safetensors' };

  test.each(['path', 'address', 'bytes'])('is read by its index, given as %s', async (how) => {
    file(map.a, one);
    file(map.b, two);
    const at = file('m.safetensors.index.json', index(map));
    const source = {
      path: at,
      address: `${origin}/m.safetensors.index.json`,
      bytes: readFileSync(at),
    };
    const beside = { file: (name: string) => join(folder, name) };
    const reader = await openSafetensors(source[how as 'path'], how === 'bytes' ? beside : {});
    expect([...reader.tensors.keys()]).toEqual(['a', 'b']);
    expect(reader.tensors.get('b')!.file).toBe(map.b);
    expect((await reader.read('a')).data).toEqual(Float32Array.of(1, 2));
    expect((await reader.read('b')).data).toEqual(Int32Array.of(3));
    expect((await errorOf(() => reader.read('unlisted'))).code).toBe('unknown-name');
    await reader.close();
  });

  test.each([
    ['no map', '{"metadata":{}}', /the index has no 'weight_map'/],
    ['text', '{"weight_map":', /neither a safetensors file nor an index/],
    [
      'a file outside',
      index({ a: '../m.safetensors' }),
      /tensor 'a' is in '..\/m.safetensors', which is not the plain name/,
    ],
    ['an absolute path', index({ a: '/etc/passwd' }), /which is not the plain name/],
    ['an address', index({ a: 'http://x/m.safetensors' }), /which is not the plain name/],
    ['an encoded path', index({ a: '%2e%2e%2fm.safetensors' }), /which is not the plain name/],
    ['no file', index({ a: 5 }), /tensor 'a' is in number, which is no name of a file/],
    ['itself', index({ a: 'bad.safetensors.index.json' }), /which is no .safetensors file/],
    [
      'a name twice',
      '{"weight_map":{"a":"m.safetensors","a":"n.safetensors"}}',
      /the index has 'a' twice/,
    ],
    [
      'a tensor elsewhere',
      index({ z: 'm-1 of 2.safetensors' }),
      /tensor 'z' is not in 'm-1 of 2.safetensors', where the index has it/,
    ],
    ['a file that is missing', index({ a: 'none.safetensors' }), /there is no such file/],
    [
      'far too many files',
      index(Object.fromEntries(Array.from({ length: 10_001 }, (_, k) => [k, `${k}.safetensors`]))),
      /it names 10001 files/,
    ],
  ])('is refused with %s', async (_, text, message) => {
    const at = file('bad.safetensors.index.json', text);
    const error = await errorOf(() => openSafetensors(at));
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error.message).toMatch(message);
    if (text.includes('"a":"m-')) return;
    const beside = await errorOf(() => openSafetensors(new TextEncoder().encode(index(map))));
    expect(beside.message).toContain("nothing is beside Uint8Array; pass 'file'");
  });
});

describe('hostile files', () => {
  const header = (value: unknown, bytes = 0) => {
    const text = new TextEncoder().encode(JSON.stringify(value));
    const all = new Uint8Array(8 + text.length + bytes);
    new DataView(all.buffer).setBigUint64(0, BigInt(text.length), true);
    all.set(text, 8);
    return all;
  };
  const entry = (shape: number[], begin: number, end: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });

  test.each([
    [
      'an endless header',
      Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0),
      /the header's length is 1099511627776 bytes, but only 0 follow/,
    ],
    [
      'elements by billions',
      header({ a: entry([2 ** 30, 4], 0, 2 ** 34) }),
      /tensor 'a': its data end at 17179869184, but the file has 0/,
    ],
    [
      'more than can be counted',
      header({ a: entry([2 ** 40, 2 ** 40], 0, 2 ** 50) }),
      /tensor 'a': data_offsets span/,
    ],
    [
      'an infinite shape',
      header({ a: entry([...Array(30).fill(2 ** 40), 0], 0, 0) }),
      /tensor 'a': data_offsets span/,
    ],
    [
      'overlaps',
      header({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12),
      /tensor 'b': its data start at 4/,
    ],
    [
      'an end before the begin',
      header({ a: { ...entry([2], 8, 0), dtype: 'F4' } }, 8),
      /tensor 'a': data_offsets \[8,0\] end before they begin/,
    ],
    [
      'a dtype that is none',
      header({ a: { ...entry([2], 0, 8), dtype: ['F32'] } }, 8),
      /tensor 'a': dtype \["F32"\] is not/,
    ],
  ])('with %s', async (_, bytes, message) => {
    for (const source of [
      bytes,
      new Blob([bytes as Uint8Array<ArrayBuffer>]),
      file('hostile.safetensors', bytes),
    ]) {
      const error = await errorOf(() => openSafetensors(source));
      expect(error.code).toBe('invalid-checkpoint');
      expect(error.message).toMatch(message);
    }
  });

  test('2,000 that are changed at random are read or refused, and never more than they are', async () => {
    const small = encodeSafetensors(
      [
        ['weight', { dtype: 'f32', shape: [20, 3], data: new Float32Array(60) }],
        ['layer.bias', { dtype: 'f32', shape: [3], data: new Float32Array(3) }],
        ['count', { dtype: 'i32', shape: [], data: Int32Array.of(7) }],
      ],
      { format: 'pt' },
    );
    const outcomes = { read: 0, refused: 0 };
    const digits = new TextEncoder().encode('0123456789-e[]{},:"');
    const at = fc.noBias(fc.nat(9999)).map((part) => part / 10_000);
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat(255) }),
      fc.record({ kind: fc.constant('sign' as const), at, value: fc.nat(digits.length - 1) }),
      fc.record({ kind: fc.constant('cut' as const), at, value: fc.nat(40) }),
      fc.record({ kind: fc.constant('repeat' as const), at, value: fc.nat(40) }),
    );
    const changed = (
      bytes: Uint8Array,
      edits: readonly { kind: string; at: number; value: number }[],
    ) =>
      edits.reduce(
        (list, { kind, at, value }) => {
          const position = Math.floor(at * list.length);
          if (kind === 'cut') return [...list.slice(0, position), ...list.slice(position + value)];
          if (kind === 'repeat')
            return [...list.slice(0, position + value), ...list.slice(position)];
          return list.with(position, kind === 'sign' ? digits[value] : value);
        },
        [...bytes],
      );
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const bytes = Uint8Array.from(
          changed(
            small,
            edits.filter(() => small.length > 0),
          ),
        );
        try {
          const reader = await openSafetensors(bytes);
          let total = 0;
          for (const name of reader.tensors.keys()) {
            const { data } = await reader.read(name);
            total += data.byteLength;
          }
          // Of one byte come at most the four of an element.
          expect(total).toBeLessThanOrEqual(4 * bytes.length);
          outcomes.read++;
        } catch (error) {
          expect(error).toBeInstanceOf(RuntimeError);
          expect((error as RuntimeError).code).toBe('invalid-checkpoint');
          expect((error as Error).message.length).toBeLessThan(3000);
          outcomes.refused++;
        }
      }),
      soaked(2000),
    );
    expect(outcomes.read).toBeGreaterThan(50);
    expect(outcomes.refused).toBeGreaterThan(500);
  });
});
