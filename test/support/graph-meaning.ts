import type { Graph } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { GraphCase as Drawn } from './random-graph.ts';
import { runSchedule } from './run-schedule.ts';

/** A graph and values for it. */
export type GraphCase = Omit<Drawn, 'module'>;
type Values = Readonly<Record<string, Float64Array>>;

function expectSame(given: Values, wanted: Values): void {
  for (const [name, values] of Object.entries(wanted))
    values.forEach((value, i) => {
      const error = Math.abs(given[name][i] - value);
      if (!(error <= 1e-9 * Math.max(1, Math.abs(value))))
        throw new Error(`${name}[${i}] is ${given[name][i]}, not ${value}`);
    });
}

export const copyOf = (parameters: Values) =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, value.slice()]));

/** Verifies a schedule, runs it, and compares its outputs and new parameters with the graph's. */
export function expectMeaning({ graph, inputs, parameters }: GraphCase, schedule: Schedule): void {
  for (const kernel of schedule.kernels) {
    const problems = verifyKernel(kernel);
    if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${printKernel(kernel)}`);
  }
  const wanted = interpretGraph(graph, inputs, parameters);
  const memory = copyOf(parameters);
  expectSame(runSchedule(schedule, graph.name, inputs, memory), wanted.outputs);
  expectSame(memory, { ...parameters, ...wanted.updates });
}

/** A graph with values from a formula. */
export function caseOf(graph: Graph): GraphCase {
  const values = (op: 'input' | 'parameter') =>
    Object.fromEntries(
      graph.nodes.flatMap((node) =>
        node.op === op
          ? [
              [
                node.attributes.name,
                Float64Array.from({ length: elementCount(node.type.shape) }, (_, k) =>
                  Math.sin(k * 1.7),
                ),
              ] as const,
            ]
          : [],
      ),
    );
  return { graph, inputs: values('input'), parameters: values('parameter') };
}
