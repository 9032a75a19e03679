import { formatEquation, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { MAX_EXACT_OPERANDS } from './exact.ts';
import { type ContractionTree, contractionOrder, type SearchOptions } from './tree.ts';

/**
 * Rewrites every contraction into pairwise ones in the cheapest order. What only one operand carries is summed, and
 * diagonals are taken, before the search; afterwards every contraction has one or two operands with distinct letters.
 */
export function orderContractions(graph: Graph, options: OrderOptions = {}): Graph {
  const trained = options.trains ? dependsOnParameters(graph) : new Uint8Array(graph.nodes.length);
  return rewriteGraph(graph, (node, _, rewriter) => {
    if (node.op !== 'contract') return null;
    const wanted = node.operands.map((operand) => trained[operand] === 1);
    return pairwise(node, rewriter, { ...options, wanted });
  });
}

export interface OrderOptions extends Pick<SearchOptions, 'objective'> {
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

function pairwise(node: NodeOf<'contract'>, rewriter: Rewriter, search: SearchOptions): ValueId {
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
  const terms = [...parts, ...windows].map(({ term }) => term);
  const prepared = parts.map((part, k): Part => {
    const kept = [...new Set(part.term)]
      .filter(
        (letter) =>
          output.includes(letter) || terms.some((other, j) => j !== k && other.includes(letter)),
      )
      .join('');
    return kept === part.term ? part : contract([part], kept);
  });
  const all = [...prepared, ...windows];
  const { tree } = contractionOrder(
    all.map((part) => part.term),
    output,
    extentsOf(prepared, windows, rewriter),
    { ...search, windows: windows.map((_, k) => prepared.length + k) },
  );
  // Letters that parts still to be contracted carry, counted, so that a letter is summed with its last carrier.
  const carriers = new Map<string, number>();
  for (const { term } of all)
    for (const letter of term) carriers.set(letter, (carriers.get(letter) ?? 0) + 1);

  // The depth is bounded by the number of operands of one einsum.
  const walk = (subtree: ContractionTree, isRoot: boolean): Part | LiftedWindow => {
    if (typeof subtree === 'number') return all[subtree];
    const left = walk(subtree[0], false);
    const right = walk(subtree[1], false);
    const letters = new Set([...left.term, ...right.term]);
    for (const letter of letters) {
      const merged = Number(left.term.includes(letter)) + Number(right.term.includes(letter)) - 1;
      carriers.set(letter, carriers.get(letter)! - merged);
    }
    if ('attributes' in left) return throughWindow(right as Part, left, rewriter, node.source);
    if ('attributes' in right) return throughWindow(left, right, rewriter, node.source);
    const kept = [...letters].filter(
      (letter) => output.includes(letter) || carriers.get(letter)! > 1,
    );
    return contract([left, right], isRoot ? output : kept.join(''));
  };
  const result = walk(tree, true) as Part;
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
