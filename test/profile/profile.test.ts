import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readProfileFile } from '../../compiler/cli/profile-file.ts';
import { compile, defineModel, linear, tensor } from '../../compiler/index.ts';
import { checkProfile } from '../../compiler/profile/check.ts';
import { measureFile } from '../../compiler/profile/file-rates.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import { TARGETS } from '../../compiler/targets/index.ts';
import { TARGET_NAMES } from '../../ir/targets.ts';

const { profile: wasm } = TARGETS.wasm;
const { profile: webgpu } = TARGETS.webgpu;
const folder = mkdtempSync(join(tmpdir(), 'btc-profiles-'));
afterAll(() => rmSync(folder, { recursive: true }));

const messages = (profile: unknown) =>
  checkProfile(profile, 'mine.json').map(({ code, message }) => `${code} ${message}`);

test.each(Object.entries(SHIPPED_PROFILES))('the profile %s is one', (name, profile) => {
  expect(messages(profile)).toEqual([]);
  expect(profile.name).toBe(name);
});

test('targets go by real devices where nothing is said', () => {
  expect(wasm).toBe(SHIPPED_PROFILES.wasm);
  expect(webgpu).toBe(SHIPPED_PROFILES.h100);
  for (const target of TARGET_NAMES) expect(TARGETS[target].profile.target).toBe(target);
});

