import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type CompileResult,
  compile,
  defineModel,
  linear,
  meanSquaredError,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { type BuiltLoadOptions, type BuiltModel, load, loadBuilt } from '../../runtime/index.ts';
import * as wasm from '../../runtime/targets/wasm.ts';
import { errorOf } from '../support/errors.ts';

const model = defineModel({
  name: 'line',
  inputs: { x: tensor([2, 1]), y: tensor([2, 1]) },
  build: ({ x }) => ({ guess: linear(1, 1, { name: 'l' })(x) }),
  train: {
    loss: ({ guess }, { y }) => meanSquaredError(guess, y),
    optimizer: sgd({ momentum: 0.9 }),
  },
});
let built: CompileResult;
let folder: string;

beforeAll(async () => {
  built = await compile(model, { target: 'wasm' });
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-built-'));
  writeFileSync(join(folder, 'line.wasm.plan.json'), JSON.stringify(built.plan));
  writeFileSync(join(folder, built.plan!.module!.file), built.module!);
  writeFileSync(join(folder, 'line.safetensors'), built.parameters!);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const loader = (): BuiltModel => ({
  name: 'line',
  files: {},
  digests: { wasm: createHash('sha256').update(JSON.stringify(built.plan)).digest('hex') },
  targets: { wasm: () => wasm },
});
const open = (options: BuiltLoadOptions = {}) =>
  loadBuilt(loader(), { base: pathToFileURL(folder), ...options });

interface Answered {
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly encoding?: string;
}

/** Serves the build's folder, but for what `answer` has an answer of its own. */
async function serveFolder(answer: (file: string) => Answered | null) {
  const server = createServer((request, response) => {
    const file = new URL(request.url!, 'http://host').pathname.replace('/out/', '');
    const given = answer(file) ?? {
      type: '',
      body: readFileSync(join(folder, file)),
      encoding: '',
    };
    if (given.type) response.setHeader('content-type', given.type);
    if (given.encoding) response.setHeader('content-encoding', given.encoding);
    response.end(given.body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise((closed) => server.close(closed).closeAllConnections());
  return { base: `http://127.0.0.1:${port}/out`, close };
}

describe('a build', () => {
  test('is loaded from its folder', async () => {
    const session = await open();
    expect((await session.run('predict', { x: [[1], [2]] })).guess).toHaveLength(2);
    session.destroy();
  });

  test.each([
    ['line.wasm.plan.json', 'invalid-plan'],
    ['line.wasm', 'invalid-module'],
    ['line.safetensors', 'invalid-checkpoint'],
  ])('without %s says what to do', async (file, code) => {
    rmSync(join(folder, file));
    const { code: given, message } = await errorOf(open);
    expect([given, message]).toEqual([
      code,
      `'${join(folder, file)}' is missing; build the model again`,
    ]);
  });

  test('that a server does not have is one sentence as well', async () => {
    const server = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const base = new URL(`http://127.0.0.1:${port}/out/`);
    const { code, message } = await errorOf(() => open({ base }));
    server.close();
    expect(code).toBe('invalid-checkpoint');
    expect(message).toBe(
      "'/out/line.safetensors' cannot be read (404 Not Found); serve the files of the build there, or pass 'base', the address of their folder",
    );
  });

  test.each([
    [
      'a page',
      'text/html',
      '<!doctype html><title>app</title>',
      'the server answers with a page in its place, as for an address that it does not know',
    ],
    [
      'a page of no type',
      '',
      '\n<html></html>',
      'the server answers with a page in its place, as for an address that it does not know',
    ],
    [
      'compressed bytes',
      'application/json',
      gzipSync('{}'),
      'what comes is gzip, and the server does not say so (Content-Encoding: gzip)',
    ],
    ['nothing', 'application/wasm', '', 'it is empty'],
    [
      'a pointer',
      'text/plain',
      'version https://git-lfs.github.com/spec/v1',
      'it is a Git LFS pointer in place of the file',
    ],
    ['something else', 'text/plain', 'Not a file', 'it is no such file: text/plain'],
  ])('for which a server gives %s says that', async (_, type, body, reason) => {
    const codes = {
      safetensors: 'invalid-checkpoint',
      json: 'invalid-plan',
      wasm: 'invalid-module',
    };
    for (const [ending, code] of Object.entries(codes)) {
      const server = await serveFolder((file) => (file.endsWith(ending) ? { type, body } : null));
      const found = await errorOf(() => open({ base: server.base }));
      await server.close();
      const file = {
        safetensors: 'line.safetensors',
        json: 'line.wasm.plan.json',
        wasm: 'line.wasm',
      };
      expect([found.code, found.message]).toEqual([
        code,
        `'/out/${file[ending as 'json']}' cannot be read (${reason}); serve the files of the build there, or pass 'base', the address of their folder`,
      ]);
    }
  });

  test('comes as any type, and compressed where the server says so', async () => {
    const server = await serveFolder((file) => ({
      type: 'text/html',
      body: gzipSync(readFileSync(join(folder, file))),
      encoding: 'gzip',
    }));
    const session = await open({ base: server.base });
    session.destroy();
    const { href } = new URL(server.base);
    (await open({ base: (file) => `${href}/${file}?v=1` })).destroy();
    await server.close();
  });

  test('comes from addresses that hold the files themselves', async () => {
    const session = await open({
      base: (file) =>
        `data:application/octet-stream;base64,${readFileSync(join(folder, file)).toString('base64')}`,
    });
    session.destroy();
    const empty = await errorOf(() => open({ base: () => 'data:,' }));
    expect(empty.message).toContain("'line.safetensors' cannot be read (it is empty)");
  });

  test.each(['cuda', 'webgpu'])('for another target than %s', async (target) => {
    const { code, message } = await errorOf(() => open({ target: target as 'webgpu' }));
    expect(code).toBe('unknown-name');
    expect(message).toBe(`the build of 'line' has no target '${target}'; it has 'wasm'`);
  });
});

describe('initial parameters', () => {
  const begin = (parameters: unknown) =>
    load(built.plan!, { module: built.module!, parameters: parameters as Uint8Array });

  test('by name start the state of the optimiser at zero', async () => {
    const session = await begin({ 'l.weight': [[3]], 'l.bias': [1] });
    const { guess } = await session.run('predict', { x: [[1], [2]] });
    expect([...guess]).toEqual([4, 7]);
    session.destroy();
  });

  test.each([
    [{ 'l.bias': [1] }, "tensor 'l.weight' is missing"],
    [{}, "tensors 'l.weight', 'l.bias' are missing"],
  ])('by name are refused unless all are there', async (given, problem) => {
    const { code, message } = await errorOf(() => begin(given));
    expect(code).toBe('invalid-input');
    expect(message).toBe(
      `the parameters are refused: ${problem}; give every parameter and state, or load without and use writeParameters`,
    );
  });

  test.each([
    [7, 'number'],
    [null, 'null'],
    [[1, 2], 'Array'],
    [new Float32Array(2), 'Float32Array'],
    [Promise.resolve(), 'Promise'],
  ])('that are %o are refused', async (given, kind) => {
    const { code, message } = await errorOf(() => begin(given));
    expect(code).toBe('invalid-input');
    expect(message).toBe(
      `'parameters' takes the bytes of a safetensors file (Uint8Array), an object of values by name or what openSafetensors opens, but ${kind} was given`,
    );
  });

  test('of a damaged file are not called a checkpoint', async () => {
    const cut = await errorOf(() => begin(built.parameters!.slice(0, -1)));
    expect(cut.code).toBe('invalid-checkpoint');
    expect(cut.message).toMatch(/^the parameters are refused: /);
    const other = encodeSafetensors([
      ['w', { dtype: 'f32', shape: [], data: new Float32Array(1) }],
    ]);
    expect((await errorOf(() => begin(other))).message).toMatch(/^the parameters are refused: /);
  });
});
