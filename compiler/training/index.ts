import type { Graph, ParameterDeclaration } from '../../ir/graph.ts';
import { type Diagnostic, originDiagnostic } from '../diagnostics.ts';
import type { Optimiser } from '../frontend/optimiser.ts';
import type { TracedProgram } from '../frontend/trace.ts';
import { differentiate, passesGradient } from '../gradient/index.ts';
import { extendGraph } from '../rewrite.ts';
import { appendOptimiser, type ParameterGradient } from './update.ts';

/**
 * Appends gradients and the optimiser's updates to the program that computes the loss as its first output.
 *
 * @returns the graph with the inputs and states that the optimiser adds, or a diagnostic where no parameter is reached
 */
export function withTraining(
  graph: Graph,
  program: TracedProgram,
  optimiser: Optimiser,
  seed: number,
) {
  const builder = extendGraph(graph);
  const loss = graph.outputs[0].value;
  const trained = new Map(
    program.parameters
      .filter(({ role }) => role === 'parameter')
      .map((declaration) => [declaration.name, declaration]),
  );
  const parameters = graph.nodes.flatMap((node, value) => {
    const declaration = node.op === 'parameter' && trained.get(node.attributes.name);
    return declaration ? [{ value, declaration }] : [];
  });
  const gradients = differentiate(
    builder,
    loss,
    parameters.map(({ value }) => value),
  );
  const reached = parameters.flatMap(({ value, declaration }, k): ParameterGradient[] => {
    const gradient = gradients[k];
    return gradient === null ? [] : [{ value, declaration, gradient }];
  });
  if (reached.length === 0) return { diagnostic: nothingToTrain(graph, trained) };
  const { inputs, states } = appendOptimiser(builder, reached, optimiser, seed);
  return { diagnostic: null, graph: builder.finish(), inputs: inputs.values(), states };
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
