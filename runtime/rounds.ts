import { STAGING_ALIGNMENT } from '../ir/plan-staging.ts';

/** A stretch of an item and where it lies in a buffer, all in bytes. */
export interface Piece {
  /** Index of the item. */
  readonly item: number;
  readonly from: number;
  readonly bytes: number;
  readonly to: number;
  /** It ends its item. */
  readonly last: boolean;
}

/** Cuts items of so many bytes into pieces, and those into rounds that fill a buffer of `capacity` bytes, a multiple of 16. */
export function cutIntoRounds(sizes: readonly number[], capacity: number): Piece[][] {
  const rounds: Piece[][] = [];
  let round: Piece[] = [];
  let to = 0;
  sizes.forEach((size, item) => {
    for (let from = 0; from < size; ) {
      if (to >= capacity) {
        rounds.push(round);
        [round, to] = [[], 0];
      }
      const bytes = Math.min(size - from, capacity - to);
      round.push({ item, from, bytes, to, last: from + bytes === size });
      from += bytes;
      to = Math.ceil((to + bytes) / STAGING_ALIGNMENT) * STAGING_ALIGNMENT;
    }
  });
  if (round.length > 0) rounds.push(round);
  return rounds;
}

/** Bytes of the buffer that a round fills. */
export function roundBytes(round: readonly Piece[]): number {
  const { to, bytes } = round[round.length - 1];
  return to + bytes;
}
