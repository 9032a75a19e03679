import type { Graph, InputDeclaration, Module, ParameterDeclaration } from '../../ir/graph.ts';
import { printGraph } from '../../ir/graph-text.ts';
import { type ModuleChecks, verifyModule } from '../../ir/module-verify.ts';
import type { OrderRecords } from '../contract/record.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Precision } from '../frontend/precision.ts';
import type { TracedModel } from '../frontend/trace.ts';
import type { ParameterGradient } from '../training/index.ts';

/** A module, and what passes over graphs know of it that its text does not say. */
export interface ModuleState {
  readonly module: Module;
  readonly traced: TracedModel;
  /** What stored values are. */
  readonly precision: Precision;
  /** By program: the orders of its contractions. */
  readonly orders: readonly OrderRecords[];
  /** By program: where the gradients of its parameters are, until the optimiser has used them. */
  readonly gradients: readonly (readonly ParameterGradient[])[];
  /** By parameter that is kept as several: how many. */
  readonly pieces?: ReadonlyMap<string, number>;
  /** Mistakes of the model; a module with an error has no next pass. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The module with its graphs passed through `rewrite`; the same object where none of them changes. */
export function mapGraphs(
  state: ModuleState,
  rewrite: (graph: Graph, program: number) => Graph,
): ModuleState {
  const programs = state.module.programs.map(rewrite);
  const isSame = programs.every((graph, program) => graph === state.module.programs[program]);
  return isSame ? state : { ...state, module: { ...state.module, programs } };
}

/** What stands for averages in programs, until the optimiser has states that keep them. */
export function averageReads({ averages }: TracedModel): ParameterDeclaration[] {
  return [...averages.values()].flatMap(({ average, count }) => [average, count]);
}

/** The module with other programs, and with what they declare beside. */
export function withPrograms(
  { module }: ModuleState,
  programs: readonly Graph[],
  states: readonly ParameterDeclaration[],
  inputs: readonly InputDeclaration[],
): Module {
  return {
    ...module,
    programs,
    inputs: byName([...module.inputs, ...inputs]),
    parameters: byName([...module.parameters, ...states]),
  };
}

/** Each name once, at its first place, as it was declared last. */
function byName<T extends { readonly name: string }>(declared: readonly T[]): T[] {
  return [...new Map(declared.map((one) => [one.name, one])).values()];
}

export function printModule({ module, gradients }: ModuleState): string {
  const texts = module.programs.map((graph, program) => {
    const lines = (gradients[program] ?? []).map(
      ({ declaration, gradient }) => `# %${gradient} is the gradient of ${declaration.name}\n`,
    );
    return printGraph(graph) + lines.join('');
  });
  return texts.join('\n');
}

/** Modules that were found valid: passes that change nothing hand on the same object. */
const valid = new WeakMap<Module, ModuleChecks>();

export function verifyState({ module, diagnostics }: ModuleState, checks?: ModuleChecks): string[] {
  if (diagnostics.some(({ category }) => category === 'error')) return [];
  const known = valid.get(module);
  if (known && (known.lowerable || !checks?.lowerable)) return [];
  const problems = verifyModule(module, checks);
  if (problems.length === 0) valid.set(module, checks ?? {});
  return problems;
}
