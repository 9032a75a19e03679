import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { expectWitnessesToAgree, openSession } from '../support/agreement.ts';

// Constants of arrays: their values to the bit, where they are, and where they are not.

const SPECIAL = new Float32Array([Number.NaN, -0, 0, Infinity, -Infinity, 1e-45, 1 / 3, 16777217]);
/** A NaN with a payload of its own. */
new Uint32Array(SPECIAL.buffer)[0] = 0x7fc12345;
const INTEGERS = [2 ** 31 - 1, -(2 ** 31), 0, -1, 7];

const given = () =>
  btc.defineModel({
    name: 'constants',
    inputs: { x: btc.tensor([2, 2]) },
    build: ({ x }) => ({
      special: btc.constant(SPECIAL),
      integers: btc.constant(INTEGERS, [5], 'i32'),
      nested: btc
        .constant([
          [1, 2],
          [3, 4],
        ])
        .mul(x),
      shaped: btc.constant(new Float64Array([0.1, 2, 3, 4]), [2, 2]).add(x),
      mask: btc.constant([true, false]),
      bytes: btc.constant(new Uint8Array([255, 0])),
      big: btc.constant(new BigInt64Array([-5n, 3n])),
    }),
  });

type Built = Parameters<typeof openSession>[0];

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  test('elements arrive with all their bits', async () => {
    const built = await compile(given(), { target });
    expect(built.diagnostics).toEqual([]);
    const session = await openSession(built as Built);
    const out = await session.run('predict', { x: [1, 2, 3, 4] });
    expect([...new Uint32Array(out.special.buffer)]).toEqual([
      ...new Uint32Array(SPECIAL.slice().buffer),
    ]);
    expect([...out.integers]).toEqual(INTEGERS);
    expect([...out.nested]).toEqual([1, 4, 9, 16]);
    expect([...out.shaped]).toEqual([Math.fround(Math.fround(0.1) + 1), 4, 6, 8]);
    expect([...out.mask]).toEqual([1, 0]);
    expect([...out.bytes]).toEqual([255, 0]);
    expect([...out.big]).toEqual([-5, 3]);
    session.destroy();
  });
});

const trained = (values: () => Float32Array) =>
  btc.defineModel({
    name: 'trained',
    inputs: { x: btc.tensor([3]), y: btc.tensor([3]) },
    build: ({ x }) => ({
      y: btc
        .constant(values())
        .mul(x)
        .mul(btc.param('w', [3], btc.init.ones)),
    }),
    train: {
      loss: (outputs, { y }) => btc.meanSquaredError(outputs.y, y),
      optimizer: btc.adam(),
    },
    programs: {
      other: () => ({ z: btc.constant([5, 6, 7, 8]), again: btc.constant(values()) }),
    },
  });

test('witnesses agree on a model with constants that is trained', async () => {
  await expectWitnessesToAgree(() => trained(() => new Float32Array([1, 2, 4])), 3);
});

describe('one constant of all programs', () => {
  test('is one tensor, counted in the plan, and in no file', async () => {
    const built = await compile(
      trained(() => new Float32Array([1, 2, 4])),
      { target: 'wasm' },
    );
    const plan = built.plan!;
    const constants = plan.tensors.filter(({ data }) => data !== undefined);
    expect(constants.map(({ shape, role }) => [shape, role])).toEqual([
      [[3], 'state'],
      [[4], 'state'],
    ]);
    expect([...decodeSafetensors(built.parameters!).tensors.keys()]).toEqual(['w']);
    const session = await openSession(built as Built);
    expect(Object.keys(await session.readParameters())).toEqual(['w']);
    const checkpoint = await session.saveCheckpoint();
    expect([...decodeSafetensors(checkpoint).tensors.keys()]).toEqual(['w', 'w.m', 'w.v']);
    expect(session.restored.initial).toEqual([]);
    await session.loadCheckpoint(checkpoint);
    expect([...(await session.run('other')).again]).toEqual([1, 2, 4]);
    await expect(session.writeParameters({ [constants[0].name]: [1, 1, 1] })).rejects.toThrow(
      'no parameter',
    );
    session.destroy();
  });

  test('is of its elements alone: what the caller does with the array later is nothing', async () => {
    const values = new Float32Array([1, 2, 4]);
    const build = compile(
      trained(() => values),
      { target: 'wasm' },
    );
    const built = await build;
    values.fill(9);
    const session = await openSession(built as Built);
    expect([...(await session.run('other')).again]).toEqual([1, 2, 4]);
    session.destroy();
  });
});

test('one number everywhere is no array', async () => {
  const { plan } = await compile(
    btc.defineModel({
      name: 'same',
      inputs: { x: btc.tensor([4]) },
      build: ({ x }) => ({ y: x.add(btc.constant(new Float32Array(4).fill(3))) }),
    }),
    { target: 'wasm' },
  );
  expect(plan!.tensors.filter(({ data }) => data !== undefined)).toEqual([]);
});

test('a table of a million elements takes its bytes, and no more text than base64', async () => {
  const table = Float32Array.from({ length: 2 ** 20 }, (_, k) => Math.sin(k));
  const built = await compile(
    btc.defineModel({
      name: 'table',
      inputs: { i: btc.tensor([4], 'i32') },
      build: ({ i }) => ({ rows: btc.gather(btc.constant(table, [1024, 1024]), i) }),
      programs: { all: () => ({ sum: btc.constant(table).sum() }) },
    }),
    { target: 'wasm' },
  );
  const text = JSON.stringify(built.plan);
  expect(text.length).toBeLessThan((4 / 3) * 4 * 2 ** 20 + 50_000);
  expect(built.plan!.memory.persistentBytes).toBe(4 * 2 ** 20);
  const session = await openSession({ ...built, plan: JSON.parse(text) } as Built);
  const { rows } = await session.run('predict', { i: [0, 1023, 5, 5] });
  expect(rows.subarray(1024, 2048)).toEqual(table.subarray(1023 * 1024));
  session.destroy();
});

test('indices of arrays are checked when the model is built', async () => {
  const { diagnostics } = await compile(
    btc.defineModel({
      name: 'indices',
      inputs: { x: btc.tensor([3, 2]) },
      build: ({ x }) => ({ y: x.gather(btc.constant([0, 2, 3], [3], 'i32')) }),
    }),
    { target: 'wasm' },
  );
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2050']);
});

test('a plan whose constant is no base64 of its elements is refused', async () => {
  const { plan } = await compile(given(), { target: 'wasm' });
  const broken = (
    change: (tensor: { data?: string; initial?: number }) => void,
  ): readonly string[] => {
    const copy: Plan = structuredClone(plan!);
    change(copy.tensors.find(({ data }) => data !== undefined)!);
    return verifyPlan(copy);
  };
  expect(broken(() => {})).toEqual([]);
  for (const data of ['', 'AAAA', `${'A'.repeat(42)}!=`, ' '.repeat(44)])
    expect(broken((tensor) => (tensor.data = data)).join()).toContain('is not the base64 of');
  expect(broken((tensor) => (tensor.initial = 1)).join()).toContain("stands beside 'initial'");
});
