import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import ts from 'typescript';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  flag,
  type Infer,
  list,
  named,
  nullable,
  number,
  object,
  oneOf,
  pair,
  problemsOf,
  record,
  text,
  whole,
} from '../../ir/form.ts';

const ITEM = object({ kind: oneOf('a', 'b'), at: pair(whole(0, 9)) }, { note: text() });
const ROOT = object({
  name: text('a word', /^\w+$/),
  share: nullable(number(0, 1)),
  on: flag,
  items: list(ITEM, 1),
  counts: record(text('a letter', /^[a-z]$/), whole()),
});
type Root = Infer<typeof ROOT>;
const NAMED = named<Root>(ROOT);

const GOOD: Root = {
  ...{ name: 'x', share: null, on: true, counts: { a: -3 } },
  items: [
    { kind: 'a', at: [0, 9] },
    { kind: 'b', at: [1, 2], note: '' },
  ],
};
const texts = (value: unknown) =>
  problemsOf(ROOT, value).map(({ path, kind, wanted }) => `${kind} ${path}: ${wanted}`);

test('a form is a type', () => {
  expectTypeOf<Root['share']>().toEqualTypeOf<number | null>();
  expectTypeOf<Root['items'][number]['kind']>().toEqualTypeOf<'a' | 'b'>();
  expectTypeOf<Root['items'][number]['note']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Root['items'][number]['at']>().toEqualTypeOf<readonly [number, number]>();
  expectTypeOf<Infer<typeof NAMED>>().toEqualTypeOf<Root>();
});

describe('what is wrong is named with its place', () => {
  test.each<[string, unknown, string[]]>([
    ['nothing', GOOD, []],
    ['no object', 7, ['value : an object']],
    ['a list', [], ['value : an object']],
    ['a missing field', { ...GOOD, on: undefined }, ['value on: true or false']],
    ['a field too much', { ...GOOD, extra: 1 }, ['field extra: a field']],
    ['a wrong text', { ...GOOD, name: 'a b' }, ['value name: a word']],
    ['too large', { ...GOOD, share: 2 }, ['value share: at most 1']],
    ['too small', { ...GOOD, share: -1 }, ['value share: at least 0']],
    ['no number', { ...GOOD, share: '1' }, ['value share: a number']],
    ['no items', { ...GOOD, items: [] }, ['value items: an array']],
    ['a wrong key', { ...GOOD, counts: { A: 1 } }, ['key counts.A: a letter']],
    [
      'half',
      { ...GOOD, counts: { a: 0.5 } },
      [expect.stringMatching(/^value counts\.a: a whole number/) as never],
    ],
    [
      'an item',
      { ...GOOD, items: [GOOD.items[0], { kind: 'c', at: [1], note: 1 }] },
      [
        'value items[1].kind: "a" or "b"',
        'value items[1].at: an array of 2',
        'value items[1].note: a string',
      ],
    ],
  ])('%s', (_, value, wanted) => {
    expect(texts(value)).toEqual(wanted);
  });
});

test('nothing is taken from a prototype, and optional fields there are checked', () => {
  const inherited = Object.create({ ...GOOD });
  expect(texts(inherited).length).toBeGreaterThan(0);
  const item = Object.assign(Object.create({ note: 1 }), GOOD.items[0]);
  expect(texts({ ...GOOD, items: [item] })).toEqual(['value items[0].note: a string']);
  const counts = JSON.parse('{"__proto__": 1}');
  expect(texts({ ...GOOD, counts })).toEqual(['key counts.__proto__: a letter']);
  expect(texts({ ...GOOD, constructor: 1 })).toEqual(['field constructor: a field']);
});

test('at most a hundred problems of any value, and no error', () => {
  const many = { ...GOOD, items: Array.from({ length: 1e5 }, () => null) };
  expect(problemsOf(ROOT, many)).toHaveLength(100);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(problemsOf(ROOT, value).length).toBeGreaterThan(0);
    }),
  );
});

test('an editor shows the comment of a field of a plan', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const file = `${root}hover.ts`;
  const source = `import type { Plan } from './ir/plan.ts';\ndeclare const plan: Plan;\nplan.memory.deviceBytes;\nplan.tensors[0].copyOf!.by;\n`;
  const options = {
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    lib: ['lib.es2023.d.ts'],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    types: [],
  };
  const read = (name: string) => (name === file ? source : ts.sys.readFile(name));
  const service = ts.createLanguageService({
    getScriptFileNames: () => [file],
    getScriptVersion: () => '0',
    getScriptSnapshot: (name) => {
      const content = read(name);
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
    },
    getCurrentDirectory: () => root,
    getCompilationSettings: () => options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile: read,
  });
  const hover = (word: string) => {
    const info = service.getQuickInfoAtPosition(file, source.indexOf(word))!;
    return [
      ts.displayPartsToString(info.displayParts),
      ts.displayPartsToString(info.documentation),
    ];
  };
  expect(hover('deviceBytes')).toEqual([
    '(property) deviceBytes: number',
    'Everything the runtime allocates on the device: the slabs plus staging.',
  ]);
  expect(hover('copyOf')[0]).toContain('copyOf?: CopyOf');
  expect(hover('by;')).toEqual([
    '(property) by: "recompute" | "swap"',
    expect.stringContaining('a step recomputed it'),
  ]);
});
