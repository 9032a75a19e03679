import fc from 'fast-check';
import type { Optimiser } from '../../compiler/frontend/optimiser.ts';
import type { TracedModel, TracedProgram } from '../../compiler/frontend/trace.ts';
import type { ProgramTraining } from '../../compiler/frontend/trainings.ts';
import {
  adam,
  defineModel,
  init,
  lion,
  type Model,
  rmsprop,
  sgd,
} from '../../compiler/language.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import type { Graph, ParameterDeclaration } from '../../ir/graph.ts';
import { type GraphCase, graphCasesOf, typedBuilder, weightedSum } from './random-graph.ts';

// Random models: a random graph as the program `predict`, and trainings of it as a user has them.

export interface ModelCase {
  /** Stands for the model, whose functions never run. */
  readonly model: Model;
  readonly traced: TracedModel;
  readonly inputs: Readonly<Record<string, Float64Array>>;
  /** First values of parameters and states. */
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

const OPTIMISERS: readonly (() => Optimiser)[] = [
  () => sgd({ learningRate: 0.01 }),
  () => sgd({ learningRate: 0.01, momentum: 0.9, clipNorm: 1 }),
  () => adam({ learningRate: 0.01 }),
  () => adam({ learningRate: 0.01, clipNorm: 1, average: 0.9 }),
  () => rmsprop({ learningRate: 0.01 }),
  () => lion({ learningRate: 0.001 }),
];

interface Draw {
  readonly optimiser: number;
  readonly accumulate: boolean;
  readonly exchange: boolean;
  readonly trains: boolean;
}

/** Models of one to six programs, over every op. */
export function modelCases(
  instructions: number,
  size?: Parameters<typeof graphCasesOf>[1],
): fc.Arbitrary<ModelCase> {
  return fc
    .record({
      one: graphCasesOf(instructions, size),
      optimiser: fc.nat(OPTIMISERS.length - 1),
      accumulate: fc.boolean(),
      exchange: fc.boolean(),
      trains: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    })
    .map(({ one, ...draw }) => modelCase(one, draw));
}

/** Every second parameter is a state, which programs assign and training does not move. */
function modelCase({ graph, module, inputs, parameters }: GraphCase, draw: Draw): ModelCase {
  const declared = module.parameters.map(
    (declaration, k): ParameterDeclaration => ({
      ...declaration,
      role: k % 2 === 1 ? 'state' : 'parameter',
    }),
  );
  const isState = (name: string) =>
    declared.some((one) => one.name === name && one.role === 'state');
  const assigns: Graph = {
    ...graph,
    name: 'predict',
    updates: graph.updates.filter(({ parameter }) => isState(parameter)),
  };
  const optimizer = OPTIMISERS[draw.optimiser]();
  const training = {
    loss: () => {
      throw new Error('is traced already');
    },
    ...{ optimizer, accumulate: draw.accumulate, exchange: draw.exchange },
  };
  const part = (name: ProgramTraining['part']): ProgramTraining => ({
    ...{ key: null, training, part: name },
  });
  const loss = withLoss(assigns);
  const reads = (graph: Graph) =>
    declared.filter(({ name }) =>
      graph.nodes.some((node) => node.op === 'parameter' && node.attributes.name === name),
    );
  const program = (graph: Graph, training: ProgramTraining | null): TracedProgram => ({
    ...{ graph, training, parameters: reads(graph) },
  });
  const trains = draw.trains && declared.length > 0;
  const trained: readonly TracedProgram[] = trains
    ? [
        program({ ...loss, name: 'train' }, part('step')),
        ...(draw.accumulate ? [program({ ...loss, name: 'accumulate' }, part('accumulate'))] : []),
        ...(draw.exchange ? [program({ ...loss, name: 'gradients' }, part('gradients'))] : []),
      ]
    : [];
  const derived = trains
    ? [
        ...(draw.accumulate ? [part('update'), part('clear')] : []),
        ...(draw.exchange ? [part('apply')] : []),
      ]
    : [];
  return {
    model: defineModel({ name: 'random', inputs: {}, build: () => ({}) }),
    ...{ inputs: rounded(inputs), parameters: rounded(parameters) },
    traced: {
      ...{ name: 'random', source: null, seed: 0, precision: null, averages: new Map() },
      programs: [program(assigns, null), ...trained],
      derived,
      parameters: declared.map((declaration) => ({
        ...{ declaration, initialiser: init.zeros, isFrozen: false, layer: null },
      })),
      ...{ inputs: module.inputs, diagnostics: [] },
    },
  };
}

/** The graph with a loss of all its outputs in front of them. */
function withLoss(graph: Graph): Graph {
  const typed = typedBuilder(extendGraph(graph));
  const { builder } = typed;
  const values = builder.outputs.map(({ value }) => value);
  const loss = weightedSum(typed, [
    ...values.filter((value) => builder.typeOf(value).dtype === 'f32'),
    // Every parameter has a gradient.
    ...builder.nodes.flatMap(({ op }, value) => (op === 'parameter' ? [value] : [])),
  ]);
  builder.outputs.unshift({ name: 'loss', value: loss });
  return builder.finish();
}

/** What a device is given: the nearest float32. */
const rounded = (values: GraphCase['inputs']) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.from(value, Math.fround)]),
  );
