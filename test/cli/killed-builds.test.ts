import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeOutputs } from '../../compiler/cli/emit.ts';
import { recoverFolder } from '../../compiler/cli/journal.ts';
import { start } from '../support/commands.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const EMIT = new URL('../../dist/compiler/cli/emit.js', import.meta.url).href;
const FILES = ['model.a', 'model.b', 'model.c', 'model.d'];

let project: Project;
let out: string;
beforeEach(() => {
  project = createProject();
  out = join(project.folder, 'out');
});
afterEach(() => project.remove());

/**
 * A process that replaces a set of files by the next one, over and over. Every other set lacks the last file, which is then obsolete.
 */
function writer() {
  project.write(
    'write.mjs',
    `import { writeOutputs } from ${JSON.stringify(EMIT)};
const names = ${JSON.stringify(FILES)};
for (let set = ${setOf(read())}; ; set++) {
  const written = set % 2 ? names.slice(0, -1) : names;
  const content = String(set).padEnd(20000, '.');
  await writeOutputs('out', written.map((path) => ({ path, content })), names.slice(written.length));
  console.log(set);
}`,
  );
  return spawn(process.execPath, ['write.mjs'], { cwd: project.folder });
}

const read = () =>
  Object.fromEntries(
    project.list('out').map((name) => [name, readFileSync(join(out, name), 'utf8')]),
  );
const setOf = (files: Record<string, string>) => Number.parseInt(files['model.a'] ?? '0', 10);

/** All files are of one set, and there are no others. */
function expectOneSet(): void {
  const files = read();
  const set = setOf(files);
  expect(Object.keys(files)).toEqual(set % 2 ? FILES.slice(0, -1) : FILES);
  for (const text of Object.values(files)) expect(text).toBe(String(set).padEnd(20000, '.'));
}

describe('processes that are ended at a random moment while they replace files', () => {
  const SEEDS = Array.from({ length: 15 }, (_, k) => k);
  const moment = (seed: number) => 40 * ((seed * 0.618) % 1);

  async function end(signal: NodeJS.Signals, seed: number) {
    const child = writer();
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, moment(seed)));
    child.kill(signal);
    const [, by] = await once(child, 'exit');
    expect(by).toBe(signal);
  }

  test('by SIGKILL: the next one finds all new or all old', async () => {
    let disorders = 0;
    for (const seed of SEEDS) {
      await end('SIGKILL', seed);
      if (project.list('out').length > FILES.length) disorders++;
      await recoverFolder(out);
      expectOneSet();
    }
    // The moments are such that there was something to do.
    expect(disorders).toBeGreaterThan(0);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s: nothing is left to do', async (signal) => {
    for (const seed of SEEDS.slice(0, 8)) {
      await end(signal, seed);
      expectOneSet();
    }
  });
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s that arrives in the last moment of a task or a section is not lost',
  async (signal) => {
    const ending = JSON.stringify(new URL('./ending.js', EMIT).href);
    const strike = `async () => process.kill(process.pid, '${signal}')`;
    const lasts = [
      `withCleanup(() => {}, ${strike})`,
      `uninterrupted(${strike})`,
      `uninterrupted(async () => {}).then(${strike})`,
    ];
    const ends = lasts.map(async (last, k) => {
      project.write(
        `last${k}.mjs`,
        `import { uninterrupted, withCleanup } from ${ending};
await ${last};
setTimeout(() => {}, 60_000);`,
      );
      const child = spawn(process.execPath, [`last${k}.mjs`], { cwd: project.folder });
      return (await once(child, 'exit'))[1];
    });
    expect(await Promise.all(ends)).toEqual(lasts.map(() => signal));
  },
);

test('a build that is killed while it writes is finished, or undone, by the next', async () => {
  project.write('model.ts', SMALL_MODEL);
  const args = ['build', 'model.ts', '--target', 'wasm'];
  expect(project.btc(...args).code).toBe(0);
  const before = project.list('out');
  // On a busy machine the files of a build may come and go unseen; then the next one is watched.
  for (let batch = 8, isKilled = false; !isKilled; batch++) {
    const { child, ended } = start(project, ...args, '--set', `batch=${batch}`);
    const isWriting = () => project.list('out').length !== before.length;
    while (child.exitCode === null && !isWriting())
      await new Promise((resolve) => setImmediate(resolve));
    isKilled = child.kill('SIGKILL');
    await ended;
  }
  // Even where that builds nothing.
  expect(project.btc('build', 'nowhere.ts').code).toBe(1);
  expect(project.list('out')).toEqual(before);
  expect(project.list('.').filter((name) => name.includes('btc-'))).toEqual([]);
  const batch = (name: string) =>
    JSON.parse(readFileSync(join(out, name), 'utf8')).programs.predict.inputs[0].shape[0];
  expect(readFileSync(join(out, 'model.d.ts'), 'utf8')).toContain(
    `[${batch('model.wasm.plan.json')}, 3]`,
  );
});

describe('what a dead process left', () => {
  // Above the largest process id of Linux.
  const DEAD = 2 ** 22 + 1;
  const journal = (mark: string) =>
    JSON.stringify({
      mark,
      renames: FILES.map((name) => [`${name}.${mark}.tmp`, name]),
      removed: ['old'],
    });

  test('is finished where its change was on record, and removed where it was not', async () => {
    const mark = `btc-${DEAD}-0`;
    project.write('out/old', 'obsolete');
    project.write('out/model.a', '2');
    for (const name of FILES.slice(1)) project.write(`out/${name}.${mark}.tmp`, '2');
    project.write('out/.btc-journal', journal(mark));
    project.write(`out/model.a.btc-${DEAD}-1.tmp`, 'half');
    project.write(`out/model.a.btc-${DEAD}-1.old`, '1');
    project.write(`out/lost.btc-${DEAD}-1.old`, 'all that there is');
    await recoverFolder(out);
    expect(read()).toEqual({
      lost: 'all that there is',
      ...Object.fromEntries(FILES.map((name) => [name, '2'])),
    });
  });

  test('is not touched while the process lives, nor are files that look alike', async () => {
    const mark = `btc-${process.ppid}-0`;
    const names = [
      `model.a.${mark}.tmp`,
      `model.a.${mark}.old`,
      'model.btc-tmp',
      'btc-1.tmp',
      '.btc-journal',
    ];
    for (const name of names) project.write(`out/${name}`, journal(mark));
    await recoverFolder(out);
    expect(project.list('out')).toEqual(names.sort());
  });

  test('cannot lead out of the folder', async () => {
    project.write('mine', 'mine');
    const mark = `btc-${DEAD}-0`;
    project.write(
      'out/.btc-journal',
      JSON.stringify({ mark, renames: [['../mine', 'model.a']], removed: ['../mine'] }),
    );
    await recoverFolder(out);
    expect(readFileSync(join(project.folder, 'mine'), 'utf8')).toBe('mine');
    expect(existsSync(join(out, 'model.a'))).toBe(false);
  });
});

test('two at once in one folder take turns', async () => {
  const sets = ['1', '2', '3', '4'];
  await Promise.all(
    sets.map((content) =>
      writeOutputs(
        out,
        FILES.map((path) => ({ path, content })),
      ),
    ),
  );
  expect(new Set(Object.values(read())).size).toBe(1);
  expect(project.list('out')).toEqual(FILES);
  writeFileSync(join(out, 'other'), '');
});
