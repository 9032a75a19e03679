import type { Graph, InputDeclaration, ParameterDeclaration } from '../../ir/graph.ts';
import { type Diagnostic, originDiagnostic } from '../diagnostics.ts';
import type { Optimiser } from '../frontend/optimiser.ts';
import type { LossScaling } from '../frontend/precision.ts';
import type { TracedProgram } from '../frontend/trace.ts';
import { differentiate, passesGradient } from '../gradient/index.ts';
import { extendGraph } from '../rewrite.ts';
import { appendSeed, scaleStates } from './loss-scale.ts';
import { appendOptimiser, type ParameterGradient } from './update.ts';

export type { ParameterGradient };
export { scaleStates };

/** A graph with the gradients of its loss, or the reason why it has none. */
export type Differentiated =
  | {
      readonly graph: Graph;
      readonly gradients: readonly ParameterGradient[];
      readonly diagnostic: null;
    }
  | { readonly graph: null; readonly gradients: readonly []; readonly diagnostic: Diagnostic };

/**
 * Appends to a graph, whose first output is the loss, the gradients of that, times the scale, for every parameter that it depends on.
 *
 * Errors: BTC3002 where no parameter is reached, BTC3004 where an op without a gradient stands in the way.
 */
export function withGradients(
  graph: Graph,
  program: TracedProgram,
  scaling: LossScaling,
): Differentiated {
  const builder = extendGraph(graph);
  const trained = new Map(
    program.parameters
      .filter(({ role }) => role === 'parameter')
      .map((declaration) => [declaration.name, declaration]),
  );
  const parameters = graph.nodes.flatMap((node, value) => {
    const declaration = node.op === 'parameter' && trained.get(node.attributes.name);
    return declaration ? [{ value, declaration }] : [];
  });
  const values = differentiate(
    builder,
    graph.outputs[0].value,
    parameters.map(({ value }) => value),
    appendSeed(builder, scaling),
  );
  const gradients = parameters.flatMap(({ value, declaration }, k): ParameterGradient[] => {
    const gradient = values[k];
    return gradient === null ? [] : [{ value, declaration, gradient }];
  });
  return gradients.length > 0
    ? { graph: builder.finish(), gradients, diagnostic: null }
    : { graph: null, gradients: [], diagnostic: nothingToTrain(graph, trained) };
}

/** Appends the optimiser's updates to a graph with gradients; gives the inputs and states that it adds as well. */
export function withUpdates(
  graph: Graph,
  gradients: readonly ParameterGradient[],
  optimiser: Optimiser,
  scaling: LossScaling,
  seed: number,
): { graph: Graph; inputs: readonly InputDeclaration[]; states: readonly ParameterDeclaration[] } {
  const builder = extendGraph(graph);
  const { inputs, states } = appendOptimiser(builder, gradients, optimiser, scaling, seed);
  return { graph: builder.finish(), inputs: [...inputs.values()], states };
}

/** Why no gradient reaches a parameter: an op on the way has none, or there is no way. */
function nothingToTrain(
  { nodes, sources, outputs }: Graph,
  trained: ReadonlyMap<string, ParameterDeclaration>,
): Diagnostic {
  const loss = outputs[0].value;
  // By value: a parameter that it depends on.
  const parameter: (string | undefined)[] = [];
  for (const node of nodes)
    parameter.push(
      node.op === 'parameter'
        ? trained.get(node.attributes.name)?.name
        : node.operands.map((operand) => parameter[operand]).find((name) => name !== undefined),
    );
  const needed = new Uint8Array(loss + 1);
  needed[loss] = 1;
  let cut = -1;
  for (let value = loss; value >= 0; value--) {
    if (!needed[value] || parameter[value] === undefined) continue;
    if (nodes[value].op !== 'parameter' && !passesGradient(nodes[value].op)) cut = value;
    for (const operand of nodes[value].operands) needed[operand] = 1;
  }
  if (cut < 0) return originDiagnostic(3002, sources[nodes[loss].source]);
  const { op, source } = nodes[cut];
  const name = op === 'toI32' ? 'cast' : op;
  return originDiagnostic(3004, sources[source], { op: name, parameter: parameter[cut]! });
}
