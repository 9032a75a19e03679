import { afterEach, describe, expect, test } from 'vitest';
import { checkMeanings } from '../../compiler/driver/checks.ts';
import { PASS_NAMES, type PassName } from '../../compiler/driver/pass-names.ts';
import { PASSES } from '../../compiler/driver/passes.ts';
import * as btc from '../../compiler/index.ts';
import type { ChosenActions } from '../../compiler/plan-search/index.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { driverOf, graphsOf } from '../support/passes.ts';

const network = () =>
  btc.defineModel({
    name: 'net',
    inputs: { x: btc.tensor([8, 32]), y: btc.tensor([8], 'i32') },
    build: ({ x }) => {
      const first = btc.linear(32, 64, { name: 'first' });
      const second = btc.linear(64, 10, { name: 'second' });
      return { logits: second(btc.relu(btc.square(first(btc.sigmoid(x))))) };
    },
    train: {
      loss: ({ logits }, { y }) => btc.crossEntropy(logits, y),
      optimizer: btc.sgd({ momentum: 0.9 }),
    },
  });

/** Many activations beside few parameters. */
const deep = () =>
  btc.defineModel({
    name: 'deep',
    inputs: { x: btc.tensor([512, 16]) },
    build: ({ x }) => {
      const layers = Array.from({ length: 6 }, () => btc.linear(16, 16));
      return { y: layers.reduce((y, layer) => btc.sigmoid(layer(y)), x) };
    },
    train: { loss: ({ y }) => btc.mean(btc.square(y)), optimizer: btc.sgd() },
  });

/** A schedule behind `order`, and the driver that made it. */
function ordered() {
  const driver = driverOf();
  const module = graphsOf(network(), driver);
  const lowered = driver.run('lower', module, false);
  const joined = driver.run('fuse', driver.run('join-reductions', lowered));
  const staged = driver.run(
    'fuse-producers',
    driver.run('keep-terms', driver.run('join-variances', joined)),
    false,
  );
  const fused = driver.run('split-reductions', staged, false);
  const placed = driver.run('scratch', driver.run('finalise', fused));
  return { driver, module, schedule: driver.run('order', placed) };
}

describe('the table of passes', () => {
  test('is keyed by names, and each pass takes what the one before it makes', () => {
    expect(Object.keys(PASSES)).toEqual(PASS_NAMES);
    for (const name of PASS_NAMES) expect(PASSES[name].name).toBe(name);
    const rows = Object.values(PASSES);
    expect(rows[0].from).toBe('model');
    expect(rows.at(-1)!.to).toBe('plan');
    rows.slice(1).forEach(({ from }, k) => {
      expect(from).toBe(rows[k].to);
    });
  });

  test.each(['webgpu', 'wasm'] as const)(
    'is run from the first to the last: %s',
    async (target) => {
      const texts = new Map<PassName, string>();
      const { plan, timings } = (await btc.compile(network(), {
        target,
        printAfter: (pass, text) => {
          expect(texts.has(pass)).toBe(false);
          texts.set(pass, text);
        },
      })) as btc.CompiledPlan;
      expect([...texts.keys()]).toEqual(PASS_NAMES);
      for (const [pass, text] of texts) expect(text, pass).not.toBe('');
      expect(texts.get('codegen')).toContain(target === 'wasm' ? '(module' : '@compute');
      expect(JSON.parse(texts.get('assemble')!)).toEqual(JSON.parse(JSON.stringify(plan)));
      expect(timings.map(({ pass }) => pass)).toEqual(PASS_NAMES);
      for (const { runs, seconds, verificationSeconds } of timings) {
        expect(runs).toBe(1);
        expect(Math.min(seconds, verificationSeconds)).toBeGreaterThanOrEqual(0);
      }
    },
  );
});

