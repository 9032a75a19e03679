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
import { extendGraph, rewriteGraph } from '../../compiler/rewrite.ts';
import { type NarrowStorage, STORAGE_TYPES, scaleName } from '../../ir/dtypes.ts';
import type { Graph, Node, ParameterDeclaration } from '../../ir/graph.ts';
import type { Shape } from '../../ir/tensor.ts';
import { type GraphCase, graphCasesOf, typedBuilder, weightedSum } from './random-graph.ts';

// Random models: a random graph as the program `predict`, and trainings of it as a user has them.

export interface ModelCase {
  /** Stands for the model, whose functions never run. */
  readonly model: Model;
  readonly traced: TracedModel;
  readonly inputs: Readonly<Record<string, Float64Array>>;
  /** First values of parameters and states. */
  readonly parameters: Readonly<Record<string, Float64Array>>;
  /** What states that nobody writes are held as, by name: their values are the nearest that this can hold. */
  readonly narrow: ReadonlyMap<string, NarrowStorage>;
  readonly shapes: ReadonlyMap<string, Shape>;
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
  /** Of states; null: programs assign them. */
  readonly storage: NarrowStorage | null;
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
      storage: fc.constantFrom(null, null, 'f16', 'i8'),
    })
    .map(({ one, ...draw }) => modelCase(one, draw));
}

/** Every second parameter is a state, which training does not move; programs assign it, or it is frozen and held in fewer bytes. */
function modelCase(drawn: GraphCase, draw: Draw): ModelCase {
  const { module, inputs, parameters } = drawn;
  const { declared, graph } = withNarrowStates(drawn, draw.storage);
  const isState = (name: string) =>
    declared.some((one) => one.name === name && one.role === 'state');
  const assigns: Graph = {
    ...graph,
    name: 'predict',
    updates: graph.updates.filter(
      ({ parameter }) =>
        isState(parameter) && declared.every(({ name, storage }) => name !== parameter || !storage),
    ),
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
  const narrow = declared.flatMap(({ name, storage }) => (storage ? [name, scaleName(name)] : []));
  const loss = withLoss(assigns, new Set(narrow));
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
    shapes: new Map(declared.map(({ name, type }) => [name, type.shape])),
    narrow: new Map(declared.flatMap(({ name, storage }) => (storage ? [[name, storage]] : []))),
    traced: {
      ...{ name: 'random', source: null, seed: 0, precision: null, averages: new Map() },
      programs: [program(assigns, null), ...trained],
      derived,
      parameters: declared.map((declaration) => ({
        ...{ declaration, initialiser: init.zeros, layer: null },
        isFrozen: declaration.storage !== undefined,
        ...(isScale(declaration.name) ? { isFrozen: true, isDerived: true } : {}),
      })),
      ...{ inputs: module.inputs, diagnostics: [] },
    },
  };
}

const isScale = (name: string) => name.endsWith(scaleName(''));

/** What is declared, and the graph with the scales of states that are held as bytes, as the frontend makes it. */
function withNarrowStates({ graph, module }: GraphCase, storage: NarrowStorage | null) {
  const declared = module.parameters.map((declaration, k): ParameterDeclaration => {
    const isState = k % 2 === 1;
    const isNarrow = isState && storage !== null && declaration.type.shape.length > 0;
    return {
      ...declaration,
      role: isState ? 'state' : 'parameter',
      ...(isNarrow ? { storage } : {}),
    };
  });
  const scaled = new Set(
    declared.flatMap(({ name, storage: held }) =>
      held && STORAGE_TYPES[held].isScaled ? [name] : [],
    ),
  );
  const scales = declared
    .filter(({ name }) => scaled.has(name))
    .map(
      ({ name, type }): ParameterDeclaration => ({
        ...{ name: scaleName(name), role: 'state', source: null },
        type: { dtype: 'f32', shape: type.shape.slice(-1) },
      }),
    );
  const rewritten = rewriteGraph(graph, (node, _, { builder, append }) => {
    if (node.op !== 'parameter' || !scaled.has(node.attributes.name)) return null;
    const { type, attributes } = node as Extract<Node, { op: 'parameter' }>;
    const { shape } = type;
    const held = builder.append('parameter', [], attributes, type, -1);
    const name = scaleName(attributes.name);
    const columns = { dtype: 'f32', shape: shape.slice(-1) } as const;
    const scale = builder.append('parameter', [], { name }, columns, -1);
    const all = append('broadcast', [scale], { shape, axes: [shape.length - 1] }, -1);
    return append('mul', [held, all], {}, -1);
  });
  return { declared: [...declared, ...scales], graph: rewritten };
}

/** The graph with a loss of all its outputs in front of them. */
function withLoss(graph: Graph, narrow: ReadonlySet<string>): Graph {
  const typed = typedBuilder(extendGraph(graph));
  const { builder } = typed;
  const values = builder.outputs.map(({ value }) => value);
  const loss = weightedSum(typed, [
    ...values.filter((value) => builder.typeOf(value).dtype === 'f32'),
    // Every parameter has a gradient.
    ...builder.nodes.flatMap(({ op, attributes }, value) =>
      op === 'parameter' && !narrow.has(attributes.name) ? [value] : [],
    ),
  ]);
  builder.outputs.unshift({ name: 'loss', value: loss });
  return builder.finish();
}

/** What a device is given: the nearest float32. */
const rounded = (values: GraphCase['inputs']) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.from(value, Math.fround)]),
  );
