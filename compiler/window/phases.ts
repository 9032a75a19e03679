import { formatEquation } from '../../ir/einsum.ts';
import type { ValueId } from '../../ir/graph.ts';
import type { WindowSteps } from '../../ir/ops.ts';
import { type Shape, sameShape } from '../../ir/tensor.ts';
import type { Rewriter } from '../rewrite.ts';

// Folds of a product in phases, one for each residue of the result's elements modulo the stride.

/** A value as a sum of products, one letter per axis. */
export interface Product {
  readonly operands: readonly ValueId[];
  readonly terms: readonly string[];
  readonly output: string;
}

/** One of nested folds in letters: positions and taps of the operand; the result has the positions' letter. */
export interface Fold extends WindowSteps {
  readonly position: string;
  readonly tap: string;
  readonly taps: number;
  readonly extent: number;
  /** Of the result of all folds. */
  readonly resultAxis: number;
}

/** Which elements of a fold: `count` of them, every stride-th, that meet `taps` taps from `firstTap` on. */
export interface Phase {
  readonly fold: Fold;
  readonly count: number;
  readonly firstTap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** Of the window over the positions. */
  readonly dilation: number;
  readonly low: number;
}

export function extentsOf(
  { operands, terms }: Product,
  { builder }: Rewriter,
): Map<string, number> {
  return new Map(
    terms.flatMap((term, k) =>
      [...term].map((letter, axis) => [letter, builder.shapeOf(operands[k])[axis]] as const),
    ),
  );
}

/** Position o meets element h = s·q + r by tap k where o·s = h + low − k·d. Tap k + s / gcd(d, s) is of the same residue. */
export function phasesOf(fold: Fold): Phase[] {
  const { stride: s, dilation: d, low, extent, taps } = fold;
  const count = Math.ceil(extent / s);
  const tapStep = s / greatestCommonDivisor(Math.abs(d), s);
  return Array.from({ length: Math.min(s, extent) }, (_, r) => {
    let firstTap = 0;
    while (firstTap < taps && (r + low - firstTap * d) % s !== 0) firstTap++;
    return {
      fold,
      count,
      firstTap,
      tapStep,
      taps: Math.ceil((taps - firstTap) / tapStep),
      dilation: (-tapStep * d) / s,
      low: (0 + firstTap * d - r - low) / s,
    };
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The elements of one phase per fold: whatever carries positions is read through windows, taps become summed letters. */
export function phaseOf(
  product: Product,
  phases: readonly Phase[],
  rewriter: Rewriter,
  source: number,
): ValueId {
  if (phases.some(({ taps }) => taps === 0)) {
    const extents = extentsOf(product, rewriter);
    for (const { fold, count } of phases) extents.set(fold.position, count);
    const shape = [...product.output].map((letter) => extents.get(letter)!);
    return rewriter.append('constant', [], { dtype: 'f32', shape, value: 0 }, source);
  }
  const terms = [...product.terms];
  const operands = product.operands.map((operand, k) => {
    let value = operand;
    for (const phase of phases) {
      const { tap } = phase.fold;
      if (terms[k].includes(tap))
        value = everyTap(value, terms[k].indexOf(tap), phase, rewriter, source);
    }
    for (const { fold, count: positions, taps: size, dilation, low } of phases) {
      const axis = terms[k].indexOf(fold.position);
      if (axis < 0) continue;
      const attributes = { axis, positions, size, stride: 1, dilation, low, value: 0 };
      value = rewriter.append('window', [value], attributes, source);
      terms[k] = terms[k].replace(fold.position, fold.position + fold.tap);
    }
    return value;
  });
  const equation = formatEquation({ operands: terms, output: product.output });
  return rewriter.append('contract', operands, { equation }, source);
}

/** Taps of one residue: every `tapStep`-th from `firstTap` on, which is a window of one element. */
function everyTap(
  value: ValueId,
  axis: number,
  { fold, firstTap, tapStep, taps }: Phase,
  rewriter: Rewriter,
  source: number,
): ValueId {
  if (taps === fold.taps) return value;
  const shape = rewriter.builder.shapeOf(value).with(axis, taps);
  const steps = { axis, stride: tapStep, dilation: 1, low: 0 - firstTap };
  const attributes = { ...steps, positions: taps, size: 1, value: 0 };
  const window = rewriter.append('window', [value], attributes, source);
  return rewriter.append('reshape', [window], { shape }, source);
}

/**
 * Puts the phases of all folds together: element r of each run of `stride` elements is that of residue r. The phases are
 * stacked first, so that each can be computed where it stays.
 */
export function interleave(
  parts: readonly ValueId[],
  folds: readonly Fold[],
  rewriter: Rewriter,
  source: number,
): ValueId {
  if (parts.length === 1) return parts[0];
  const shape = rewriter.builder.shapeOf(parts[0]);
  const residues = folds.map(({ stride, extent }) => Math.min(stride, extent));
  const apart = parts.map((part) =>
    rewriter.append('reshape', [part], { shape: [1, ...shape] }, source),
  );
  const reshape = (value: ValueId, shape: Shape) =>
    rewriter.append('reshape', [value], { shape }, source);
  const stacked = rewriter.append('concat', apart, { axis: 0 }, source);
  const foldOf = (axis: number) => folds.findIndex(({ resultAxis }) => resultAxis === axis);
  // [residues…, axes…] to [axis, its residues, axis, …], which is the joined axes.
  const permutation = shape.flatMap((_, axis) =>
    foldOf(axis) < 0 ? [folds.length + axis] : [folds.length + axis, foldOf(axis)],
  );
  const beside = rewriter.append(
    'transpose',
    [reshape(stacked, [...residues, ...shape])],
    { permutation },
    source,
  );
  const whole = shape.map((extent, axis) => extent * (residues[foldOf(axis)] ?? 1));
  const joined = reshape(beside, whole);
  const sizes = whole.map((extent, axis) => folds[foldOf(axis)]?.extent ?? extent);
  if (sameShape(sizes, whole)) return joined;
  return rewriter.append('slice', [joined], { starts: sizes.map(() => 0), sizes }, source);
}
