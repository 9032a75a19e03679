import { STORAGE_TYPES } from '../../../ir/dtypes.ts';
import type { Expression, Kernel } from '../../../ir/kernel.ts';
import type { FunctionBody } from './function-body.ts';
import { get } from './function-body.ts';
import { LANES } from './types.ts';

// Where neighbours in memory lie across the vectors that are wanted, a block of as many vectors as there are lanes is loaded the
// way it lies in memory, and turned in registers.

/** Whether a vector of a load along `vectorAxis` is made of vectors along `across`, in which its elements are neighbours. */
export function isTurned(
  { buffers }: Kernel,
  node: Expression,
  vectorAxis: number,
  across: number,
): boolean {
  if (node.kind !== 'load' || node.indirect || node.bounds.length > 0 || vectorAxis < 0)
    return false;
  const { coefficients } = node.index;
  const stride = coefficients[vectorAxis];
  const whole = STORAGE_TYPES[buffers[node.buffer].dtype].bytes === 4;
  return (
    whole && across !== vectorAxis && coefficients[across] === 1 && stride !== 0 && stride !== 1
  );
}

const bytes = (lanes: readonly number[]) =>
  lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)).join(' ');
/** The lower, or the upper, halves of two vectors: their lanes in turn, and their pairs of lanes one behind the other. */
const LOWER = bytes([0, 4, 1, 5]);
const UPPER = bytes([2, 6, 3, 7]);
const LOWER_PAIRS = bytes([0, 1, 4, 5]);
const UPPER_PAIRS = bytes([2, 3, 6, 7]);

/** Locals of the columns of a block, given the text of its rows. */
export function turned(body: FunctionBody, rows: readonly string[], hint: string): string[] {
  if (rows.length !== LANES) throw new Error(`${rows.length} rows are no block`);
  const [a, b, c, d] = rows.map((row) => get(body.assign('v128', hint, row)));
  const both = (lanes: string, one: string, other: string) =>
    get(body.assign('v128', hint, `(i8x16.shuffle ${lanes} ${one} ${other})`));
  const [first, second] = [both(LOWER, a, b), both(LOWER, c, d)];
  const [third, fourth] = [both(UPPER, a, b), both(UPPER, c, d)];
  return [
    [LOWER_PAIRS, first, second],
    [UPPER_PAIRS, first, second],
    [LOWER_PAIRS, third, fourth],
    [UPPER_PAIRS, third, fourth],
  ].map(([lanes, one, other]) =>
    body.assign('v128', hint, `(i8x16.shuffle ${lanes} ${one} ${other})`),
  );
}
