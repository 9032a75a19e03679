import type { Graph, InputDeclaration, ParameterDeclaration } from '../../ir/graph.ts';
import { append } from '../../ir/lists.ts';
import { type Diagnostic, diagnostic, originDiagnostic } from '../diagnostics.ts';
import { groupOf } from '../frontend/optimiser.ts';
import { lossScalingOf, type Precision } from '../frontend/precision.ts';
import type { TracedModel, TracedProgram } from '../frontend/trace.ts';
import {
  movesParameter,
  type NamedTraining,
  type ProgramTraining,
  programOfPart,
} from '../frontend/trainings.ts';
import { differentiate, passesGradient } from '../gradient/index.ts';
import { extendGraph } from '../rewrite.ts';
import { resolveAverages, withAverages } from './averages.ts';
import { appendSeed, scaleStates } from './loss-scale.ts';
import { appendPart, type ParameterGradient } from './parts.ts';

export type { ParameterGradient };

/** A graph with the gradients of its loss and the states that it reads for them, or the reason why it has none. */
export type Differentiated =
  | {
      readonly graph: Graph;
      readonly gradients: readonly ParameterGradient[];
      readonly states: readonly ParameterDeclaration[];
      readonly diagnostic: null;
    }
  | {
      readonly graph: null;
      readonly gradients: readonly [];
      readonly states: readonly [];
      readonly diagnostic: Diagnostic;
    };

/**
 * Appends to a graph, whose first output is the loss, the gradients of that, times the scale, for every parameter that the training
 * moves and the loss depends on.
 *
 * Errors: BTC3002 where no parameter is reached, BTC3004 where an op without a gradient stands in the way, BTC3005 where the training
 * moves none of those that are reached.
 */
export function withGradients(
  graph: Graph,
  program: TracedProgram,
  training: ProgramTraining,
  precision: Precision,
): Differentiated {
  const builder = extendGraph(graph);
  const moves = movesParameter(training);
  const declared = new Map(
    program.parameters
      .filter(({ role }) => role === 'parameter')
      .map((declaration) => [declaration.name, declaration]),
  );
  const reached = graph.nodes.flatMap((node, value) => {
    const declaration = node.op === 'parameter' && declared.get(node.attributes.name);
    return declaration ? [{ value, declaration }] : [];
  });
  const parameters = reached.filter(({ declaration: { name, type } }) => moves(name, type.shape));
  const failed = (reason: Diagnostic): Differentiated => ({
    ...{ graph: null, gradients: [], states: [], diagnostic: reason },
  });
  if (reached.length > 0 && parameters.length === 0) return failed(nothingMoved(graph, reached));
  const scaling = lossScalingOf(training.training, precision);
  const values = differentiate(
    builder,
    graph.outputs[0].value,
    parameters.map(({ value }) => value),
    appendSeed(builder, scaling, training),
  );
  const gradients = parameters.flatMap(({ value, declaration }, k): ParameterGradient[] => {
    const gradient = values[k];
    return gradient === null ? [] : [{ value, declaration, gradient }];
  });
  if (gradients.length === 0) return failed(nothingToTrain(graph, declared));
  const states = scaleStates(scaling, training);
  return { graph: builder.finish(), gradients, states, diagnostic: null };
}

/** What becomes of gradients in all programs. */
export interface GradientUses {
  /** By program; none where no gradient has been taken. */
  readonly programs: readonly Graph[];
  /** Programs that take no gradient themselves, behind the others. */
  readonly derived: readonly Graph[];
  readonly states: readonly ParameterDeclaration[];
  readonly inputs: readonly InputDeclaration[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Appends to programs with gradients what their part of the training does, and makes the programs that are parts alone. */
export function usesOfGradients(
  graphs: readonly Graph[],
  gradients: readonly (readonly ParameterGradient[])[],
  { programs, derived, averages, seed, source }: TracedModel,
  precision: Precision,
): GradientUses {
  const inputs = new Map<string, InputDeclaration>();
  const states: ParameterDeclaration[] = [];
  const diagnostics: Diagnostic[] = [];
  const part = (training: ProgramTraining, own: readonly ParameterGradient[], graph?: Graph) => {
    const name = programOfPart(training);
    const scaling = lossScalingOf(training.training, precision);
    const options = { name, scaling, seed, source, ...(graph ? { graph } : {}) };
    const made = appendPart(training, own, options);
    append(states, made.states);
    append(diagnostics, made.diagnostics);
    for (const input of made.inputs)
      inputs.set(input.name, declaredIn(name, input, inputs.get(input.name)));
    return made.graph;
  };
  // Each training takes the gradients of the same loss in all of its programs, so for the same parameters.
  const moved = new Map<string | null, readonly ParameterGradient[]>();
  const extended = graphs.map((graph, k) => {
    const { training } = programs[k];
    if (!training || gradients[k].length === 0) return undefined;
    moved.set(training.key, gradients[k]);
    return part(training, gradients[k], graph);
  });
  const alone = derived.map((training) => part(training, moved.get(training.key) ?? []));
  const trainings = new Map(
    programs.flatMap(({ training }) => (training ? [[training.key, training] as const] : [])),
  );
  const read = resolveAverages(averages, [...trainings.values()], states);
  append(diagnostics, read.diagnostics);
  for (const training of trainings.values())
    append(diagnostics, idleGroups(training, moved.get(training.key)));
  const whole = extended.map((graph, k) => graph ?? withAverages(graphs[k], read));
  return {
    ...{ programs: moved.size > 0 ? whole : [], derived: alone },
    ...{ states, inputs: [...inputs.values()], diagnostics },
  };
}

/** BTC3008 for each group of an optimiser that takes none of the parameters that its training moves. */
function idleGroups(
  { key, training: { optimizer } }: NamedTraining,
  moved: readonly ParameterGradient[] = [],
): Diagnostic[] {
  const taken = new Set(
    moved.map(({ declaration: { name, type } }) => groupOf(optimizer, name, type.shape)),
  );
  return optimizer.groups
    .filter((group) => moved.length > 0 && !taken.has(group))
    .map(({ label, source }) => {
      const owner = key === null ? 'the training' : `training '${key}'`;
      const args = { group: label, optimiser: optimizer.kind, owner };
      return diagnostic(3008, source, args, { category: 'warning' });
    });
}

/** An input of several programs, with the default that it has in this one. */
function declaredIn(
  program: string,
  input: InputDeclaration,
  known: InputDeclaration | undefined,
): InputDeclaration {
  if (!known || known.default === null || input.default === null || known.default === input.default)
    return known ?? input;
  return { ...known, defaults: { ...known.defaults, [program]: input.default } };
}

function nothingMoved(
  { name, nodes, sources, outputs }: Graph,
  reached: readonly { readonly declaration: ParameterDeclaration }[],
): Diagnostic {
  const names = reached.map(({ declaration: { name } }) => name).join(', ');
  const owner = `program '${name}'`;
  return originDiagnostic(3005, sources[nodes[outputs[0].value].source], { owner, names });
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