describe('a search', () => {
  test('reruns only what its knobs touch', async () => {
    const free = await btc.compile(deep());
    const budgetBytes = Math.floor(0.8 * free.plan!.memory.deviceBytes);
    const { timings } = (await btc.compile(deep(), { budgetBytes })) as btc.CompiledPlan;
    const runs = (pass: PassName) => timings.find((timing) => timing.pass === pass)!.runs;
    for (const pass of ['trace', 'gradient', 'lower', 'fuse', 'finalise', 'order'] as const)
      expect(runs(pass), pass).toBe(1);
    expect(runs('actions')).toBeGreaterThan(1);
    expect(runs('allocate')).toBe(runs('in-place'));
  });

  test('under a bound begins at the pass that the bound concerns', () => {
    const driver = driverOf();
    const module = graphsOf(network(), driver);
    const traced = driver.run('trace', network());
    const simplified = driver.run('simplify', traced);
    const plain = driver.run('contract', simplified, null);
    expect(driver.run('contract', simplified, null)).toBe(plain);
    expect(driver.run('contract', simplified, { elements: 64, reorder: true })).not.toBe(plain);
    expect(driver.run('slice', module, null)).toBe(driver.run('slice', module, null));
    const counts = new Map(driver.timings().map(({ pass, ...counted }) => [pass, counted]));
    expect(counts.get('contract')).toMatchObject({ runs: 3, reused: 1 });
  });
});

describe('the result of a pass', () => {
  afterEach(() => checkMeanings(true));

  /** What a choice of actions makes of a schedule, whatever that is. */
  const making = (make: (schedule: Schedule) => Schedule, schedule: Schedule) =>
    ({
      actions: { emit: () => make(schedule) },
      choice: {},
      targetBytes: 0,
    }) as unknown as ChosenActions;
  const withSteps = (
    schedule: Schedule,
    steps: (of: Schedule['programs'][number]['steps']) => typeof of,
  ) => ({
    ...schedule,
    programs: schedule.programs.map((program) => ({ ...program, steps: steps(program.steps) })),
  });

  test('is verified: a missing step is a defect of btc, and named', () => {
    const { driver, schedule } = ordered();
    const chosen = making((given) => withSteps(given, (steps) => steps.slice(1)), schedule);
    expect(() => driver.run('actions', schedule, chosen)).toThrow(
      /^internal error: what 'actions' made is not valid: predict, step \d+ /,
    );
  });

  test('is verified also where it is what the pass was given, unless that was', () => {
    const { driver, schedule } = ordered();
    const broken = withSteps(schedule, (steps) => steps.slice(1));
    expect(() => driver.run('scratch', broken)).toThrow(
      /^internal error: what 'scratch' made is not valid: predict, step \d+ /,
    );
    checkMeanings(false);
    const unverified = driver.run(
      'actions',
      schedule,
      making(() => broken, schedule),
    );
    expect(() => driver.chosen(driver.run('actions', unverified, null))).toThrow(
      /^internal error: what 'actions' made is not valid: /,
    );
  });

  test('of a search is verified when it is chosen', () => {
    checkMeanings(false);
    const { driver, schedule } = ordered();
    const chosen = making((given) => withSteps(given, (steps) => steps.slice(1)), schedule);
    const made = driver.run('actions', schedule, chosen);
    expect(() => driver.chosen(made)).toThrow(
      /^internal error: what 'actions' made is not valid: /,
    );
    expect(driver.chosen(driver.run('actions', schedule, null))).toEqual(schedule);
  });

  test('must compute the same, where tests ask for that', () => {
    const { driver, schedule } = ordered();
    const renumbered = new Map(schedule.kernels.map((kernel, k) => [k, kernel]));
    const swapped = {
      ...schedule,
      kernels: [...renumbered.values()].map((kernel) => ({
        ...kernel,
        nodes: kernel.nodes.map((node) =>
          node.kind === 'apply' && node.op === 'sigmoid' ? { ...node, op: 'tanh' as const } : node,
        ),
      })),
    };
    expect(swapped.kernels).not.toEqual(schedule.kernels);
    expect(() =>
      driver.run(
        'actions',
        schedule,
        making(() => swapped, schedule),
      ),
    ).toThrow(/^internal error: 'actions' changed what is computed: /);
    checkMeanings(false);
    expect(() =>
      ordered().driver.run(
        'actions',
        schedule,
        making(() => swapped, schedule),
      ),
    ).not.toThrow();
  });

  test('leads back to the model', () => {
    const { driver, module, schedule } = ordered();
    const passes = [...driver.history(schedule)].map(([pass]) => pass);
    expect(passes).toEqual(PASS_NAMES.slice(0, PASS_NAMES.indexOf('order') + 1));
    expect([...driver.history(module)].at(-1)![0]).toBe('halve');
  });
});
