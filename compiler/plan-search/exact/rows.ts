/** One term of a linear row: a coefficient of a variable. */
export type Term = readonly [variable: number, coefficient: number];

/** A mixed-integer program that is built row by row; it is minimised. */
export class Rows {
  readonly cost: number[] = [];
  readonly lower: number[] = [];
  readonly upper: number[] = [];
  readonly isInteger: number[] = [];
  readonly rowLower: number[] = [];
  readonly rowUpper: number[] = [];
  readonly starts: number[] = [0];
  readonly indices: number[] = [];
  readonly values: number[] = [];

  /** A variable that is 0 or 1, or `fixed` to one of them. */
  binary(cost: number, fixed: 0 | 1 | null = null): number {
    return this.variable(cost, fixed ?? 0, fixed ?? 1, true);
  }

  continuous(upper: number): number {
    return this.variable(0, 0, upper, false);
  }

  private variable(cost: number, lower: number, upper: number, isInteger: boolean): number {
    this.cost.push(cost);
    this.lower.push(lower);
    this.upper.push(upper);
    return this.isInteger.push(isInteger ? 1 : 0) - 1;
  }

  /** The sum of `terms` is at most `most`. Variables may stand in it more than once. */
  atMost(most: number, terms: readonly Term[]): void {
    this.row(Number.NEGATIVE_INFINITY, most, terms);
  }

  equal(sum: number, terms: readonly Term[]): void {
    this.row(sum, sum, terms);
  }

  private row(lower: number, upper: number, terms: readonly Term[]): void {
    const sums = new Map<number, number>();
    for (const [variable, coefficient] of terms)
      sums.set(variable, (sums.get(variable) ?? 0) + coefficient);
    for (const [variable, coefficient] of sums) {
      if (coefficient === 0) continue;
      this.indices.push(variable);
      this.values.push(coefficient);
    }
    this.starts.push(this.indices.length);
    this.rowLower.push(lower);
    this.rowUpper.push(upper);
  }
}
