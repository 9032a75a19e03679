import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import wabt from 'wabt';
import { type BuiltModel, loadBuilt } from '../../runtime/built.ts';
import { type LoadOptions, load, RuntimeError, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallWasmPlan } from '../support/small-plan.ts';
import { soaked } from '../support/soak.ts';

// Whatever a caller gives, and whatever it does with it afterwards: a call has its values or is a coded error.

const WEIGHT = { weight: [1, 2, 3, 4] };
const open: Record<'wasm' | 'webgpu', (options?: LoadOptions) => Promise<Session>> = {
  async wasm(options) {
    const { plan, module } = await smallWasmPlan();
    return load(plan, { module, parameters: WEIGHT, ...options });
  },
  webgpu: async (options) =>
    load(smallPlan(), { device: await testDevice(), parameters: WEIGHT, ...options }),
};

describe.each(['wasm', 'webgpu'] as const)('values on %s', (target) => {
  let session: Session;
  beforeAll(async () => {
    session = await open[target]();
  });
  afterAll(() => session.destroy());
  const predict = async (x: unknown) => [...(await session.run('predict', { x: x as number })).y];

  test('are those of the call, whatever is done with their arrays after it', async () => {
    const wanted = await predict(SMALL_INPUTS.x);
    const flat = Float32Array.from(SMALL_INPUTS.x.flat());
    const nested = structuredClone(SMALL_INPUTS.x);
    const inputs = { x: flat };
    const calls = [session.run('predict', inputs), session.run('predict', { x: nested })];
    flat.fill(9);
    inputs.x = new Float32Array(12);
    for (const row of nested) row.fill(9);
    for (const call of calls) expect([...(await call).y]).toEqual(wanted);
    const transferred = Float32Array.from(SMALL_INPUTS.x.flat());
    const call = session.run('predict', { x: transferred });
    structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
    expect([...(await call).y]).toEqual(wanted);
    const weight = new Float32Array([1, 2, 3, 4]);
    const write = session.writeParameters({ weight });
    weight.fill(7);
    await write;
    expect(await predict(SMALL_INPUTS.x)).toEqual(wanted);
    const saved = await session.saveCheckpoint();
    const given = saved.slice();
    const restoring = session.loadCheckpoint(given);
    given.fill(0);
    await restoring;
    expect(await session.saveCheckpoint()).toEqual(saved);
  });

  test('may lie in shared, resizable and odd memory', async () => {
    const wanted = await predict(SMALL_INPUTS.x);
    const elements = SMALL_INPUTS.x.flat();
    const shared = new Float32Array(new SharedArrayBuffer(48));
    // Longer than the view, which follows it.
    const Resizable = ArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer;
    const tracking = new Float32Array(new Resizable(48, { maxByteLength: 4096 }));
    const within = new Float32Array(new SharedArrayBuffer(64), 16);
    for (const x of [shared, tracking, within]) {
      x.set(elements);
      expect(await predict(x)).toEqual(wanted);
    }
    const saved = await session.saveCheckpoint();
    const bytes = new Uint8Array(new SharedArrayBuffer(saved.length));
    bytes.set(saved);
    await session.loadCheckpoint(bytes);
    expect(await session.saveCheckpoint()).toEqual(saved);
    const other = await open[target]({ parameters: bytes });
    expect(await other.saveCheckpoint()).toEqual(saved);
    other.destroy();
  });
});

const deep = (depth: number) => {
  let value: unknown[] = [1];
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};
const cyclic: unknown[] = [];
cyclic[0] = cyclic;
const throwing = {
  get x(): never {
    throw new TypeError('no');
  },
};
const proxies = [
  new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
    },
  ),
  new Proxy([], {
    get: () => {
      throw 'text';
    },
  }),
  new Proxy(new Array(12).fill(1), {
    get: (array, key) => (key === '7' ? Symbol() : Reflect.get(array, key)),
  }),
];
const detached = new Float32Array(12);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const impostor = Object.create(Float32Array.prototype);

