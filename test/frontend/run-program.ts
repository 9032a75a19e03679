import { expect } from 'vitest';
import type { Model } from '../../compiler/language.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { type Interpretation, interpretGraph, type Values } from '../../ir/interpret.ts';
import { graphsOf } from '../support/passes.ts';
import { runSchedule } from '../support/run-schedule.ts';

type Results = Pick<Interpretation, 'outputs' | 'updates'>;

/**
 * One program of a model after all passes on graphs, as a function from inputs and parameters. Each run is repeated with
 * the kernels that the program is lowered to, and must give the same.
 */
export function programOf(
  model: Model,
  name: string,
): (inputs: Values, parameters: Readonly<Record<string, Float64Array>>) => Results {
  const { module, diagnostics } = graphsOf(model);
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  const graph = module.programs.find((program) => program.name === name)!;
  const schedule = lowerModule(module, { maxStorageBuffers: 8, fusion: orderProgram });
  const constants = module.parameters.flatMap(({ name, data }) =>
    data ? [[name, Float64Array.from(data)] as const] : [],
  );
  return (inputs, given) => {
    const parameters = { ...given, ...Object.fromEntries(constants) };
    const { outputs, updates } = interpretGraph(graph, inputs, parameters);
    const memory = Object.fromEntries(
      Object.entries(parameters).map(([key, value]) => [key, value.slice()]),
    );
    const scheduled = runSchedule(schedule, name, inputs, memory);
    for (const [wanted, given] of [
      [outputs, scheduled],
      [updates, memory],
    ])
      for (const [key, values] of Object.entries(wanted))
        values.forEach((value, i) => {
          const element = expect(given[key][i], `${key}[${i}]`);
          if (Number.isNaN(value)) element.toBeNaN();
          else element.toBeCloseTo(value, 9);
        });
    return { outputs, updates };
  };
}
