import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'pickleparser';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MemorySnapshot } from '../../compiler/inspect/memory-snapshot.ts';
import type { Plan } from '../../ir/plan.ts';
import { ROOT } from '../support/btc.ts';
import { launchChromium, openPage, serve } from '../support/chromium.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const PLAN = 'out/model.webgpu.plan.json';
let project: Project;
let browser: Browser;
const path = (name: string) => join(project.folder, name);
const readText = (name: string) => readFileSync(path(name), 'utf8');

beforeAll(async () => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  project.remove();
});

/** What speedscope exports, in its own format. Times are in the unit of the profile. */
interface Speedscope {
  readonly shared: { readonly frames: readonly { readonly name: string }[] };
  readonly profiles: readonly {
    readonly name: string;
    readonly unit: string;
    readonly events: readonly {
      readonly type: 'O' | 'C';
      readonly frame: number;
      readonly at: number;
    }[];
  }[];
}

/** A trace as speedscope, which is not ours, understands it: opened in its page, and exported from there. */
async function throughSpeedscope(trace: string): Promise<Speedscope> {
  const release = join(ROOT, 'node_modules/speedscope/dist/release');
  const server = await serve(release, { '/trace.json': trace });
  try {
    const file = encodeURIComponent(`${server.origin}/trace.json`);
    const { page, problems } = await openPage(
      browser,
      `${server.origin}/index.html#profileURL=${file}`,
    );
    await page.waitForFunction(() => document.body.textContent.includes('Export'));
    const exported = await page.evaluate(async () => {
      const made = new Promise<Blob>((resolve) => {
        const create = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
          resolve(blob as Blob);
          return create(blob);
        };
      });
      const buttons = [...document.querySelectorAll<HTMLElement>('div')];
      buttons
        .filter(({ textContent }) => textContent.trim().endsWith('Export'))
        .at(-1)!
        .click();
      return (await made).text();
    });
    expect(problems).toEqual([]);
    return JSON.parse(exported);
  } finally {
    await server.close();
  }
}

test('a timeline has every step at its predicted time, read by speedscope', async () => {
  const { code, stderr } = project.btc('inspect', PLAN, '--timeline', 'plan.json');
  expect(code).toBe(0);
  expect(stderr).toContain("wrote plan.json: the plan, predicted by the profile 'h100'; opens in");
  const { profiles, shared } = await throughSpeedscope(readText('plan.json'));
  const plan = JSON.parse(readText(PLAN)) as Plan;
  const compute = profiles.find(({ name }) => name.includes('compute'))!;
  expect(compute.name).toContain("small, predicted by the profile 'h100'");
  const opened = compute.events.filter(({ type }) => type === 'O');
  const closed = compute.events.filter(({ type }) => type === 'C');
  const wanted = Object.values(plan.programs).flatMap(({ steps }) => steps);
  expect(compute.unit).toBe('microseconds');
  expect(opened.map(({ frame }) => shared.frames[frame].name.split(' ')[0])).toEqual(
    wanted.map(({ kernel }) => plan.kernels[kernel].name),
  );
  opened.forEach(({ at }, k) => {
    expect(closed[k].at - at).toBeCloseTo(wanted[k].seconds! * 1e6, 2);
  });
  const runs = profiles.find(({ name }) => name.includes('runs'))!;
  const total = Object.values(plan.programs).reduce((sum, one) => sum + one.predicted!.seconds, 0);
  expect(runs.events.at(-1)!.at).toBeCloseTo(total * 1e6, 2);
});

test('a trace that is not there is written, and written again, but never over one of a run or of another program', () => {
  const first = project.btc('inspect', PLAN, '--trace', 'new.json');
  expect(first.code).toBe(0);
  expect(first.stderr).toMatch(
    /wrote new\.json: the plan, predicted .* measured times are those of btc run --trace/,
  );
  expect(JSON.parse(readText('new.json')).otherData).toMatchObject({
    clock: 'predicted',
    plan: 'small',
  });
  const again = project.btc('inspect', PLAN, '--trace', 'new.json', '--json');
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout).measured).toBeUndefined();
  project.btc(
    'run',
    'out/model.wasm.plan.json',
    '--classes',
    '2',
    '--steps',
    '2',
    '--trace',
    'run.json',
  );
  const run = readText('run.json');
  expect(
    project.btc('inspect', 'out/model.wasm.plan.json', '--trace', 'run.json').stdout,
  ).toContain('time of train');
  project.write('notes.json', '{"mine":1}');
  expect(project.btc('inspect', PLAN, '--trace', 'notes.json').stderr).toContain('BTC6030');
  expect([readText('run.json'), readText('notes.json')]).toEqual([run, '{"mine":1}']);
  expect(project.btc('inspect', PLAN, '--kernels', '--trace', 'new.json').stderr).toContain(
    "BTC6030: 'new.json' is no trace of this plan: its times are predicted, not measured",
  );
});

test('a snapshot has the tensors of the plan at the lines of the model, read by pickleparser', () => {
  const { code, stderr } = project.btc('inspect', PLAN, '--snapshot', 'memory.pickle');
  expect([code, stderr]).toEqual([
    0,
    "wrote memory.pickle: allocations, predicted by the profile 'h100'; opens in pytorch.org/memory_viz\n",
  ]);
  const bytes = readFileSync(path('memory.pickle'));
  const snapshot = new Parser().parse(bytes) as MemorySnapshot;
  const plan = JSON.parse(readText(PLAN)) as Plan;
  expect(snapshot.segments.reduce((sum, one) => sum + one.total_size, 0)).toBe(
    plan.memory.deviceBytes,
  );
  const [trace] = snapshot.device_traces;
  const named = new Set(trace.map(({ frames }) => frames[0].name.split(' ')[0]));
  for (const { name, bytes } of plan.tensors) if (bytes > 0) expect(named).toContain(name);
  const weight = trace.find(({ frames }) => frames[0].name.startsWith('linear1.weight '))!;
  expect(weight.frames[0]).toMatchObject({ filename: 'model.ts', line: 6 });
});

test('what cannot be written is an error, and nothing else is printed', () => {
  const { code, stdout, stderr } = project.btc('inspect', PLAN, '--snapshot', 'no/such/m.pickle');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain("BTC5003: 'no/such/m.pickle' cannot be written");
  expect(project.btc('inspect', PLAN, '--timeline', '').stderr).toContain('BTC6011');
});
