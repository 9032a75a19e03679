import { defineModel, einsum, init, param, sgd, sum, tensor } from 'btc-compiler';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { comparePlans } from '../../view/data/compare.ts';
import { contractionTrees } from '../../view/data/contraction-trees.ts';
import { kernelRows, sortKernels } from '../../view/data/kernels.ts';
import { planModel } from '../../view/data/model.ts';
import { MOST_NODES, neighbourhood } from '../../view/data/neighbourhood.ts';
import { sourceHeat } from '../../view/data/source-heat.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { largePlan } from './large-plan.ts';

const modelOf = (plan: Plan, label?: string) => planModel({ plan, ...(label ? { label } : {}) });

/** The small plan with times, and with positions: step s at line s + 1 of `model.ts`, called from line 50 of `main.ts`. */
function placedPlan(): Plan {
  const plan = smallPlan();
  const { train } = plan.programs;
  const count = train.steps.length;
  const frames = [
    { file: 'main.ts', line: 50, column: 1 },
    ...train.steps.map((_, s) => ({ file: 'model.ts', line: s + 1, column: 1, from: 0 })),
  ];
  const steps = train.steps.map((step, s) => ({ ...step, source: s, seconds: (s + 1) * 1e-3 }));
  const tensors = plan.tensors.map((each, k) => ({ ...each, source: k % count }));
  return {
    ...{ ...plan, tensors, frames },
    sources: steps.map((_, s) => ({ frame: s + 1 })),
    programs: { ...plan.programs, train: { ...train, steps } },
  };
}

describe('kernels', () => {
  test('have the steps of the program once, with their shares and rates', () => {
    const plan = placedPlan();
    const model = modelOf(plan);
    const { steps } = plan.programs.train;
    const rows = kernelRows(model, model.program('train'));
    expect(rows.flatMap((row) => row.steps).sort((a, b) => a - b)).toEqual(steps.map((_, s) => s));
    expect(rows.reduce((all, { share }) => all + share, 0)).toBeCloseTo(1, 12);
    for (const row of rows) {
      const own = row.steps.map((step) => steps[step]);
      const seconds = own.reduce((all, step) => all + step.seconds!, 0);
      expect(row.predicted).toBeCloseTo(seconds, 12);
      expect(row.measured).toBeNull();
      const flops = own.reduce((all, step) => all + step.flops, 0);
      expect(row.gflops).toBeCloseTo(flops / seconds / 1e9, 12);
      for (const step of own) expect(plan.kernels[step.kernel].name).toBe(row.name);
    }
  });

  test('have measured times where there is a trace, and no rates where there are no times', () => {
    const plan = placedPlan();
    const count = plan.programs.train.steps.length;
    const steps = plan.programs.train.steps.map(({ kernel }, step) => ({
      ...{ program: 'train', run: 0, step, kernel: plan.kernels[kernel].name },
      ...{ startSeconds: step, seconds: step === 0 ? 0.9 : 0.1 / (count - 1) },
    }));
    const runs = [{ program: 'train', run: 0, startSeconds: 0, seconds: 1 }];
    const trace = { clock: 'host', runs, steps, copies: [] } as const;
    const traced = planModel({ plan, trace: { trace, device: 'made up' } });
    const [first] = kernelRows(traced, traced.program('train'));
    expect(first.steps[0]).toBe(0);
    expect(first.share).toBeCloseTo(0.9, 9);
    expect(first.measured).toBeCloseTo(0.9, 9);
    const bare = modelOf(smallPlan());
    for (const row of kernelRows(bare, bare.program('train')))
      expect([row.gflops, row.gbs, row.predicted, row.measured]).toEqual([null, null, null, null]);
  });

  test('are sorted by any column, what is not known last', () => {
    const rows = ['b', 'a', 'c'].map((name, k) => ({
      ...{ name, variant: null, steps: Array.from({ length: k + 1 }, (_, s) => s), share: k / 3 },
      ...{ measured: k === 1 ? null : k, predicted: null, gflops: null, gbs: null },
    }));
    const names = (...by: [Parameters<typeof sortKernels>[1], boolean]) =>
      sortKernels(rows, ...by)
        .map(({ name }) => name)
        .join('');
    expect(names('name', false)).toBe('abc');
    expect(names('calls', true)).toBe('cab');
    expect([names('measured', true), names('measured', false)]).toEqual(['cba', 'bca']);
  });
});

