import { backwardPeak } from './pareto.ts';
import { createProblem, keptLetters } from './problem.ts';
import { type Slice, type SliceProgram, sliceProgram, type TreedEinsum } from './slice-program.ts';
import { pairwiseSteps } from './steps.ts';

/** Indices that are sliced at most: more of them make kernels too small to be worth it. */
const MOST_SLICED = 3;
/** Combinations of parts at most: each is a dispatch or more. */
const MOST_RUNS = 256;

/**
 * The fewest parts of the fewest indices that keep the peak at or under `most` elements; where none do, those with the
 * least peak that was met. Indices of the output come first: their parts are parts of the result, those of a sum must be
 * added up. `peak` is the {@link slicedPeak} of the slices.
 */
export function findSlices(
  einsum: TreedEinsum,
  most: number,
): { readonly slices: readonly Slice[]; readonly peak: number } {
  const differentiated = gradientPeak(einsum);
  const { slices, peak } = forwardSlices(einsum, most);
  return { slices, peak: Math.max(peak, differentiated) };
}

/** {@link findSlices} where the gradients are left aside. */
function forwardSlices(einsum: TreedEinsum, most: number) {
  const { operands, output, extents } = einsum;
  const letters = [...new Set([...output, ...keptLetters(operands, output).join('')])].filter(
    (letter) => extents.get(letter)! > 1,
  );
  let least = forwardPeak(einsum, []);
  const whole: Slice[] = [];
  if (least <= most) return { slices: whole, peak: least };
  for (let round = 0; round < MOST_SLICED; round++) {
    const room = whole.reduce((runs, { chunks }) => Math.floor(runs / chunks), MOST_RUNS);
    let best: Slice[] | null = null;
    let furthest: { slice: Slice; peak: number } | null = null;
    for (const letter of letters) {
      const chunks = Math.min(extents.get(letter)!, room);
      if (chunks < 2 || whole.some((slice) => slice.letter === letter)) continue;
      const full = { letter, chunks };
      const peak = forwardPeak(einsum, [...whole, full]);
      if (furthest === null || peak < furthest.peak) furthest = { slice: full, peak };
      if (peak > most) continue;
      const slice = fewestChunks(einsum, whole, full, most);
      if (best === null || slice.chunks < best[best.length - 1].chunks) best = [...whole, slice];
    }
    if (best) return { slices: best, peak: forwardPeak(einsum, best) };
    if (furthest === null || furthest.peak >= least) break;
    least = furthest.peak;
    whole.push(furthest.slice);
  }
  return { slices: whole, peak: least };
}

/** Chunks by powers of two, all of them at the most. */
function fewestChunks(einsum: TreedEinsum, whole: readonly Slice[], full: Slice, most: number) {
  for (let chunks = 2; chunks < full.chunks; chunks *= 2) {
    const slice = { letter: full.letter, chunks };
    if (forwardPeak(einsum, [...whole, slice]) <= most) return slice;
  }
  return full;
}

/**
 * Elements that are live at the most while a tree is contracted in slices: intermediates, those that the gradients read
 * (all slices of them, to the end), and the result; or while it is differentiated, which is done as a whole. The operands and
 * their gradients are not counted. Without slices this is the `peak` of the Pareto search.
 */
export const slicedPeak = (einsum: TreedEinsum, slices: readonly Slice[]): number =>
  Math.max(forwardPeak(einsum, slices), gradientPeak(einsum));

function gradientPeak({ operands, output, extents, wanted, tree }: TreedEinsum): number {
  if (!wanted.some((one) => one)) return 0;
  return backwardPeak(createProblem(operands, output, extents, { wanted }), tree);
}

function forwardPeak(einsum: TreedEinsum, slices: readonly Slice[]): number {
  const { operations, elements, parts } = sliceProgram(einsum, slices);
  const count = operations.length;
  const from = Int32Array.from(operations, (operation, k) =>
    operation.kind === 'concat' ? operation.start : k,
  );
  const to = lastUses({ operations, elements, parts });
  const saved = savedParts(einsum);
  to[count - 1] = count - 1;
  const change = new Float64Array(count + 1);
  for (let k = 0; k < count; k++) {
    change[from[k]] += elements[k];
    change[(saved[parts[k]] ? count - 1 : to[k]) + 1] -= elements[k];
  }
  let live = 0;
  let peak = 0;
  for (const more of change) {
    live += more;
    peak = Math.max(peak, live);
  }
  return peak;
}

/** The last operation that needs the memory of each; additions go on in the memory of their sum. */
function lastUses({ operations }: SliceProgram): Int32Array {
  const last = Int32Array.from(operations, (_, k) => k);
  const memory = Int32Array.from(operations, (_, k) => k);
  operations.forEach((operation, k) => {
    switch (operation.kind) {
      case 'operand':
        return;
      case 'contract':
        last[memory[operation.left]] = k;
        last[memory[operation.right]] = k;
        return;
      case 'add':
        memory[k] = memory[operation.sum];
        last[memory[operation.sum]] = k;
        last[memory[operation.part]] = k;
        return;
      case 'concat':
        // Its memory has taken each part by the time that the next is made.
        return;
    }
  });
  return last;
}

/** Per part, 1 where a gradient reads it: an intermediate whose other side depends on a wanted operand. */
function savedParts({ operands, output, wanted, tree }: TreedEinsum): Uint8Array {
  const steps = pairwiseSteps(keptLetters(operands, output), output, tree);
  const saved = new Uint8Array(operands.length + steps.length);
  const needs = new Uint8Array(saved.length);
  for (let k = 0; k < operands.length; k++) needs[k] = Number(wanted[k] ?? false);
  steps.forEach(({ left, right }, step) => {
    needs[operands.length + step] = needs[left] | needs[right];
    if (left >= operands.length) saved[left] |= needs[right];
    if (right >= operands.length) saved[right] |= needs[left];
  });
  return saved;
}
