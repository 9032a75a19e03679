import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lowerModule } from '../../compiler/lower/index.ts';
import { partialReduction } from '../../compiler/lower/partial-reduction.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Graph } from '../../ir/graph.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { type AllocatedSchedule, WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { elementCount } from '../../ir/tensor.ts';
import { caseOf, copyOf, expectMeaning } from '../support/graph-meaning.ts';
import { moduleOf } from '../support/module-of.ts';
import { graphCases, typedBuilder } from '../support/random-graph.ts';
import { Slabs } from '../support/run-allocated.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { soaked } from '../support/soak.ts';

describe('a schedule means what its graph means', () => {
  test.each([
    { maxStorageBuffers: 8, fusion: orderProgram },
    { maxStorageBuffers: 8, fusion: null },
    { maxStorageBuffers: 4, fusion: orderProgram },
  ])('%o', (options) => {
    fc.assert(
      fc.property(graphCases, (one) => {
        expectMeaning(one, lowerModule(moduleOf(one.graph), options));
      }),
      soaked(150),
    );
  });

  test('and keeps to the number of bindings', () => {
    fc.assert(
      fc.property(graphCases, ({ graph }) => {
        const { kernels } = lowerModule(moduleOf(graph), {
          maxStorageBuffers: 8,
          fusion: orderProgram,
        });
        for (const { buffers } of kernels) expect(buffers.length).toBeLessThanOrEqual(8);
      }),
      soaked(100),
    );
  });

  test('with fusion in no more steps than without', () => {
    fc.assert(
      fc.property(graphCases, ({ graph }) => {
        const [fused, plain] = [orderProgram, null].map((fusion) =>
          lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion }),
        );
        expect(fused.programs[0].steps.length).toBeLessThanOrEqual(plain.programs[0].steps.length);
      }),
    );
  });
});

describe('shared memory changes no bit', () => {
  test.each([
    ['webgpu', WEBGPU_DEFAULT_LIMITS],
    ['webgpu', { ...WEBGPU_DEFAULT_LIMITS, maxBufferBytes: 1024, maxBindingBytes: 1024 }],
    ['wasm', WASM_LIMITS],
  ] as const)('%s %o', (target, limits) => {
    fc.assert(
      fc.property(graphCases, ({ graph, inputs, parameters }) => {
        const schedule = lowerModule(moduleOf(graph), {
          maxStorageBuffers: 8,
          fusion: orderProgram,
        });
        const planned = planMemory(schedule, limits, { target }).schedule;
        // A tensor that no slab can hold is refused, which other tests are about.
        fc.pre(planned !== null);
        const own = copyOf(parameters);
        const outputs = runSchedule(schedule, graph.name, inputs, own);
        const allocated = planned as AllocatedSchedule;
        const slabs = new Slabs(allocated);
        allocated.tensors.forEach(({ name, program }, tensor) => {
          if (program === null) slabs.view(tensor).set(parameters[name]);
        });
        expect(slabs.run(graph.name, inputs)).toEqual(outputs);
        allocated.tensors.forEach(({ name, program }, tensor) => {
          if (program === null) expect(slabs.view(tensor)).toEqual(own[name]);
        });
      }),
      soaked(100),
    );
  });
});

const lower = (graph: Graph) =>
  lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion: orderProgram });

/** h' = tanh(x_t + h·W) over the rows of x, then all states times W again: the bones of a recurrent layer. */
function recurrence(time: number, batch: number, width: number): Graph {
  const { builder, add, input, constant } = typedBuilder();
  const x = input('x', [time, batch, width]);
  const weight = builder.append(
    'parameter',
    [],
    { name: 'w' },
    { dtype: 'f32', shape: [width, width] },
    -1,
  );
  let hidden = constant(0, [batch, width]);
  const states: number[] = [];
  for (let t = 0; t < time; t++) {
    const row = add('slice', [x], { starts: [t, 0, 0], sizes: [1, batch, width] });
    const flat = add('reshape', [row], { shape: [batch, width] });
    const moved = add('contract', [hidden, weight], { equation: 'bi,ij->bj' });
    hidden = add('tanh', [add('add', [flat, moved])]);
    states.push(add('reshape', [hidden], { shape: [1, batch, width] }));
  }
  const all = add('concat', states, { axis: 0 });
  const result = add('contract', [all, weight], { equation: 'tbi,ij->tbj' });
  builder.outputs.push({ name: 'result', value: result });
  return builder.finish();
}

describe('equal time steps', () => {
  test('share their kernels, however many they are', () => {
    const [short, long] = [6, 24].map((time) => lower(recurrence(time, 4, 16)));
    expect(long.kernels.length).toBe(short.kernels.length);
    expect(long.programs[0].steps.length - short.programs[0].steps.length).toBe(18);
  });

  test('write their states where the joined states live', () => {
    const graph = recurrence(6, 4, 16);
    const schedule = lower(graph);
    // One kernel per step, zeros to start with, and the last product; no copies.
    expect(schedule.programs[0].steps.map(({ label }) => label)).not.toContain('reshape');
    expect(schedule.programs[0].steps.length).toBe(6 + 2);
    expectMeaning(caseOf(graph), schedule);
  });

  test.each([
    [5, 3, 7],
    [5, 1, 1],
    [6, 2, 32],
  ])('of any size: %i steps, batch %i, width %i', (time, batch, width) => {
    const graph = recurrence(time, batch, width);
    expectMeaning(caseOf(graph), lower(graph));
  });
});

