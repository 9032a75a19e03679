import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import { opRow } from '../../ir/ops.ts';
import { decideStorage, givesHalves } from '../lower/index.ts';
import { rewriteGraph } from '../rewrite.ts';
import { exactValues, mayBeHalf } from './kept-f32.ts';

/** Which values are halves: `all` activations, their gradients and what contractions read; or activations that gradients read. */
export type HalfChoice = 'all' | 'kept';

/**
 * Rounds what is going to be stored to halves, so that lowering can store it as such: the value of a rounded node is the same in
 * either form, and what is computed with it does not depend on where it is stored. Weights and inputs stay as they are; what
 * contractions read of them is a rounded copy.
 *
 * @param narrow parameters that are held in fewer bytes already
 */
export function storeHalves(
  graph: Graph,
  choice: HalfChoice,
  narrow: ReadonlySet<string> = new Set(),
): Graph {
  const { nodes } = graph;
  const exact = exactValues(graph);
  const rounded = choice === 'all' ? storedHalves(graph, exact) : keptHalves(graph, exact);
  const factors = choice === 'all' ? contractedSources(graph) : new Set<ValueId>();
  skipHalves(nodes, rounded, factors);
  if (factors.size === 0 && !rounded.includes(1)) return graph;
  /** By input or weight, in the new graph: itself. Its image is the rounded copy. */
  const whole = new Map<ValueId, ValueId>();
  return rewriteGraph(graph, (node, value, { append, builder, image }) => {
    if (!rounded[value] && !factors.has(value) && !(exact[value] && readsAny(node, factors)))
      return null;
    const operands = node.operands.map((operand) =>
      exact[value] ? (whole.get(operand) ?? image[operand]) : image[operand],
    );
    const { op, attributes, type, source } = node;
    const copy = builder.append(op, operands, attributes, type, source);
    if (factors.has(value)) whole.set(value, copy);
    return rounded[value] || factors.has(value) ? append('roundF16', [copy], {}, source) : copy;
  });

  function readsAny({ operands }: Node, sources: ReadonlySet<ValueId>): boolean {
    return operands.some((operand) => sources.has(operand));
  }

  /** Inputs and weights that contractions of several operands read, in place or through views. */
  function contractedSources({ outputs }: Graph): Set<ValueId> {
    const base = basesOf(nodes);
    const given = new Set(outputs.map(({ value }) => base[value]));
    const found = new Set<ValueId>();
    for (const { op, operands } of nodes)
      if (op === 'contract' && operands.length > 1)
        for (const operand of operands) {
          const source = nodes[base[operand]];
          const isSource =
            source.op === 'input' ||
            (source.op === 'parameter' && !narrow.has(source.attributes.name));
          if (isSource && source.type.dtype === 'f32' && !given.has(base[operand]))
            found.add(base[operand]);
        }
    return found;
  }
}

/** Does not round what is a half already, as the positive part of one. */
function skipHalves(nodes: readonly Node[], rounded: Uint8Array, factors: ReadonlySet<ValueId>) {
  const halves = new Uint8Array(nodes.length);
  nodes.forEach((node, value) => {
    if (node.type.dtype === 'f32' && givesHalves(node, halves)) {
      rounded[value] = 0;
      halves[value] = 1;
    } else if (rounded[value] || factors.has(value)) halves[value] = 1;
  });
}

/** What has memory of its own, or is a part of what has, and may be a half. */
function storedHalves(graph: Graph, exact: Uint8Array): Uint8Array {
  const { nodes } = graph;
  const held = decideStorage(graph).stored.slice();
  const base = basesOf(nodes);
  for (let value = nodes.length - 1; value >= 0; value--)
    if (held[value] && nodes[value].op === 'concat')
      for (const operand of nodes[value].operands) held[base[operand]] = 1;
  return held.map((isHeld, value) => (isHeld && !exact[value] && mayBeHalf(graph, value) ? 1 : 0));
}

/** Of those, what the forward pass makes and gradients read. */
function keptHalves(graph: Graph, exact: Uint8Array): Uint8Array {
  const { nodes, sources } = graph;
  const passOf = ({ source }: Node) => sources[source]?.pass ?? 'forward';
  const base = basesOf(nodes);
  const read = new Uint8Array(nodes.length);
  for (const node of nodes)
    if (passOf(node) === 'gradient') for (const operand of node.operands) read[base[operand]] = 1;
  return storedHalves(graph, exact).map((isHeld, value) =>
    isHeld && read[value] && passOf(nodes[value]) === 'forward' ? 1 : 0,
  );
}

/** By value: itself, or what nested views look at. */
function basesOf(nodes: readonly Node[]): Int32Array {
  const base = new Int32Array(nodes.length);
  nodes.forEach(({ op, operands }, value) => {
    base[value] = opRow(op).kind === 'view' ? base[operands[0]] : value;
  });
  return base;
}
