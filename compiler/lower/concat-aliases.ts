import type { StorageType } from '../../ir/dtypes.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { opRow } from '../../ir/ops.ts';
import { rangeAlignment } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';

/** Where a value lives inside a concatenation's memory, so that joining the parts moves nothing. */
export interface ConcatAlias {
  readonly concat: ValueId;
  /** First element. */
  readonly offset: number;
}

/**
 * Finds the stored values that can be computed right into the memory of a stored concatenation along the outermost axis
 * (the states of all time steps, the gradients of slices). Each value is part of one concatenation
 * at most, and starts and ends where ranges can be bound on their own, for a step may read one part and write another.
 */
export function findConcatAliases(
  graph: Graph,
  stored: Uint8Array,
  typeOf: (value: ValueId) => StorageType,
): readonly (ConcatAlias | undefined)[] {
  const aliases: (ConcatAlias | undefined)[] = new Array(graph.nodes.length);
  const fixed = valuesThatStay(graph, stored);
  graph.nodes.forEach((node, concat) => {
    if (node.op !== 'concat' || !stored[concat] || !isOutermost(node)) return;
    const dtype = typeOf(concat);
    const total = elementCount(node.type.shape);
    let offset = 0;
    for (const operand of node.operands) {
      const value = behindReshapes(graph, operand);
      const end = offset + elementCount(graph.nodes[operand].type.shape);
      const apart = isAligned(offset, dtype) && (isAligned(end, dtype) || end === total);
      if (apart && stored[value] && !fixed[value]) aliases[value] ??= { concat, offset };
      offset = end;
    }
  });
  return aliases;
}

const isAligned = (element: number, dtype: StorageType) => element % rangeAlignment(dtype) === 0;

/** Whether the parts of a concatenation follow one another in memory, each in one piece. */
function isOutermost(node: NodeOf<'concat'>): boolean {
  return elementCount(node.type.shape.slice(0, node.attributes.axis)) === 1;
}

/** The value that nested reshapes look at. */
export function behindReshapes(graph: Graph, value: ValueId): ValueId {
  let current = value;
  for (let node = graph.nodes[current]; node.op === 'reshape'; node = graph.nodes[current])
    current = node.operands[0];
  return current;
}

/**
 * 1 for values whose memory is their own: those that are bound as a whole because their addresses depend on data or
 * bounds, and new values of parameters, which may be written in place.
 */
function valuesThatStay(graph: Graph, stored: Uint8Array): Uint8Array {
  const fixed = new Uint8Array(graph.nodes.length);
  for (const { value } of graph.updates) fixed[value] = 1;
  for (let value = graph.nodes.length - 1; value >= 0; value--) {
    const node = graph.nodes[value];
    const { kind } = opRow(node.op);
    if (node.op === 'input' || node.op === 'parameter' || kind === 'scatter') fixed[value] = 1;
    // A part of a part would be part of two concatenations.
    if (node.op === 'concat' && isOutermost(node)) fixed[value] = 1;
    const bounded =
      node.op === 'pad' || node.op === 'window' || (node.op === 'concat' && !stored[value]);
    const isView = kind === 'view';
    node.operands.forEach((operand, k) => {
      if (bounded || (kind === 'gather' && k === 0) || (isView && fixed[value])) fixed[operand] = 1;
    });
  }
  return fixed;
}