/** What no tensor, name, list of names or file is. */
const ODD: unknown[] = [
  ...[null, true, 'a', 'x'.repeat(1e6), 5n, Symbol('s'), Number.NaN, -1, 1.5, 2 ** 53],
  ...[() => 1, class {}, {}, [], [[]], { x: 1 }, new Map(), new Date(), Promise.resolve(1), /a/],
  ...[
    new DataView(new ArrayBuffer(48)),
    new Float64Array(12),
    new BigInt64Array(12),
    new Uint8Array(48),
  ],
  ...[new ArrayBuffer(48), new SharedArrayBuffer(48), detached, impostor, Object.create(null)],
  ...[deep(20_000), deep(70), cyclic, new Array(4_000_000_000), [new Array(4_000_000_000)]],
  ...[
    [[1, 2, 3, 4], cyclic, [1]],
    throwing,
    ...proxies,
    Object.assign([1], { 2: 3 }),
    Object.assign([1, 2], { length: 12 }),
  ],
  ...[
    JSON.parse('{"__proto__": [1]}'),
    ['__proto__'],
    '__proto__',
    'constructor',
    'toString',
    ['x', 1],
  ],
];
const odd = fc.constantFrom(...ODD);

type Call = (session: Session, value: never) => Promise<unknown>;
/** Everything that takes something, by what it takes. */
const CALLS: Readonly<Record<string, Call>> = {
  program: (session, value) => session.run(value, SMALL_INPUTS),
  inputs: (session, value) => session.run('train', value),
  input: (session, value) => session.run('train', { ...SMALL_INPUTS, x: value }),
  scalar: (session, value) => session.run('train', { ...SMALL_INPUTS, learningRate: value }),
  counter: (session, value) => session.run('train', { ...SMALL_INPUTS, step: value }),
  key: (session, value) =>
    session.run('train', {
      ...SMALL_INPUTS,
      [String(Object(value) === value ? 'odd' : String(value))]: 1,
    }),
  options: (session, value) => session.run('train', SMALL_INPUTS, value),
  read: (session, value) => session.run('train', SMALL_INPUTS, { read: value }),
  parameters: (session, value) => session.writeParameters(value),
  parameter: (session, value) => session.writeParameters({ weight: value }),
  checkpoint: (session, value) => session.loadCheckpoint(value),
  restoring: async (session, value) =>
    session.loadCheckpoint(await session.saveCheckpoint(), value),
  missing: async (session, value) =>
    session.loadCheckpoint(await session.saveCheckpoint(), { missing: value }),
};
const OPTIONS = ['parameters', 'module', 'target', 'missing', 'initial', 'spillDirectory'] as const;

/** Either it works, or it is a coded error of one sentence that is short enough to be read. */
const coded = async (call: () => Promise<unknown>) => {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    expect((error as RuntimeError).message.length).toBeLessThan(1000);
  }
};

describe('misuse', () => {
  let session: Session;
  let plan: Awaited<ReturnType<typeof smallWasmPlan>>;
  beforeAll(async () => {
    plan = await smallWasmPlan();
    session = await open.wasm();
  });
  afterAll(() => session.destroy());
  test.each(Object.keys(CALLS))('of %s is a coded error, and the session goes on', async (kind) => {
    for (const value of ODD) await coded(() => CALLS[kind](session, value as never));
    await session.writeParameters({ ...WEIGHT, momentum: new Float32Array(4) });
    expect((await session.run('predict', { x: SMALL_INPUTS.x })).y[0]).toBe(30);
  });

  test('of inputs of any shape is a coded error', async () => {
    const nested = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        odd,
        fc.float(),
        fc.array(tie('node'), { maxLength: 5 }),
      ),
    })).node;
    await fc.assert(
      fc.asyncProperty(nested, fc.constantFrom(...Object.keys(CALLS)), (value, kind) =>
        coded(() => CALLS[kind](session, value as never)),
      ),
      soaked(200),
    );
  });

  test.each(OPTIONS)('of the option %s of load is a coded error', async (name) => {
    for (const value of ODD)
      await coded(async () => {
        const options = { module: plan.module, [name]: value } as LoadOptions;
        (await load(plan.plan, options)).destroy();
      });
  });

  test('of load itself is a coded error', async () => {
    for (const value of ODD) {
      await coded(() => load(value as never));
      await coded(async () => (await load(plan.plan, value as never)).destroy());
      for (const key of ['device', 'gpu'])
        await coded(async () => (await load(smallPlan(), { [key]: value } as never)).destroy());
    }
  });
});

