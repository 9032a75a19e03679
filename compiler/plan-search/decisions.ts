import type { ValueProgram } from './program.ts';

/** What becomes of a value between two of its uses. */
export const KEEP = 0;
/** Evicted, and rematerialised for its next use. */
export const RECOMPUTE = 1;
/** Copied to the host and evicted, and swapped in for its next use. */
export const SWAP = 2;
export type Method = typeof KEEP | typeof RECOMPUTE | typeof SWAP;

/**
 * What is decided about one program. A gap is the time between two uses of a value that follow one another, numbered through:
 * gap `gapOffsets[v] + i` of value v lies before its use `uses[i]`; that before the first use matters only to
 * host-resident values, which are swapped in there.
 */
export interface Decisions {
  readonly gapOffsets: Int32Array;
  /** A {@link Method} per gap. */
  readonly method: Uint8Array;
  /**
   * Per gap: 1 where a value that is rematerialised or swapped in inside of it, because a recompute closure needs it, is evicted
   * right after that instead of being held until the end of the gap.
   */
  readonly release: Uint8Array;
}

export function gapOffsets({ values }: ValueProgram): Int32Array {
  const offsets = new Int32Array(values.length + 1);
  values.forEach(({ uses }, value) => {
    offsets[value + 1] = offsets[value] + uses.length;
  });
  return offsets;
}

/** Everything is kept. */
export function noDecisions(program: ValueProgram): Decisions {
  const offsets = gapOffsets(program);
  const gaps = offsets[program.values.length];
  return { gapOffsets: offsets, method: new Uint8Array(gaps), release: new Uint8Array(gaps) };
}
