import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stageModel } from '../../compiler/driver/stage-model.ts';
import { lowerModule, type StageModel } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Graph } from '../../ir/graph.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  WASM_LIMITS,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { caseOf, expectMeaning } from '../support/graph-meaning.ts';
import { moduleOf } from '../support/module-of.ts';
import { typedBuilder } from '../support/random-graph.ts';
import { Slabs } from '../support/run-allocated.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { soaked } from '../support/soak.ts';

/** A target to which only bytes matter, so that every chain that fits is worth it. */
const target = (arrayBytes: number, needsHolder = false, clusters = false): StageModel => ({
  arrayBytes,
  needsHolder,
  clusters,
  hasWorkgroups: clusters,
  splitsReductions: false,
  time: (kernel) => kernelCost(kernel).bytes,
});

function lower(graph: Graph, stages: StageModel): { schedule: Schedule; outcomes: string[] } {
  const outcomes: string[] = [];
  const schedule = lowerModule(moduleOf(graph), {
    maxStorageBuffers: 8,
    fusion: orderProgram,
    stages,
    explain: (line) => outcomes.push(line),
  });
  return { schedule, outcomes };
}

const isChain = (schedule: Schedule) =>
  schedule.kernels.some(({ staging }) => staging !== undefined);

interface ChainShape {
  /** Extents of letters; `b` is summed by the first contraction, `s` and `t` by the second. */
  readonly extents: Readonly<Record<string, number>>;
  readonly first: string;
  readonly second: string;
  readonly bias: boolean;
}

/** x[..b..] · v[..b..] = T, T · w = y; letters in any order, some of T's are shared, some summed. */
const chainShapes: fc.Arbitrary<ChainShape> = fc
  .record({
    extents: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 10, maxLength: 10 }),
    shared: fc.shuffledSubarray(['z', 'p', 'q'], { minLength: 1 }),
    summed: fc.constantFrom(['s'], ['s', 't']),
    orders: fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
    bias: fc.boolean(),
    both: fc.boolean(),
  })
  .map(({ extents, shared, summed, orders, bias, both }) => {
    const turned = (letters: readonly string[], k: number) => {
      const at = orders[k] % letters.length;
      return [...letters.slice(at), ...letters.slice(0, at)].join('');
    };
    const [inX, inV] = [
      [...shared.slice(0, 2), summed[0]],
      [...shared.slice(2), ...summed.slice(1)],
    ];
    const middle = turned([...shared, ...summed], 2);
    const x = turned([...inX, 'b'], 0);
    const v = turned([...inV, 'b', ...(both ? [shared[0]] : [])], 1);
    const w = turned([...summed, 'm', ...(both ? [shared[0]] : [])], 3);
    return {
      extents: Object.fromEntries([...'zpqstbm'].map((letter, k) => [letter, extents[k]])),
      first: `${x},${v}->${middle}`,
      second: `${middle},${w}->${turned([...shared, 'm'], 4)}`,
      bias,
    };
  });

function chainGraph({ extents, first, second, bias }: ChainShape): Graph {
  const { builder, add, input } = typedBuilder();
  const shape = (letters: string) => [...letters].map((letter) => extents[letter]);
  const [[x, v], [, w]] = [first, second].map((text) => text.split('->')[0].split(','));
  const middle = add('contract', [input('x', shape(x)), input('v', shape(v))], { equation: first });
  const between = bias ? add('tanh', [middle]) : middle;
  const y = add('contract', [between, input('w', shape(w))], { equation: second });
  // The result may take over the memory of what is added to it.
  const other = add('neg', [input('r', shape(second.split('->')[1]))]);
  const sum = add('reduceSum', [other], { axes: [0] });
  builder.outputs.push(
    { name: 'sum', value: sum },
    { name: 'y', value: add('sin', [add('add', [y, other])]) },
  );
  return builder.finish();
}

