import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { plainCode } from '../../scripts/plain-code.mjs';
import { rewritten } from '../../scripts/plain-loops.mjs';

/** What the statements of a CommonJS module export. */
function exported(code: string): Record<string, unknown> {
  const exports = {};
  const importer = { './import.cjs': (specifier: string) => `imported ${specifier}` };
  new Function('exports', 'require', code)(
    exports,
    (name: keyof typeof importer) => importer[name],
  );
  return exports;
}

describe('literals of objects mean what they meant', () => {
  const START =
    'const a = { x: 1, y: 2 }, b = { y: 3, z: 4 }, no = null; const f = (n) => ({ n }); let k = 0;\n';
  const literals = [
    '{ ...a, w: 1 }',
    '{ ...a, y: 5, w: 1 }',
    '{ w: 1, ...a }',
    '{ ...a, ...b }',
    '{ ...a }',
    '{ ...no, ...a, w: undefined }',
    '{ ...{ x: 1, y: 2 }, y: 3 }',
    '{ y: 3, ...{ x: 1, y: 2, }, z: k++, u: k++ }',
    '{ ...{ ...a, w: 1 }, x: 7 }',
    '{ ...{ ...{ ...a, v: 0 }, w: 1 }, ...{ ...b } }',
    '{ ...{}, x: 1 }',
    '{ ...(k > 5 ? a : b), w: { ...a, inner: { ...b, q: [{ ...a, r: 1 }] } } }',
    '{ ...f(1), ...{ ["k" + k++]: k++, "quoted-name": 2, 3: 4 } }',
    '{ ...f(1), ...{ m() { return [this.n]; } } }.m()',
    '{ ...[7, 8], length: 2 }',
    '{ ...{ get x() { return k++; } }, y: k }',
    '{ ...a, ...{ __proto__: b }, w: 1 }',
    '{ ...{ name: "…é" }, sign: /[…]/.test("…") }',
  ];
  test.each(literals)('%s', (literal) => {
    const code = `${START}exports.value = ${literal}; exports.k = k;`;
    const plain = plainCode(code, './import.cjs');
    const [was, is] = [exported(`'use strict';\n${code}`), exported(plain)];
    expect(is).toEqual(was);
    // Keys are in the same order, and of the same kind.
    const shown = (value: unknown) => Object.getOwnPropertyNames(value);
    expect(shown(is['value'])).toEqual(shown(was['value']));
    expect(plain).toMatch(/^'use strict';\n/);
  });

  test('and have no spread in front of other properties, nor one of a literal', () => {
    const plain = plainCode(
      `${START}exports.value = [{ ...a, w: 1 }, { v: 1, ...{ x: 2 } }, { ...a }];`,
      '',
    );
    expect(plain).toContain('{ ...null, ...a, w: 1 }');
    expect(plain).toContain('{ v: 1, x: 2 }');
    expect(plain).toContain('{ ...a }');
  });
});

test('exports of chunks are values, and import() is that of a module', () => {
  const code = `Object.defineProperty(exports, "one", {
	enumerable: true,
	get: function() {
		return one;
	}
});
const one = "import(x) … in a text";
exports.two = import("two"); /import\\(x/.test("");
`;
  // The chunk's own exports stand behind what they export.
  const [getter, ...rest] = code.split('\nconst one');
  const plain = plainCode(`const one${rest.join('')}${getter}`, './import.cjs');
  expect(exported(plain)).toEqual({ one: 'import(x) … in a text', two: 'imported two' });
  expect(plain).toContain('exports["one"] = one;');
  expect(plain).toMatch(/^[\0-\x7f]*$/);
});

test('what it does not know is refused', () => {
  expect(() => plainCode('const x = { get: function() {\n return y;\n } };', '')).toThrow(
    'not plain',
  );
  expect(() => plainCode('const x = String.raw`…`;', '')).toThrow('not ASCII');
});

