import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, expect, test } from 'vitest';
import { ROOT } from '../support/btc.ts';
import { createProject } from '../support/project.ts';

const project = createProject();
afterEach(() => project.remove());

// What a reader copies must be right: the model builds, and the code around it type-checks against what the build wrote.
test('the code in the README is right', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [model, use, api, buffers, compact] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(
    ([, code]) => code,
  );
  const files = {
    'package.json': '{ "type": "module" }',
    'model.ts': model,
    'use.ts': `declare const batches: { images: Float32Array; labels: Int32Array }[];
declare const image: Float32Array;
${use}`,
    'api.ts': `import model from './model.ts';\ndeclare const device: GPUDevice;\n${api}`,
    'buffers.ts': `import type { Session } from 'btc-compiler/runtime';
declare const session: Session;
declare const imageBuffer: GPUBuffer;
declare const labelBuffer: GPUBuffer;
${buffers}`,
    'compact.ts': `import { blockTerm, lstm } from 'btc-compiler';\n${compact}`,
  };
  for (const [name, text] of Object.entries(files)) project.write(name, text);
  const { code, stdout } = project.btc('build', 'model.ts');
  expect(code, stdout).toBe(0);
  const names = Object.keys(files).filter((name) => name.endsWith('.ts'));
  const program = ts.createProgram(
    names.map((name) => join(project.folder, name)),
    {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
    },
  );
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  expect(problems).toEqual([]);
});
