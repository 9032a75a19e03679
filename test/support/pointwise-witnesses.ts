import * as btc from '../../compiler/language.ts';
import { openSession } from './agreement.ts';
import { compileWitnessed } from './reference.ts';

// Values and derivatives of functions of the language at given points, by three witnesses: the interpreter on the graph as
// differentiation left it, and both targets on their kernels.

export type Witness = 'interpreter' | 'wasm' | 'webgpu';
export const WITNESSES: readonly Witness[] = ['interpreter', 'wasm', 'webgpu'];

/** A function of operands, and the points at which it is taken: one column of numbers per operand. */
export interface PointwiseCase {
  readonly name: string;
  readonly f: (...operands: btc.Tensor[]) => btc.Tensor;
  readonly points: readonly (readonly number[])[];
}

export interface PointwiseResult {
  readonly value: readonly number[];
  /** Of the sum of all values, with respect to each operand. */
  readonly derivatives: readonly (readonly number[])[];
}

/**
 * Operand k of case i is an input plus a parameter of -0, which leaves every number as it is, -0 included. A step of plain
 * gradient descent at rate 1 sets the parameter to minus the derivative.
 */
export async function witness(
  cases: readonly PointwiseCase[],
): Promise<Record<Witness, readonly PointwiseResult[]>> {
  const columns = cases.flatMap(({ points }, i) =>
    points.map((numbers, k) => ({ name: `x${i}_${k}`, numbers })),
  );
  const model = btc.defineModel({
    name: 'points',
    inputs: Object.fromEntries(
      columns.map(({ name, numbers }) => [name, btc.tensor([numbers.length])]),
    ),
    build: (inputs) =>
      Object.fromEntries(
        cases.map(({ f, points }, i) => {
          const operands = points.map((numbers, k) =>
            btc.add(
              inputs[`x${i}_${k}`],
              btc.param(`w${i}_${k}`, [numbers.length], btc.init.constant(-0)),
            ),
          );
          return [`y${i}`, f(...operands)];
        }),
      ),
    train: {
      loss: (outputs) =>
        Object.values(outputs)
          .map((y) => btc.sum(y))
          .reduce((a, b) => btc.add(a, b)),
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
  const given = Object.fromEntries(
    columns.map(({ name, numbers }) => [name, Float32Array.from(numbers)]),
  );
  const collect = (
    outputs: Readonly<Record<string, ArrayLike<number>>>,
    parameters: Readonly<Record<string, ArrayLike<number>>>,
  ): PointwiseResult[] =>
    cases.map(({ points }, i) => ({
      value: Array.from(outputs[`y${i}`]),
      derivatives: points.map((_, k) => Array.from(parameters[`w${i}_${k}`], (number) => -number)),
    }));
  const onTarget = async (target: 'wasm' | 'webgpu') => {
    const compiled = await compileWitnessed(model, {
      target,
      ...(target === 'webgpu' ? { limits: { maxWorkgroupBytes: 0 } } : {}),
    });
    const session = await openSession(compiled);
    const outputs = await session.run('predict', given);
    await session.run('train', given);
    const results = collect(outputs, await session.readParameters());
    session.destroy();
    return { results, reference: compiled.reference };
  };
  const { results: wasm, reference } = await onTarget('wasm');
  const { results: webgpu } = await onTarget('webgpu');
  const outputs = reference.run('predict', given);
  reference.run('train', { ...given, learningRate: [1] });
  return { interpreter: collect(outputs, reference.parameters), wasm, webgpu };
}

/** A hundred times the smallest normal number: what a product loses when its factor was subnormal. */
const FLUSHED = 2 ** -119;

/** Whether a number is the wanted one: to 1e-9 by the interpreter, to float32 and `error` by the targets, which may flush subnormals. */
export function isClose(
  given: number,
  wanted: number,
  by: Witness,
  { relative = 2e-6, absolute = 0 }: { relative?: number; absolute?: number } = {},
): boolean {
  const exact = by === 'interpreter';
  const want = exact ? wanted : Math.fround(wanted);
  if (Object.is(given, want) || given === want) return true;
  if (Number.isNaN(given) || Number.isNaN(want)) return Number.isNaN(given) && Number.isNaN(want);
  if (!Number.isFinite(given) || !Number.isFinite(want)) return false;
  const tolerance = exact
    ? Math.abs(wanted) * 1e-9 + absolute * 1e-9
    : Math.abs(wanted) * relative + absolute;
  return Math.abs(given - wanted) <= tolerance + FLUSHED;
}
