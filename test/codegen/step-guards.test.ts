import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stepGuards, stepShare } from '../../compiler/codegen/gpu/step-guards.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { isStaged, type StagedKernel } from '../../ir/kernel-stage.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { soaked } from '../support/soak.ts';

// Which steps of a kernel that goes on from tile to tile add something: conditions of its nodes, proved to leave nothing.

interface Shape {
  readonly rows: readonly [tiles: number, points: number];
  readonly terms: readonly [tiles: number, points: number];
}

const staged = (kernel: Kernel): StagedKernel => {
  if (!isStaged(kernel)) throw new Error('no stage');
  return kernel;
};

/** Scores of rows and terms in tiles, of which `value`, over nodes from n4 on that begin with the indices n1 and n2, is what is summed up. */
function kernelOf({ rows, terms }: Shape, nodes: readonly string[], value: string): StagedKernel {
  const [r, t] = [rows[0] * rows[1], terms[0] * terms[1]];
  return staged(
    parseKernel(`kernel rows {
  axis a0 parallel ${rows[0]}
  axis a1 parallel ${rows[1]}
  axis a2 reduced ${terms[0]}
  axis a3 reduced ${terms[1]}
  buffer b0 read f32 ${r * t}
  buffer b1 read f32 ${t}
  buffer b2 write f32 ${r}
  stage over 1 and 1 reduced local f32 ${rows[1] * terms[1]} {
    axis a2 parallel ${rows[1]}
    axis a3 parallel ${terms[1]}
    n0: f32 = load b0[${rows[1] * t}*a0 + ${terms[1]}*a1 + ${t}*a2 + a3]
    n1: i32 = index ${rows[1]}*a0 + a2
    n2: i32 = index ${terms[1]}*a1 + a3
    n3: f32 = constant 0
    ${nodes.join('\n    ')}
    store local[a2 + ${rows[1]}*a3] = ${value}
  }
  n0: f32 = load local[a1 + ${rows[1]}*a3]
  n1: f32 = load b1[${terms[1]}*a2 + a3]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[${rows[1]}*a0 + a1] = n3
}
`),
  );
}

/** Whether a step is gone through, by its guards. */
const isTaken = (kernel: StagedKernel, tile: readonly [number, number]) =>
  stepGuards(kernel).every(
    ({ offset, coefficients }) =>
      offset + coefficients.reduce((sum, c, k) => sum + c * tile[k], 0) >= 0,
  );

const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }));
const shapes: fc.Arbitrary<Shape> = fc.record({ rows: sizes, terms: sizes });
const shift = fc.integer({ min: -12, max: 12 });

const COMPARISONS = {
  ge: (a: number, b: number) => a >= b,
  gt: (a: number, b: number) => a > b,
  le: (a: number, b: number) => a <= b,
  lt: (a: number, b: number) => a < b,
} as const;
type Comparison = keyof typeof COMPARISONS;
const comparisons = fc.constantFrom(...(Object.keys(COMPARISONS) as Comparison[]));

/** A condition of positions: row + shift, compared with a term; at times the contrary, or two of them. */
interface Part {
  readonly comparison: Comparison;
  readonly shift: number;
  readonly isNot: boolean;
}
const parts: fc.Arbitrary<Part> = fc.record({
  comparison: comparisons,
  shift,
  isNot: fc.boolean(),
});

const holds = ({ comparison, shift, isNot }: Part, row: number, term: number) =>
  COMPARISONS[comparison](row + shift, term) !== isNot;

/** Nodes of all parts together, from n4 on, and the last of them. */
function nodesOf({ rows }: Shape, all: readonly Part[]): { nodes: string[]; last: number } {
  const nodes: string[] = [];
  const add = (text: string) => nodes.push(`n${4 + nodes.length}: i32 = ${text}`) + 3;
  const each = all.map(({ comparison, shift, isNot }) => {
    const sign = shift < 0 ? '-' : '+';
    const row = add(`index ${rows[1]}*a0 + a2${shift === 0 ? '' : ` ${sign} ${Math.abs(shift)}`}`);
    const compared = add(`${comparison} n${row}, n2`);
    return isNot ? add(`not n${compared}`) : compared;
  });
  return { nodes, last: each.reduce((a, b) => add(`and n${a}, n${b}`)) };
}

test('a step is skipped only where all of its terms are 0 by choice, and so where one condition says so', () => {
  let skipped = 0;
  const property = fc.property(
    shapes,
    fc.array(parts, { minLength: 1, maxLength: 2 }),
    (shape, all) => {
      const { nodes, last } = nodesOf(shape, all);
      const select = `n${last + 1}: f32 = select n${last}, n0, n3`;
      const kernel = kernelOf(shape, [...nodes, select], `n${last + 1}`);
      const { rows, terms } = shape;
      let taken = 0;
      for (let r = 0; r < rows[0]; r++)
        for (let t = 0; t < terms[0]; t++) {
          const within = (part: readonly Part[]) => {
            for (let row = r * rows[1]; row < (r + 1) * rows[1]; row++)
              for (let term = t * terms[1]; term < (t + 1) * terms[1]; term++)
                if (part.every((one) => holds(one, row, term))) return true;
            return false;
          };
          const isNeeded = within(all);
          const mayBe = all.every((one) => within([one]));
          const own = isTaken(kernel, [r, t]);
          if (isNeeded) expect(own).toBe(true);
          // Where no index tells tiles apart, all are taken.
          if (rows[0] > 1 && terms[0] > 1) expect(own).toBe(mayBe);
          if (own) taken++;
          else skipped++;
        }
      if (all.length === 1)
        expect(stepShare(kernel)).toBeCloseTo(Math.max(1 / terms[0], taken / (rows[0] * terms[0])));
    },
  );
  fc.assert(property, soaked(200));
  expect(skipped).toBeGreaterThan(100);
});

const causal = ['n4: i32 = ge n1, n2'];
const SHAPE: Shape = { rows: [4, 8], terms: [4, 8] };

test.each([
  ['a selection of 0', ['n5: f32 = select n4, n0, n3'], 'n5', true],
  ['of the other branch', ['n5: f32 = select n4, n3, n0'], 'n5', true],
  ['a product with the condition', ['n5: f32 = toF32 n4', 'n6: f32 = mul n0, n5'], 'n6', false],
  [
    'a selection of another number',
    ['n5: f32 = constant 1', 'n6: f32 = select n4, n0, n5'],
    'n6',
    false,
  ],
  [
    'a number that is not 0 by choice',
    ['n5: f32 = select n4, n0, n3', 'n6: f32 = exp n5'],
    'n6',
    false,
  ],
  ['both branches', ['n5: f32 = select n4, n0, n3', 'n6: f32 = select n4, n5, n3'], 'n6', true],
] as const)('%s', (_, nodes, value, isSkipped) => {
  const kernel = kernelOf(SHAPE, [...causal, ...nodes], value);
  expect(stepGuards(kernel).length > 0).toBe(isSkipped);
  if (isSkipped) expect(stepShare(kernel)).toBe(10 / 16);
});
