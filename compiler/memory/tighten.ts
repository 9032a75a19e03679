import type { Blocks } from '../liveness/events.ts';
import { CanonicalSearch } from './canonical-search.ts';
import type { Packer } from './first-fit.ts';
import { measured, type Packing } from './packing.ts';

// What branch and bound makes of the best greedy packing. How long it takes is not to be foreseen, and a little above what cannot be
// found is often found at once: the sizes that it is asked for halve the way between what was missed and the best.

/** Work for each strategy of the search, in rounds; see `CanonicalSearch.work`. */
const BUDGET_ROUNDS = [100_000, 400_000, 1_600_000];
const BOUND_ROUNDS = [100_000, 400_000];
const HALVING_ROUNDS = [100_000];
const HALVINGS = 4;
/** With a clock: the work of the first pass, and how much more each pass gets. */
const FIRST_PASS = 100_000;
const GROWTH = 3;

export interface TightenOptions {
  readonly bound: number;
  /** Few enough bytes. */
  readonly capacity: number;
  readonly isExpired: (() => boolean) | undefined;
}

/** A packing in one slab of at most `capacity` or of as few bytes as are found, and the bytes that no packing can beat. */
export function tighten(
  packer: Packer,
  start: Packing,
  { bound, capacity, isExpired }: TightenOptions,
): Packing & { readonly lowerBound: number } {
  const search = new Descent(packer, start, bound, Math.max(bound, capacity), isExpired);
  if (isExpired) {
    for (let work = FIRST_PASS; !search.isDone() && !isExpired(); work *= GROWTH)
      search.pass([work, GROWTH * work], [work], [work / GROWTH]);
  } else search.pass(BUDGET_ROUNDS, BOUND_ROUNDS, HALVING_ROUNDS);
  return { ...search.best, lowerBound: search.lowerBound };
}

class Descent {
  best: Packing;
  lowerBound: number;
  private readonly packer: Packer;
  private readonly target: number;
  private readonly unit: number;
  private readonly search: CanonicalSearch;

  constructor(
    packer: Packer,
    start: Packing,
    bound: number,
    target: number,
    isExpired: (() => boolean) | undefined,
  ) {
    this.packer = packer;
    this.best = start;
    this.lowerBound = bound;
    this.target = target;
    this.unit = commonUnit(packer.blocks);
    this.search = new CanonicalSearch(packer.blocks, isExpired);
  }

  isDone(): boolean {
    return this.best.bytes <= Math.max(this.target, this.lowerBound) || !this.search.canSearch;
  }

  /** The capacity first where there is one, then the bound, then between what was missed and the best. */
  pass(budget: readonly number[], bound: readonly number[], halving: readonly number[]): void {
    if (this.target > this.lowerBound && !this.isDone()) this.attempt(this.target, budget);
    let missed = this.lowerBound;
    let capacity = this.lowerBound;
    for (let halvings = 0; halvings <= HALVINGS && !this.isDone(); halvings++) {
      if (capacity >= this.best.bytes) break;
      if (!this.attempt(capacity, halvings === 0 ? bound : halving)) missed = capacity;
      missed = Math.max(missed, this.lowerBound);
      capacity = Math.floor((missed + this.best.bytes) / 2 / this.unit) * this.unit;
    }
  }

  private attempt(capacity: number, rounds: readonly number[]): boolean {
    const { blocks, space } = this.packer;
    const found = this.search.search(capacity, rounds);
    if (found === 'infeasible')
      this.lowerBound = Math.max(
        this.lowerBound,
        (Math.floor(capacity / this.unit) + 1) * this.unit,
      );
    if (typeof found === 'string') return false;
    const addresses = found.map((offset) => offset + (space.reserved[0] ?? 0));
    this.best = measured(blocks, space, addresses, 'canonical');
    return true;
  }
}

/** Offsets are sums of sizes, so that packings differ by multiples of what divides all sizes. */
function commonUnit({ bytes }: Blocks): number {
  let unit = 0;
  for (const size of bytes) {
    let rest = size;
    while (rest > 0) [unit, rest] = [rest, unit % rest];
  }
  return unit || 1;
}
