import type { Graph, Node, ParameterDeclaration } from '../../ir/graph.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { AverageRead } from '../frontend/context.ts';
import { add, div, equal, maximum, mul, select, sub } from '../frontend/elementwise.ts';
import type { Average } from '../frontend/optimiser.ts';
import type { Tensor } from '../frontend/tensor.ts';
import {
  AVERAGE,
  AVERAGED,
  commonStateName,
  type NamedTraining,
  stateName,
} from '../frontend/trainings.ts';
import type { Guard } from './loss-scale.ts';
import { type Part, SCALAR } from './part.ts';

// States start at zero, which is no average of anything: the first step that counts makes the average the parameter. Steps are counted
// here, and not by the session, since those that are skipped do not count, nor do those before weights were loaded without averages.

/** Appends the step of a parameter's average towards what the parameter is now. */
export function appendAverage(
  part: Part,
  owner: ParameterDeclaration,
  updated: Tensor,
  average: Average,
  { kept }: Guard,
): void {
  const { decay = 'equal', from } =
    typeof average === 'object' ? average : { decay: average, from: 0 };
  const steps = part.common(AVERAGED);
  // The first step that counts takes the parameter as all before it do.
  const count = from === 0 ? steps : maximum(sub(steps, from), 0);
  const share = decay === 'equal' ? div(1, add(count, 1)) : select(equal(count, 0), 1, 1 - decay);
  const before = part.state(owner, AVERAGE);
  const moved = add(before, mul(share, sub(updated, before)));
  // To the bit, where there is an average of before; from zero a whole step is so anyway.
  const made = from === 0 ? moved : select(equal(count, 0), updated, moved);
  part.updateState(owner, AVERAGE, kept(made, before));
}

/** Counts a step of averages. */
export function countAverages(part: Part, { kept }: Guard): void {
  const count = part.common(AVERAGED);
  part.updateCommon(AVERAGED, kept(add(count, 1), count));
}

/** What programs read as averages, by name, in place of the names that stand for it. */
export interface ResolvedAverages {
  readonly leaves: ReadonlyMap<string, Pick<Node, 'op' | 'attributes'>>;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Finds the states that reads of averages mean: those of the only training that keeps one of the parameter (BTC3009 for several). Of a
 * parameter that none keeps one of no steps are counted.
 */
export function resolveAverages(
  reads: ReadonlyMap<string, AverageRead>,
  trainings: readonly NamedTraining[],
  states: readonly ParameterDeclaration[],
): ResolvedAverages {
  const leaves = new Map<string, Pick<Node, 'op' | 'attributes'>>();
  const diagnostics: Diagnostic[] = [];
  const declared = new Set(states.map(({ name }) => name));
  for (const [name, { average, count }] of reads) {
    const keepers = trainings.filter((one) => declared.has(stateName(one, name, AVERAGE)));
    if (keepers.length > 1) {
      const [first, second] = keepers.map(({ key }) => String(key));
      diagnostics.push(diagnostic(3009, average.source, { name, first, second }));
    }
    const [keeper] = keepers;
    const parameter = (own: string) => ({ op: 'parameter', attributes: { name: own } }) as const;
    const zeros = ({ shape }: ParameterDeclaration['type']) =>
      ({ op: 'constant', attributes: { ...SCALAR, shape, value: 0 } }) as const;
    leaves.set(
      average.name,
      keeper ? parameter(stateName(keeper, name, AVERAGE)) : zeros(average.type),
    );
    leaves.set(
      count.name,
      keeper ? parameter(commonStateName(keeper, AVERAGED)) : zeros(count.type),
    );
  }
  return { leaves, diagnostics };
}

/** A program that reads averages from the states that keep them. */
export function withAverages(graph: Graph, { leaves }: ResolvedAverages): Graph {
  if (leaves.size === 0) return graph;
  const nodes = graph.nodes.map((node): Node => {
    const leaf = node.op === 'parameter' ? leaves.get(node.attributes.name) : undefined;
    return leaf ? ({ ...node, ...leaf } as Node) : node;
  });
  return { ...graph, nodes };
}
