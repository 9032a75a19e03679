import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';
import { swappedWasm } from '../support/swapped-plan.ts';

interface Event {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly cat?: string;
  readonly args: Record<string, unknown>;
}

const WASM = 'out/model.wasm.plan.json';
let project: Project;
const path = (name: string) => join(project.folder, name);
const planOf = (name: string) => JSON.parse(readFileSync(path(name), 'utf8')) as Plan;

beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
});
afterAll(() => project.remove());

/** Events of a file, checked against the trace event format: what a viewer needs of each phase, and threads that are named. */
function readEvents(file: string): Event[] {
  const { traceEvents, displayTimeUnit } = JSON.parse(readFileSync(path(file), 'utf8'));
  expect(displayTimeUnit).toBe('ns');
  const named = new Set<number>();
  for (const event of traceEvents as Event[]) {
    expect(typeof event.name).toBe('string');
    expect(Number.isInteger(event.pid) && Number.isInteger(event.tid)).toBe(true);
    expect(['X', 'C', 'M']).toContain(event.ph);
    if (event.ph === 'M') {
      if (event.name === 'thread_name') named.add(event.tid);
      continue;
    }
    expect(event.ts).toBeGreaterThanOrEqual(0);
    if (event.ph === 'C') expect(Object.values(event.args).every(Number.isFinite)).toBe(true);
    else {
      expect(event.dur).toBeGreaterThanOrEqual(0);
      expect(named).toContain(event.tid);
    }
  }
  // Complete events of one thread follow one another, also as Perfetto reads times: cut off to nanoseconds.
  const read = (microseconds: number) => Math.trunc(microseconds * 1000);
  for (const tid of named) {
    let end = 0;
    for (const event of (traceEvents as Event[]).filter(
      (each) => each.ph === 'X' && each.tid === tid,
    )) {
      expect(read(event.ts)).toBeGreaterThanOrEqual(end);
      end = read(event.ts) + read(event.dur);
    }
  }
  return traceEvents;
}

test('a trace has every step of every run, with its place in the model, and a table follows', () => {
  const { stdout, code } = project.btc(
    ...['run', WASM, '--steps', '4', '--classes', '2', '--trace', 'trace.json'],
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /time of train, by the host's clock\n {2}.* per run \(median of 3\); steps /,
  );
  expect(stdout).toMatch(/ceilings of the profile 'wasm': [\d.]+ GFLOP\/s, [\d.]+ GB\/s\n/);
  expect(stdout).toMatch(
    /share +per run +calls +predicted +GFLOP\/s +of peak +GB\/s +of peak +kernel/,
  );
  expect(stdout).toMatch(/\ntrace: trace\.json\n/);
  const plan = planOf(WASM);
  const { steps } = plan.programs.train;
  const events = readEvents('trace.json');
  const own = events.filter(({ cat }) => cat === 'step');
  expect(own.map(({ name, args }) => [name, args.run, args.step])).toEqual(
    [0, 1, 2, 3].flatMap((run) =>
      steps.map(({ kernel }, step) => [plan.kernels[kernel].name, run, step]),
    ),
  );
  expect(own.some(({ args }) => /model\.ts\(\d+,\d+\)/.test(String(args.source)))).toBe(true);
  expect(own.some(({ args }) => String(args.scope).startsWith('linear'))).toBe(true);
  expect(own.some(({ args }) => String(args.pass).includes('gradient'))).toBe(true);
  const runs = events.filter(({ cat }) => cat === 'run');
  expect(runs).toHaveLength(4);
  for (const run of runs) {
    const within = own.filter(({ args }) => args.run === run.args.run);
    expect(within.reduce((sum, { dur }) => sum + dur, 0)).toBeLessThanOrEqual(run.dur + 1e-2);
  }
  const { programs } = JSON.parse(project.btc('inspect', WASM, '--json').stdout);
  const train = programs.find(({ name }: { name: string }) => name === 'train');
  const live = events
    .filter(({ name }) => name === 'live arena bytes')
    .map(({ args }) => args.bytes as number);
  expect(Math.max(...live)).toBe(Math.max(...train.liveBytes));
  expect(live.filter((bytes) => bytes === 0).length).toBeGreaterThanOrEqual(4);
});

