import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import {
  loadCheckpointFile,
  saveCheckpointFile,
  saveParametersFile,
} from '../../node/checkpoint-file.ts';
import { load, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { SMALL_INPUTS, smallWasmPlan } from '../support/small-plan.ts';
import { soaked } from '../support/soak.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-save-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function open(): Promise<Session> {
  const { plan, module } = await smallWasmPlan();
  return load(plan, { module });
}
const train = (session: Session) => session.run('train', { ...SMALL_INPUTS, learningRate: 0.01 });

test('a process that is killed while it saves, whenever, leaves the last checkpoint or the one before', async () => {
  const { numRuns: kills } = soaked(60);
  const { plan, module } = await smallWasmPlan();
  const paths = ['plan.json', 'plan.wasm', 'checkpoint.safetensors'].map((name) =>
    join(folder, name),
  );
  writeFileSync(paths[0], JSON.stringify(plan));
  writeFileSync(paths[1], module);
  const script = fileURLToPath(new URL('./save-for-ever.mjs', import.meta.url));
  // The state after every run, as one process that is never killed has it.
  const steady = await open();
  const states = [await steady.saveCheckpoint()];
  const restored = await open();
  let [last, leftovers] = [0, 0];
  // One process starts while another is still killed; it looks at the checkpoint when it is told to go.
  const processes: ChildProcess[] = [];
  const start = () => {
    const child = spawn(process.execPath, [script, ...paths], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    processes.push(child);
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)));
    });
    ready.catch(() => {});
    return { child, ready };
  };
  try {
    let coming = start();
    for (let kill = 0; kill < kills; kill++) {
      const { child, ready } = coming;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.write('go');
      if (kill + 1 < kills) coming = start();
      await ready;
      await new Promise((resolve) => setTimeout(resolve, 12 * Math.random()));
      child.kill('SIGKILL');
      await ended;
      const { counters } = await loadCheckpointFile(restored, paths[2]);
      const { train: count = 0 } = counters;
      expect(count).toBeGreaterThanOrEqual(last);
      for (; states.length <= count; ) {
        await train(steady);
        states.push(await steady.saveCheckpoint());
      }
      expect(readFileSync(paths[2]).equals(states[count])).toBe(true);
      last = count;
      leftovers += readdirSync(folder).length - paths.length;
      expect(readdirSync(folder).length - paths.length).toBeLessThanOrEqual(1);
    }
  } finally {
    for (const child of processes) child.kill('SIGKILL');
  }
  expect(last).toBeGreaterThan(10);
  // It does get killed in the middle of writing, and what that leaves is swept.
  expect(leftovers).toBeGreaterThan(0);
  await saveCheckpointFile(restored, paths[2]);
  expect(readdirSync(folder)).toHaveLength(paths.length);
});

test('links are followed, and a file keeps its mode', async () => {
  const session = await open();
  mkdirSync(join(folder, 'real'));
  const real = join(folder, 'real', 'file');
  const link = join(folder, 'link');
  symlinkSync('real/file', link);
  await saveCheckpointFile(session, link);
  chmodSync(real, 0o640);
  await train(session);
  await saveCheckpointFile(session, pathToFileURL(link));
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(statSync(real).mode & 0o777).toBe(0o640);
  expect(readFileSync(real).equals(await session.saveCheckpoint())).toBe(true);
  await saveParametersFile(session, link);
  expect(readFileSync(real).equals(await session.saveParameters())).toBe(true);
  expect(readdirSync(join(folder, 'real'))).toEqual(['file']);
  symlinkSync('circle', join(folder, 'circle'));
  const error = await errorOf(() => saveCheckpointFile(session, join(folder, 'circle')));
  expect(error.message).toMatch(/cannot be written.*its links lead round in a circle$/);
});

test('calls that overlap are written in order, each with the state of its call', async () => {
  const session = await open();
  const path = join(folder, 'checkpoint');
  const saves = [];
  for (let run = 0; run < 5; run++) {
    void train(session);
    saves.push(saveCheckpointFile(session, path));
  }
  const last = session.saveCheckpoint();
  void train(session);
  await Promise.all(saves);
  expect(readFileSync(path).equals(await last)).toBe(true);
});

test('what fails is one sentence, and the file is what it was', async () => {
  const session = await open();
  const path = join(folder, 'checkpoint');
  await saveCheckpointFile(session, path);
  const before = readFileSync(path);
  const cases: [() => Promise<unknown>, string, RegExp][] = [
    [
      () => saveCheckpointFile(session, join(folder, 'no', 'file')),
      'file-failed',
      /there is no such file or folder$/,
    ],
    [
      () => saveCheckpointFile(session, join(path, 'file')),
      'file-failed',
      /a part of the path is no folder$/,
    ],
    [() => saveCheckpointFile(session, folder), 'file-failed', /it is a folder$/],
    [
      () => saveCheckpointFile(session, join(folder, 'x'.repeat(300))),
      'file-failed',
      /the name is too long$/,
    ],
    [() => saveCheckpointFile(session, 3 as never), 'invalid-input', /path or a file: URL$/],
    [
      () => saveCheckpointFile(session, new URL('https://a.example/b')),
      'file-failed',
      /is no file/,
    ],
    [() => saveCheckpointFile(undefined as never, path), 'invalid-input', /a session/],
    [
      () => loadCheckpointFile(session, join(folder, 'none')),
      'file-failed',
      /cannot be read: there is no such file/,
    ],
  ];
  for (const [call, code, message] of cases) {
    const error = await errorOf(call);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  }
  writeFileSync(join(folder, 'damaged'), before.subarray(1));
  expect((await errorOf(() => loadCheckpointFile(session, join(folder, 'damaged')))).code).toBe(
    'invalid-checkpoint',
  );
  await train(session);
  session.destroy();
  expect((await errorOf(() => saveCheckpointFile(session, path))).code).toBe('destroyed');
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['checkpoint', 'damaged']);
});

test.skipIf(process.platform !== 'linux')(
  'a full disk and a device are taken as they are',
  async () => {
    await expect(writeFileAtomically('/dev/full', 'text')).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    await writeFileAtomically('/dev/null', 'text');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    const session = await open();
    const error = await errorOf(() => saveCheckpointFile(session, '/dev/full'));
    expect(error.message).toMatch(/the disk is full$/);
  },
);
