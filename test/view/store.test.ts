import { expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import { type PlanModel, planModel } from '../../view/data/model.ts';
import { neighbourhood } from '../../view/data/neighbourhood.ts';
import { wholeRange } from '../../view/data/range.ts';
import { sourceHeat } from '../../view/data/source-heat.ts';
import { stepFacts } from '../../view/data/step.ts';
import { tensorFacts } from '../../view/data/tensor.ts';
import {
  createStore,
  modelOf,
  NO_HOVER,
  type Store,
  selectStep,
  selectTensor,
  showModel,
  showProgram,
  zoomSteps,
} from '../../view/page/store.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { largePlan } from './large-plan.ts';

const draw = { seed: 5, hosted: 4, swapped: 6, recomputed: 4, tiers: ['memory'] } as const;
const PLANS: readonly Plan[] = [smallPlan(), largePlan(40), swappedPlan(smallPlan(), draw)];

/** A store of the plans, whose frames come when they are asked for. */
function storeOf(plans: readonly Plan[]) {
  const models = plans.map((plan, k) => planModel({ plan, label: `plan ${k}` }));
  const [model] = models;
  const program = model.program(model.peakProgram);
  const frames: (() => void)[] = [];
  const store = createStore(
    {
      ...{ models, model, program, live: null, step: null, tensor: null, hover: NO_HOVER },
      ...{ range: wholeRange(program.steps.length), theme: 'light' },
    },
    (call) => frames.push(call),
  );
  const frame = () => {
    for (const call of frames.splice(0)) call();
  };
  return { store, models, frame };
}

/** Numbers from 0 to 1, the same for a seed. */
function numbers(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What the panels ask of a state: throws where a selection means nothing in it. */
function lookAt(store: Store): void {
  const { model, models, program, step, tensor, hover, range } = store.state();
  expect(models).toContain(model);
  expect(model.program(program.name)).toBe(program);
  const count = program.steps.length;
  for (const each of [step, hover.step]) {
    if (each === null) continue;
    expect(each).toBeGreaterThanOrEqual(0);
    expect(each).toBeLessThan(count);
    expect(stepFacts(model, program, each).label).toBe(program.steps[each].label);
    neighbourhood(model, program, { kind: 'step', index: each }, 2);
  }
  for (const each of [tensor, hover.tensor]) {
    if (each === null) continue;
    const of = model.plan.tensors[each].program;
    expect([null, program.name]).toContain(of);
    tensorFacts(model, program, each);
    neighbourhood(model, program, { kind: 'tensor', index: each }, 2);
  }
  expect(range.first).toBeGreaterThanOrEqual(0);
  expect(range.last).toBeLessThanOrEqual(Math.max(1, count));
  expect(range.last).toBeGreaterThan(range.first);
}

type Act = (store: Store, models: readonly PlanModel[], random: () => number) => void;

const pick = <T>(list: readonly T[], random: () => number): T =>
  list[Math.floor(random() * list.length)];
/** An index, often of something else than what is shown. */
const anyIndex = (random: () => number) => pick([0, 1, 4, 12, 39, 41, 200, -1, 2.5], random);
const anyProgram = (models: readonly PlanModel[], random: () => number) => {
  const model = pick(models, random);
  return model.program(pick(model.programs, random));
};

const ACTS: readonly Act[] = [
  (store, _models, random) => showProgram(store, pick(['train', 'predict', 'none'], random)),
  (store, models, random) => showModel(store, pick(models, random)),
  (store, _models, random) => selectStep(store, anyIndex(random)),
  (store, models, random) => selectStep(store, anyIndex(random), anyProgram(models, random)),
  (store) => selectStep(store, null),
  (store, _models, random) => selectTensor(store, anyIndex(random)),
  (store, models, random) => selectTensor(store, anyIndex(random), pick(models, random)),
  (store, _models, random) => store.set({ step: anyIndex(random) }),
  (store, _models, random) => store.set({ tensor: anyIndex(random) }),
  (store, _models, random) =>
    store.set({ hover: { step: anyIndex(random), tensor: anyIndex(random) } }),
  (store, models, random) => store.set({ program: anyProgram(models, random) }),
  (store, models, random) => store.set({ models: [pick(models, random), models[0]] }),
  (store, models) => store.set({ models }),
  (store, _models, random) => store.set({ range: { first: anyIndex(random), last: 7 } }),
  (store, _models, random) => zoomSteps(store, pick([0.1, 1.6, 50], random)),
];

test('whatever is asked of a store in whatever order, its state means something', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = numbers(seed);
    const { store, models, frame } = storeOf(PLANS);
    store.subscribe(() => lookAt(store));
    for (let k = 0; k < 120; k++) {
      pick(ACTS, random)(store, models, random);
      lookAt(store);
      if (random() < 0.3) frame();
    }
    frame();
  }
});

test('every change is told once, and another plan or program before the next thing is done', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = numbers(1000 + seed);
    const { store, models, frame } = storeOf(PLANS);
    let seen = store.state();
    store.subscribe((changes) => {
      const now = store.state();
      for (const key of Object.keys(now) as (keyof typeof now)[])
        if (now[key] !== seen[key]) expect(changes).toContain(key);
      seen = now;
    });
    for (let k = 0; k < 80; k++) {
      pick(ACTS, random)(store, models, random);
      const { models: all, model, program } = store.state();
      expect([seen.models, seen.model, seen.program]).toEqual([all, model, program]);
      if (random() < 0.3) {
        frame();
        expect(seen).toEqual(store.state());
      }
    }
    frame();
    expect(seen).toEqual(store.state());
  }
});

test('a link to a step goes to the program that it was made of', () => {
  const { store } = storeOf([smallPlan()]);
  const train = modelOf(store).program('train');
  showProgram(store, 'predict');
  selectStep(store, 3, train);
  expect(store.state()).toMatchObject({ program: train, step: 3 });
  const other = planModel({ plan: largePlan(40) });
  selectStep(store, 30, other.program('train'));
  expect(store.state()).toMatchObject({ program: train, step: 3 });
  selectTensor(store, 2, other);
  expect(store.state().tensor).toBeNull();
});

test('a tensor of another program is shown with that program, and is selected in no other', () => {
  const { store } = storeOf([smallPlan()]);
  const { plan } = modelOf(store);
  const own = plan.tensors.findIndex(({ program }) => program === 'predict');
  selectTensor(store, own);
  expect(store.state()).toMatchObject({ program: { name: 'predict' }, tensor: own });
  showProgram(store, 'train');
  expect(store.state().tensor).toBeNull();
  const shared = plan.tensors.findIndex(({ program }) => program === null);
  selectTensor(store, shared);
  showProgram(store, 'predict');
  expect(store.state().tensor).toBe(shared);
});

test('another plan is shown with the same program, and the same tensor by its name', () => {
  const { store, models } = storeOf([smallPlan(), swappedPlan(smallPlan(), draw), largePlan(40)]);
  const { plan } = modelOf(store);
  const shared = plan.tensors.findIndex(({ program }) => program === null);
  selectTensor(store, shared);
  showModel(store, models[1]);
  const { model, tensor, program } = store.state();
  expect([model, program.name]).toEqual([models[1], 'train']);
  expect(model.plan.tensors[tensor!].name).toBe(plan.tensors[shared].name);
  selectTensor(
    store,
    model.plan.tensors.findIndex(({ name }) => name === 'error'),
  );
  showModel(store, models[2]);
  expect(store.state()).toMatchObject({ model: models[2], tensor: null, step: null });
  expect(sourceHeat(models[2], store.state().program)).not.toEqual([]);
});
