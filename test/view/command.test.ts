import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import { MOST_TENSORS } from '../../view/data/viewed.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const PLAN = 'out/model.wasm.plan.json';
let project: Project;
const path = (name: string) => join(project.folder, name);
const read = (name: string) => readFileSync(path(name), 'utf8');

beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
});
afterAll(() => project.remove());

function refused(code: string, ...args: string[]): string {
  const { code: exit, stderr, stdout } = project.btc('view', ...args);
  expect([exit, stdout]).toEqual([1, '']);
  expect(stderr).toContain(`error ${code}: `);
  return stderr;
}

/** What a page holds. */
function inputOf(page: string) {
  const [, packed] = /id="btc-input">([A-Za-z0-9+/=]*)<\/script>/.exec(page)!;
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8'));
}

test('a page lies beside its plan, holds it whole, and is small', () => {
  const { code, stdout } = project.btc('view', PLAN);
  expect(code).toBe(0);
  expect(stdout).toContain('out/model.wasm.plan.json → out/model.wasm.html');
  const page = read('out/model.wasm.html');
  expect(page).toContain('<title>model.wasm - btc view</title>');
  const sources = { 'model.ts': SMALL_MODEL };
  expect(inputOf(page)).toEqual({
    plans: [{ plan: JSON.parse(read(PLAN)), label: 'model.wasm', sources }],
  });
  expect(stdout).toContain('with the text of model.ts (--no-source leaves it out)');
  project.btc('view', PLAN, '--no-source', '-o', 'bare.html');
  expect(inputOf(read('bare.html')).plans[0].sources).toEqual({});
  expect(page.length).toBeLessThan(400_000 + read(PLAN).length);
  // Without the plan: the shell alone.
  expect(page.replace(/id="btc-input">[^<]*/, '').length).toBeLessThan(400_000);
  // Nothing is fetched: no address stands anywhere but in texts of licences.
  expect(page).not.toMatch(/\b(?:src|href)\s*=/);
});

test('a plan of a stranger brings no file into the page but code of the project it lies in', () => {
  const own = JSON.parse(read(PLAN)) as Plan;
  const names = [
    ...['/etc/passwd', '../secret.ts', join(project.folder, '..', 'secret.ts'), 'notes.txt'],
    ...[
      '.env.js',
      '.hidden/secret.ts',
      'node_modules/x/index.js',
      'link.ts',
      'folder.ts',
      'short.ts',
    ],
    ...['__proto__', 'constructor.ts', 'lib/layers.ts'],
  ];
  project.write('notes.txt', 'secret');
  project.write('.env.js', 'secret');
  project.write('.hidden/secret.ts', 'secret');
  project.write('folder.ts/x.ts', 'secret');
  project.write('short.ts', 'secret');
  project.write('constructor.ts', '//\n//\n//\n');
  project.write('lib/layers.ts', '//\n//\n//\n');
  project.link('/etc/passwd', 'link.ts');
  const frames = names.map((file) => ({ file, line: 3, column: 1 }));
  const sources = frames.map((_, frame) => ({ frame }));
  const plan = {
    ...own,
    frames,
    sources,
    tensors: own.tensors.map((one) => ({ ...one, source: 0 })),
  };
  project.write(
    'stranger.plan.json',
    JSON.stringify(plan).replaceAll(/"source":[1-9]\d*/g, '"source":0'),
  );
  const { code, stdout, stderr } = project.btc('view', 'stranger.plan.json', '-o', 's.html');
  expect([code, stderr]).toEqual([0, '']);
  expect(Object.keys(inputOf(read('s.html')).plans[0].sources).sort()).toEqual([
    'constructor.ts',
    'lib/layers.ts',
  ]);
  const said = stdout.split('\n').filter((line) => line.startsWith('  without'));
  expect(said.join('\n').replaceAll(join(project.folder, '..'), 'UP')).toBe(`\
  without the text of node_modules/x/index.js: not found in this project
  without the text of ../secret.ts, UP/secret.ts, link.ts: outside of the folders of this project
  without the text of .env.js, .hidden/secret.ts: hidden, or of a package
  without the text of /etc/passwd, notes.txt, folder.ts, __proto__: no code by its name
  without the text of short.ts: changed since the plan was built`);
});

test('several plans, a trace and a name of its own', () => {
  expect(
    project.btc('run', PLAN, '--steps', '3', '--classes', '2', '--trace', 'trace.json').code,
  ).toBe(0);
  const { code } = project.btc(
    ...['view', PLAN, 'out/model.webgpu.plan.json', '--trace', 'trace.json', '-o', 'both.html'],
  );
  expect(code).toBe(0);
  const { plans } = inputOf(read('both.html'));
  expect(plans.map(({ label }: { label: string }) => label)).toEqual([
    'model.wasm',
    'model.webgpu',
  ]);
  expect(plans[0].trace.trace.clock).toBe('host');
  expect(plans[1].trace).toBeUndefined();
  // A page of the command is written anew.
  expect(project.btc('view', PLAN, '-o', 'both.html').code).toBe(0);
  expect(inputOf(read('both.html')).plans).toHaveLength(1);
});

test('what is no plan is refused by number, and nothing is written', () => {
  refused('BTC6003', 'missing.plan.json');
  refused('BTC5002', 'out');
  project.write('text.json', 'plan');
  refused('BTC6091', 'text.json');
  const plan = JSON.parse(read(PLAN)) as Plan;
  const { memory: _, ...cut } = plan;
  project.write('cut.plan.json', JSON.stringify(cut));
  expect(refused('BTC5001', 'cut.plan.json')).toContain('memory: must be an object');
  project.write('other.plan.json', JSON.stringify({ ...plan, slabs: [] }));
  refused('BTC5001', PLAN, 'other.plan.json', '-o', 'pair.html');
  for (const name of ['text.html', 'cut.html', 'pair.html', 'missing.html'])
    expect(existsSync(path(name))).toBe(false);
});

test('a plan with more than a page holds is refused before it is verified', () => {
  const plan = JSON.parse(read(PLAN)) as Plan;
  const many = { ...plan, tensors: new Array(MOST_TENSORS + 1).fill(plan.tensors[0]) };
  project.write('many.plan.json', JSON.stringify(many));
  expect(refused('BTC6061', 'many.plan.json')).toContain(
    `it has ${MOST_TENSORS + 1} tensors, and plans of at most ${MOST_TENSORS} are shown`,
  );
});

test('no file of others is written over', () => {
  const model = read('model.ts');
  expect(refused('BTC6060', PLAN, '-o', 'model.ts')).toContain("'model.ts'");
  expect(read('model.ts')).toBe(model);
  refused('BTC5005', PLAN, '-o', PLAN);
  mkdirSync(path('folder'));
  expect(refused('BTC5003', PLAN, '-o', 'folder')).toContain('folder');
  expect(refused('BTC5003', PLAN, '-o', 'model.ts/page.html')).toContain('model.ts');
  refused('BTC6011', PLAN, '-o', '');
});

test('a trace belongs to the plan that it is of', () => {
  refused('BTC6003', PLAN, '--trace', 'missing.json');
  expect(refused('BTC6030', 'out/model.webgpu.plan.json', '--trace', 'trace.json')).toContain(
    "it is of plan 'small' for wasm",
  );
  refused('BTC6006', PLAN, '--trace', PLAN);
});
