import { expect, test } from 'vitest';
import { linkFiles } from '../../compiler/web/modules.ts';

const said = (files: Record<string, string>, entry = 'model.ts') =>
  linkFiles(files, entry, new Set(['relu'])).diagnostics.map(
    ({ code, message, source }) =>
      `${source?.file}:${source?.line}:${source?.column} ${code} ${message}`,
  );

test.each([
  [
    './layer',
    "./layer' is not among the files that are given: model.ts, layers.ts, lib/heads.ts; did you mean './layers.ts'?",
  ],
  ['./lib/head.ts', "; did you mean './lib/heads.ts'?"],
  ['./nothing/like/it.ts', 'lib/heads.ts'],
])('an import of %s in a page has its place, and names what could be imported', (name, message) => {
  const files = { 'layers.ts': 'export const a = 1;', 'lib/heads.ts': 'export const a = 1;' };
  const [line] = said({ 'model.ts': `\nimport { a } from '${name}';\na();\n`, ...files });
  expect(line).toMatch(/^model\.ts:2:19 BTC5203 /);
  expect(line.slice(-message.length)).toBe(message);
});

test('a file in a folder is told of others from there', () => {
  const [line] = said(
    {
      'lib/model.ts': "import { a } from '../layer.ts';\na();\n",
      'layers.ts': 'export const a = 1;',
    },
    'lib/model.ts',
  );
  expect(line).toContain("did you mean '../layers.ts'?");
});