describe('what no device is', () => {
  test.each([
    [{ memoryBytesPerSecond: 0 }, "'memoryBytesPerSecond' is 0; it must be at least 1000;"],
    [{ dispatchSeconds: -1 }, "'dispatchSeconds' is -1; it must be at least 1e-10;"],
    [{ transferSeconds: Number.NaN }, "'transferSeconds' is NaN; it must be a number;"],
    [{ overlap: 1.5 }, "'overlap' is 1.5; it must be at most 1;"],
    [
      { deviceToHostBytesPerSecond: 1e18 },
      "'deviceToHostBytesPerSecond' is 1000000000000000000; it must be at most 100000000000000;",
    ],
    [{ functionsPerSecond: Number.POSITIVE_INFINITY }, "'functionsPerSecond' is Infinity; it must"],
    [{ submitSeconds: '1 ms' }, `'submitSeconds' is "1 ms"; it must be a number;`],
    [{ target: 'metal' }, `'target' is "metal"; it must be "webgpu" or "wasm"; "wasm" would do`],
    [{ workgroups: webgpu.workgroups }, "'workgroups' is {"],
  ])('%o is refused with a value that would do', (change, message) => {
    const found = messages({ ...wasm, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`BTC5021 device profile '${wasm.name}': ${message}`);
    expect(found[0]).toMatch(/; \S.* would do$/);
  });

  test('what the default has in that place would do, and nothing else is reported', () => {
    expect(messages({ ...wasm, memoryBytesPerSecond: 0 })).toEqual([
      `BTC5021 device profile '${wasm.name}': 'memoryBytesPerSecond' is 0; it must be at least 1000; ${wasm.memoryBytesPerSecond} would do`,
    ]);
  });

  test('fields inside of others are named by their path', () => {
    const operationsPerSecond = { ...wasm.operationsPerSecond, gather: -3 };
    expect(messages({ ...wasm, operationsPerSecond })).toEqual([
      expect.stringContaining("'operationsPerSecond.gather' is -3; it must be at least 1000"),
    ]);
    const workgroups = { ...webgpu.workgroups, barriersPerSecond: 0 };
    expect(messages({ ...webgpu, workgroups })).toEqual([
      expect.stringContaining("'workgroups.barriersPerSecond' is 0; it must be at least 1000"),
    ]);
    expect(messages({ ...webgpu, workgroups: null })).toEqual([
      expect.stringContaining("'workgroups' is null; it must be an object on webgpu"),
    ]);
  });
});

test('missing and unknown fields are named', () => {
  const { overlap: _, ...rest } = wasm;
  expect(messages({ ...rest, speed: 9 })).toEqual([
    `BTC5021 device profile '${wasm.name}': 'overlap' is missing; it must be given; ${wasm.overlap} would do`,
    "BTC5020 'mine.json' is not a valid device profile: it has an unknown field 'speed'",
  ]);
});

test.each([null, 7, [], {}, { format: 'btc-plan' }])('%o is no profile', (value) => {
  expect(messages(value)).toEqual([
    "BTC5020 'mine.json' is not a valid device profile: its 'format' is not 'btc-profile'",
  ]);
});

test('a file is read, and refused where it is none', async () => {
  const file = join(folder, 'profile.json');
  const codes = async () => {
    const read = await readProfileFile(file);
    return 'diagnostics' in read ? read.diagnostics.map(({ code }) => code) : read.profile;
  };
  expect(await codes()).toEqual(['BTC6003']);
  writeFileSync(file, '{"format": "btc-profile"');
  expect(await codes()).toEqual(['BTC6091']);
  writeFileSync(file, JSON.stringify({ ...wasm, overlap: 2 }));
  expect(await codes()).toEqual(['BTC5021']);
  writeFileSync(file, JSON.stringify(wasm));
  expect(await codes()).toEqual(wasm);
});

describe('a build', () => {
  const model = defineModel({
    name: 'small',
    inputs: { x: tensor([4, 3]) },
    build: ({ x }) => ({ y: linear(3, 2)(x) }),
  });

  test('refuses a profile that is absurd or of another target', async () => {
    const absurd = await compile(model, { target: 'wasm', profile: { ...wasm, overlap: -1 } });
    expect([absurd.plan, absurd.diagnostics.map(({ code }) => code)]).toEqual([null, ['BTC5021']]);
    const other = await compile(model, { target: 'webgpu', profile: wasm });
    expect(other.diagnostics.map(({ message }) => message)).toEqual([
      `device profile '${wasm.name}' is of target wasm, but plans are built for webgpu`,
    ]);
  });

  test('takes the name of a profile that comes with it', async () => {
    const named = await compile(model, { target: 'webgpu', profile: 'swiftshader' });
    const given = await compile(model, {
      target: 'webgpu',
      profile: SHIPPED_PROFILES.swiftshader,
    });
    expect(named.plan?.profile).toBe('swiftshader');
    expect(named.plan).toEqual(given.plan);
    expect((await compile(model, { target: 'webgpu' })).plan?.profile).toBe('h100');
  });

  test.each([
    ['h10', "there is no device profile 'h10', by name or as a file; the names are h100, "],
    ['toString', "there is no device profile 'toString', by name or as a file; the names are "],
  ])('refuses %s, which is no name', async (name, message) => {
    const { plan, diagnostics } = await compile(model, { profile: name as 'h100' });
    expect([plan, diagnostics.map(({ code }) => code)]).toEqual([null, ['BTC5023']]);
    expect(diagnostics[0].message).toContain(message);
  });

  test('refuses a name of another target', async () => {
    const { diagnostics } = await compile(model, { target: 'wasm', profile: 'h100' });
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "device profile 'h100' is of target webgpu, but plans are built for wasm",
    ]);
  });

  test('records the profile by its name', async () => {
    const { plan } = await compile(model, { target: 'wasm', profile: { ...wasm, name: 'mine' } });
    expect(plan?.profile).toBe('mine');
  });
});

test('the published schema is the one that is checked by', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../compiler/profile/profile.schema.json', import.meta.url), 'utf8'),
  ) as { required: string[] };
  expect(schema.required.toSorted()).toEqual(Object.keys(wasm).toSorted());
});

test('a disk is measured without leaving anything behind', async () => {
  const empty = mkdtempSync(join(folder, 'disk-'));
  const { fileReadBytesPerSecond, fileWriteBytesPerSecond } = await measureFile(empty);
  expect(fileReadBytesPerSecond).toBeGreaterThan(0);
  expect(fileWriteBytesPerSecond).toBeGreaterThan(0);
  expect(readdirSync(empty)).toEqual([]);
});
