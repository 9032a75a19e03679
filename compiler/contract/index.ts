import { formatEquation, letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import type { SourceSpan } from '../../ir/source.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { keptLetters } from './problem.ts';
import type { OrderRecords } from './record.ts';
import { pairwiseSteps } from './steps.ts';
import { contractionOrder, type SearchOptions } from './tree.ts';
import { orderWithin } from './within.ts';

/**
 * Rewrites every contraction into pairwise ones in the cheapest order. What only one operand carries is summed, and
 * diagonals are taken, before the search; afterwards every contraction has one or two operands with distinct letters.
 */
export function orderContractions(graph: Graph, options: OrderOptions = {}): Graph {
  const trained = options.trains ? dependsOnParameters(graph) : new Uint8Array(graph.nodes.length);
  return rewriteGraph(graph, (node, _, rewriter) => {
    if (node.op !== 'contract') return null;
    const wanted = node.operands.map((operand) => trained[operand] === 1);
    const source = graph.sources[node.source] ?? null;
    return pairwise(node, rewriter, { ...options, wanted, source });
  });
}

export interface OrderOptions extends Pick<SearchOptions, 'objective'> {
  /** Elements that intermediates and result of one einsum may take at once, where an order can do that. */
  readonly most?: number;
  /** Takes a note of the order of every einsum of three operands or more. */
  readonly records?: OrderRecords;
  /** The graph will be differentiated with respect to its parameters: the order counts their gradients in. */
  readonly trains?: boolean;
}

function dependsOnParameters({ nodes }: Graph): Uint8Array {
  const depends = new Uint8Array(nodes.length);
  nodes.forEach(({ op, type, operands }, value) => {
    if (type.dtype !== 'f32') return;
    if (op === 'parameter' || operands.some((operand) => depends[operand])) depends[value] = 1;
  });
  return depends;
}

interface Part {
  readonly value: ValueId;
  readonly term: string;
}

function pairwise(
  node: NodeOf<'contract'>,
  rewriter: Rewriter,
  {
    most,
    records,
    source,
    ...search
  }: OrderOptions & SearchOptions & { source: SourceSpan | null },
): ValueId {
  const equation = parseEquation(node.attributes.equation);
  if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
  const operands = node.operands.map((operand) => rewriter.image[operand]);
  const extents = letterExtents(
    equation,
    operands.map((operand) => rewriter.builder.shapeOf(operand)),
  ) as Map<string, number>;
  const { output } = equation;
  const contract = (parts: readonly Part[], result: string): ValueId =>
    rewriter.append(
      'contract',
      parts.map((part) => part.value),
      { equation: formatEquation({ operands: parts.map((part) => part.term), output: result }) },
      node.source,
    );

  // With one operand the sum itself is the contraction.
  if (operands.length === 1)
    return contract([{ value: operands[0], term: equation.operands[0] }], output);
  const terms = keptLetters(equation.operands, output);
  const prepared = operands.map((value, k): Part => {
    const term = equation.operands[k];
    const kept = terms[k];
    return kept === term
      ? { value, term }
      : { value: contract([{ value, term }], kept), term: kept };
  });
  const order =
    most === undefined
      ? contractionOrder(terms, output, extents, search)
      : orderWithin(terms, output, extents, most + elementCount(node.type.shape), search);
  const { wanted = [] } = search;
  if (operands.length > 2)
    records?.add({ operands: equation.operands, output, extents, wanted, order, source });
  const parts = [...prepared];
  for (const { left, right, result } of pairwiseSteps(terms, output, order.tree))
    parts.push({ value: contract([parts[left], parts[right]], result), term: result });
  return parts[parts.length - 1].value;
}
