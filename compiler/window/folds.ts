import { formatEquation, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import type { WindowSteps } from '../../ir/ops.ts';
import { type Shape, sameShape } from '../../ir/tensor.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';

// The input gradient of a convolution is fold(contract(dy, w)), whose operand would have an element per position and
// tap. Folds are linear, so the sum over taps joins the contraction: element h of a fold with stride 1 is
//   Σ_k g[h + low − k·dilation, k],
// a contraction that reads what carries the positions through a window with reversed taps and has the tap as one more
// summed letter. With a stride s the elements h ≡ r mod s meet only every so many-th tap: each residue r is a fold of its own
// with stride 1 over those taps, and the residues are interleaved.

/** More terms than these under a fold are added up before it. */
const MOST_TERMS = 16;

/**
 * Replaces every fold by contractions over windows, a chain of folds (one per axis) by one contraction per combination of
 * residues. Nothing of the size of the folded operand is needed any more where that was made by a contraction.
 */
export function expandFolds(graph: Graph): Graph {
  if (!graph.nodes.some(({ op }) => op === 'fold')) return graph;
  const terms = countTerms(graph);
  return rewriteGraph(graph, (node, value, rewriter) =>
    node.op === 'fold' ? expanded(graph, value, terms, rewriter) : null,
  );
}

/** By value: of how many contractions and folds it is the sum; 0 where it is none. */
function countTerms({ nodes }: Graph): Float64Array {
  const terms = new Float64Array(nodes.length);
  nodes.forEach(({ op, operands }, value) => {
    if (op === 'contract') terms[value] = 1;
    else if (op === 'fold') terms[value] = Math.max(1, terms[operands[0]]);
    else if (op === 'add' && operands.every((operand) => terms[operand] > 0))
      terms[value] = terms[operands[0]] + terms[operands[1]];
  });
  return terms;
}

function expanded(
  graph: Graph,
  value: ValueId,
  terms: Float64Array,
  rewriter: Rewriter,
): ValueId | null {
  const pending: { value: ValueId; folds: readonly NodeOf<'fold'>[] }[] = [{ value, folds: [] }];
  let sum: ValueId | null = null;
  while (pending.length > 0) {
    const { value, folds } = pending.pop()!;
    const node = graph.nodes[value];
    if (node.op === 'fold' && isApart(node, folds)) {
      pending.push({ value: node.operands[0], folds: [node, ...folds] });
    } else if (node.op === 'add' && terms[value] > 0 && terms[value] <= MOST_TERMS) {
      for (const operand of node.operands) pending.push({ value: operand, folds });
    } else {
      const term = foldedTerm(productOf(graph, value, rewriter), folds, rewriter);
      sum = sum === null ? term : rewriter.append('add', [sum, term], {}, node.source);
    }
  }
  return sum;
}

/** Whether none of the folds behind it, innermost first, folds the axis that a fold makes. */
function isApart({ attributes }: NodeOf<'fold'>, behind: readonly NodeOf<'fold'>[]): boolean {
  let { axis } = attributes;
  for (const { attributes: other } of behind) {
    if (axis === other.axis || axis === other.axis + 1) return false;
    if (axis > other.axis) axis--;
  }
  return true;
}

/** A value as a sum of products, one letter per axis. */
interface Product {
  readonly operands: readonly ValueId[];
  readonly terms: readonly string[];
  readonly output: string;
}

function productOf(graph: Graph, value: ValueId, { image, builder }: Rewriter): Product {
  const node = graph.nodes[value];
  if (node.op === 'contract') {
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
    const isDiagonal = (term: string) => new Set(term).size < term.length;
    if (!equation.operands.some(isDiagonal))
      return {
        operands: node.operands.map((operand) => image[operand]),
        terms: equation.operands,
        output: equation.output,
      };
  }
  const letters = builder
    .shapeOf(image[value])
    .map((_, axis) => String.fromCodePoint(0x3b1 + axis));
  const term = letters.join('');
  return { operands: [image[value]], terms: [term], output: term };
}

/** One fold of a chain in letters: positions and taps of the operand; the result has the positions' letter. */
interface Fold extends WindowSteps {
  readonly position: string;
  readonly tap: string;
  readonly taps: number;
  readonly extent: number;
  /** Of the result of the whole chain. */
  readonly resultAxis: number;
}

/** Which elements of a fold: `count` of them, every stride-th, that meet `taps` taps from `firstTap` on. */
interface Phase {
  readonly fold: Fold;
  readonly count: number;
  readonly firstTap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** Of the window over the positions. */
  readonly dilation: number;
  readonly low: number;
}

/** The folds of a product, innermost first. */
function foldedTerm(
  product: Product,
  nodes: readonly NodeOf<'fold'>[],
  rewriter: Rewriter,
): ValueId {
  const [{ source }] = nodes;
  const extents = extentsOf(product, rewriter);
  let output = product.output;
  const named = nodes.map(({ attributes }) => {
    const [position, tap] = output.slice(attributes.axis);
    output = output.replace(tap, '');
    return { ...attributes, position, tap, taps: extents.get(tap)! };
  });
  const folds = named.map((fold): Fold => ({ ...fold, resultAxis: output.indexOf(fold.position) }));
  const combinations = folds.reduce<readonly (readonly Phase[])[]>(
    (lists, fold) => lists.flatMap((list) => phasesOf(fold).map((phase) => [...list, phase])),
    [[]],
  );
  const parts = combinations.map((phases) =>
    contraction({ ...product, output }, phases, rewriter, source),
  );
  return interleave(parts, folds, rewriter, source);
}

function extentsOf({ operands, terms }: Product, { builder }: Rewriter): Map<string, number> {
  return new Map(
    terms.flatMap((term, k) =>
      [...term].map((letter, axis) => [letter, builder.shapeOf(operands[k])[axis]] as const),
    ),
  );
}

/** Position o meets element h = s·q + r by tap k where o·s = h + low − k·d. Tap k + s / gcd(d, s) is of the same residue. */
function phasesOf(fold: Fold): Phase[] {
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
function contraction(
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
function interleave(
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
