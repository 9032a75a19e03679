import {
  type CompileOptions,
  compile,
  type ModelSource,
  type PassName,
} from '../../compiler/index.ts';
import { fromBase64 } from '../../ir/base64.ts';
import { valueType } from '../../ir/dtypes.ts';
import type { Graph } from '../../ir/graph.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import type { Plan } from '../../ir/plan.ts';
import { uniform } from '../../ir/random.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';

/** A compiled model beside its graphs as a pass left them, by default `optimise`: nothing simplified, fused or placed in memory. */
export interface Witnessed {
  readonly plan: Plan;
  readonly module: Uint8Array;
  readonly parameters: Uint8Array;
  readonly reference: Reference;
}

export async function compileWitnessed(
  model: ModelSource,
  options: CompileOptions,
  witness: PassName = 'optimise',
): Promise<Witnessed> {
  let text = '';
  const { plan, module, parameters, diagnostics } = await compile(model, {
    ...options,
    printAfter: (pass, printed) => {
      if (pass === witness) text = printed;
    },
  });
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const graphs = text.split(/^(?=graph )/m).map(parseGraph);
  return {
    plan,
    module: module ?? new Uint8Array(),
    parameters: parameters!,
    reference: new Reference(graphs, parameters!, plan),
  };
}

/** Runs a model's graphs in float64, keeping parameters and state between runs as a session does. */
export class Reference {
  readonly parameters: Record<string, Float64Array>;
  private readonly graphs: ReadonlyMap<string, Graph>;

  constructor(graphs: readonly Graph[], parameters: Uint8Array, { tensors: stored }: Plan) {
    this.graphs = new Map(graphs.map((graph) => [graph.name, graph]));
    const { tensors } = decodeSafetensors(parameters);
    this.parameters = Object.fromEntries(
      [...tensors].map(([name, { data }]) => [name, Float64Array.from(data)]),
    );
    for (const { name, dtype, shape, data } of stored)
      if (data)
        this.parameters[name] = Float64Array.from(
          fromBase64(data, valueType(dtype), elementCount(shape))!,
        );
    // The optimiser's state is not in the file.
    for (const { op, attributes, type } of graphs.flatMap(({ nodes }) => nodes))
      if (op === 'parameter')
        this.parameters[attributes.name] ??= new Float64Array(elementCount(type.shape));
  }

  run(
    program: string,
    inputs: Readonly<Record<string, ArrayLike<number>>>,
  ): Record<string, Float64Array> {
    const graph = this.graphs.get(program)!;
    const values: Record<string, Float64Array> = {};
    for (const { op, attributes, type } of graph.nodes) {
      // Plans leave out inputs that simplification found unused.
      if (op === 'input')
        values[attributes.name] = Float64Array.from(
          inputs[attributes.name] ?? new Float64Array(elementCount(type.shape)),
        );
    }
    const { outputs, updates } = interpretGraph(graph, values, this.parameters);
    Object.assign(this.parameters, updates);
    return outputs;
  }
}

/** Inputs of a program: f32 in [-1, 1), i32 in [0, classes) as far as they may be, those with defaults at their default, the counter at `step`. */
export function randomInputs(
  plan: Plan,
  program: string,
  { classes, step, seed }: { classes: number; step: number; seed: number },
): Record<string, Float32Array | Int32Array> {
  const entries = plan.programs[program].inputs.map((input, stream) => {
    const count = elementCount(input.shape);
    const random = (k: number) => uniform(seed, stream, k, step);
    const element = (k: number) => {
      if (input.counter) return step;
      if (input.default !== null) return input.default;
      if (input.dtype === 'f32') return 2 * random(k) - 1;
      const most = Math.min(classes, ...(input.ranges ?? []).map(({ high }) => high));
      return Math.floor(most * random(k));
    };
    const data = Array.from({ length: count }, (_, k) => element(k));
    return [input.name, input.dtype === 'f32' ? Float32Array.from(data) : Int32Array.from(data)];
  });
  return Object.fromEntries(entries);
}
