import { formatEquation, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import type { Origin } from '../../ir/source.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { MAX_EXACT_OPERANDS } from './exact.ts';
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
    const origin = graph.sources[node.source] ?? null;
    return pairwise(node, rewriter, { ...options, wanted, origin });
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

/** A window that the search may place anywhere above what carries its axis; `term` is axis, position and tap. */
interface LiftedWindow {
  readonly term: string;
  readonly attributes: Omit<NodeOf<'window'>['attributes'], 'axis'>;
}

function pairwise(
  node: NodeOf<'contract'>,
  rewriter: Rewriter,
  { most, records, origin, ...search }: OrderOptions & SearchOptions & { origin: Origin | null },
): ValueId {
  const equation = parseEquation(node.attributes.equation);
  if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
  const { output } = equation;
  const contract = (parts: readonly Part[], result: string): Part => {
    const terms = parts.map((part) => part.term);
    const attributes = { equation: formatEquation({ operands: terms, output: result }) };
    const values = parts.map((part) => part.value);
    return { value: rewriter.append('contract', values, attributes, node.source), term: result };
  };

  const given = node.operands.map((operand, k): Part => {
    return { value: rewriter.image[operand], term: equation.operands[k] };
  });
  // With one operand the sum itself is the contraction.
  if (given.length === 1) return contract(given, output).value;
  const { parts, windows } = liftWindows(given, output, rewriter);
  const operands = [...parts, ...windows].map(({ term }) => term);
  const terms = keptLetters(operands, output);
  const prepared = parts.map((part, k): Part => {
    return terms[k] === part.term ? part : contract([part], terms[k]);
  });
  const extents = extentsOf(parts, windows, rewriter);
  const numbers = windows.map((_, k) => parts.length + k);
  const order =
    most === undefined || windows.length > 0
      ? contractionOrder(terms, output, extents, { ...search, windows: numbers })
      : orderWithin(terms, output, extents, most + elementCount(node.type.shape), search);
  const { wanted = [] } = search;
  if (given.length > 2)
    records?.add({ operands, output, extents, wanted, windows: numbers, order, origin });
  const made: (Part | LiftedWindow)[] = [...prepared, ...windows];
  for (const step of pairwiseSteps(terms, output, order.tree)) {
    const [left, right] = [made[step.left], made[step.right]];
    made.push(
      'attributes' in left
        ? throughWindow(right as Part, left, rewriter, node.source)
        : 'attributes' in right
          ? throughWindow(left, right, rewriter, node.source)
          : contract([left, right], step.result),
    );
  }
  const result = made[made.length - 1] as Part;
  return result.term === output ? result.value : contract([result], output).value;
}

/**
 * Takes the windows off operands that are looked at through some, so that the search may contract axes that they do not
 * touch first: contract(window(x), u) = window(contract(x, u)). With two operands there is nothing to choose.
 */
function liftWindows(
  operands: readonly Part[],
  output: string,
  { builder }: Rewriter,
): { parts: readonly Part[]; windows: readonly LiftedWindow[] } {
  const windows: LiftedWindow[] = [];
  const used = new Set([output, ...operands.map(({ term }) => term)].join(''));
  const isUsedOutside = (letter: string, own: number) =>
    output.includes(letter) || operands.some(({ term }, k) => k !== own && term.includes(letter));
  const parts = operands.map((operand, own) => {
    let { value, term } = operand;
    while (operands.length > 2 && operands.length + windows.length < MAX_EXACT_OPERANDS) {
      const node = builder.nodes[value];
      if (node.op !== 'window' || new Set(term).size < term.length) break;
      const { axis, ...attributes } = node.attributes;
      if (attributes.value !== 0) break;
      const steps = term.slice(axis, axis + 2);
      if (![...steps].every((letter) => isUsedOutside(letter, own))) break;
      const letter = unusedLetter(used);
      used.add(letter);
      windows.push({ term: letter + steps, attributes });
      term = term.replace(steps, letter);
      [value] = node.operands;
    }
    return { value, term };
  });
  return { parts, windows };
}

function unusedLetter(used: ReadonlySet<string>): string {
  for (let code = 0x3b1; ; code++) {
    const letter = String.fromCodePoint(code);
    if (!used.has(letter) && /\p{L}/u.test(letter)) return letter;
  }
}

function extentsOf(
  parts: readonly Part[],
  windows: readonly LiftedWindow[],
  { builder }: Rewriter,
): Map<string, number> {
  const extents = new Map<string, number>();
  for (const { value, term } of parts)
    for (const [axis, extent] of builder.shapeOf(value).entries()) extents.set(term[axis], extent);
  for (const { term, attributes } of windows)
    extents.set(term[1], attributes.positions).set(term[2], attributes.size);
  return extents;
}

/** A part seen through a window along one of its axes. */
function throughWindow(
  { value, term }: Part,
  { term: [letter, ...steps], attributes }: LiftedWindow,
  rewriter: Rewriter,
  source: number,
): Part {
  const window = { axis: term.indexOf(letter), ...attributes };
  return {
    value: rewriter.append('window', [value], window, source),
    term: term.replace(letter, steps.join('')),
  };
}
