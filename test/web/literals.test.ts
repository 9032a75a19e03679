import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as language from '../../compiler/language.ts';
import SIGNATURES from '../../compiler/signatures.json' with { type: 'json' };
import { wrongGiven } from '../../compiler/web/literals.ts';
import { linkFiles } from '../../compiler/web/modules.ts';
import { ROOT } from '../support/btc.ts';

const EXPORTED: ReadonlySet<string> = new Set(Object.keys(language));
const TABLE = join(ROOT, 'compiler/signatures.json');

const problemsOf = (file: string, text: string) =>
  linkFiles({ [file]: text }, file, EXPORTED).diagnostics;

/** A line of a model: what is said of it, and the column. */
function saidOf(line: string): string[] {
  const names = [...EXPORTED].filter((name) => new RegExp(`\\b${name}\\b`).test(line));
  const text = `import { ${names.join(', ')} } from 'btc-compiler';\n${line}`;
  return problemsOf('model.ts', text).map(
    ({ code, source, message }) => `${source?.line}:${source?.column} ${code} ${message}`,
  );
}

test('the table is that of the declarations; vitest --update writes it', async () => {
  // What TypeScript has seen before decides the order of unions: a process of its own has seen nothing.
  const script = `import { signaturesOf } from './scripts/signatures.mjs';
process.stdout.write(JSON.stringify(signaturesOf('compiler/language.ts')));`;
  const made = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  await expect(`${made}\n`).toMatchFileSnapshot(TABLE);
});

describe('what only types would have told is BTC5209 at its place', () => {
  test.each([
    [
      "linear(784, 16, { nam: 'x' })",
      19,
      "it has no option 'nam', only bias, biasInit, name, variance, weight, weightInit; did you mean 'name'?",
    ],
    ['linear(784, 16, { name: 3 })', 25, "option 'name' is 3; it takes a text"],
    ["linear(784, 16, 'hidden')", 17, "argument 3 is 'hidden'; it takes an object"],
    ["linear('784', 16)", 8, "argument 1 is '784'; it takes a number"],
    ['linear(784)', 1, 'it takes 2 to 3 arguments, not 1'],
    ["linear(784, 16, { bias: 'no' })", 25, "option 'bias' is 'no'; it takes true or false"],
    [
      "linear(784, 16, { variance: 'glorott' })",
      29,
      "option 'variance' is 'glorott'; it takes 'glorot' or 'he' or 'lecun'; did you mean 'glorot'?",
    ],
    ['relu(x, 0.1)', 1, 'it takes 1 argument, not 2'],
    ["dropout(x, '0.1')", 12, "argument 2 is '0.1'; it takes a number"],
    ['dropout(x, { rate: 0.1 })', 12, 'argument 2 is an object; it takes a number'],
    ['softmax(x, { axis: 1 })', 12, 'argument 2 is an object; it takes a number'],
    ['layerNorm(16, { eps: 1e-5 })', 17, "it has no option 'eps'"],
    ["init.normal('0.02')", 13, "argument 1 is '0.02'; it takes a number"],
    [
      "attention(16, { heads: 4, causal: 'yes' })",
      35,
      "option 'causal' is 'yes'; it takes true or false",
    ],
    ['adam({ lr: 1e-3 })', 8, "it has no option 'lr'"],
    ["adam({ learningRate: '1e-3' })", 22, "option 'learningRate' is '1e-3'; it takes a number"],
    ['adam(1e-3)', 6, 'argument 1 is 0.001; it takes an object'],
    ['adam({ betas: [0.9, 0.99] })', 8, "it has no option 'betas'"],
    ['adamw({ decay: 0.01 })', 9, "it has no option 'decay'"],
    [
      "crossEntropy(x, y, { reduction: 'avg' })",
      33,
      "option 'reduction' is 'avg'; it takes 'mean' or 'none' or 'sum'",
    ],
    [
      "defineModel({ name: 'm', inputs: {}, build, seed: '1' })",
      51,
      "option 'seed' is '1'; it takes a number",
    ],
    ["defineModel({ name: 'm', inputs: {}, build, seeds: 1 })", 45, "it has no option 'seeds'"],
    ['scope(() => 1)', 1, 'it takes 2 arguments, not 1'],
  ])('%s', (line, column, problem) => {
    const [said, ...more] = saidOf(line);
    const op = /^[\w.]+/.exec(line)![0];
    expect(said).toContain(`2:${column} BTC5209 '${op}': ${problem}`);
    expect(more).toEqual([]);
  });
});

describe('what is called by another name is judged when it is called', () => {
  const taken = Object.entries(SIGNATURES).map(
    ([name, overloads]) =>
      [name, Math.max(...overloads.map(({ most }) => most ?? Number.POSITIVE_INFINITY))] as const,
  );
  test.each(taken.filter(([, most]) => Number.isFinite(most)))('%s', (name, most) => {
    const given = Array.from({ length: most + 1 }, () => null);
    expect(wrongGiven(name, given)?.problem).toMatch(/^it takes [\d to]+ arguments?, not \d+$/);
  });

  test.each([
    ['sum', [{}, 0, { keepDim: true }], "it has no option 'keepDim', only keepDims"],
    ['linear', [3, 4, { biass: true, name: 'a' }], "it has no option 'biass', only bias,"],
    ['adam', [{ lr: 0.1 }], "it has no option 'lr', only"],
  ] as const)('%s by the names of its options', (name, given, problem) => {
    expect(wrongGiven(name, given)?.problem).toContain(problem);
  });

  test('an object that knows more is what types take too', () => {
    expect(wrongGiven('linear', [3, 4, { name: 'a', heads: 4 }])).toBeNull();
    expect(wrongGiven('linear', [3, 4, {}])).toBeNull();
    expect(wrongGiven('linear', [3, 4])).toBeNull();
  });
});

test('members of the whole language are functions of it', () => {
  const text = "import * as btc from 'btc-compiler';\nbtc.relu(1, 2); btc.init.normal('a');";
  expect(problemsOf('model.ts', text).map(({ message }) => message)).toEqual([
    "'relu': it takes 1 argument, not 2",
    "'init.normal': argument 1 is 'a'; it takes a number",
  ]);
});

test('what is computed, spread or of the model itself is not judged', () => {
  for (const line of [
    'const width = "784" as any; linear(width, 16);',
    'const options = { nmae: 1 }; linear(784, 16, options as any);',
    'const given = [1, 2, 3, 4] as const; linear(...given);',
    'const own = (linear: any) => linear("a", "b", "c", "d", "e");',
    'function adam(rate: number) { return rate; } adam(1e-3);',
  ])
    expect(
      saidOf(line).filter((said) => said.includes('BTC5209')),
      line,
    ).toEqual([]);
});

test('nothing is said of the models that TypeScript takes', () => {
  const listed = execFileSync(
    'git',
    ['ls-files', 'examples/**/*.ts', 'create-btc-compiler/**/model.ts'],
    {
      ...{ cwd: ROOT, encoding: 'utf8' },
    },
  );
  const files = listed.split('\n').filter((name) => name && !name.endsWith('.d.ts'));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const found = problemsOf(file, readFileSync(join(ROOT, file), 'utf8'));
    expect(
      found.filter(({ code }) => code === 'BTC5209'),
      file,
    ).toEqual([]);
  }
});