describe('a chain means what its graph means', () => {
  test.each([
    [target(16384), WEBGPU_DEFAULT_LIMITS, 'webgpu'],
    [target(128), WEBGPU_DEFAULT_LIMITS, 'webgpu'],
    [target(16384, false, true), WEBGPU_DEFAULT_LIMITS, 'webgpu'],
    [target(256, false, true), WEBGPU_DEFAULT_LIMITS, 'webgpu'],
    [target(128, true), WASM_LIMITS, 'wasm'],
  ] as const)('%o', (model, limits, name) => {
    let chains = 0;
    let drawn = 0;
    fc.assert(
      fc.property(chainShapes, (shape) => {
        const graph = chainGraph(shape);
        const one = caseOf(graph);
        const { schedule } = lower(graph, model);
        expectMeaning(one, schedule);
        drawn++;
        if (isChain(schedule)) chains++;
        const slabs = new Slabs(
          planMemory(schedule, limits, { target: name }).schedule as AllocatedSchedule,
        );
        expect(slabs.run(graph.name, one.inputs)).toEqual(
          runSchedule(schedule, graph.name, one.inputs, {}),
        );
      }),
      soaked(150),
    );
    expect(chains).toBeGreaterThan(drawn / 3);
  });
});

interface RowsShape {
  readonly shape: readonly number[];
  readonly links: readonly {
    readonly statistic: 'mean' | 'largest' | 'place of the largest';
    readonly axes: readonly number[];
    readonly isKept: boolean;
  }[];
}

