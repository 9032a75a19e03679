import type { Graph } from '../../ir/graph.ts';
import { scopedName } from '../../ir/source.ts';

/**
 * A name for each value: its scope and what it is there, `stage4.block1.conv2/output`. Equal names are numbered in the graph's
 * order, whatever gets memory later; so they are the same in every build and, but for parts of contractions, in every budget.
 */
export function valueNames({ nodes, sources }: Graph): string[] {
  const uses = new Map<string, number>();
  return nodes.map(({ op, source }, value) => {
    const origin = sources[source];
    if (!origin || origin.name === '') return `${op}.${value}`;
    const name = scopedName(origin);
    const use = (uses.get(name) ?? 0) + 1;
    uses.set(name, use);
    return use === 1 ? name : `${name}.${use}`;
  });
}
