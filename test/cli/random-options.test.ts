import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandResult } from '../support/btc.ts';
import { OPTION_MODELS } from '../support/option-models.ts';
import { createProject, type Project } from '../support/project.ts';
import { soaked } from '../support/soak.ts';

// Random combinations of options, as no test of one option has them. Whatever they are, a command ends with 0 or with numbered messages,
// leaves the files of one build or none, and its plans verify, run, can be looked at, and train alike on both targets.

let project: Project;
beforeAll(() => {
  project = createProject();
  for (const [file, text] of Object.entries(OPTION_MODELS)) project.write(file, text);
});
afterAll(() => project.remove());

/** An option is left out more often than not. */
const maybe = (name: string, ...values: readonly string[]): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.constantFrom(...values).map((value) => [name, value]) },
  );
const perhaps = (name: string): fc.Arbitrary<string[]> =>
  fc.constantFrom<string[]>([], [], [], [name]);
/** Now and then one of these, which are wrong. */
const mistake = (...wrong: readonly (readonly [string, string])[]): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 7, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong).map((one) => [...one]) },
  );
const all = (...options: fc.Arbitrary<string[]>[]): fc.Arbitrary<string[]> =>
  fc.tuple(...options).map((given) => given.flat());

const BUDGETS = [
  '1',
  '8KiB',
  '12KiB',
  '16KiB',
  '24KiB',
  '30000',
  '40KiB',
  '64KiB',
  '128KiB',
  '1GiB',
];

const buildOptions = all(
  maybe('--target', 'webgpu', 'wasm', 'wasm,webgpu'),
  maybe('--budget', ...BUDGETS),
  maybe('--recompute', 'none', 'speed', 'memory', 'cost', 'auto'),
  maybe('--swap', 'none', 'conv', 'lru', 'auto'),
  maybe('--solve', 'exact', 'heuristic'),
  fc.constantFrom('0', '0.05', '0.3').map((seconds) => ['--plan-seconds', seconds]),
  maybe('--micro-batch', 'auto', '2', '3'),
  perhaps('--micro-batch-norm'),
  maybe('--half', 'auto', 'none'),
  maybe('--tiles', 'auto', 'always', 'never'),
  maybe('--precision', 'f16', 'f32'),
  maybe('--host-budget', '4KiB', '64KiB', '1GiB'),
  maybe('--spill-budget', '0', '64KiB', '1GiB'),
  maybe('--set', 'batch=1', 'batch=5', 'batch=12'),
  maybe('--dispatches', 'shared', 'single'),
  maybe('--subgroups', 'auto', 'never'),
  perhaps('--subgroup-matrix'),
  maybe('--contractions', 'time', 'macs'),
  // A software GPU takes minutes for the workgroups of a card.
  fc.constant(['--profile', 'swiftshader']),
  maybe('--profile', 'wasm', 'swiftshader'),
  maybe('--limits', 'default', 'swiftshader', 'adapter', 'h100'),
  perhaps('--noEmit'),
  perhaps('--pretty'),
  perhaps('--timings'),
  mistake(
    ['--target', 'cpu'],
    ['--recompute', 'all'],
    ['--micro-batch', '0'],
    ['--micro-batch', 'half'],
    ['--precision', 'bf16'],
    ['--set', 'batch=0'],
    ['--set', 'batches=4'],
    ['--profile', './none.json'],
    ['--profile', 'h101'],
    ['--limits', 'none.json'],
    ['--plan-seconds', '-1'],
    ['--budget', '5parsecs'],
  ),
);

const runOptions = all(
  maybe('--steps', '1', '3'),
  maybe('--classes', '2', '3', '1'),
  maybe('--seed', '7', '0'),
  maybe('--threads', '2', '3'),
  perhaps('--relaxed-simd'),
  maybe('--max-device-bytes', '1KiB', '1GiB'),
  maybe('--max-host-bytes', '0', '1GiB'),
  maybe('--trace', 'trace.json'),
  maybe('--log', 'steps.jsonl'),
  maybe('--plot', 'losses.svg'),
  maybe('--input', 'learningRate=0.001', 'x=1'),
  mistake(
    ['--steps', '0'],
    ['--classes', '0'],
    ['--seed', '-1'],
    ['--threads', '0'],
    ['--input', 'z=1'],
    ['--input', 'y=nothing.safetensors'],
    ['--program', 'test'],
    ['--trace', 'dense.ts'],
    ['--plot', 'nothing/x.svg'],
    ['--profile', 'h101'],
  ),
);

