import { type Diagnostic, diagnostic, originDiagnostic } from '../diagnostics.ts';
import { type BatchKnobs, batchInputs, type Split, splitBatch } from '../micro-batch/index.ts';
import { simplify } from '../simplify/index.ts';
import { type ModuleState, mapGraphs } from './module-state.ts';
import type { PassOptions } from './pass.ts';

/**
 * Cuts the batch of the program that trains, of all where none does. Other programs are cut where that is possible: their
 * results are those of single examples, and they share the arena.
 *
 * Errors: BTC4020, BTC4021, BTC4022.
 */
export function cutBatch(
  state: ModuleState,
  _: PassOptions,
  knobs: BatchKnobs | null,
): ModuleState {
  if (!knobs || knobs.parts === 1) return state;
  const { programs } = state.traced;
  const trains = programs.some((program) => program.trains) && state.optimiser !== null;
  const diagnostics: Diagnostic[] = [];
  const made = mapGraphs(state, (graph, k) => {
    const split = splitBatch(graph, state.module, knobs);
    if (split.graph) return simplify(split.graph, { differentiated: true });
    if (programs[k].trains || !trains) diagnostics.push(refusal(state, k, split, knobs.parts));
    return graph;
  });
  return diagnostics.length > 0
    ? { ...state, diagnostics: [...state.diagnostics, ...diagnostics] }
    : made;
}

/** Growth from one number of parts that a search tries to the next, at least. */
const GROWTH = 1.5;

/** Numbers of parts for a search to try: divisors of the batch, ascending. */
export function microBatchCounts({ traced }: ModuleState): number[] {
  const { programs } = traced;
  const graph = (programs.find(({ trains }) => trains) ?? programs[0]).graph;
  const [batch] = batchInputs(graph);
  const counts: number[] = [];
  for (let parts = 2; parts <= (batch?.extent ?? 0); parts++)
    if (batch.extent % parts === 0 && parts >= GROWTH * (counts.at(-1) ?? 1)) counts.push(parts);
  return counts;
}

function refusal(
  { module, traced }: ModuleState,
  program: number,
  { reason }: Split & { readonly graph: null },
  parts: number,
): Diagnostic {
  const graph = module.programs[program];
  if ('coupled' in reason) {
    const { op, source } = graph.nodes[reason.coupled];
    return originDiagnostic(4021, graph.sources[source], { op: NAMES[op] ?? op });
  }
  const { batch } = reason;
  const { name } = graph;
  return batch === null || batch % parts === 0
    ? diagnostic(4022, null, { program: name, model: traced.name })
    : diagnostic(4020, null, { batch, parts, program: name });
}

/** Ops by the names that users call them. */
const NAMES: Readonly<Record<string, string>> = {
  reduceSum: 'sum',
  reduceMax: 'max',
  reduceMin: 'min',
  contract: 'einsum',
};
