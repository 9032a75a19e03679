import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type CompileOptions,
  compile,
  defineModel,
  einsum,
  init,
  mul,
  param,
  sgd,
  sum,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { elementCount } from '../../ir/tensor.ts';

interface Fixture {
  readonly name: string;
  readonly equation: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly optimalMacs: number;
  readonly trainMacsAllGrads: number | null;
  readonly trainMacsNoInputGrad: number;
}

const shapesOf = ({ equation, sizes }: Fixture) => {
  const [terms, output] = equation.split('->');
  return [...terms.split(','), output].map((term) => [...term].map((letter) => sizes[letter]));
};

/** Initial values are written for every parameter: fixtures with very large operands are for the search alone. */
const MOST_ELEMENTS = 2 ** 22;
const FIXTURES = (
  JSON.parse(
    readFileSync(new URL('../fixtures/contraction.json', import.meta.url), 'utf8'),
  ) as Fixture[]
).filter((fixture) =>
  shapesOf(fixture).every((shape) => elementCount(shape) <= MOST_ELEMENTS && shape.length > 0),
);

/** The einsum of a fixture as a model of its own, its first operand an input or trained. */
function modelOf(fixture: Fixture, firstIsTrained: boolean) {
  const shapes = shapesOf(fixture);
  const [first, ...others] = shapes.slice(0, -1);
  const result = (x: Tensor) =>
    einsum(
      fixture.equation,
      firstIsTrained ? param('w0', first, init.zeros) : x,
      ...others.map((shape, k) => param(`w${k + 1}`, shape, init.zeros)),
    );
  return defineModel({
    name: 'fixture',
    inputs: { x: tensor(first), dy: tensor(shapes[shapes.length - 1]) },
    build: ({ x }) => ({ y: result(x) }),
    train: {
      // An input that is not used would be a mistake.
      loss: ({ y }, { x, dy }) => sum(mul(y, dy)).add(firstIsTrained ? sum(x) : 0),
      optimizer: sgd(),
    },
  });
}

const macsOf = (plan: Plan, program: string) =>
  plan.programs[program].steps.reduce((macs, step) => macs + (step.macs ?? 0), 0);

/** No device is needed to plan: tensors may be as large as they like. */
const OPTIONS: CompileOptions = {
  contractions: 'macs',
  limits: { maxBindingBytes: 2 ** 40, maxBufferBytes: 2 ** 40 },
};

async function planOf(fixture: Fixture, firstIsTrained: boolean): Promise<Plan> {
  const { plan, diagnostics } = await compile(modelOf(fixture, firstIsTrained), OPTIONS);
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return plan!;
}

describe('multiply-adds of the steps of a plan', () => {
  test('there are fixtures of every form', () => {
    expect(FIXTURES.length).toBeGreaterThanOrEqual(10);
  });

  test.each(FIXTURES)(
    '$name: forward, and with the gradients of all but the input',
    async (fixture) => {
      const plan = await planOf(fixture, false);
      expect(macsOf(plan, 'predict')).toBe(fixture.optimalMacs);
      expect(macsOf(plan, 'train')).toBe(fixture.trainMacsNoInputGrad);
      const [contraction] = plan.programs['train'].contractions ?? [];
      if (fixture.equation.split(',').length < 3) return;
      expect(contraction).toMatchObject({ equation: fixture.equation, sizes: fixture.sizes });
      expect(contraction.trainMacs).toBe(fixture.trainMacsNoInputGrad);
    },
  );

  test.each(FIXTURES.filter(({ trainMacsAllGrads }) => trainMacsAllGrads !== null))(
    '$name: with all gradients',
    async (fixture) => {
      const plan = await planOf(fixture, true);
      expect(macsOf(plan, 'train')).toBe(fixture.trainMacsAllGrads);
    },
  );
});
