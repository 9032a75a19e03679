import type { Graph, ValueId } from '../../../ir/graph.ts';
import { type Convolution, convolutionOf } from './convolutions.ts';
import { poolingOf } from './pooling.ts';
import { readerCounts } from './views.ts';

/** What a program computes once convolutions and poolings are one op each. */
export interface Needed {
  /** By value: whether anything reads it. */
  readonly values: readonly boolean[];
  /** By value that is a convolution. */
  readonly convolutions: ReadonlyMap<ValueId, Convolution>;
}

/** Finds convolutions and poolings, and which values are read when these read what is below their windows. */
export function neededValues(graph: Graph): Needed {
  const readers = readerCounts(graph);
  const values = new Array<boolean>(graph.nodes.length).fill(false);
  const convolutions = new Map<ValueId, Convolution>();
  for (const { value } of [...graph.outputs, ...graph.updates]) values[value] = true;
  for (let value = graph.nodes.length - 1; value >= 0; value--) {
    if (!values[value]) continue;
    const node = graph.nodes[value];
    let read = node.operands;
    if (node.op === 'contract' || node.op === 'fold') {
      const found = convolutionOf(graph, value, readers);
      if (found) {
        convolutions.set(value, found);
        read = [found.input, found.kernel];
      }
    } else if (node.op === 'reduceSum' || node.op === 'reduceMax' || node.op === 'reduceMin') {
      const found = poolingOf(graph, node);
      if (found) read = [found.input];
    }
    for (const operand of read) values[operand] = true;
  }
  return { values, convolutions };
}
