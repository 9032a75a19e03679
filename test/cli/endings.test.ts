import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, start } from '../support/commands.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

let project: Project;
beforeEach(() => {
  project = createProject();
});
afterEach(() => project.remove());

/** Names of btc's temporary files in the project, which is its folder of temporary files too. */
const leftovers = () =>
  [...project.list('.'), ...project.list('out')].filter((name) => name.includes('btc-'));

/** Runs a command line of bash in the project; `$BTC` is the command. */
const bash = (line: string) =>
  spawnSync('bash', ['-c', line], {
    cwd: project.folder,
    encoding: 'utf8',
    env: { ...process.env, BTC: `${process.execPath} ${MAIN}`, TMPDIR: project.folder },
    timeout: 500_000,
  });

describe('a reader that has gone', () => {
  test.each([
    ['a build with errors', '$BTC build bad.ts'],
    ['help', '$BTC build --help'],
    ['errors of usage', '$BTC path ab,bc->ac --sizes x 2>&1 >/dev/null'],
  ])('ends %s without a word', (_, command) => {
    project.write('bad.ts', 'export default 1;');
    const { stdout, stderr } = bash(`${command} | true; echo "\${PIPESTATUS[0]}"`);
    // Fast commands may have written everything before the reader went.
    expect(stdout.trim()).toMatch(/^(141|1|0)$/);
    expect(stderr).toBe('');
  });

  test('ends a model that prints for ever, and a watch', () => {
    project.write(
      'talks.ts',
      `for (;;) await new Promise((r) => setTimeout(() => { console.log('x'); r(0); }));`,
    );
    for (const option of ['', '--watch'])
      expect(
        bash(`$BTC build talks.ts ${option} | head -2 | tail -1; echo "\${PIPESTATUS[0]}"`),
      ).toMatchObject({ stdout: 'x\n141\n', stderr: '' });
    expect(leftovers()).toEqual([]);
  });
});

test.skipIf(!existsSync('/dev/full'))('a full disk behind the output is one sentence', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'path', 'ab,bc->ac', '--sizes', 'a=2,b=2,c=2'],
      {
        encoding: 'utf8',
        stdio: ['ignore', full, 'pipe'],
      },
    );
    expect(stderr).toBe(
      'error BTC6010: standard output cannot be written: no space is left on the device (btc explain 6010)\n',
    );
    expect(status).toBe(1);
  } finally {
    closeSync(full);
  }
});

const NOTHING_WRITTEN = 'interrupted: nothing was written\n';

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends a model that loops at its top level, and leaves nothing',
    async (signal) => {
      project.write('loops.ts', `console.log('looping');\nfor (;;);`);
      const { child, printed, ended } = start(project, 'build', 'loops.ts');
      await printed('looping');
      child.kill(signal);
      // By the signal itself: a shell makes 130, 143 or 129 of it.
      expect(await ended).toMatchObject({ code: null, signal, errors: NOTHING_WRITTEN });
      expect(leftovers()).toEqual([]);
    },
  );

  test.each([
    ['sweep', [], NOTHING_WRITTEN],
    ['export', ['--format', 'onnx'], NOTHING_WRITTEN],
    ['tune', [], 'interrupted: no kernel is measured yet, and nothing was written\n'],
  ])('btc %s says what it leaves', async (command, options, said) => {
    project.write('loops.ts', `console.log('looping');\nfor (;;);`);
    const { child, printed, ended } = start(project, command, 'loops.ts', ...options);
    await printed('looping');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGINT', errors: said });
    expect(leftovers()).toEqual([]);
  });

  test('ends a model that loops in its build function', async () => {
    project.write(
      'loops.ts',
      SMALL_MODEL.replace(
        'build: ({ x }) => (',
        "build: ({ x }) => (console.log('looping'), eval('for (;;);'), ",
      ),
    );
    const { child, printed, ended } = start(project, 'build', 'loops.ts');
    await printed('looping');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(leftovers()).toEqual([]);
  });
});

