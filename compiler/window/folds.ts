import { parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import {
  extentsOf,
  type Fold,
  interleave,
  type Phase,
  type Product,
  phaseOf,
  phasesOf,
} from './phases.ts';

// The input gradient of a convolution is fold(contract(dy, w)), whose operand would have an element per position and
// tap. Folds are linear, so the sum over taps joins the contraction: element h of a fold with stride 1 is
//   Σ_k g[h + low − k·dilation, k],
// a contraction that reads what carries the positions through a window with reversed taps and has the tap as one more
// summed letter. With a stride s the elements h ≡ r mod s meet only every so many-th tap: each residue r is a fold of its own
// with stride 1 over those taps, and the residues are interleaved.

/** More terms than these under a fold are added up before it. */
const MOST_TERMS = 16;

/**
 * Replaces every fold by contractions over windows, nested folds (one per axis) by one contraction per combination of
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
    phaseOf({ ...product, output }, phases, rewriter, source),
  );
  return interleave(parts, folds, rewriter, source);
}