const inspectOptions = all(
  perhaps('--all'),
  perhaps('--kernels'),
  perhaps('--json'),
  maybe('--trace', 'trace.json', 'nothing.json'),
  maybe('--timeline', 'timeline.json'),
  maybe('--snapshot', 'snapshot.pickle'),
  maybe('--profile', 'h100', 'wasm', 'swiftshader'),
  maybe('--why', 'logits', 'loss', 'nothing'),
  perhaps('--dot'),
);

const NUMBERED = /error (?:BTC|TS)\d{4}: /;
/** What only a command that has gone to pieces prints. */
const BROKEN = /^ {4}at |internal error|TypeError|RangeError|undefined|\bNaN\b|\[object Object\]/m;

function expectEnds({ code, stdout, stderr }: CommandResult, args: readonly string[]): boolean {
  const said = `btc ${args.join(' ')}\nended with ${code}\n${stdout}${stderr}`;
  if (BROKEN.test(said)) throw new Error(`a message that is none: ${said}`);
  if (code !== 0 && !(code === 1 && NUMBERED.test(stdout + stderr)))
    throw new Error(`no numbered message: ${said}`);
  if (code === 0 && NUMBERED.test(stdout + stderr)) throw new Error(`an error, and yet: ${said}`);
  return code === 0;
}

const LOADER_FILES = ['.cjs', '.d.cts', '.d.ts', '.js', '.safetensors', '.worker.js'];

/** The plans that a build left: all that it says, and nothing else. */
function plansOf(model: string, outDir: string, isBuilt: boolean): string[] {
  const base = model.replace('.ts', '');
  const files = project.list(outDir).filter((name) => name !== 'package.json');
  if (!isBuilt) {
    expect(files).toEqual([]);
    return [];
  }
  const plans = files.filter((name) => name.endsWith('.plan.json'));
  expect(plans.length).toBeGreaterThan(0);
  const modules = plans.some((name) => name.includes('.wasm.')) ? [`${base}.wasm`] : [];
  expect(files).toEqual([...LOADER_FILES.map((end) => base + end), ...modules, ...plans].sort());
  return plans.map((name) => join(outDir, name));
}

const run = (args: readonly string[]) => {
  // Threads of WebAssembly take a process that has some.
  const result = args.includes('--threads') ? project.btcProcess(...args) : project.btc(...args);
  return { ...result, ok: expectEnds(result, args) };
};

/** Losses of a few steps of training; null where the device lacks what the plan needs. */
function lossesOf(plan: string): readonly number[] | null {
  const args = ['run', plan, '--steps', '3', '--json'];
  const { ok, stdout, stderr } = run(args);
  if (ok) return JSON.parse(stdout).metrics.loss;
  expect(stderr).toMatch(/shader-f16|subgroup/);
  return null;
}

/** How far apart losses of three steps may be, relative to them: of f32, and where values are stored as halves. */
const APART = { f32: 1e-4, f16: 2e-2 };

function expectAlike(plans: readonly string[]): void {
  const found = plans.flatMap((plan) => lossesOf(plan) ?? []);
  const isHalf = plans.some((plan) =>
    /"dtype":\s*"f16"/.test(readFileSync(join(project.folder, plan), 'utf8')),
  );
  const steps = 3;
  for (let k = steps; k < found.length; k++) {
    const [first, other] = [found[k % steps], found[k]];
    expect(Number.isFinite(other)).toBe(true);
    expect(Math.abs(first - other)).toBeLessThanOrEqual(
      APART[isHalf ? 'f16' : 'f32'] * Math.max(1, Math.abs(first)),
    );
  }
}

let builds = 0;

test('random options end well or with a message, and what they build is sound', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(OPTION_MODELS)),
      buildOptions,
      runOptions,
      inspectOptions,
      (model, given, running, inspecting) => {
        const outDir = `out${builds++}`;
        const { ok } = run(['build', model, '--outDir', outDir, ...given]);
        const plans = plansOf(model, outDir, ok && !given.includes('--noEmit'));
        for (const plan of plans) expect(run(['verify', plan]).ok).toBe(true);
        expectAlike(plans);
        for (const plan of plans) {
          run(['run', plan, ...running]);
          run(['inspect', plan, ...inspecting]);
        }
        const left = readdirSync(project.folder).filter((name) => /^\.|btc-/.test(name));
        expect(left).toEqual([]);
      },
    ),
    soaked(4),
  );
});
