import fc from 'fast-check';
import { expect, test } from 'vitest';
import { finaliseNests } from '../../compiler/lower/index.ts';
import type { LoopNest } from '../../compiler/lower/loop-nest.ts';
import { rescaleSumsOf } from '../../compiler/lower/rescaled-sums.ts';
import { BOUNDS } from '../../compiler/lower/split-reductions.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { serialStages } from '../support/serial-stages.ts';
import { soaked } from '../support/soak.ts';

/** The maxima of rows, and the sums of their powers by them. */
function softmaxOf(rows: number, columns: number) {
  const axes = `axis a0 parallel ${rows}
axis a1 reduced ${columns}
buffer b0 read f32 ${rows * columns}`;
  const load = `n0: f32 = load b0[${columns}*a0 + a1]`;
  const kernels = [
    `kernel maxima {
${axes}
buffer b1 write f32 ${rows}
${load}
reduce max n0
n1: f32 = accumulator
store b1[a0] = n1
}
`,
    `kernel sums {
${axes}
buffer b1 read f32 ${rows}
buffer b2 write f32 ${rows}
${load}
n1: f32 = load b1[a0]
n2: f32 = sub n0, n1
n3: f32 = exp n2
reduce sum n3
n4: f32 = accumulator
store b2[a0] = n4
}
`,
  ];
  const tensors = [rows * columns, rows, rows].map(
    (elements, k): ScheduleTensor => ({
      ...{ name: `b${k}`, dtype: 'f32', shape: [elements], role: 'state' },
      ...{ program: null, source: null },
    }),
  );
  const nests = kernels.map((text): LoopNest => {
    const { axes, nodes, reductions, stores } = parseKernel(text);
    return { axes, nodes, reductions, stores, ops: ['test'], origins: [] };
  });
  return {
    ...{ name: 'test', tensors, alignment: 4, remarks: [] },
    programs: [{ name: 'main', nests, inputs: [], outputs: [] }],
  };
}

const { NEGATIVE_INFINITY, POSITIVE_INFINITY, NaN: NAN } = Number;

/** Stretches of one value: which, from where on, how many. */
const stretches = fc.array(
  fc.record({
    value: fc.constantFrom(NEGATIVE_INFINITY, POSITIVE_INFINITY, NAN, -1e30, 88, 0),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 3 },
);

test('maxima and sums of powers in parts are those of whole rows, infinities and NaN too', () => {
  const cases = fc.record({
    rows: fc.integer({ min: 1, max: 6 }),
    columns: fc.integer({ min: 32, max: 700 }),
    seed: fc.integer({ min: 1, max: 1000 }),
    stretches,
  });
  let cut = 0;
  fc.assert(
    fc.property(cases, ({ rows, columns, seed, stretches }) => {
      const x = Float64Array.from({ length: rows * columns }, (_, i) =>
        Math.fround(30 * Math.sin(seed * i * i)),
      );
      for (const { value, from, share } of stretches) {
        const first = Math.floor(from * x.length);
        x.fill(value, first, first + Math.ceil(share * (x.length - first)));
      }
      const lowered = softmaxOf(rows, columns);
      const bounds = { ...BOUNDS, fewTerms: 8, leastTerms: 2, mostOfReads: 100 };
      const made = finaliseNests(rescaleSumsOf(lowered, serialStages, bounds));
      expect(verifySchedule(made)).toEqual([]);
      cut += Number(made.programs[0].steps.length === 4);
      const [given, wanted] = [made, finaliseNests(lowered)].map((schedule) => {
        const memory = {
          b0: Float64Array.from(x),
          b1: new Float64Array(rows),
          b2: new Float64Array(rows),
        };
        runSchedule(schedule, 'main', {}, memory);
        return memory;
      });
      expect(given.b1).toEqual(wanted.b1);
      for (const [row, sum] of wanted.b2.entries()) {
        if (Number.isNaN(sum)) expect(given.b2[row]).toBeNaN();
        else expect(Math.abs(given.b2[row] / sum - 1)).toBeLessThan(1e-9);
      }
    }),
    soaked(60),
  );
  expect(cut).toBeGreaterThan(30);
});
