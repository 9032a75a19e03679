import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

let project: Project;
let child: ChildProcess;
let output = '';
beforeEach(() => {
  project = createProject();
  output = '';
});
afterEach(() => {
  child.kill();
  project.remove();
});

function watch(...args: string[]) {
  child = spawn(process.execPath, [MAIN, 'build', '--watch', '--no-pretty', ...args], {
    cwd: project.folder,
  });
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
}

/** What one build prints, up to the line that it waits. */
async function nextBuild(): Promise<string> {
  const end = 'Watching for file changes.\n';
  while (!output.includes(end)) await new Promise((resolve) => setTimeout(resolve, 50));
  const at = output.indexOf(end) + end.length;
  const text = output.slice(0, at);
  output = output.slice(at);
  return text;
}

test('rebuilds when a file changes, when it vanishes and when it is back', async () => {
  project.write('layers.ts', 'export const width = 3;\n');
  project.write(
    'model.ts',
    `import { width } from './layers.ts';\n${SMALL_MODEL.replace('linear(3', 'linear(width')}`,
  );
  const place = (name: string) => join(project.folder, name);
  watch('model.ts', '--target', 'wasm', '--noEmit');
  const first = await nextBuild();
  expect(first).toMatch(/ - Starting compilation in watch mode\.\.\.\n/);
  expect(first).toContain('model.ts → checked');

  renameSync(place('layers.ts'), place('l2.ts'));
  const second = await nextBuild();
  expect(second).toContain(' - File change detected. Starting incremental compilation...\n');
  expect(second).not.toContain('watch mode');
  expect(second).toContain('error TS2307');

  renameSync(place('l2.ts'), place('layers.ts'));
  expect(await nextBuild()).toContain('model.ts → checked');

  project.write('layers.ts', 'export const width = 4;\n');
  expect(await nextBuild()).toContain('error BTC2014');
});

test('waits for a model, and for a configuration, that do not exist yet', async () => {
  watch('model.ts', '--project', 'own.json', '--target', 'wasm', '--noEmit');
  expect(await nextBuild()).toContain('error BTC6003');
  project.write('model.ts', SMALL_MODEL);
  expect(await nextBuild()).toContain('error TS5083');
  project.write('own.json', '{ "compilerOptions": { "types": [] } }');
  expect(await nextBuild()).toContain('model.ts → checked');
});

/** Waits until the output has a text, and gives what it was then. */
async function printed(text: string): Promise<string> {
  while (!output.includes(text)) await new Promise((resolve) => setTimeout(resolve, 50));
  return output;
}

test('a model that never ends is overtaken by the next save, and so is what it imports', async () => {
  const looping = (width: string) =>
    `export const width = (() => { for (;;) {} return ${width}; })();\n`;
  project.write('layers.ts', looping('3'));
  project.write(
    'model.ts',
    `import { width } from './layers.ts';\n${SMALL_MODEL.replace('linear(3', 'linear(width')}`,
  );
  watch('model.ts', '--target', 'wasm', '--noEmit');
  await printed('Starting compilation');
  // Long enough for the model to be evaluated, which nothing says.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  project.write('layers.ts', 'export const width = 3;\n');
  const first = await nextBuild();
  expect(first).toContain(' - File change detected.');
  expect(first.match(/model\.ts → checked/g)).toHaveLength(1);
  expect(first).not.toContain('error');

  project.write('layers.ts', looping('4'));
  await printed('File change detected.');
  project.write('layers.ts', 'export const width = 4;\n');
  const second = await nextBuild();
  expect(second).toContain('error BTC2014');
  expect(second).not.toContain('checked');
});
