import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import { readPlan, verifyPlan } from '../../ir/plan-verify.ts';
import {
  ADDED,
  type AddedField,
  currentPlan,
  PLAN_VERSION,
  versionProblem,
  versionsRead,
} from '../../ir/plan-version.ts';
import { loadOn } from '../../runtime/load.ts';
import * as wasm from '../../runtime/targets/wasm.ts';
import { SMALL_INPUTS, smallWasmPlan } from '../support/small-plan.ts';
import { soaked } from '../support/soak.ts';

// Minor versions that might have been: the labels of steps came with 3.1, the packing's method with 3.2. The newest is the real one.
const HISTORY: readonly AddedField[] = [
  { since: 1, at: ['programs', '*', 'steps', '*'], field: 'label', value: 'step' },
  { since: 2, at: ['memory', 'packing'], field: 'method', value: 'unknown' },
  { since: 2, at: ['programs', '*', 'steps', '*'], field: 'macs' },
  ...ADDED.slice(-1),
];

const { plan, module } = await smallWasmPlan();
// biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
const changed = (change: (copy: any) => void): Plan => {
  const copy = structuredClone(plan);
  change(copy);
  return copy;
};
const withoutLabels = changed((copy) => {
  const { programs, memory } = copy;
  copy.version = '3.0';
  for (const { steps } of Object.values<{ steps: { label?: string }[] }>(programs))
    for (const step of steps) Reflect.deleteProperty(step, 'label');
  Reflect.deleteProperty(memory.packing, 'method');
});

describe('a plan of an older minor version', () => {
  test('is read as one of the newest, with what stands for what it does not say', () => {
    const read = readPlan(withoutLabels, HISTORY);
    if ('problems' in read) throw new Error(read.problems.join('\n'));
    expect(read.plan.memory.packing.method).toBe('unknown');
    for (const { steps } of Object.values(read.plan.programs))
      for (const { label } of steps) expect(label).toBe('step');
    expect(read.plan.version).toBe('3.0');
  });

  test('is not changed itself, and is still refused where it is not of the form', () => {
    const before = structuredClone(withoutLabels);
    readPlan(withoutLabels, HISTORY);
    expect(withoutLabels).toEqual(before);
    const broken = { ...withoutLabels, slabs: 7 };
    expect(readPlan(broken, HISTORY)).toEqual({ problems: ['slabs: must be an array'] });
  });

  test('lacks fields to a reader that knows no older version', () => {
    const read = readPlan(withoutLabels);
    expect(read).toEqual({
      problems: expect.arrayContaining([expect.stringMatching(/\.label: must be a string/)]),
    });
  });

  test('runs', async () => {
    const parts = {
      targets: { wasm: () => wasm },
      read: (value: unknown) => readPlan(value, HISTORY),
    };
    const session = await loadOn(parts, withoutLabels, { module });
    expect((await session.run('train', SMALL_INPUTS))['loss']).toHaveLength(1);
    session.destroy();
  });
});

test('a plan that has what a minor version added keeps it', () => {
  const read = readPlan(plan, HISTORY);
  expect(read).toEqual({ plan });
});

describe('a refused version', () => {
  test.each([
    [
      2,
      /^version: the plan is of version 2, but this btc-compiler reads 3\.0 to 3\.\d+; build the model again with this btc-compiler$/,
    ],
    ['2.7', /of version 2\.7, but .* build the model again with this btc-compiler$/],
    [
      '3.999',
      /of version 3\.999, but this btc-compiler reads 3\.0 to 3\.\d+; update btc-compiler, or build the model again with this one$/,
    ],
    ['4.0', /of version 4\.0, but .* update btc-compiler, or build/],
    [
      'latest',
      /^version: must be a version such as "3\.\d+"; this btc-compiler reads 3\.0 to 3\.\d+$/,
    ],
    [undefined, /^version: must be a version such as/],
    [{ toString: null }, /^version: must be a version such as/],
    ['\u001b[31m3.0', /^version: must be a version such as/],
  ])('%o is told in one sentence: what it is, what is read, what to do', (version, message) => {
    const read = readPlan({ ...plan, version }, HISTORY);
    expect(read).toEqual({ problems: [expect.stringMatching(message)] });
  });

  test('of the reader without minor versions names the one that it reads', () => {
    expect(readPlan({ ...plan, version: '3.1' }, [])).toEqual({
      problems: [
        'version: the plan is of version 3.1, but this btc-compiler reads 3.0; update btc-compiler, or build the model again with this one',
      ],
    });
  });

  test('is refused by load with the same sentence', async () => {
    const parts = { targets: { wasm: () => wasm }, read: readPlan };
    const old = { ...plan, version: 2 } as unknown as Plan;
    await expect(loadOn(parts, old, { module })).rejects.toMatchObject({
      code: 'invalid-plan',
      message: `the plan is refused: ${verifyPlan(old)[0]}`,
    });
  });
});

/** A history of so many minor versions. */
const history = (minor: number): AddedField[] =>
  Array.from({ length: minor }, (_, i) => ({
    since: i + 1,
    at: [],
    field: `added${i + 1}`,
    value: i,
  }));

test('a reader of 3.m reads 3.0 to 3.m and nothing else', () => {
  const version = fc.oneof(
    fc.tuple(fc.nat(6), fc.nat(6)).map(([major, minor]) => `${major}.${minor}`),
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.stringMatching(/^[03. -]{1,6}$/),
    fc.constantFrom(
      '3',
      '3.',
      '.0',
      '03.0',
      '3.00',
      '3.0.0',
      '3.0 ',
      ' 3.0',
      '３.0',
      '3.1e0',
      null,
      true,
      [],
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.nat(5), version, (minor, given) => {
      const added = history(minor);
      const read = Array.from({ length: minor + 1 }, (_, m) => `3.${m}`).includes(given as string);
      const problem = versionProblem(given, added);
      expect(problem === null).toBe(read);
      if (problem === null) return;
      expect(problem).toContain(`reads ${versionsRead(added)}`);
      expect(problem).not.toMatch(/\n|[\p{Cc}]/u);
      expect(problem.length).toBeLessThan(200);
    }),
    soaked(2000),
  );
});

test('each minor version fills in what came after it, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(5), fc.nat(5), (reader, writer) => {
      fc.pre(writer <= reader);
      const given = { format: 'btc-plan', version: `3.${writer}` };
      const read = currentPlan(given, history(reader));
      const filled = Array.from({ length: reader - writer }, (_, i) => writer + i);
      expect(read).toEqual({
        plan: { ...given, ...Object.fromEntries(filled.map((i) => [`added${i + 1}`, i])) },
      });
    }),
  );
});

test('reading never throws, and fills in nothing that a prototype has', () => {
  const rows: AddedField[] = [{ since: 1, at: ['a', '*'], field: 'constructor', value: 1 }];
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const read = currentPlan({ format: 'btc-plan', version: '3.0', a: value }, rows);
      expect(read).toHaveProperty('plan');
    }),
  );
  const proto = JSON.parse(
    '{"format":"btc-plan","version":"3.0","a":{"__proto__":{"x":1},"b":{}}}',
  );
  const { plan: filled } = currentPlan(proto, rows) as { plan: typeof proto };
  expect(Object.keys(filled.a)).toEqual(['__proto__', 'b']);
  expect(filled.a.b).toEqual({ constructor: 1 });
  expect(Object.getPrototypeOf(filled.a)).toBe(Object.prototype);
});

test('the newest version is that of the last row, in order, and the one that is written', () => {
  expect(plan.version).toBe(PLAN_VERSION);
  expect(versionProblem(PLAN_VERSION)).toBeNull();
});
