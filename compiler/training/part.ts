import type { GraphBuilder, ParameterDeclaration } from '../../ir/graph.ts';
import { scopeOfName } from '../../ir/source.ts';
import { appendDeclared, type Trace } from '../frontend/context.ts';
import type { LossScaling } from '../frontend/precision.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { commonStateName, type ProgramTraining, stateName } from '../frontend/trainings.ts';

export const SCALAR = { dtype: 'f32', shape: [] } as const;

/** A program that is being made into a part of a training. */
export interface Part {
  readonly trace: Trace;
  readonly training: ProgramTraining;
  readonly scaling: LossScaling;
  readonly parameters: readonly {
    readonly declaration: ParameterDeclaration;
    readonly value: Tensor;
  }[];
  /** What the training keeps for a parameter, of its shape; declared at its first use. */
  state(owner: ParameterDeclaration, suffix: string): Tensor;
  /** A scalar that it keeps for all parameters; declared at its first use. */
  common(name: string): Tensor;
  /** What a parameter or a state is when the program is done. */
  update(name: string, value: Tensor): void;
  updateState(owner: ParameterDeclaration, suffix: string, value: Tensor): void;
  updateCommon(name: string, value: Tensor): void;
}

/** A part over a graph that is being built; `states` takes what it declares. */
export function partOf(
  builder: GraphBuilder,
  facts: Pick<Part, 'trace' | 'training' | 'scaling' | 'parameters'>,
  states: ParameterDeclaration[],
): Part {
  const { trace, training } = facts;
  const known = new Map<string, Tensor>();
  const declare = (declaration: ParameterDeclaration, scope: string): Tensor => {
    const { name, type, source } = declaration;
    let value = known.get(name);
    if (!value) {
      value = appendDeclared(trace, 'parameter', name, type, source, scope);
      known.set(name, value);
      states.push(declaration);
    }
    return value;
  };
  const update = (parameter: string, { value }: Tensor) => {
    builder.updates.push({ parameter, value });
  };
  return {
    ...facts,
    state: ({ name, type, source }, suffix) =>
      declare(
        { name: stateName(training, name, suffix), type, role: 'optimiser', source },
        scopeOfName(name),
      ),
    common: (name) =>
      declare(
        { name: commonStateName(training, name), type: SCALAR, role: 'optimiser', source: null },
        '',
      ),
    update,
    updateState: ({ name }, suffix, value) => update(stateName(training, name, suffix), value),
    updateCommon: (name, value) => update(commonStateName(training, name), value),
  };
}