describe('parameters', () => {
  test('that exchange their values lose none', () => {
    const graph = parseGraph(`graph train {
  %0 = parameter name="a" : f32[4]
  %1 = parameter name="b" : f32[4]
  update "a" = %1
  update "b" = %0
}`);
    const one = {
      graph,
      inputs: {},
      parameters: { a: Float64Array.of(1, 2, 3, 4), b: Float64Array.of(5, 6, 7, 8) },
    };
    expectMeaning(one, lower(graph));
  });

  test('are read before they are replaced', () => {
    const graph = parseGraph(`graph train {
  %0 = parameter name="a" : f32[2,2]
  %1 = add(%0, %0) : f32[2,2]
  %2 = transpose(%0) permutation=[1,0] : f32[2,2]
  %3 = mul(%2, %2) : f32[2,2]
  update "a" = %1
  output "squares" = %3
}`);
    expectMeaning(
      { graph, inputs: {}, parameters: { a: Float64Array.of(1, 2, 3, 4) } },
      lower(graph),
    );
  });
});

describe('reductions of many elements to few', () => {
  test('go in two kernels', () => {
    const { builder, add, input } = typedBuilder();
    const total = add('reduceSum', [input('x', [300, 400])], { axes: [0, 1] });
    const least = add('reduceMin', [input('y', [131072])], { axes: [0] });
    builder.outputs.push({ name: 'total', value: total }, { name: 'least', value: least });
    const graph = builder.finish();
    const schedule = lower(graph);
    expect(schedule.programs[0].steps.length).toBe(4);
    expectMeaning(caseOf(graph), schedule);
  });

  test('and contractions with long sums and few results, too', () => {
    const { builder, add, input } = typedBuilder();
    const [x, y] = [input('x', [96, 30, 8]), input('y', [96, 30, 6, 8])];
    const equation = 'tbi,tbji->ij';
    builder.outputs.push({ name: 'w', value: add('contract', [x, y], { equation }) });
    builder.outputs.push({
      name: 'long',
      value: add('contract', [input('a', [64, 32, 16]), input('b', [64, 32, 16])], {
        equation: 'abc,abc->',
      }),
    });
    const graph = builder.finish();
    const schedule = lower(graph);
    expect(schedule.programs[0].steps.length).toBe(3);
    expectMeaning(caseOf(graph), schedule);
  });

  test('are cut into parts that cover every element once', () => {
    const extents = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), extents, (results, reduced) => {
        const cut = partialReduction(results, reduced, results % 2 === 0);
        if (!cut) return;
        const { position, inner } = cut;
        expect(reduced[position] % inner).toBe(0);
        const each = inner * elementCount(reduced.slice(position + 1));
        expect(each).toBeGreaterThanOrEqual(512);
        expect(each).toBeLessThan(elementCount(reduced));
      }),
    );
  });
});

test('a chain of twenty thousand values is lowered without deep recursion', () => {
  const { builder, add, input } = typedBuilder();
  let value = input('x', [8]);
  for (let k = 0; k < 20_000; k++) value = add(k % 2 === 0 ? 'tanh' : 'neg', [value]);
  builder.outputs.push({ name: 'y', value });
  const schedule = lower(builder.finish());
  expect(schedule.programs[0].steps.length).toBeGreaterThan(0);
  expect(schedule.programs[0].steps.length).toBeLessThan(2000);
});

describe('corners that random graphs found', () => {
  test.each([
    [
      'a diagonal of taps and an axis',
      `graph train {
  %0 = input name="x" : f32[2,3]
  %1 = window(%0) axis=0 stride=2 dilation=2 low=-1 positions=2 size=3 value=0 : f32[2,3,3]
  %2 = contract(%0, %0, %1) equation="ab,ab,abb->b" : f32[3]
  output "y" = %2
}
`,
    ],
    [
      'a view of a value that nobody reads',
      `graph train {
  %0 = input name="x" : f32[2,3]
  %1 = neg(%0) : f32[2,3]
  %2 = reshape(%1) shape=[6] : f32[6]
  %3 = exp(%0) : f32[2,3]
  output "y" = %3
}
`,
    ],
    [
      'a sum that is read only where a window is outside it, beside a kernel that reads what it does',
      `graph train {
  %0 = input name="x" : f32[2,3]
  %1 = contract(%0, %0) equation="ab,cb->bc" : f32[3,2]
  %2 = window(%1) axis=0 stride=1 dilation=1 low=0 positions=4 size=3 value=-1 : f32[4,3,2]
  %3 = max(%0, %0) : f32[2,3]
  %4 = slice(%2) starts=[3,1,0] sizes=[1,2,2] : f32[1,2,2]
  output "y" = %3
  output "z" = %4
}
`,
    ],
  ])('%s', (_, text) => {
    const graph = parseGraph(text);
    const schedule = lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion: orderProgram });
    expectMeaning(caseOf(graph), schedule);
    expect(verifySchedule(schedule)).toEqual([]);
  });

  test('does not join parts of a concatenation that are written across one another', () => {
    const graph = parseGraph(`graph random {
  %0 = input name="a" : f32[2,3]
  %1 = input name="b" : f32[3,3]
  %2 = contract(%0, %1) equation="ab,bc->cb" : f32[3,3]
  %3 = sub(%1, %2) : f32[3,3]
  %4 = concat(%3, %1) axis=1 : f32[3,6]
  output "y" = %4
}`);
    expectMeaning(
      caseOf(graph),
      lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion: orderProgram }),
    );
  });
});
