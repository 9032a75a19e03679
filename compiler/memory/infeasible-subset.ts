import { type Blocks, liveBytes, peakOf } from '../liveness/events.ts';
import { CanonicalSearch, type SearchResult } from './canonical-search.ts';

/** Work for each strategy, in rounds, to prove that blocks cannot be packed or to pack them. */
const PROOF_ROUNDS = [100_000, 400_000, 1_600_000];

export interface SubsetOptions {
  /** One more reason to stop, for a clock. */
  readonly isExpired?: () => boolean;
  readonly rounds?: readonly number[];
}

/**
 * Why blocks do not fit into `capacity` bytes of one slab: blocks, by rising index, that cannot be packed, while they can
 * without any one of them (an irreducible infeasible subset). Null where all blocks can be packed; 'unknown' where neither is
 * proved, or a smaller subset could not be ruled out. What lives in one step answers by its sum; else a deletion filter over proofs of the
 * search (Chinneck and Dravnieks, "Locating Minimal Infeasible Constraint Sets in Linear Programs", 1991).
 */
export function infeasibleSubset(
  blocks: Blocks,
  capacity: number,
  { isExpired = () => false, rounds = PROOF_ROUNDS }: SubsetOptions = {},
): number[] | 'unknown' | null {
  const peak = peakOf(liveBytes(blocks));
  if (peak.bytes > capacity) return heaviestInStep(blocks, peak.step, capacity);
  const pack = (kept: readonly number[]) =>
    new CanonicalSearch(only(blocks, kept), isExpired).search(capacity, rounds);
  const all = Array.from(blocks.bytes.keys());
  const first = pack(all);
  if (first !== 'infeasible') return first === 'gave up' ? 'unknown' : null;
  return deletionFilter(bySmallArea(blocks, all), pack);
}

/** Of what lives in a step, as few as exceed the capacity, and none too many. */
function heaviestInStep({ bytes, first, last }: Blocks, step: number, capacity: number): number[] {
  const heaviest = Array.from(bytes.keys())
    .filter((block) => first[block] <= step && step <= last[block])
    .sort((a, b) => bytes[b] - bytes[a] || a - b);
  let sum = 0;
  const end = heaviest.findIndex((block) => {
    sum += bytes[block];
    return sum > capacity;
  });
  return heaviest.slice(0, end + 1).sort((a, b) => a - b);
}

/** Leaves out runs of blocks, of half as many each time, as long as the rest is proved infeasible. */
function deletionFilter(
  blocks: readonly number[],
  pack: (kept: readonly number[]) => SearchResult,
): number[] | 'unknown' {
  let kept = blocks;
  for (let run = Math.ceil(kept.length / 2); ; run = Math.ceil(run / 2)) {
    for (let at = 0; at < kept.length; ) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + run)];
      const result = rest.length === 0 ? new Float64Array() : pack(rest);
      if (result === 'infeasible') kept = rest;
      else if (result === 'gave up' && run === 1) return 'unknown';
      else at += run;
    }
    if (run === 1) return [...kept].sort((a, b) => a - b);
  }
}

function bySmallArea({ bytes, first, last }: Blocks, list: readonly number[]): number[] {
  const area = (block: number) => bytes[block] * (last[block] - first[block] + 1);
  return [...list].sort((a, b) => area(a) - area(b) || a - b);
}

function only({ bytes, first, last }: Blocks, kept: readonly number[]): Blocks {
  return {
    bytes: Float64Array.from(kept, (block) => bytes[block]),
    first: Int32Array.from(kept, (block) => first[block]),
    last: Int32Array.from(kept, (block) => last[block]),
  };
}
