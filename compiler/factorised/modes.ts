import { MisuseError } from '../reporting/report.ts';

const MOST_MODES = 64;

/**
 * A dimension as a product of `count` modes of about equal size, in decreasing order: each is the divisor of what is left
 * that is nearest, as a ratio, to its root. `factoriseDimension(57600, 4)` is [16, 16, 15, 15]. Modes are 1 where there are
 * too few prime factors. Error: BTC2015 for numbers that are no counts.
 */
export function factoriseDimension(dimension: number, count: number): number[] {
  for (const [name, value] of Object.entries({ dimension, count }))
    if (!Number.isSafeInteger(value) || value < 1 || (name === 'count' && value > MOST_MODES))
      throw new MisuseError(2015, {
        op: 'factoriseDimension',
        name,
        value: String(value),
        wanted: name === 'count' ? `an integer from 1 to ${MOST_MODES}` : 'a positive integer',
      });
  const modes: number[] = [];
  let rest = dimension;
  for (let left = count; left > 0; left--) {
    const mode = left === 1 ? rest : nearestDivisor(rest, rest ** (1 / left));
    modes.push(mode);
    rest /= mode;
  }
  return modes.sort((a, b) => b - a);
}

function nearestDivisor(value: number, target: number): number {
  let best = 1;
  const distance = (divisor: number) => Math.abs(Math.log(divisor / target));
  for (let small = 1; small * small <= value; small++) {
    if (value % small !== 0) continue;
    for (const divisor of [small, value / small])
      if (distance(divisor) < distance(best)) best = divisor;
  }
  return best;
}
