import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import wabt from 'wabt';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { load, RuntimeError } from '../../runtime/index.ts';
import { checkWasmModule } from '../../runtime/wasm-module.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { errorOf } from '../support/errors.ts';
import { SMALL_INPUTS, smallWasmPlan } from '../support/small-plan.ts';
import { soaked } from '../support/soak.ts';
import { swappedWasm } from '../support/swapped-plan.ts';

// Plans and modules that others wrote: what is refused, and that what is not refused does no harm.

let small: { plan: Plan; module: Uint8Array };
let assembler: Awaited<ReturnType<typeof wabt>>;
beforeAll(async () => {
  small = await smallWasmPlan();
  assembler = await wabt();
});

/** What a stranger would have to write so that the module is the plan's. */
function planFor(plan: Plan, module: Uint8Array): Plan {
  const sha256 = createHash('sha256').update(module).digest('hex');
  return { ...plan, module: { ...plan.module!, bytes: module.length, sha256 } };
}

const FEATURES = {
  ...{ simd: true, multi_memory: true, threads: true, exceptions: true, memory64: true },
  ...{ reference_types: true, gc: true, function_references: true, mutable_globals: true },
};

function assemble(text: string): Uint8Array {
  const module = assembler.parseWat('stranger.wat', text, FEATURES);
  try {
    return new Uint8Array(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

const MEMORY = '(import "env" "memory" (memory 1 1))';

/** The kernels of the small plan as functions that do nothing; `more` stands before or behind them. */
function kernels(plan: Plan, body = ''): string {
  return plan.kernels
    .map(({ export: name, bindings, parts }) => {
      const taken = [...bindings, ...(parts ? ['from', 'to'] : [])];
      const parameters = taken.map(() => '(param i32)').join(' ');
      return `(func (export "${name}") ${parameters} ${body})`;
    })
    .join('\n');
}

/** The error of a call, which has that code. */
async function refusal(call: Promise<unknown>, code: string): Promise<RuntimeError> {
  const error = await errorOf(() => call);
  expect(error.code, error.message).toBe(code);
  return error;
}

const refused = async (module: Uint8Array) =>
  refusal(load(planFor(small.plan, module), { module }), 'invalid-module');

describe('a module of a stranger', () => {
  test('runs where it holds the kernels and nothing else', async () => {
    const module = assemble(`(module ${MEMORY} ${kernels(small.plan)})`);
    const session = await load(planFor(small.plan, module), { module });
    const { loss } = await session.run('train', SMALL_INPUTS);
    expect(loss).toHaveLength(1);
    session.destroy();
  });

  // Through the prototype of `{ env: { memory } }` this would call Function and Object.defineProperties.
  test('imports nothing of the host: what it finds in prototypes is out of reach', async () => {
    const call = Function.prototype.call;
    for (const [from, name] of [
      ['constructor', 'constructor'],
      ['constructor', 'defineProperties'],
      ['env', 'constructor'],
      ['env', 'hasOwnProperty'],
      ['__proto__', 'constructor'],
      ['toString', 'call'],
      ['env', '__proto__'],
    ]) {
      const first = `(module (import "${from}" "${name}" (func $f (param externref) (result externref))) ${MEMORY}`;
      const only = `(module (import "${from}" "${name}" (func $f))`;
      await refused(assemble(`${first} ${kernels(small.plan)})`));
      const error = await refused(assemble(`${only} ${kernels(small.plan)})`));
      expect(error.message).toMatch(/may import its memory/);
    }
    expect(Function.prototype.call).toBe(call);
  });

  const more: Readonly<Record<string, string>> = {
    'a memory of its own': '(memory 1)',
    'a table': '(table 10000000 funcref)',
    'a global': '(global (mut i32) (i32.const 0))',
    'a start function': '(func $s (loop br 0)) (start $s)',
    data: '(data (i32.const 0) "x")',
    'passive data': '(data "x")',
    'an exception': '(tag (param i32))',
    'an export that is no kernel': '(func (export "then") (param i32))',
    'its memory as an export': '(export "memory" (memory 0))',
  };
  test.each(Object.entries(more))('has not %s', async (_, text) => {
    await refused(assemble(`(module ${MEMORY} ${kernels(small.plan)} ${text})`));
  });

  const memories: Readonly<Record<string, string>> = {
    'can grow': '(memory 1)',
    'can grow to more': '(memory 1 2)',
    'is larger': '(memory 2 2)',
    'is empty': '(memory 0 0)',
    'is shared': '(memory 1 1 shared)',
    'has 64-bit addresses': '(memory i64 1 1)',
  };
  test.each(Object.entries(memories))('has no memory that %s', async (_, text) => {
    await refused(assemble(`(module (import "env" "memory" ${text}) ${kernels(small.plan)})`));
  });

  test('has every kernel of the plan, as a function of its bindings', async () => {
    const all = kernels(small.plan);
    const [first, ...rest] = all.split('\n');
    await refused(assemble(`(module ${MEMORY} ${rest.join('\n')})`));
    for (const signature of [
      '',
      '(param i32 i32)',
      '(param i32 i32 i64)',
      '(param i32 i32 externref)',
      '(param i32 i32 i32) (result i32)',
    ]) {
      const result = signature.includes('result') ? '(i32.const 0)' : '';
      const other = first.replace(/\(param.*$/, `${signature} ${result})`);
      await refused(assemble(`(module ${MEMORY} ${other} ${rest.join('\n')})`));
    }
    const memory = first.replace(/^\(func.*$/, '(export "k0" (memory 0))');
    await refused(assemble(`(module ${MEMORY} ${memory} ${rest.join('\n')})`));
  });

  test('has no custom section, and no type that allocates', async () => {
    const custom = (bytes: readonly number[]) => Uint8Array.from([...small.module, ...bytes]);
    await refused(custom([0, 3, 1, 0x78, 0x79]));
    // (type (array (mut i32))) in front of the types there are.
    const types = Uint8Array.from(small.module);
    types[11] = 0x5e;
    await refused(types);
  });

  test('cannot grow its memory, and may only trap', async () => {
    const grows = assemble(
      `(module ${MEMORY} ${kernels(small.plan, '(drop (memory.grow (i32.const 1)))')})`,
    );
    const session = await load(planFor(small.plan, grows), { module: grows });
    await session.run('train', SMALL_INPUTS);
    expect(session.allocatedBytes).toBe(65536);
    session.destroy();
  });

  test('is refused in a sentence or does no harm, however its bytes are changed', async () => {
    const below = randomBelow(7);
    const { plan, module } = small;
    const names = new Set(plan.kernels.map((kernel) => kernel.export));
    let accepted = 0;
    for (let round = 0; round < soaked(2500).numRuns; round++) {
      let bytes = Uint8Array.from(module);
      // Most changes hit the sections in front of the code.
      const end = round % 3 === 0 ? bytes.length : Math.min(bytes.length, 160);
      for (let change = 0; change <= below(3); change++) {
        const at = below(end);
        const kind = below(4);
        if (kind === 0) bytes[at] = below(256);
        else if (kind === 1) bytes[at] ^= 1 << below(8);
        else if (kind === 2) bytes = bytes.slice(0, at);
        else bytes = Uint8Array.from([...bytes.slice(0, at), 255, 255, ...bytes.slice(at)]);
      }
      try {
        checkWasmModule(bytes, plan);
      } catch (error) {
        expect(error).toBeInstanceOf(RuntimeError);
        expect((error as RuntimeError).code).toBe('invalid-module');
        continue;
      }
      if (!WebAssembly.validate(bytes)) continue;
      accepted++;
      // The engine's own view of what came through is the witness.
      const compiled = new WebAssembly.Module(bytes);
      expect(WebAssembly.Module.imports(compiled)).toEqual([
        { module: 'env', name: 'memory', kind: 'memory' },
      ]);
      const exported = WebAssembly.Module.exports(compiled);
      expect(new Set(exported.map(({ name }) => name))).toEqual(names);
      expect(exported.every(({ kind }) => kind === 'function')).toBe(true);
    }
    expect(accepted).toBeGreaterThan(10);
  });

  test('with numbers of items beyond all bounds is refused at once', () => {
    const header = small.module.subarray(0, 8);
    const huge = [255, 255, 255, 255, 15];
    for (const id of [1, 2, 3, 7, 10])
      for (const body of [huge, [1, ...huge], [...huge, ...huge]]) {
        const module = Uint8Array.from([...header, id, body.length, ...body]);
        expect(() => checkWasmModule(module, small.plan)).toThrow(RuntimeError);
      }
    for (const size of [huge, [128, 128, 128, 128, 128, 0], [128, 128, 128, 128, 16]])
      expect(() => checkWasmModule(Uint8Array.from([...header, 1, ...size]), small.plan)).toThrow(
        RuntimeError,
      );
  });
});

describe('memory that a plan may take', () => {
  test('on the device', async () => {
    const { plan, module } = small;
    const most = plan.memory.deviceBytes;
    (await load(plan, { module, maxDeviceBytes: most, maxHostBytes: 0 })).destroy();
    const error = await refusal(load(plan, { module, maxDeviceBytes: most - 1 }), 'memory-limit');
    expect(error.message).toContain(`${most} bytes of device memory`);
    for (const wrong of [Number.NaN, -1, '1MiB', null])
      await refusal(load(plan, { module, maxDeviceBytes: wrong as number }), 'invalid-input');
  });

  test('on the host, files and snapshots counted, before a store is opened', async () => {
    const { plan, module } = small;
    const opened: number[] = [];
    const openStore = (_: string, bytes: number) => {
      opened.push(bytes);
      throw new Error('must not be opened');
    };
    for (const tiers of [['memory'], ['file']] as const) {
      const draw = { seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers };
      const swapped = await swappedWasm(plan, draw);
      const options = { module: swapped.module, openStore, maxHostBytes: 63 };
      await refusal(load(swapped.plan, options), 'memory-limit');
    }
    expect(opened).toEqual([]);
    await refusal(load(plan, { module, snapshots: true, maxHostBytes: 16 }), 'memory-limit');
  });

  test('a spill file that the disk has no room for is not begun', async () => {
    const { plan } = small;
    const draw = { seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] } as const;
    const swapped = await swappedWasm(plan, draw);
    const slots = swapped.plan.swap!.slots.map((slot) => ({
      ...slot,
      offset: slot.offset + 2 ** 50,
    }));
    const memory = { ...swapped.plan.memory, spillBytes: swapped.plan.memory.spillBytes + 2 ** 50 };
    const huge = { ...swapped.plan, memory, swap: { ...swapped.plan.swap!, slots } };
    expect(verifyPlan(huge)).toEqual([]);
    const folder = mkdtempSync(join(tmpdir(), 'btc-spill-'));
    const options = { module: swapped.module, spillDirectory: folder };
    const error = await refusal(load(huge, options), 'swap-failed');
    expect(error.message).toMatch(/has room for \d+ bytes/);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
    expect(existsSync(folder)).toBe(false);
  });
});

const VALUES: readonly unknown[] = [
  ...[null, true, -1, 0, 1, 2, 7, 0.5, 64, 255, 256, 65536, 2 ** 31, 2 ** 32, 2 ** 50, 1e300],
  ...['', 'x', '__proto__', 'constructor', 'prototype', '../../x', '/dev/zero', 'http://x/y'],
  ...['\u001b[2J', 'a\nb', [], {}, [[]], { constructor: 1 }],
];

describe('a plan of a stranger', () => {
  test('is refused with a code or runs in the memory that it states, whatever is changed', async () => {
    const below = randomBelow(11);
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const draw = { seed: 3, hosted: 5, swapped: 5, recomputed: 5, tiers: ['memory'] } as const;
    const { plan, module } = await swappedWasm(small.plan, draw);
    let ran = 0;
    for (let round = 0; round < 1200; round++) {
      const changed = JSON.parse(JSON.stringify(plan));
      for (let change = 0; change <= below(2); change++) mutate(changed, below);
      const limits = { maxDeviceBytes: 2 ** 20, maxHostBytes: 2 ** 20 };
      try {
        const session = await load(changed, { module, ...limits });
        expect(session.allocatedBytes).toBe(changed.memory.deviceBytes);
        for (const [name, { inputs }] of Object.entries((changed as Plan).programs)) {
          const values = inputs.flatMap((input) =>
            input.default === null && !input.counter
              ? [[input.name, new Array(input.shape.reduce((a, b) => a * b, 1)).fill(0)]]
              : [],
          );
          await session.run(name, Object.fromEntries(values));
        }
        session.destroy();
        ran++;
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        // One line that any terminal can show.
        expect(error.message).not.toMatch(/\p{Cc}/u);
      }
    }
    expect(ran).toBeGreaterThan(20);
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before);
    expect({}.constructor).toBe(Object);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: any place of any plan
function mutate(value: any, below: (count: number) => number): void {
  const keys = Object.keys(value);
  const key = keys[below(keys.length)];
  if (key === undefined) return;
  const child = value[key];
  if (typeof child === 'object' && child !== null && below(8) > 0) {
    mutate(child, below);
    return;
  }
  const kind = below(6);
  if (kind === 0) delete value[key];
  else if (kind === 1) value[keys[below(keys.length)]] = child;
  else if (kind === 2 && typeof child === 'number')
    value[key] = child + [-1, 1, 4, 16, 64][below(5)];
  else if (kind === 3) {
    // Of its own, as JSON makes it, whatever the name.
    const name = String(VALUES[below(VALUES.length)]);
    Object.defineProperty(value, name, {
      ...{ value: child, enumerable: true, configurable: true, writable: true },
    });
  } else value[key] = VALUES[below(VALUES.length)];
}