describe('loops over arrays give what they gave', () => {
  const STATEMENTS: Readonly<Record<string, string>> = {
    'elements, with continue and break': `
      for (const x of [1, 2, 3, 4, 5]) { if (x === 2) continue; if (x === 5) break; out.push(x); }`,
    'a body without braces, in another': `
      for (const row of [[1, 2], [3]]) for (const x of row) out.push(x);`,
    'labels, from within': `
      outer: for (const row of [[1, 2], [3, 4], [5]]) for (const x of row) { if (x === 3) continue outer; if (x === 5) break outer; out.push(x); }`,
    'an array that grows meanwhile': `
      const waiting = [3]; for (const n of waiting) { out.push(n); if (n > 0) waiting.push(n - 1); }`,
    'an array that is replaced meanwhile': `
      let list = [1, 2]; for (const n of list) { list = []; out.push(n); }`,
    'closures over what a turn has': `
      const later: (() => number)[] = []; for (const x of [1, 2, 3]) later.push(() => x * x); for (const f of later) out.push(f());`,
    'a variable that the body changes, and one that hides it': `
      for (let x of [1, 2]) { x += 1; { const x = 'inner'; out.push(x); } out.push(x); }
      for (const x of [1, 2]) { const x = 5; out.push(x); }`,
    'indices and elements': `
      for (const [k, x] of ['a', 'b'].entries()) out.push(k, x);
      for (const [k] of ['a', 'b'].entries()) out.push(k);
      for (const [, x] of ['a', 'b'].entries()) out.push(x);
      for (const [k, [a, b]] of pairs.entries()) out.push(k, a, b);
      for (const k of pairs.keys()) out.push(k);`,
    pairs: `
      for (const [a, b] of pairs) out.push(a, b);
      for (const [, b = 'none'] of pairs) out.push(b);
      for (const [a, ...more] of [[1, 2, 3], [4]]) out.push(a, more);
      for (const [a, { length }] of [['x', 'four']] as [string, string][]) out.push(a, length);`,
    'maps, sets, texts and generators': `
      for (const [key, value] of new Map([['a', 1], ['b', 2]])) { const again = key; out.push(again, value); }
      for (const x of new Set([1, 2])) out.push(x);
      for (const c of 'añ😀') out.push(c);
      function* numbers() { yield 1; yield 2; }
      for (const x of numbers()) out.push(x);
      const [first, second] = numbers(); out.push(first, second);`,
    'numbers in typed arrays, and holes': `
      for (const x of Float32Array.of(1.5, 2)) out.push(x);
      for (const x of [1, , 3]) out.push(x);`,
    'patterns that take arrays apart': `
      const [a, , b] = [1, 2, 3], [c] = [4]; out.push(a, b, c);
      let [d, ...rest] = [5, 6, 7]; d++; out.push(d, rest);
      const [e, [f]] = [8, [9]] as [number, number[]]; out.push(e, f);
      const [missing] = [] as number[]; out.push(missing);
      const [g = 1] = [undefined, 2]; out.push(g);`,
    'parameters that are pairs': `
      out.push(...pairs.map(([a, b]) => ({ a, b })), ...pairs.map(([a], k) => [k, a]));
      out.push(pairs.reduce((sum, [a]) => { const b = sum + a.length; return b; }, 0));
      function both([a, b]: readonly [string, number], other = 3) { return [b, a, other]; }
      out.push(both(pairs[0]), pairs.map(([a]) => () => a).map((f) => f()));`,
    'the parts of a loop that is no such loop': `
      for (let [i, j] = [0, 3]; i < j; i++, j--) out.push(i, j);
      for (const key in { a: 1 }) out.push(key);`,
  };
  const head = `const out: unknown[] = []; const pairs: readonly (readonly [string, number])[] = [['p', 1], ['q', 2]];\n`;
  const files = new Map(
    Object.values(STATEMENTS).map((text, k) => [`/${k}.ts`, `${head}${text}\nexport { out };\n`]),
  );
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, strict: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, version, ...more) =>
    files.has(name)
      ? ts.createSourceFile(name, files.get(name)!, version)
      : getSourceFile.call(host, name, version, ...more);
  const program = ts.createProgram([...files.keys()], options, host);
  const run = (text: string) =>
    exported(ts.transpileModule(text, { compilerOptions: options }).outputText)['out'];

  test.each(Object.keys(STATEMENTS).map((name, k) => [name, `/${k}.ts`]))('%s', (_, name) => {
    const plain = rewritten(program.getSourceFile(name)!, program.getTypeChecker());
    expect(run(plain)).toEqual(run(files.get(name)!));
  });

  test('and go by index where types say that it is an array', () => {
    const plain = (name: string) =>
      rewritten(
        program.getSourceFile(`/${Object.keys(STATEMENTS).indexOf(name)}.ts`)!,
        program.getTypeChecker(),
      );
    for (const name of [
      'elements, with continue and break',
      'labels, from within',
      'an array that grows meanwhile',
    ])
      expect(plain(name)).not.toMatch(/ of /);
    const others = plain('maps, sets, texts and generators').match(/for \(const \S+ of /g);
    expect(others).toHaveLength(4);
    expect(plain('parameters that are pairs')).not.toContain('map(([a');
  });
});
