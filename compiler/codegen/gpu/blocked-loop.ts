import type { Cascade, Cut } from '../cascade.ts';
import type { Dialect, ValueType } from './dialect.ts';

/** A loop of `name` from `first` to before `end` in steps of `step`; `first` is a number below `step` or its name. */
export interface Loop {
  readonly name: string;
  readonly first: string;
  readonly end: number;
  readonly step: number;
}

/**
 * Statements of a loop whose sums are cut into blocks: a loop over the blocks around one over the terms of a block, so
 * that no compiler that keeps loops apart can merge them into one long sum.
 */
export function blockedLoop(
  { constant, loop, smaller }: Dialect,
  { name, first, end, step }: Loop,
  cuts: readonly Cut[],
  flush: (level: number) => readonly string[],
  body: readonly string[],
): string[] {
  const open: string[] = [];
  let [from, to] = [first, String(end)];
  cuts.forEach(({ level, iterations }, k) => {
    const block = `${name}_${k}`;
    const length = iterations * step;
    open.push(loop({ name: block, first: from, end: to, step: length }), ...flush(level));
    [from, to] = [block, `${block}_end`];
    const behind = `${block} + ${length}`;
    const endOfBlock = end % length === 0 ? behind : smaller(behind, String(end));
    open.push(constant('index', to, endOfBlock));
  });
  return [
    ...open,
    loop({ name, first: from, end: to, step }),
    ...body,
    '}',
    ...cuts.map(() => '}'),
  ];
}

/** The accumulators of sums on all levels; those of level 0 are called as the sums are. */
export class BlockSums {
  private readonly dialect: Dialect;
  private readonly names: readonly string[];
  private readonly type: ValueType;
  private readonly zero: string;
  private readonly levels: number;

  constructor(dialect: Dialect, names: readonly string[], type: ValueType, { levels }: Cascade) {
    this.dialect = dialect;
    this.names = names;
    this.type = type;
    this.zero = dialect.zero(type);
    this.levels = levels;
  }

  /** Declares those above level 0. */
  declarations(): string[] {
    return this.above().flatMap((level) =>
      this.names.map((name) => this.dialect.variable(this.type, nameOn(level, name), this.zero)),
    );
  }

  /** What is on `level` is added to the next level, if there is one, and begins anew. */
  flush(level: number): string[] {
    if (level + 1 >= this.levels) return [];
    return this.names.flatMap((name) => [
      this.dialect.add(this.type, nameOn(level + 1, name), nameOn(level, name)),
      `${nameOn(level, name)} = ${this.zero};`,
    ]);
  }

  /** Leaves the whole sums on level 0. */
  totals(): string[] {
    return this.above().flatMap((level) =>
      this.names.map((name) => this.dialect.add(this.type, name, nameOn(level, name))),
    );
  }

  private above(): number[] {
    return Array.from({ length: this.levels - 1 }, (_, k) => k + 1);
  }
}

const nameOn = (level: number, name: string) => (level === 0 ? name : `${name}_above${level}`);