test('the same as data, and of a file by btc inspect', () => {
  const args = ['--steps', '3', '--classes', '2', '--trace', 'data.json', '--json'];
  const figures = JSON.parse(project.btc('run', WASM, ...args).stdout);
  expect(figures.trace).toMatchObject({
    file: 'data.json',
    clock: 'host',
    ceilings: { profile: 'wasm' },
  });
  const read = JSON.parse(project.btc('inspect', WASM, '--trace', 'data.json', '--json').stdout);
  const names = (programs: { kernels: { kernel: string }[] }[]) =>
    programs[0].kernels.map(({ kernel }) => kernel).sort();
  expect(names(read.measured.programs)).toEqual(names(figures.trace.programs));
  expect(project.btc('inspect', WASM, '--trace', 'data.json').stdout).toMatch(
    /\nkernels\n[\s\S]*\ntime of train, by the host's clock\n/,
  );
  const { stdout } = project.btc('inspect', WASM, '--trace', 'data.json', '--profile', 'h100');
  expect(stdout).toContain("ceilings of the profile 'h100': 63,200 GFLOP/s, 2,992 GB/s");
});

test('on a GPU times are those of its timestamps', () => {
  const plan = 'out/model.webgpu.plan.json';
  const args = ['--steps', '2', '--classes', '2', '--trace', 'gpu.json'];
  const { stdout, code } = project.btc('run', plan, ...args);
  expect(code).toBe(0);
  expect(stdout).toContain('time of train, by timestamps of the device\n');
  const { steps } = planOf(plan).programs.train;
  const own = readEvents('gpu.json').filter(({ cat }) => cat === 'step');
  expect(own).toHaveLength(2 * steps.length);
  expect(own.some(({ dur }) => dur > 0)).toBe(true);
  expect(project.btc('inspect', WASM, '--trace', 'gpu.json').stderr).toContain(
    "BTC6030: 'gpu.json' is no trace of this plan: it is of plan 'small' for webgpu, and this is 'small' for wasm",
  );
});

test('copies of a plan that swaps are on threads of their own', async () => {
  const draw = { seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] } as const;
  const swapped = await swappedWasm(planOf(WASM), draw);
  const file = { ...swapped.plan.module!, file: 'spill.wasm' };
  project.write('spill.wasm.plan.json', JSON.stringify({ ...swapped.plan, module: file }));
  writeFileSync(path('spill.wasm'), swapped.module);
  const args = ['spill.wasm.plan.json', '--steps', '2', '--classes', '2', '--trace', 'spill.json'];
  expect(project.btc('run', ...args).code).toBe(0);
  const copies = readEvents('spill.json').filter(({ cat }) => cat === 'copy');
  const swaps = copies.filter(({ args }) => args.purpose === 'swap' && args.run === 1);
  const { transfers = [] } = swapped.plan.programs.train;
  for (const kind of ['in', 'out'])
    expect(swaps.filter(({ args }) => args.direction === kind).length).toBe(
      transfers.filter((transfer) => transfer.kind === kind).length,
    );
  expect(new Set(copies.map(({ tid }) => tid)).size).toBe(2);
});

test('mistakes are diagnostics', () => {
  project.write('text.json', 'text');
  project.write('other.json', '{}');
  const problem = (...args: string[]) => {
    const { code, stderr } = project.btc(...args);
    expect(code).toBe(1);
    return stderr;
  };
  expect(problem('inspect', WASM, '--trace', 'text.json')).toContain(
    "BTC6091: 'text.json' is not JSON, as a trace must be",
  );
  expect(problem('inspect', WASM, '--trace', 'other.json')).toContain(
    "BTC6030: 'other.json' is no trace of this plan: btc run --trace did not write it",
  );
  expect(problem('inspect', WASM, '--kernels', '--trace', 'missing.json')).toContain('BTC6003');
  expect(problem('inspect', WASM, '--trace', 'missing.json', '--profile', 'h100')).toContain(
    'BTC6003',
  );
  expect(project.list('.')).not.toContain('missing.json');
  expect(problem('run', WASM, '--profile', 'h100')).toContain("BTC6018: '--trace' must be given");
  expect(problem('run', WASM, '--trace', 't.json', '--profile', 'h10')).toContain('BTC5023');
  expect(
    problem('run', WASM, '--classes', '2', '--steps', '1', '--trace', 'no/folder/t.json'),
  ).toContain("BTC5003: 'no/folder/t.json' cannot be written");
});
