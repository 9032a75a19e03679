import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { openSession } from '../support/agreement.ts';
import { CASES } from './namesakes/cases.ts';
import { programOf } from './run-program.ts';

// Functions of the language against PyTorch 1.13 in float64: values and gradients (namesakes/make.py), by all three witnesses.

interface Values {
  readonly dtype: btc.DType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Case {
  readonly inputs: Readonly<Record<string, Values>>;
  readonly output: Values;
  readonly gradients?: Readonly<Record<string, readonly number[]>>;
}
const WANTED: Readonly<Record<string, Case>> = JSON.parse(
  readFileSync(new URL('namesakes/values.json', import.meta.url), 'utf8'),
);

test('every case is in both files', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(WANTED).sort());
});

/** So many cases are one model: they are compiled and run together. */
const TOGETHER = 13;
const names = Object.keys(WANTED);
const groups = Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, k) =>
  names.slice(k * TOGETHER, (k + 1) * TOGETHER),
);

/** Inputs of a case that are floats are parameters: a step of descent at rate 1 takes their gradients from them. */
function modelOf(group: readonly string[]) {
  const integers = group.flatMap((name, k) =>
    Object.entries(WANTED[name].inputs).flatMap(([input, { dtype, shape }]) =>
      dtype === 'i32' ? [[`c${k}_${input}`, btc.tensor(shape, 'i32')] as const] : [],
    ),
  );
  return btc.defineModel({
    name: 'namesakes',
    inputs: Object.fromEntries(integers),
    build: (inputs) =>
      Object.fromEntries(
        group.map((name, k) => {
          const given = Object.entries(WANTED[name].inputs).map(([input, { dtype, shape }]) =>
            dtype === 'i32'
              ? inputs[`c${k}_${input}`]
              : btc.param(`c${k}_${input}`, shape, btc.init.zeros),
          );
          return [`c${k}`, CASES[name](...given)];
        }),
      ),
    train: {
      loss: (outputs) =>
        Object.values(outputs)
          .filter(({ dtype }) => dtype === 'f32')
          .map((y) => {
            const places = btc.arange(y.shape.reduce((a, b) => a * b, 1));
            const weights = btc.mod(places, 5).cast('f32').mul(0.25).add(1);
            return y.reshape([-1]).mul(weights).sum();
          })
          .reduce((a, b) => a.add(b)),
      metrics: (outputs) => outputs,
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
}

interface Results {
  readonly outputs: Readonly<Record<string, ArrayLike<number>>>;
  readonly parameters: Readonly<Record<string, ArrayLike<number>>>;
}

function expectResults(group: readonly string[], { outputs, parameters }: Results, digits: number) {
  const expectClose = (given: ArrayLike<number>, wanted: readonly number[], what: string) => {
    expect(given.length, what).toBe(wanted.length);
    wanted.forEach((value, i) => {
      const error = Math.abs(given[i] - value) / Math.max(1, Math.abs(value));
      expect(error, `${what}[${i}] is ${given[i]}, not ${value}`).toBeLessThan(digits);
    });
  };
  group.forEach((name, k) => {
    const { inputs, output, gradients = {} } = WANTED[name];
    expectClose(outputs[`c${k}`], output.data, name);
    for (const [input, gradient] of Object.entries(gradients)) {
      const before = inputs[input].data;
      const after = parameters[`c${k}_${input}`];
      expectClose(
        before.map((x, i) => x - after[i]),
        gradient,
        `${name}, gradient of ${input}`,
      );
    }
  });
}

function given(group: readonly string[], dtype: btc.DType): Record<string, readonly number[]> {
  return Object.fromEntries(
    group.flatMap((name, k) =>
      Object.entries(WANTED[name].inputs).flatMap(([input, values]) =>
        values.dtype === dtype ? [[`c${k}_${input}`, values.data] as const] : [],
      ),
    ),
  );
}

describe.each(groups)('functions are their namesakes of PyTorch: %s, …', (...group) => {
  test('shapes and dtypes, in float64', () => {
    const run = programOf(modelOf(group), 'train');
    const floats = Object.entries(given(group, 'f32')).map(
      ([name, data]) => [name, Float64Array.from(data)] as const,
    );
    const inputs = { ...given(group, 'i32'), learningRate: [1] };
    const { outputs, updates } = run(inputs, Object.fromEntries(floats));
    // Constants are float32 in a plan.
    expectResults(group, { outputs, parameters: updates }, 2e-6);
  });

  test.each(['wasm', 'webgpu'] as const)('on %s', async (target) => {
    const built = await compile(modelOf(group), { target });
    expect(built.diagnostics).toEqual([]);
    const session = await openSession(built as Parameters<typeof openSession>[0]);
    await session.writeParameters(given(group, 'f32'));
    const inputs = Object.fromEntries(
      Object.entries(given(group, 'i32')).map(([name, data]) => [name, Int32Array.from(data)]),
    );
    const outputs = await session.run('train', { ...inputs, learningRate: 1 });
    const parameters = await session.readParameters();
    for (const [k, name] of group.entries())
      expect(
        built.plan!.programs.train.outputs.map((output) => output.name),
        name,
      ).toContain(`c${k}`);
    expectResults(group, { outputs, parameters }, 1e-4);
    session.destroy();
  });
});
