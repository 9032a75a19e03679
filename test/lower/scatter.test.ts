import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import type { ScatterForm } from '../../compiler/lower/scatter.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { elementCount } from '../../ir/tensor.ts';
import { openSession } from '../support/agreement.ts';
import { expectMeaning } from '../support/graph-meaning.ts';
import { moduleOf } from '../support/module-of.ts';
import { typedBuilder } from '../support/random-graph.ts';
import { soaked } from '../support/soak.ts';

// Scatters of more updates than one row may take one by one: rows fill blocks, blocks are scattered in their turn.

/** Row of each update: all in one, in two by turns, in runs, in rising order, or anywhere, also outside of the table. */
const PATTERNS: readonly ((k: number, rows: number) => number)[] = [
  () => 0,
  (k, rows) => (k % 2) * (rows - 1),
  (k, rows) => Math.floor(k / 70) % rows,
  (k, rows) => k % rows,
  (k, rows) => ((Math.imul(k + 1, 2654435761) >>> 8) % (rows + 2)) - 1,
];

const draw = fc.record({
  // Around the ends of what is added one by one on the first levels.
  count: fc.constantFrom(256, 257, 320, 321, 1000, 8192, 8193, 8257, 9000),
  rows: fc.integer({ min: 1, max: 9 }),
  inner: fc.constantFrom([], [1], [3], [2, 2]),
  pattern: fc.constantFrom(...PATTERNS),
  /** Tensors that an update is computed from, in the kernel itself where that may bind as many. */
  leaves: fc.constantFrom(1, 2, 6),
});

interface Draw {
  readonly count: number;
  readonly rows: number;
  readonly inner: readonly number[];
  readonly pattern: (k: number, rows: number) => number;
  readonly leaves: number;
}

/** Whether the kernels of a scatter mean what it means; in one form, or as a processor does it. */
function expectScatter({ count, rows, inner, pattern, leaves }: Draw, form?: ScatterForm): void {
  const { builder, add, input } = typedBuilder();
  const shape = [count, ...inner];
  const parts = Array.from({ length: leaves }, (_, k) => input(`part${k}`, shape));
  const updates = parts.reduce((a, b) => add('add', [a, b]));
  const indices = input('indices', [count], 'i32');
  const table = add('scatterAdd', [updates, indices], { rows });
  builder.outputs.push({ name: 'table', value: table });
  const graph = builder.finish();
  const elements = count * elementCount(inner);
  const inputs = Object.fromEntries(
    parts.map((_, k) => [
      `part${k}`,
      Float64Array.from({ length: elements }, (_, i) => Math.sin(i + k)),
    ]),
  );
  const schedule = lowerModule(moduleOf(graph), {
    ...{ maxStorageBuffers: 8, fusion: orderProgram },
    ...(form ? { scatters: (one: ScatterForm) => Number(one !== form) } : {}),
  });
  for (const { buffers } of schedule.kernels) expect(buffers.length).toBeLessThanOrEqual(8);
  const walks = schedule.kernels.some(({ axes }) => axes.some(({ kind }) => kind === 'sequential'));
  expect(walks).toBe(form === undefined || form === 'sequential');
  const rowOf = Float64Array.from({ length: count }, (_, k) => pattern(k, rows));
  const values = { graph, inputs: { ...inputs, indices: rowOf }, parameters: {} };
  expectMeaning(values, schedule);
}

test('scatters of any size and pattern mean what the graph means, in kernels of eight bindings', () => {
  fc.assert(
    fc.property(draw, (one) => expectScatter(one)),
    soaked(30),
  );
});

test.each(['masked', 'sorted'] as const)(
  '%s scatters mean the same, and none of their invocations walks over all updates',
  (form) => {
    const sized = draw.chain((one) =>
      fc.constantFrom(1, 2, 16, 17, 257, 300, 1025).map((count) => ({ ...one, count })),
    );
    fc.assert(
      fc.property(sized, (one) => expectScatter(one, form)),
      soaked(10),
    );
    // Four chunks, which are merged twice.
    expectScatter({ count: 2100, rows: 5, inner: [], pattern: PATTERNS[4], leaves: 1 }, form);
  },
);

// Sums of whole numbers are exact, so both targets must give them to the bit.
test.each([
  ['wasm', 8300, 7, 5, { maxWorkgroupBytes: 0 }],
  ['webgpu', 8300, 7, 5, { maxWorkgroupBytes: 0 }],
  // So large a table that updates are sorted.
  ['webgpu', 1100, 20000, 4, {}],
] as const)(
  '%s: gradients of an embedding are exact, %d updates of %d rows',
  async (target, count, rows, width, limits) => {
    const model = () =>
      btc.defineModel({
        name: 'embedding',
        inputs: { ids: btc.tensor([count], 'i32'), g: btc.tensor([count, width]) },
        build: ({ ids, g }) => {
          const table = btc.param('table', [rows, width], btc.init.zeros);
          return { loss: btc.sum(btc.mul(btc.gather(table, ids), g)) };
        },
        train: { loss: ({ loss }) => loss, optimizer: btc.sgd({ learningRate: 1 }) },
      });
    const compiled = await compile(model, { target, limits });
    if (!compiled.plan) throw new Error(compiled.diagnostics.map(({ message }) => message).join());
    const walks = compiled.plan.kernels.some(({ text }) => text.includes(' sequential '));
    expect(walks).toBe(target === 'wasm');
    const session = await openSession(compiled);
    const g = Float32Array.from({ length: count * width }, (_, i) => ((i * 7) % 11) - 3);
    for (const pattern of PATTERNS.slice(rows > 1000 ? 2 : 0, 4)) {
      const ids = Int32Array.from({ length: count }, (_, k) => pattern(k, rows));
      const wanted = new Float32Array(rows * width);
      ids.forEach((row, k) => {
        for (let c = 0; c < width; c++) wanted[row * width + c] -= g[k * width + c];
      });
      await session.writeParameters({ table: new Float32Array(rows * width) });
      await session.run('train', { ids, g });
      const { table } = await session.readParameters();
      expect([...table].map((value) => value + 0)).toEqual([...wanted].map((value) => value + 0));
    }
    session.destroy();
  },
);