const rowsShapes: fc.Arbitrary<RowsShape> = fc.record({
  shape: fc.tuple(...[3, 5, 24].map((most) => fc.integer({ min: 2, max: most }))),
  links: fc.array(
    fc.record({
      statistic: fc.constantFrom('mean', 'largest', 'place of the largest'),
      axes: fc.constantFrom([2], [1, 2], [1]),
      isKept: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

/** Elements less a statistic of their rows, again and again: the bones of softmax, norms and searches. */
function rowsGraph({ shape, links }: RowsShape): Graph {
  const { builder, add, input, constant } = typedBuilder();
  const others = (axes: readonly number[]) => [0, 1, 2].filter((axis) => !axes.includes(axis));
  const over = (value: number, axes: readonly number[]) =>
    add('broadcast', [value], { shape, axes: others(axes) });
  let rows = input('x', shape);
  for (const [k, { statistic, axes, isKept }] of links.entries()) {
    const rest = others(axes).map((axis) => shape[axis]);
    const largest = add('reduceMax', [rows], { axes });
    const place = () => {
      const isLargest = add('eq', [rows, over(largest, axes)]);
      const places = add('iota', [], { shape, axis: axes[0] });
      const found = add('select', [isLargest, places, constant(0, shape, 'i32')]);
      return add('toF32', [add('reduceMax', [found], { axes })]);
    };
    const mean = () => add('mul', [add('reduceSum', [rows], { axes }), constant(1 / 16, rest)]);
    const value = { mean, largest: () => largest, 'place of the largest': place }[statistic]();
    if (isKept) builder.outputs.push({ name: `statistic${k}`, value });
    rows = add('tanh', [add('sub', [rows, over(value, axes)])]);
  }
  builder.outputs.push({ name: 'rows', value: rows });
  return builder.finish();
}

describe('clusters of statistics of rows mean what they mean apart', () => {
  test.each([
    [target(4096, false, true), WEBGPU_DEFAULT_LIMITS, 'webgpu'],
    [{ ...target(4096, true, true), hasWorkgroups: false }, WASM_LIMITS, 'wasm'],
    [{ ...target(64, true, true), hasWorkgroups: false }, WASM_LIMITS, 'wasm'],
  ] as const)('%o', (model, limits, name) => {
    let clusters = 0;
    let drawn = 0;
    fc.assert(
      fc.property(rowsShapes, (shape) => {
        const one = caseOf(rowsGraph(shape));
        const { schedule } = lower(one.graph, model);
        expectMeaning(one, schedule);
        drawn++;
        if (isChain(schedule)) clusters++;
        const allocated = planMemory(schedule, limits, { target: name }).schedule;
        const slabs = new Slabs(allocated as AllocatedSchedule);
        expect(slabs.run(one.graph.name, one.inputs)).toEqual(
          runSchedule(schedule, one.graph.name, one.inputs, {}),
        );
      }),
      soaked(100),
    );
    expect(clusters).toBeGreaterThan(drawn / 4);
  });
});

/** T[z, k] = x · v, y[z, m] = T · w, by extents. */
const product = (z: number, b: number, k: number, m: number): ChainShape => ({
  extents: { z, b, s: k, m },
  first: 'zb,bs->zs',
  second: 'zs,sm->zm',
  bias: false,
});

describe('an intermediate stays in memory', () => {
  test('when no tile of it fits, by one element', () => {
    const [fits, exceeds] = [4096, 4097].map((k) =>
      lower(chainGraph(product(8, 2, k, 2)), target(16384)),
    );
    expect(isChain(fits.schedule)).toBe(true);
    expect(isChain(exceeds.schedule)).toBe(false);
    expect(exceeds.outcomes.join()).toContain('no tile of it has at most 16384 bytes');
  });

  test('when the target has no stages', () => {
    const { schedule } = lower(chainGraph(product(8, 4, 8, 4)), target(0));
    expect(isChain(schedule)).toBe(false);
  });

  test('when two kernels would be faster', () => {
    const slow = {
      ...target(16384),
      time: (kernel: Schedule['kernels'][number]) => (kernel.staging ? 300 : 100),
    };
    const { schedule, outcomes } = lower(chainGraph(product(8, 4, 8, 4)), slow);
    expect(isChain(schedule)).toBe(false);
    expect(outcomes.join()).toContain('one kernel would take 1.50 of the time');
  });

  test('when somebody else reads it, as a backward pass does', () => {
    const { builder, add, input } = typedBuilder();
    const t = add('contract', [input('x', [8, 4]), input('v', [4, 6])], { equation: 'zb,bs->zs' });
    const y = add('contract', [t, input('w', [6, 5])], { equation: 'zs,sm->zm' });
    const other = add('contract', [t, input('u', [8, 3])], { equation: 'zs,zn->sn' });
    builder.outputs.push({ name: 'y', value: y }, { name: 'other', value: other });
    const graph = builder.finish();
    const { schedule } = lower(graph, target(16384));
    expect(isChain(schedule)).toBe(false);
    expectMeaning(caseOf(graph), schedule);
  });

  test('when one kernel would have too many bindings', () => {
    const { schedule } = lower(chainGraph(product(8, 4, 8, 4)), target(16384));
    expect(isChain(schedule)).toBe(true);
    const few = lowerModule(moduleOf(chainGraph(product(8, 4, 8, 4))), {
      maxStorageBuffers: 3,
      fusion: orderProgram,
      stages: target(16384),
    });
    expect(isChain(few)).toBe(false);
  });

  test('when its tile would be all of it, and takes as much memory', () => {
    const shape = { ...product(1, 4, 8, 4) };
    expect(isChain(lower(chainGraph(shape), target(16384, true)).schedule)).toBe(false);
  });
});

test('the models of both targets find the time of every kernel', () => {
  fc.assert(
    fc.property(chainShapes, fc.constantFrom('webgpu', 'wasm'), (shape, name) => {
      const limits = name === 'webgpu' ? WEBGPU_DEFAULT_LIMITS : WASM_LIMITS;
      const model = stageModel(name, limits);
      const { schedule } = lower(chainGraph(shape), target(4096, model.needsHolder));
      for (const kernel of schedule.kernels) expect(model.time(kernel)).toBeGreaterThan(0);
    }),
    soaked(20),
  );
});
