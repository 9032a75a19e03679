import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, type Project } from '../support/project.ts';

const MODEL = `import { defineModel, blockTerm, lstm, mean, sgd, tensor } from 'btc-compiler';
const reader = lstm(8 * 20 * 18, 32, {
  inputWeight: blockTerm({ inputModes: [8, 20, 18], outputModes: [4, 4, 2], rank: 3, blocks: 2 }),
  hiddenWeight: blockTerm({ inputModes: [4, 4, 2], outputModes: [4, 4, 2], rank: 2 }),
});
export default defineModel({
  name: 'inspected',
  inputs: { x: tensor([4, 5, 8 * 20 * 18]) },
  build: ({ x }) => ({ y: reader(x).state.hidden }),
  train: { loss: ({ y }) => mean(y), optimizer: sgd() },
});
`;

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', MODEL);
  expect(project.btc('build', 'model.ts', '--target', 'wasm').code).toBe(0);
});
afterAll(() => project.remove());

test('shows each tree with its cost beside left to right and dense', () => {
  const { stdout, code } = project.btc('inspect', 'out/model.wasm.plan.json');
  expect(code).toBe(0);
  // All time steps are one contraction of the inputs, and one contraction each of the states.
  expect(stdout).toMatch(
    /contractions\n {2}z\w+,.*->\w+ {2}in predict, train, lstm1, model\.ts\(9,\d+\)/,
  );
  expect(stdout).toMatch(
    /in predict \(5 times\), train \(5 times\), lstm1\.\{step1, step2, step3, …\}, model\.ts\(9,\d+\)/,
  );
  expect(stdout).toMatch(/this order +[\d.]+ [kM] multiply-adds, the best of all orders/);
  expect(stdout).toMatch(/with gradients +[\d.]+ [kM]\n/);
  expect(stdout).toMatch(/left to right +[\d.]+ [kM] \([\d.]+ times\)/);
  expect(stdout).toMatch(/dense +[\d.]+ [kM] \([\d.]+ times\)/);
  expect(stdout).toMatch(/│ {2}├─ #0 \w+\n/);
});

test('gives the same as data', () => {
  const { stdout } = project.btc('inspect', 'out/model.wasm.plan.json', '--json');
  const { programs } = JSON.parse(stdout);
  for (const { contractions } of programs)
    for (const { equation, order, macs, steps, leftToRightMacs, denseMacs } of contractions) {
      expect(order).toHaveLength(equation.split('->')[0].split(',').length - 1);
      expect(steps.reduce((sum: number, step: { macs: number }) => sum + step.macs, 0)).toBe(macs);
      expect(Math.min(leftToRightMacs, denseMacs)).toBeGreaterThan(0);
    }
  expect(
    programs.map((program: { contractions: unknown[] }) => program.contractions.length),
  ).toEqual([2, 2]);
});

test('a window of a convolution is a view, and its factors are small convolutions', () => {
  project.write(
    'kernel.ts',
    `import { convolution, cpKernel, defineModel, tensor } from 'btc-compiler';
const middle = convolution(16, 16, { kernel: 3, padding: 'same', weight: cpKernel({ rank: 4 }) });
export default defineModel({
  name: 'kernel',
  inputs: { x: tensor([2, 8, 8, 16]) },
  build: ({ x }) => ({ y: middle(x) }),
});
`,
  );
  expect(project.btc('build', 'kernel.ts', '--target', 'wasm').code).toBe(0);
  const { stdout } = project.btc('inspect', 'out/kernel.wasm.plan.json');
  expect(stdout).toMatch(/ {2}a view\n/);
  const { programs } = JSON.parse(
    project.btc('inspect', 'out/kernel.wasm.plan.json', '--json').stdout,
  );
  const [{ macs, denseMacs, steps }] = programs[0].contractions;
  const points = 2 * 8 * 8;
  // 1 x 1 in, 3 x 1, 1 x 3, 1 x 1 out.
  expect(macs).toBe(points * (16 * 4 + 3 * 4 + 3 * 4 + 4 * 16));
  expect(steps.reduce((sum: number, step: { macs: number }) => sum + step.macs, 0)).toBe(macs);
  expect(denseMacs).toBe(points * 3 * 3 * 16 * 16);
});
