import type { Graph, Module, ParameterDeclaration } from '../../ir/graph.ts';
import { printGraph } from '../../ir/graph-text.ts';
import { append } from '../../ir/lists.ts';
import { type ModuleChecks, verifyModule } from '../../ir/module-verify.ts';
import type { Target } from '../../ir/plan.ts';
import type { Schedule, TargetLimits } from '../../ir/schedule.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { orderContractions } from '../contract/index.ts';
import type { Objective } from '../contract/objective.ts';
import { OrderRecords } from '../contract/record.ts';
import { sliceContractions } from '../contract/sliced-graph.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Optimiser } from '../frontend/optimiser.ts';
import type { TracedModel } from '../frontend/trace.ts';
import { lowerModule } from '../lower/index.ts';
import { type ActionOptions, type MemoryPlan, planMemory } from '../memory/index.ts';
import { orderProgram } from '../memory/order.ts';
import { simplify } from '../simplify/index.ts';
import { joinLogarithms } from '../simplify/logarithms.ts';
import { stageModel } from '../targets/index.ts';
import { withTraining } from '../training/index.ts';
import { verified } from '../verified.ts';
import { expandFolds } from '../window/folds.ts';

/** The passes in order, by the names that `--print-after` takes. */
export const PASSES = [
  'trace',
  'contract',
  'gradient',
  'simplify',
  'slice',
  'lower',
  'order',
  'actions',
  'in-place',
  'allocate',
] as const;
export type PassName = (typeof PASSES)[number];

/** Called with the text form of what a pass made. */
export type PassPrinter = (pass: PassName, text: string) => void;

export interface PipelineOptions {
  readonly target: Target;
  readonly limits: TargetLimits;
  readonly optimiser: Optimiser | null;
  /** What the order of contractions minimises; plain multiply-adds by default. */
  readonly objective?: Objective;
  /** Keeps the intermediates of contractions small. */
  readonly bound?: ContractionBound;
  /** What may be done to keep a budget; the memory passes do nothing of it without. */
  readonly actions?: ActionOptions;
  readonly print?: PassPrinter;
}

/** How the intermediates of contractions are kept small. */
export interface ContractionBound {
  /** Elements that the intermediates of one einsum may take at once, where slices or another order can do that. */
  readonly elements: number;
  /** Whether dearer orders are taken as well, not only slices of the cheapest. */
  readonly reorder: boolean;
}

export interface PipelineResult {
  readonly module: Module;
  readonly memory: MemoryPlan | null;
  /** The orders of contractions, by program. */
  readonly orders: readonly OrderRecords[];
  readonly diagnostics: readonly Diagnostic[];
}

/** From traced graphs to steps with places in memory. Every graph is verified after every pass. */
export function runPipeline(traced: TracedModel, options: PipelineOptions): PipelineResult {
  const diagnostics: Diagnostic[] = [];
  const print = (pass: PassName, graphs: readonly Graph[]) =>
    options.print?.(pass, graphs.map(printGraph).join('\n'));
  const states: ParameterDeclaration[] = [];
  const inputs = new Map(traced.inputs.map((input) => [input.name, input]));

  const moduleOf = (pass: PassName, programs: readonly Graph[], checks?: ModuleChecks): Module => {
    const declarations = traced.parameters.map(({ declaration }) => declaration);
    const module: Module = {
      name: traced.name,
      inputs: [...inputs.values()],
      parameters: [...declarations, ...states],
      programs,
    };
    return verified(pass, module, verifyModule(module, checks));
  };

  let graphs: readonly Graph[] = traced.programs.map(({ graph }) => graph);
  moduleOf('trace', graphs);
  print('trace', graphs);
  const orders = graphs.map(() => new OrderRecords());
  graphs = graphs.map((graph, k) => {
    const trains = traced.programs[k].trains && options.optimiser !== null;
    const search = {
      trains,
      records: orders[k],
      ...(options.objective ? { objective: options.objective } : {}),
      ...(options.bound?.reorder ? { most: options.bound.elements } : {}),
    };
    return orderContractions(joinLogarithms(simplify(graph)), search);
  });
  moduleOf('contract', graphs);
  print('contract', graphs);
  graphs = graphs.map((graph, k) => {
    if (!traced.programs[k].trains || !options.optimiser) return graph;
    const trained = withTraining(graph, traced.programs[k], options.optimiser, traced.seed);
    if (trained.diagnostic) {
      diagnostics.push(trained.diagnostic);
      return graph;
    }
    append(states, trained.states);
    for (const input of trained.inputs) inputs.set(input.name, input);
    return trained.graph;
  });
  moduleOf('gradient', graphs);
  print('gradient', graphs);
  graphs = graphs.map((graph) => simplify(expandFolds(graph), { differentiated: true }));
  moduleOf('simplify', graphs);
  print('simplify', graphs);
  if (options.bound) {
    const { elements } = options.bound;
    graphs = graphs.map((graph) =>
      simplify(sliceContractions(graph, elements), { differentiated: true }),
    );
  }
  print('slice', graphs);
  const module = moduleOf('slice', graphs, { lowerable: true });
  if (diagnostics.length > 0) return { module, memory: null, orders, diagnostics };
  const explained: string[] = [];
  const schedule: Schedule = lowerModule(module, {
    maxStorageBuffers: options.limits.maxStorageBuffers,
    offsetAlignment: options.limits.offsetAlignment,
    fusion: orderProgram,
    stages: stageModel(options.target, options.limits),
    explain: (line) => explained.push(`# ${line}\n`),
  });
  options.print?.('lower', printSchedule(schedule) + explained.join(''));
  const memory = planMemory(schedule, options.limits, {
    target: options.target,
    ...(options.actions ? { actions: options.actions } : {}),
    ...(options.print ? { print: options.print } : {}),
  });
  return { module, memory, orders, diagnostics };
}