describe('lines of the model', () => {
  test('hold what is there at the peak, and what their calls do', () => {
    const plan = placedPlan();
    const model = planModel({ plan, sources: { 'model.ts': 'a\nb\nc\r\nd\ne' } });
    const program = model.program('train');
    const files = sourceHeat(model, program);
    const main = files.find(({ file }) => file === 'main.ts')!;
    const own = files.find(({ file }) => file === 'model.ts')!;
    const atPeak = program.live.total[program.live.peak.step];
    expect(main.lines.get(50)!.bytes).toBe(atPeak);
    expect([main.text, own.text]).toEqual([null, ['a', 'b', 'c', 'd', 'e']]);
    expect([...own.lines.values()].reduce((all, { bytes }) => all + bytes, 0)).toBe(atPeak);
    const seconds = plan.programs.train.steps.map((step) => step.seconds!);
    expect(main.lines.get(50)!.seconds).toBeCloseTo(
      seconds.reduce((a, b) => a + b, 0),
      12,
    );
    seconds.forEach((time, step) => {
      expect(own.lines.get(step + 1)).toMatchObject({ seconds: time, steps: [step] });
    });
    for (const { tensors } of own.lines.values()) {
      const bytes = tensors.map((index) => plan.tensors[index].bytes);
      expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
    }
  });

  test('a line that calls itself counts once, and a plan without positions has none', () => {
    const plan = placedPlan();
    const frames = [
      { file: 'm.ts', line: 1, column: 1 },
      { file: 'm.ts', line: 1, column: 9, from: 0 },
    ];
    const twice = modelOf({ ...plan, frames, sources: plan.sources!.map(() => ({ frame: 1 })) });
    const program = twice.program('train');
    const atPeak = program.live.total[program.live.peak.step];
    expect(sourceHeat(twice, program)[0].lines.get(1)!.bytes).toBe(atPeak);
    const bare = modelOf(smallPlan());
    expect(sourceHeat(bare, bare.program('train'))).toEqual([]);
  });
});

describe('the neighbourhood', () => {
  test('has the operands and the results of a step, and the steps of a tensor', () => {
    const plan = smallPlan();
    const model = modelOf(plan);
    const program = model.program('train');
    const { steps } = plan.programs.train;
    // The difference of a prediction and a target; its result goes into two steps.
    const near = neighbourhood(model, program, { kind: 'step', index: 1 }, 1);
    const side = (column: number) =>
      near.nodes.flatMap((node) => (node.column === column ? [node.index] : [])).sort();
    const [target, error] = steps[1].bindings;
    // In place of the prediction.
    const prediction = plan.tensors.findIndex(({ name }) => name === 'prediction');
    expect(plan.tensors[error]).toMatchObject({ name: 'error', policy: 'in-place' });
    expect(side(-1)).toEqual([prediction, target].sort());
    expect(side(1)).toEqual([error]);
    expect(near.edges).toHaveLength(3);
    expect(near.left).toBe(0);
    const around = neighbourhood(model, program, { kind: 'tensor', index: error }, 1);
    expect(around.nodes.slice(1).map(({ kind, index, column }) => [kind, index, column])).toEqual([
      ['step', 1, -1],
      ['step', 2, 1],
      ['step', 3, 1],
    ]);
  });

  test('never has more nodes than a picture can hold, says how many it leaves out, and no two at one place', () => {
    const model = modelOf(largePlan(2000));
    const program = model.program('train');
    // All forward steps use the weight.
    const near = neighbourhood(model, program, { kind: 'tensor', index: 0 }, 4);
    expect(near.nodes.length).toBeLessThanOrEqual(MOST_NODES);
    expect(near.left).toBeGreaterThan(900);
    for (const [from, to] of near.edges)
      expect([near.nodes[from].kind, near.nodes[to].kind].sort()).toEqual(['step', 'tensor']);
    const places = near.nodes.map(({ column, row }) => `${column} ${row}`);
    expect(new Set(places).size).toBe(places.length);
  });

  test('values go from left to right, but what is updated in place', () => {
    for (const plan of [smallPlan(), largePlan(60)]) {
      const model = modelOf(plan);
      const program = model.program('train');
      program.steps.forEach((_, index) => {
        const { nodes, edges } = neighbourhood(model, program, { kind: 'step', index }, 3);
        const all = new Set(edges.map((edge) => edge.join()));
        for (const [from, to] of edges) {
          const [a, b] = [nodes[from].column, nodes[to].column];
          const isUpdate = all.has(`${to},${from}`);
          if (!isUpdate && Math.sign(a) * Math.sign(b) > 0) expect(a).toBeLessThan(b);
        }
      });
    }
  });
});