describe('a model that', () => {
  const build = (text: string) => {
    project.write('model.ts', text);
    const { code, stdout, stderr } = project.btcProcess(
      'build',
      'model.ts',
      '--target',
      'wasm',
      '--no-pretty',
    );
    expect(stderr).toBe('');
    expect(leftovers()).toEqual([]);
    return { code, lines: stdout.trimEnd().split('\n') };
  };

  test.each([
    [
      'ends the process at its top level',
      'const end = () => process.exit(3);\nend();',
      'model.ts(1,19): error BTC1030: the model ends the process, by process.exit(3), before it is built\n  model.ts(2,1): called from here',
    ],
    [
      'ends the process in its build function',
      SMALL_MODEL.replace('build: ({ x }) => (', 'build: ({ x }) => (process.exit(), '),
      'model.ts(6,22): error BTC1030: the model ends the process, by process.exit(), before it is built',
    ],
    [
      'waits for what never comes',
      'await new Promise(() => {});',
      "error BTC1031: the evaluation of 'model.ts' never ends: it awaits something that nothing can bring about any more",
    ],
    [
      'throws a text',
      "throw 'no';",
      'model.ts(1,1): error BTC1002: the model could not be evaluated: no',
    ],
    [
      'throws what has no text',
      'throw { toJSON() { throw 1; } };',
      'model.ts(1,1): error BTC1002: the model could not be evaluated: it threw something that has no text',
    ],
  ])('%s', (_, text, message) => {
    expect(build(text)).toEqual({ code: 1, lines: message.split('\n') });
    expect(project.list('out')).toEqual([]);
  });

  test('keeps a timer alive or patches globals, is built and ends', () => {
    const { code, lines } = build(`setInterval(() => {}, 1000);
Object.assign(globalThis, { setImmediate: () => {} });
console.log = () => {};
(globalThis as unknown as { process: { exitCode: number } }).process.exitCode = 7;
${SMALL_MODEL}`);
    expect({ code, lines }).toMatchObject({ code: 0 });
    expect(lines[0]).toContain('model.ts → out/model.*');
  });

  test('runs out of memory', () => {
    project.write(
      'model.ts',
      'const all: unknown[] = [];\nfor (;;) all.push(new Array(1000).fill(all.length));',
    );
    const { stdout } = bash(
      'NODE_OPTIONS=--max-old-space-size=250 $BTC build model.ts --no-pretty; echo $?',
    );
    expect(stdout).toBe(
      "error BTC1033: the build of 'model.ts' ran out of memory; NODE_OPTIONS=--max-old-space-size=<MiB> gives it more (btc explain 1033)\n1\n",
    );
  });

  test('prints, prints once: at its top level and in functions that run for every program and target', () => {
    project.write(
      'model.ts',
      `console.log('top');\nlet count = 0;\n${SMALL_MODEL.replace(
        'build: ({ x }) => (',
        `build: ({ x }, { training }) => (console.log('build'), console.log('twice'), console.log('twice'),
    console.log(training ? 'training' : 'predicting'), console.error('run', ++count), `,
      )}`,
    );
    const { code, stdout, stderr } = project.btcProcess('build', 'model.ts', '--noEmit');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 6)).toEqual([
      'top',
      'build',
      'twice',
      'twice',
      'predicting',
      'training',
    ]);
    // Once for each program, whatever the targets.
    expect(stderr).toBe('run 1\nrun 2\n');
  });
});

test('what one model does is nothing to the next', () => {
  project.write(
    'first.ts',
    'Math.hypot = () => { throw new Error("patched"); };\nprocess.exit(0);',
  );
  project.write('second.ts', SMALL_MODEL);
  const { code, stdout } = project.btcProcess(
    'build',
    'first.ts',
    'second.ts',
    '--target',
    'wasm',
    '--no-pretty',
  );
  expect(stdout).toContain('second.ts → out/second.*');
  expect(stdout).toContain('first.ts(2,1): error BTC1030');
  expect(code).toBe(2);
});