test('misuse of a loader is a coded error', async () => {
  const { plan, module } = await smallWasmPlan();
  const folder = mkdtempSync(join(tmpdir(), 'btc-loader-'));
  writeFileSync(join(folder, 'm.wasm.plan.json'), JSON.stringify(plan));
  writeFileSync(join(folder, 'm.wasm'), module);
  const digest = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(JSON.stringify(plan)),
  );
  const model: BuiltModel = {
    ...{ name: 'm', files: {}, digests: { wasm: Buffer.from(digest).toString('hex') } },
    targets: { wasm: () => import('../../runtime/targets/wasm.ts') },
  };
  const given = { target: 'wasm', base: `${folder}/`, parameters: WEIGHT } as const;
  (await loadBuilt(model, given)).destroy();
  for (const value of ODD) {
    await coded(async () => (await loadBuilt(model, value as never)).destroy());
    for (const name of ['parameters', 'missing', 'target', 'base', 'snapshots', 'maxHostBytes'])
      await coded(async () =>
        (await loadBuilt(model, { ...given, [name]: value } as never)).destroy(),
      );
  }
  rmSync(folder, { recursive: true });
});

describe('a kernel that ends in a trap', () => {
  /** The small plan with kernels that do nothing, but for `update`, which writes to the weight and then traps where the learning rate is 13. */
  async function trapping(options: LoadOptions) {
    const { plan } = await smallWasmPlan();
    const pages = plan.module!.pages;
    const kernels = plan.kernels.map(({ name, bindings, parts, export: exported }) => {
      const taken = [...bindings, ...(parts ? ['from', 'to'] : [])];
      const parameters = taken.map(() => '(param i32)').join(' ');
      const body =
        name === 'update'
          ? `local.get 4 f32.const 9 f32.store
             (if (f32.eq (f32.load (local.get 2)) (f32.const 13)) (then unreachable))`
          : '';
      return `(func (export "${exported}") ${parameters} ${body})`;
    });
    const text = `(module (import "env" "memory" (memory ${pages} ${pages})) ${kernels.join('\n')})`;
    const module = (await wabt()).parseWat('trap', text).toBinary({}).buffer;
    const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(module));
    const sha256 = Buffer.from(digest).toString('hex');
    const given = { ...plan, module: { ...plan.module!, bytes: module.length, sha256 } };
    return load(given, { module, parameters: WEIGHT, ...options });
  }
  const fails = { ...SMALL_INPUTS, learningRate: 13 };

  test('is a coded error, after which what it was to update must be loaded again', async () => {
    const session = await trapping({});
    const saved = await session.saveCheckpoint();
    const error = await errorOf(() => session.run('train', fails));
    expect(error.code).toBe('kernel-failed');
    expect(error.message).toMatch(/^step 3 of the program ended in a trap: unreachable/);
    const calls = [
      () => session.run('predict', { x: SMALL_INPUTS.x }),
      () => session.readParameters(),
      () => session.saveCheckpoint(),
      () => session.saveParameters(),
    ];
    for (const call of calls)
      expect((await errorOf(call)).message).toMatch(
        /may have left 'momentum', 'weight' half written/,
      );
    await session.writeParameters({ weight: [1, 1, 1, 1] });
    expect((await errorOf(calls[0])).message).toMatch(/left 'momentum' half written/);
    await session.loadCheckpoint(saved);
    expect(await session.saveCheckpoint()).toEqual(saved);
    await session.run('train', SMALL_INPUTS);
    session.destroy();
  });

  test('has no effect where snapshots are kept', async () => {
    const session = await trapping({ snapshots: true });
    await session.run('train', SMALL_INPUTS);
    const saved = await session.saveCheckpoint();
    expect((await errorOf(() => session.run('train', fails))).code).toBe('kernel-failed');
    expect(await session.saveCheckpoint()).toEqual(saved);
    await session.run('train', SMALL_INPUTS);
    session.destroy();
  });
});
