import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project } from './support/project.ts';

/** A block of code that says what file it is: three backticks, `js fit.mjs`. */
interface CodeFile {
  readonly name: string;
  readonly text: string;
}

function codeFiles(page: string): CodeFile[] {
  const text = readFileSync(fileURLToPath(new URL(`../docs/${page}`, import.meta.url)), 'utf8');
  const blocks = text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms);
  return Array.from(blocks, ([, name, code]) => ({ name, text: code }));
}

/** Pages whose files are a project: models are built, scripts are run, in this order. */
describe.each(['pytorch.md'])('the code of docs/%s', (page) => {
  const files = codeFiles(page);
  let project: Project;
  beforeAll(() => {
    project = createProject();
    for (const { name, text } of files) project.write(name, text);
  });
  afterAll(() => project.remove());

  test('is there', () => {
    expect(files.length).toBeGreaterThan(1);
  });

  test.each(files.map(({ name }) => name))('%s', (name) => {
    if (name.endsWith('.ts')) {
      const { code, stderr } = project.btc('build', name, '--target', 'wasm');
      expect([code, stderr]).toEqual([0, '']);
      return;
    }
    const { status, stderr } = spawnSync(process.execPath, [name], {
      ...{ cwd: project.folder, encoding: 'utf8' },
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});
