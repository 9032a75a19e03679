import type { Graph, Node, ValueId } from '../../../ir/graph.ts';
import { type Convolution, convolutionOf } from './convolutions.ts';
import { type Pooling, poolingOf } from './pooling.ts';
import { readerCounts } from './views.ts';

/** What a program computes once convolutions and poolings are one op each. */
export interface Needed {
  /** By value: whether anything reads it. */
  readonly values: readonly boolean[];
  /** By value that is a convolution. */
  readonly convolutions: ReadonlyMap<ValueId, Convolution>;
  /** By value that is a reduction over windows. */
  readonly poolings: ReadonlyMap<ValueId, Pooling>;
}

/** What a format has ops for. */
export interface Takes {
  readonly convolution: (found: Convolution) => boolean;
  readonly pooling: (found: Pooling, node: Node) => boolean;
}

const ALL: Takes = { convolution: () => true, pooling: () => true };

/** Finds convolutions and poolings that a format has, and which values are read when these read what is below their windows. */
export function neededValues(graph: Graph, takes: Takes = ALL): Needed {
  const readers = readerCounts(graph);
  const values = new Array<boolean>(graph.nodes.length).fill(false);
  const convolutions = new Map<ValueId, Convolution>();
  const poolings = new Map<ValueId, Pooling>();
  for (const { value } of [...graph.outputs, ...graph.updates]) values[value] = true;
  for (let value = graph.nodes.length - 1; value >= 0; value--) {
    if (!values[value]) continue;
    const node = graph.nodes[value];
    let read = node.operands;
    if (node.op === 'contract' || node.op === 'fold') {
      const found = convolutionOf(graph, value, readers);
      if (found && takes.convolution(found)) {
        convolutions.set(value, found);
        read = [found.input, found.kernel];
      }
    } else if (node.op === 'reduceSum' || node.op === 'reduceMax' || node.op === 'reduceMin') {
      const found = poolingOf(graph, node);
      if (found && takes.pooling(found, node)) {
        poolings.set(value, found);
        read = [found.input];
      }
    }
    for (const operand of read) values[operand] = true;
  }
  return { values, convolutions, poolings };
}
