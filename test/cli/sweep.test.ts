import { afterAll, describe, expect, test } from 'vitest';
import { sweepChart } from '../../compiler/cli/sweep.ts';
import { budgetsBetween, type Sweep, type SweepPoint } from '../../compiler/driver/sweep.ts';
import { createProject } from '../support/project.ts';

const DEEP_MODEL = `import { crossEntropy, defineModel, linear, relu, sgd, tensor, option } from 'btc-compiler';
const batch = option('batch', 256);
export default defineModel({
  name: 'deep',
  inputs: { x: tensor([batch, 32]), label: tensor([batch], 'i32') },
  build: ({ x }) => {
    let value = x;
    for (let i = 0; i < 8; i++) value = relu(linear(32, 32, { name: \`layer\${i}\` })(value));
    return { logits: value };
  },
  train: { loss: ({ logits }, { label }) => crossEntropy(logits, label), optimizer: sgd({ learningRate: 0.1 }) },
});
`;

const project = createProject();
afterAll(() => project.remove());
project.write('deep.ts', DEEP_MODEL);
project.write('broken.ts', DEEP_MODEL.replace('linear(32, 32,', 'linear(31, 32,'));

const sweepOf = (...args: string[]): Sweep => {
  const { code, stdout, stderr } = project.btc('sweep', 'deep.ts', '--json', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
};

describe('btc sweep', () => {
  const sweep = sweepOf('--points', '6', '--target', 'webgpu');

  test('goes from the smallest feasible budget to none', () => {
    const { points } = sweep;
    expect(sweep).toMatchObject({ name: 'deep', target: 'webgpu', program: 'train' });
    expect(points).toHaveLength(6);
    expect(points.at(-1)!.budgetBytes).toBeNull();
    const budgets = points.slice(0, -1).map(({ budgetBytes }) => budgetBytes!);
    expect(budgets).toEqual(budgets.toSorted((a, b) => a - b));
    expect(points[0].plan).not.toBeNull();
  });

  test('every plan keeps its budget, and says what it takes for that', () => {
    const free = sweep.points.at(-1)!.plan!;
    expect(free).toMatchObject({ recomputedSteps: 0, transfers: 0, bound: { gap: 0 } });
    for (const { budgetBytes, plan } of sweep.points) {
      if (!plan || budgetBytes === null) continue;
      expect(plan.deviceBytes).toBeLessThanOrEqual(budgetBytes);
      expect(plan.recomputedSteps + plan.transfers).toBeGreaterThan(0);
      expect(plan.predicted.seconds).toBeGreaterThanOrEqual(plan.bound!.lowerBound);
      expect(plan.recomputedBytes > 0).toBe(plan.recomputedSteps > 0);
      expect(plan.swappedBytes > 0).toBe(plan.transfers > 0);
    }
  });

  test('its plans are those of btc build', () => {
    const { budgetBytes, plan } = sweep.points[2];
    const built = project.btc(
      'build',
      'deep.ts',
      '--target',
      'webgpu',
      '--budget',
      String(budgetBytes),
    );
    expect(built.code).toBe(0);
    const inspected = JSON.parse(
      project.btc('inspect', 'out/deep.webgpu.plan.json', '--json').stdout,
    );
    expect(inspected.memory.deviceBytes).toBe(plan!.deviceBytes);
    const train = inspected.programs.find(({ name }: { name: string }) => name === 'train');
    expect(train.predicted).toEqual(plan!.predicted);
    expect(train.bound).toEqual(plan!.bound);
    expect(built.stdout).toMatch(/time above its lower bound: .*train \d+(\.\d+)? %/);
  });

  test('takes the options of btc build', () => {
    const { points } = sweepOf('--points', '3', '--swap', 'none', '--set', 'batch=64');
    for (const { plan } of points) expect(plan?.transfers ?? 0).toBe(0);
    expect(points.at(-1)!.plan!.deviceBytes).toBeLessThan(sweep.points.at(-1)!.plan!.deviceBytes);
  });

  test('prints a table and a chart', () => {
    const { code, stdout } = project.btc('sweep', 'deep.ts', '--points', '4', '--target', 'wasm');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^deep for wasm /);
    expect(stdout).toMatch(/budget +device +host +time +above bound +recomputed +swapped/);
    expect(stdout).toMatch(/none +\d/);
    expect(stdout).toContain('█ computing');
    expect(project.list('out').filter((name) => name.includes('wasm'))).toEqual([]);
  });

  test.each([
    [['broken.ts'], 1, /BTC2\d{3}/],
    [['missing.ts'], 1, /missing\.ts/],
    [['deep.ts', '--set', 'width=7'], 1, /BTC1005/],
    [['deep.ts', '--points', '0'], 1, /--points/],
    [['deep.ts', '--profile', 'missing.json'], 1, /missing\.json/],
    [['deep.ts', '--target', 'cuda'], 1, /--target/],
    [['deep.ts', '--budget', '1MiB'], 1, /--budget/],
  ])('%o is refused', (args, exit, message) => {
    const { code, stdout, stderr } = project.btc('sweep', ...args);
    expect(code).toBe(exit);
    expect(stdout + stderr).toMatch(message);
  });
});

test('what is no JSON is not where JSON is asked for', () => {
  const { code, stdout, stderr } = project.btc('sweep', 'broken.ts', '--json');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/BTC2014/);
});

describe('the chart', () => {
  const point = (budgetBytes: number | null, seconds: number, recompute: number, swap: number) =>
    ({
      budgetBytes,
      plan: { predicted: { seconds, recomputeSeconds: recompute, swapSeconds: swap } },
    }) as SweepPoint;
  const points = [point(1000, 10, 2, 4), { budgetBytes: 2000, plan: null }, point(null, 4, 0, 0)];

  test('stacks what the time goes into', () => {
    const lines = sweepChart(points, 80).split('\n');
    const column = (at: number) =>
      lines
        .slice(0, 10)
        .map((line) => line[lines[0].indexOf('░') + at] ?? ' ')
        .join('');
    expect(column(0)).toBe('░░░░▒▒████');
    const [none] = /none/.exec(lines[10])!;
    expect(column(lines[10].indexOf(none) - lines[0].indexOf('░'))).toBe('      ████');
  });

  test.each([20, 40, 80, 200])('keeps within %d columns where they are enough', (columns) => {
    for (const line of sweepChart(points, columns).split('\n').slice(0, 10))
      expect(line.length).toBeLessThanOrEqual(columns);
  });
});

test('budgets grow by one factor, and are few where they are near', () => {
  expect(budgetsBetween(100, 1600, 4)).toEqual([100, 200, 400, 800]);
  expect(budgetsBetween(5, 7, 10)).toEqual([5, 6]);
  expect(budgetsBetween(7, 7, 10)).toEqual([]);
  expect(budgetsBetween(5, 7, 0)).toEqual([]);
});
