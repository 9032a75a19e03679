import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
    ['abc', 'string'],
    [null, 'null'],
    [[1, 2], 'Array'],
    [new ArrayBuffer(8), 'ArrayBuffer'],
    [new Float32Array(2), 'Float32Array'],
    [Promise.resolve(), 'Promise'],
  ])('that are %o are refused', async (given, kind) => {
    const { code, message } = await errorOf(() => begin(given));
    expect(code).toBe('invalid-input');
    expect(message).toBe(
      `'parameters' takes the bytes of a safetensors file (Uint8Array) or an object of values by name, but ${kind} was given`,
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