describe('contractions', () => {
  test('are trees whose leaves are the operands, and whose steps add up', async () => {
    const model = defineModel({
      name: 'chain',
      inputs: { x: tensor([2, 30]) },
      build: ({ x }) => {
        const shapes = [
          [30, 4],
          [4, 50],
          [50, 3],
        ];
        const [a, b, c] = shapes.map((shape, k) => param(`w${k}`, shape, init.normal(1)));
        return { y: einsum('zi,ij,jk,kl->zl', x, a, b, c) };
      },
      train: { loss: ({ y }) => sum(y), optimizer: sgd() },
    });
    const { plan } = await compile(model, { target: 'wasm' });
    const [tree, ...others] = contractionTrees(modelOf(plan!));
    expect(others).toEqual([]);
    expect(tree.equation).toBe('zi,ij,jk,kl->zl');
    expect(tree.places).toHaveLength(2);
    const leaves = tree.nodes.filter(({ children }) => children === null);
    expect(leaves.map(({ letters }) => letters)).toEqual(['zi', 'ij', 'jk', 'kl']);
    expect(leaves.map(({ x }) => x).sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    const root = tree.nodes.at(-1)!;
    expect([root.letters, root.elements]).toEqual(['zl', 6]);
    expect(tree.nodes.reduce((all, { macs }) => all + macs, 0)).toBe(tree.macs);
    expect(tree.nodes.reduce((all, { share }) => all + share, 0)).toBeCloseTo(1, 12);
    for (const { children, level } of tree.nodes)
      for (const child of children ?? []) expect(tree.nodes[child].level).toBeLessThan(level);
    expect(tree.leftToRightMacs).toBeGreaterThanOrEqual(tree.macs);
  });
});

describe('plans beside each other', () => {
  const plain = smallPlan();
  const draw = { seed: 3, hosted: 5, swapped: 8, recomputed: 5, tiers: ['memory'] } as const;
  const swapped = swappedPlan(plain, draw);

  test('have the figures of each, and what is treated differently', () => {
    const compared = comparePlans([modelOf(plain), modelOf(swapped)], 'train');
    const { labels, figures, values, curves } = compared;
    expect(labels).toEqual(['regression, no budget (1)', 'regression, no budget (2)']);
    const figure = (name: string) => figures.find((one) => one.name === name)?.values;
    const { transfers = [], steps } = swapped.programs.train;
    expect(figure('on the device')).toEqual([plain.memory.deviceBytes, swapped.memory.deviceBytes]);
    expect(figure('copies to and from the host')).toEqual([0, transfers.length]);
    expect(figure('steps')).toEqual([plain.programs.train.steps.length, steps.length]);
    const copied = swapped.tensors.flatMap(({ copyOf, program }) =>
      copyOf && program === 'train' ? [swapped.tensors[copyOf.tensor].name] : [],
    );
    expect(copied.length).toBeGreaterThan(0);
    expect(new Set(values.map(({ name }) => name))).toEqual(new Set(copied));
    for (const { treatments } of values) {
      expect(treatments[0]).toBe('kept');
      expect(treatments[1]).toMatch(/^(recomputed|swapped)/);
    }
    expect(curves.map(({ bytes }) => bytes.length)).toEqual(figure('steps'));
    for (const { progress } of curves) {
      expect(progress[0]).toBe(0);
      progress.forEach((at, step) => {
        expect(at).toBeGreaterThanOrEqual(progress[step - 1] ?? 0);
      });
      expect(progress.at(-1)).toBeLessThanOrEqual(1);
    }
  });

  test('the same plan twice differs in nothing, and a plan without the program has its own figures', () => {
    const same = comparePlans([modelOf(plain, 'a'), modelOf(plain, 'b')], 'train');
    expect([same.labels, same.values]).toEqual([['a', 'b'], []]);
    expect(same.figures.every(({ changes }) => changes.every((text) => text === ''))).toBe(true);
    const { train: _, ...programs } = plain.programs;
    const other = modelOf({ ...plain, programs }, 'b');
    const one = comparePlans([modelOf(plain, 'a'), other], 'train');
    expect(one.curves).toHaveLength(1);
    expect(one.figures.find(({ name }) => name === 'steps')?.texts).toEqual(['5', '–']);
  });

  test('of other models have figures without changes, and no values: that is said', () => {
    const other = modelOf(largePlan(20), 'b');
    const { notes, figures, values, isCompared, curves } = comparePlans(
      [modelOf(plain, 'a'), other, modelOf(swapped, 'c')],
      'train',
    );
    expect(notes.join()).toContain("'b' is another model, 'chain'");
    for (const { changes } of figures) expect([changes[0], changes[1]]).toEqual(['', '']);
    expect(figures.some(({ changes }) => changes[2] !== '')).toBe(true);
    expect(values.length).toBeGreaterThan(0);
    for (const { treatments } of values) expect(treatments[1]).toBe('not compared');
    expect([isCompared, curves.length]).toEqual([true, 3]);
    const alone = comparePlans([modelOf(plain, 'a'), other], 'train');
    expect([alone.isCompared, alone.values]).toEqual([false, []]);
  });

  test('the same name does not make two models one: their parameters do', () => {
    const grown = {
      ...plain,
      tensors: plain.tensors.map((each) =>
        each.role === 'parameter' ? { ...each, name: `${each.name}2` } : each,
      ),
    };
    const { notes, isCompared } = comparePlans([modelOf(plain, 'a'), modelOf(grown, 'b')], 'train');
    expect(notes).toEqual([expect.stringContaining('of the same name with other parameters')]);
    expect(isCompared).toBe(false);
  });

  test('what differs beside the budget is said, and the rest is compared', () => {
    const wider = {
      ...{ ...plain, target: 'wasm' as const, profile: 'mine' },
      programs: Object.fromEntries(
        Object.entries(plain.programs).map(([name, program]) => [
          name,
          { ...program, inputs: program.inputs.map((each) => ({ ...each, shape: [7] })) },
        ]),
      ),
    };
    const { notes, isCompared } = comparePlans([modelOf(plain, 'a'), modelOf(wider, 'b')], 'train');
    expect(isCompared).toBe(true);
    for (const text of ['other inputs', 'another target', 'another device'])
      expect(notes.join()).toContain(text);
    expect(comparePlans([modelOf(plain, 'a'), modelOf(swapped, 'b')], 'train').notes).toEqual([]);
  });

  test('times are compared where they are predicted for one device', () => {
    const fast = largePlan(20);
    const { train } = fast.programs;
    const predicted = { ...train.predicted!, seconds: 2 * train.predicted!.seconds };
    const slow = { ...fast, programs: { train: { ...train, predicted } } };
    const changesOf = (other: Plan) =>
      comparePlans([modelOf(fast, 'a'), modelOf(other, 'b')], 'train').figures.find(
        ({ name }) => name === 'predicted time of a run',
      )!.changes;
    expect(changesOf(slow)).toEqual(['', '+100 %']);
    expect(changesOf({ ...slow, profile: 'mine' })).toEqual(['', '']);
    expect(changesOf({ ...slow, adapter: 'mine' })).toEqual(['', '']);
  });

  test('changes are beyond the plan that is shown, wherever it stands', () => {
    const models = [modelOf(plain, 'a'), modelOf(swapped, 'b')];
    const { figures, base } = comparePlans(models, 'train', 1);
    expect(base).toBe(1);
    for (const { changes } of figures) expect(changes[1]).toBe('');
    expect(figures.some(({ changes }) => changes[0] !== '')).toBe(true);
  });
});
