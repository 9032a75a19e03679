import type { ParameterDeclaration } from '../../ir/graph.ts';
import { scopeOfName } from '../../ir/source.ts';
import { report } from '../reporting/report.ts';
import { type AverageRead, appendDeclared, currentTrace, type Trace } from './context.ts';
import { equal, select } from './elementwise.ts';
import type { Optimiser } from './optimiser.ts';
import { heldLayer } from './parameter.ts';
import type { Tensor } from './tensor.ts';

/**
 * A layer, or any function that makes layers, that computes with the averages of its parameters, in programs that do not train: the
 * optimiser keeps them by its option `average`. Before the first step, and where a training does not move a parameter, it is the parameter
 * itself; states, as running statistics, are as they are. In programs that train it is the layer. A result has the layer's shape.
 *
 * Errors: BTC2003 for what is no function, BTC3007 where no training of the model keeps averages, BTC3009 where several do of a parameter.
 */
export function averaged<Layer extends (...given: never[]) => unknown>(layer: Layer): Layer {
  if (typeof layer !== 'function') {
    report(2003, { op: 'averaged', wanted: 'a layer or a function', given: typeof layer });
    return layer;
  }
  return heldLayer(layer, (run) => {
    const trace = currentTrace('averaged');
    if (!trace.keepsAverages) report(3007, {});
    if (!trace.keepsAverages || trace.training) return run();
    const before = trace.averaging;
    trace.averaging = (declaration, value) => averageOf(trace, declaration, value);
    try {
      return run();
    } finally {
      trace.averaging = before;
    }
  });
}

/** Whether some parameters that go by an optimiser have averages. */
export function keepsAverages({ average, groups }: Optimiser): boolean {
  return average !== undefined || groups.some(({ rule }) => rule.average !== undefined);
}

const SCALAR = { dtype: 'f32', shape: [] } as const;

/**
 * The average of a parameter, once in a program. Which state it is, and whether there is one, is known when gradients have been taken: until
 * then the state and its count have names that none has.
 */
function averageOf(trace: Trace, { name, type, source }: ParameterDeclaration, value: Tensor) {
  const known = trace.averages.get(name);
  if (known) return known.value;
  const declared = { role: 'optimiser', source } as const;
  const read: AverageRead = {
    average: { name: `average of ${name}`, type, ...declared },
    count: { name: `steps in the average of ${name}`, type: SCALAR, ...declared },
  };
  const [average, count] = [read.average, read.count].map((one) =>
    appendDeclared(trace, 'parameter', one.name, one.type, source, scopeOfName(name)),
  );
  const made = select(equal(count, 0), value, average);
  trace.averages.set(name, { read, value: made });
  return made;
}
