import { streamOf, uniform } from '../../ir/random.ts';

/** `count` standard normal numbers (Box and Muller), the same for the same seed and name. */
export function normalNumbers(seed: number, name: string, count: number): Float64Array {
  const stream = streamOf(name);
  return Float64Array.from({ length: count }, (_, k) => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, stream, 2 * k, 0)));
    return radius * Math.cos(2 * Math.PI * uniform(seed, stream, 2 * k + 1, 0));
  });
}
