import type { TensorData } from '../executor.ts';

/** Weighted means of numbers by name. */
export class Means {
  weight = 0;
  readonly #sums = new Map<string, { sum: number; weight: number }>();

  add(values: Readonly<Record<string, number>>, weight: number): void {
    this.weight += weight;
    for (const [name, value] of Object.entries(values)) {
      const known = this.#sums.get(name) ?? { sum: 0, weight: 0 };
      this.#sums.set(name, { sum: known.sum + value * weight, weight: known.weight + weight });
    }
  }

  values(): Record<string, number> {
    return Object.fromEntries(
      [...this.#sums].map(([name, { sum, weight }]) => [name, sum / weight]),
    );
  }
}

/** The outputs that are single numbers. */
export function numbersOf(outputs: Readonly<Record<string, TensorData>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, data]) => (data.length === 1 ? [[name, data[0]]] : [])),
  );
}
