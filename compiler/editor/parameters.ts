import type { ParameterDeclaration } from '../../ir/graph.ts';
import { scopeOfName } from '../../ir/source.ts';
import { byteCount, elementCount } from '../../ir/tensor.ts';
import type { ModuleState } from '../driver/module-state.ts';
import type { ParameterFact, ParameterTotals } from './findings.ts';

export const NO_PARAMETERS: ParameterTotals = {
  tensors: 0,
  elements: 0,
  bytes: 0,
  gradientBytes: 0,
  optimiserBytes: 0,
};

export function sumOfParameters(all: readonly ParameterTotals[]): ParameterTotals {
  const sum = { ...NO_PARAMETERS };
  for (const one of all)
    for (const field of Object.keys(sum) as (keyof ParameterTotals)[]) sum[field] += one[field];
  return sum;
}

/** A parameter, and where it was declared. */
export interface FoundParameter {
  readonly declaration: ParameterDeclaration;
  readonly fact: ParameterFact;
}

/** What each parameter and state of a model takes, with all that training adds to it; without that where gradients failed. */
export function parametersOf(
  traced: ModuleState,
  differentiated: ModuleState | null,
  optimised: ModuleState | null,
): FoundParameter[] {
  const moved = new Set(
    (differentiated?.gradients ?? []).flat().map(({ declaration }) => declaration.name),
  );
  const own = traced.traced.parameters
    .map(({ declaration }) => declaration)
    .filter(({ data }) => !data);
  const kept = optimiserBytes(
    own.map(({ name }) => name),
    optimised?.module.parameters ?? [],
  );
  return own.map((declaration) => {
    const { name, type, role, storage } = declaration;
    const dtype = storage ?? type.dtype;
    const totals = {
      tensors: 1,
      elements: elementCount(type.shape),
      bytes: byteCount({ ...type, dtype }),
      gradientBytes: moved.has(name) ? byteCount(type) : 0,
      optimiserBytes: kept.get(name) ?? 0,
    };
    const fact: ParameterFact = {
      ...{ name, dtype, shape: type.shape, totals },
      role: role === 'parameter' ? 'parameter' : 'state',
    };
    return { declaration, fact };
  });
}

/** By parameter, the bytes of states of optimisers that are its own: names of those begin with its name. */
function optimiserBytes(
  names: readonly string[],
  declared: readonly ParameterDeclaration[],
): ReadonlyMap<string, number> {
  const known = new Set(names);
  const bytes = new Map<string, number>();
  for (const { name, type, role } of declared) {
    if (role !== 'optimiser') continue;
    let owner = name;
    while (owner !== '' && !known.has(owner)) owner = scopeOfName(owner);
    if (owner !== '') bytes.set(owner, (bytes.get(owner) ?? 0) + byteCount(type));
  }
  return bytes;
}
