import { expect, test } from 'vitest';
import { LIBRARY } from '../../compiler/codegen/gpu/wgsl/library.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { runOnGpu } from '../support/run-wgsl.ts';
import {
  type Agrees,
  DRAWS,
  hardConstants,
  randomNumbers,
  SCALAR_CASES,
  scalarDisagreements,
} from '../support/scalar-kernels.ts';

/** Error allowed in units of float32 precision, relative to the result; WGSL promises 3 + 2|x| for exp. */
function tolerance(op: ScalarOp, a: number, b: number): number {
  if (op === 'exp' || op === 'sigmoid') return 4 + 2 * Math.abs(a);
  if (op === 'pow') return 8 + 4 * Math.abs(b * Math.log2(Math.abs(a) || 1));
  return 8;
}

const agrees: Agrees = (op, dtype, given, wanted, a, b) => {
  // The polynomials of sine and cosine are made for angles that float32 still resolves.
  if ((op === 'sin' || op === 'cos') && !(Math.abs(a) <= 1000)) return true;
  if (dtype === 'i32') return given === wanted;
  const single = Math.fround(wanted);
  if (Object.is(given, single) || given === single || (Number.isNaN(given) && Number.isNaN(single)))
    return true;
  // Subnormal results and operands may be flushed; the largest finite results may round to infinity.
  if (Math.abs(single) < 2 ** -125 && Math.abs(given) < 2 ** -125) return true;
  const absolute = op === 'log' ? 2 ** -21 : op === 'sin' || op === 'cos' ? 2 ** -20 : 0;
  return Math.abs(given - single) <= absolute + Math.abs(single) * 2 ** -24 * tolerance(op, a, b);
};

test.each(SCALAR_CASES)('%s of %s is what ir/scalar.ts says', async (op, dtype) => {
  expect(await scalarDisagreements(op, dtype, runOnGpu, agrees)).toEqual([]);
});

test.each(Object.entries(LIBRARY))('%s combines flags without branches', (_, { text }) => {
  expect(text).not.toMatch(/\|\||&&|\belse\b/);
});

test.each(DRAWS)('random numbers are those of ir/random.ts, bit for bit: %j', async (draws) => {
  const { given, wanted } = await randomNumbers(runOnGpu, draws);
  expect(given).toEqual(wanted);
});

test('constants that WGSL has no literal for', async () => {
  const { given, wanted } = await hardConstants(runOnGpu);
  expect(given).toEqual(wanted);
});
