import { verifyAllocated } from '../../ir/allocated-verify.ts';
import type { Module } from '../../ir/graph.ts';
import { append } from '../../ir/lists.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import type { AllocatedSchedule, Schedule } from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import type { GeneratedCode } from '../codegen/code.ts';
import { type AssemblyOptions, assemble, type GeneratedPlan } from '../codegen/index.ts';
import { orderContractions } from '../contract/index.ts';
import { OrderRecords } from '../contract/record.ts';
import { sliceContractions } from '../contract/sliced-graph.ts';
import type { Model } from '../frontend/model.ts';
import { groupSteps } from '../group/index.ts';
import {
  finaliseNests,
  fuseNests,
  fuseProducersOf,
  joinReductionsOf,
  joinVariancesOf,
  keepTermsOf,
  type LoweredModule,
  lowerToNests,
  reserveScratch,
  SMALL_PARTS,
  scatterModel,
  splitReductionsOf,
} from '../lower/index.ts';
import { type Allocation, allocate } from '../memory/allocate.ts';
import { type InPlaceSchedule, shareInPlace } from '../memory/in-place.ts';
import { slabBytes } from '../memory/index.ts';
import { orderProgram, orderSteps } from '../memory/order.ts';
import { shareParts } from '../memory/share-parts.ts';
import { dropUnused } from '../memory/unused.ts';
import type { BatchKnobs } from '../micro-batch/index.ts';
import type { ContractionBound } from '../plan-search/knobs.ts';
import { type ChosenActions, emitChosen, type PlacementOptions } from '../plan-search/placement.ts';
import { type HalfChoice, storeHalves } from '../precision/store-halves.ts';
import { selectByPosition } from '../simplify/conditions.ts';
import { simplify } from '../simplify/index.ts';
import { joinLogarithms } from '../simplify/logarithms.ts';
import { applyScalesApart } from '../simplify/scales.ts';
import { reuseWeightedSums } from '../simplify/weighted-sums.ts';
import { TARGETS } from '../targets/index.ts';
import { type ParameterGradient, usesOfGradients, withGradients } from '../training/index.ts';
import { expandFolds } from '../window/folds.ts';
import { cutBatch } from './cut-batch.ts';
import {
  averageReads,
  type ModuleState,
  mapGraphs,
  printModule,
  verifyState,
  withPrograms,
} from './module-state.ts';
import type { Pass, PassOptions } from './pass.ts';
import type { PassName } from './pass-names.ts';

// The compiler, one row a pass. Everything that is said of passes elsewhere derives from these rows: what `--print-after` takes,
// what is verified and timed behind each, and docs/passes.md.

/** A pass from modules to modules. */
function overModules<Knobs>(
  name: string,
  summary: string,
  run: Pass<ModuleState, ModuleState, Knobs>['run'],
): Pass<ModuleState, ModuleState, Knobs> {
  return {
    ...{ name, summary, from: 'module', to: 'module', run },
    print: printModule,
    verify: (made) => verifyState(made),
  };
}

/** A pass whose result is loop nests. They are valid when the schedule that they stand for is. */
function toNests<From, Knobs = null>(
  row: Pick<Pass<From, LoweredModule, Knobs>, 'name' | 'summary' | 'from' | 'run'>,
): Pass<From, LoweredModule, Knobs> {
  return {
    ...row,
    to: 'loop nests',
    print: (made) =>
      printSchedule(finaliseNests(made)) + made.remarks.map((line) => `# ${line}\n`).join(''),
    // Behind `finalise`, which takes nothing away: once is enough.
    verify: () => [],
  };
}

function narrowParameters({ module }: ModuleState): ReadonlySet<string> {
  return new Set(module.parameters.flatMap(({ name, storage }) => (storage ? [name] : [])));
}

/** One function for all passes from schedules to schedules: what one of them hands on as it is needs no second look. */
const verifyPlain = (made: Schedule, { limits }: PassOptions) => verifySchedule(made, { limits });

export const PASSES = {
  trace: {
    name: 'trace',
    from: 'model',
    to: 'module',
    summary:
      "Runs the user's functions once per program; each call of btc appends nodes to a graph.",
    run: (model: Model, { traceOf, precision: asked }: PassOptions): ModuleState => {
      const traced = traceOf(model);
      const module: Module = {
        name: traced.name,
        inputs: traced.inputs,
        parameters: [
          ...traced.parameters.map(({ declaration }) => declaration),
          ...averageReads(traced),
        ],
        programs: traced.programs.map(({ graph }) => graph),
      };
      const none = traced.programs.map(() => []);
      const precision = asked ?? traced.precision ?? 'f32';
      const { diagnostics } = traced;
      return { module, traced, precision, orders: [], gradients: none, diagnostics };
    },
    print: printModule,
    verify: (made: ModuleState) => verifyState(made),
  },
  simplify: overModules(
    'simplify',
    'Removes dead code, repeated and constant expressions, joins logarithms of exponentials, and takes scales of weights apart.',
    (state) => mapGraphs(state, (graph) => applyScalesApart(joinLogarithms(simplify(graph)))),
  ),
  contract: overModules<ContractionBound | null>(
    'contract',
    'Makes pairwise contractions of every einsum, in the cheapest order.',
    (state, { objective }, bound) => {
      const orders = state.module.programs.map(() => new OrderRecords());
      const ordered = mapGraphs(state, (graph, k) =>
        orderContractions(graph, {
          trains: state.traced.programs[k].training !== null,
          records: orders[k],
          objective,
          ...(bound?.reorder ? { most: bound.elements } : {}),
        }),
      );
      return { ...ordered, orders };
    },
  ),
  gradient: overModules(
    'gradient',
    'Appends the gradient of the loss for every parameter to programs that train.',
    (state) => {
      const diagnostics = [...state.diagnostics];
      const gradients: (readonly ParameterGradient[])[] = [];
      const states: Module['parameters'][number][] = [];
      const programs = state.module.programs.map((graph, k) => {
        const program = state.traced.programs[k];
        const { training } = program;
        const made = training ? withGradients(graph, program, training, state.precision) : null;
        if (made?.diagnostic) diagnostics.push(made.diagnostic);
        append(states, made?.states ?? []);
        gradients.push(made?.gradients ?? []);
        return made?.graph ?? graph;
      });
      const module = withPrograms(state, programs, states, []);
      return { ...state, module, gradients, diagnostics };
    },
  ),
  optimise: overModules(
    'optimise',
    "Appends what becomes of gradients: clipping, the optimiser's new parameters and state, sums, outputs.",
    (state) => {
      const { gradients, traced } = state;
      const made = usesOfGradients(state.module.programs, gradients, traced, state.precision);
      if (made.programs.length === 0) return state;
      const programs = [...made.programs, ...made.derived];
      const standIns = new Set(averageReads(traced).map(({ name }) => name));
      const module = withPrograms(state, programs, made.states, made.inputs);
      const parameters = module.parameters.filter(({ name }) => !standIns.has(name));
      return {
        ...state,
        module: { ...module, parameters },
        gradients: programs.map(() => []),
        orders: programs.map((_, k) => state.orders[k] ?? new OrderRecords()),
        diagnostics: [...state.diagnostics, ...made.diagnostics],
      };
    },
  ),
  'expand-folds': overModules(
    'expand-folds',
    'Makes contractions over windows of every fold, one per residue modulo the stride.',
    (state) => mapGraphs(state, expandFolds),
  ),
  'simplify-gradients': {
    ...overModules<null>(
      'simplify-gradients',
      'Simplifies once more what differentiation and the optimiser have appended, and takes sums of weighted contractions from one that has done most of them.',
      (state) =>
        mapGraphs(state, (graph) => {
          const simple = simplify(graph, { differentiated: true });
          const reused = selectByPosition(reuseWeightedSums(simple));
          return reused === simple ? simple : simplify(reused, { differentiated: true });
        }),
    ),
    verify: (made: ModuleState) => verifyState(made, { lowerable: true }),
  },
  'micro-batch': {
    ...overModules<BatchKnobs | null>(
      'micro-batch',
      'Where the user allows it: cuts the batch into equal parts, one after the other, whose gradients accumulate.',
      cutBatch,
    ),
    verify: (made: ModuleState) => verifyState(made, { lowerable: true }),
  },
  slice: {
    ...overModules<ContractionBound | null>(
      'slice',
      'Under a bound that a search sets: runs contractions that read one another in slices of an index.',
      (state, _, bound) =>
        bound
          ? mapGraphs(state, (graph) => {
              const sliced = sliceContractions(graph, bound.elements);
              return sliced === graph ? graph : simplify(sliced, { differentiated: true });
            })
          : state,
    ),
    verify: (made: ModuleState) => verifyState(made, { lowerable: true }),
  },
  halve: {
    ...overModules<HalfChoice | null>(
      'halve',
      'With half precision, or where a search may: rounds to f16 what is going to be stored, but for sums, losses, weights and their gradients.',
      (state, _, choice) =>
        choice
          ? mapGraphs(state, (graph) => storeHalves(graph, choice, narrowParameters(state)))
          : state,
    ),
    verify: (made: ModuleState) => verifyState(made, { lowerable: true }),
  },
  lower: toNests<ModuleState, boolean>({
    name: 'lower',
    from: 'module',
    summary: 'Decides which values have memory of their own, and makes a loop nest for each.',
    run: ({ module }, { limits, stages }, separateParts) => {
      const scatters = scatterModel(stages);
      const wholeReductions = stages.splitsReductions;
      const options = { separateParts, wholeReductions, ...(scatters ? { scatters } : {}) };
      return lowerToNests(module, limits.offsetAlignment, options);
    },
  }),
  'join-reductions': toNests<LoweredModule>({
    name: 'join-reductions',
    from: 'loop nests',
    summary: 'Takes reductions over the same points and terms in one pass of memory.',
    run: (lowered, { limits: { maxStorageBuffers }, stages }) =>
      joinReductionsOf(lowered, { maxStorageBuffers, stages }),
  }),
  fuse: toNests<LoweredModule>({
    name: 'fuse',
    from: 'loop nests',
    summary: 'Joins loop nests over the same points, in an order with a low peak of live bytes.',
    run: (lowered, { limits: { maxStorageBuffers } }) =>
      fuseNests(lowered, { maxStorageBuffers, order: orderProgram }),
  }),
  'join-variances': toNests<LoweredModule>({
    name: 'join-variances',
    from: 'loop nests',
    summary:
      'Takes a mean and the variance around it in one pass; on GPUs, cuts reductions to few results in parts.',
    run: (lowered, { limits: { maxStorageBuffers }, stages }) =>
      joinVariancesOf(lowered, { maxStorageBuffers, stages }),
  }),
  'keep-terms': toNests<LoweredModule>({
    name: 'keep-terms',
    from: 'loop nests',
    summary:
      'Stores terms of sums that later kernels compute again, as exponentials, where functions are slow beside memory.',
    run: (lowered, { limits: { maxStorageBuffers }, stages }) =>
      keepTermsOf(lowered, { maxStorageBuffers, stages }),
  }),
  'fuse-producers': toNests<LoweredModule, boolean>({
    name: 'fuse-producers',
    from: 'loop nests',
    summary:
      'Computes reductions inside of what reads them, tile by tile: factors of a product, gates of a cell, sums of rows, scores.',
    run: (lowered, { limits: { maxStorageBuffers }, stages, tiles }, inTiles) =>
      fuseProducersOf(lowered, { maxStorageBuffers, stages, tiles: inTiles ? 'always' : tiles }),
  }),
  'split-reductions': toNests<LoweredModule, boolean>({
    name: 'split-reductions',
    from: 'loop nests',
    summary:
      'On GPUs, reduces many terms to few results in two kernels: parts of the terms, then the parts.',
    run: (lowered, { limits: { maxStorageBuffers }, stages }, smallParts) =>
      stages.splitsReductions
        ? splitReductionsOf(lowered, {
            ...{ stages, maxBindings: maxStorageBuffers },
            ...(smallParts ? { mostOfReads: SMALL_PARTS } : {}),
          })
        : lowered,
  }),
  finalise: {
    name: 'finalise',
    from: 'loop nests',
    to: 'schedule',
    summary: 'Makes kernels of loop nests, one of equal ones, and drops tensors that none touches.',
    run: (lowered: LoweredModule): Schedule => dropUnused(finaliseNests(lowered)),
    print: printSchedule,
    verify: verifyPlain,
  },
  scratch: {
    name: 'scratch',
    from: 'schedule',
    to: 'schedule',
    summary: 'Gives kernels the working memory that their code wants, for one step each.',
    run: (schedule: Schedule, { target }: PassOptions): Schedule =>
      reserveScratch(schedule, TARGETS[target].scratch),
    print: printSchedule,
    verify: verifyPlain,
    sameMeaning,
  },
  order: {
    name: 'order',
    from: 'schedule',
    to: 'schedule',
    summary: 'Orders the steps of each program for a low peak of live bytes.',
    run: (schedule: Schedule, { limits }: PassOptions): Schedule =>
      orderSteps(schedule, limits.offsetAlignment),
    print: printSchedule,
    verify: verifyPlain,
    sameMeaning,
  },
  'share-parts': {
    name: 'share-parts',
    tried: true,
    from: 'schedule',
    to: 'schedule',
    summary:
      'Lets tensors live in the parts of larger ones that they are overwritten by, where that lowers the peak.',
    run: (schedule: Schedule, { limits }: PassOptions): Schedule =>
      shareParts(schedule, limits.offsetAlignment),
    print: printSchedule,
    verify: verifyPlain,
    sameMeaning,
  },
  actions: {
    name: 'actions',
    tried: true,
    from: 'schedule',
    to: 'schedule',
    summary:
      'Under a budget, or by named strategies: evicts values, rematerialises and swaps them in.',
    run: (schedule: Schedule, _: PassOptions, chosen: ChosenActions | null): Schedule =>
      emitChosen(schedule, chosen),
    print: printSchedule,
    verify: verifyPlain,
    sameMeaning,
  },
  'in-place': {
    name: 'in-place',
    tried: true,
    from: 'schedule',
    to: 'schedule in place',
    summary:
      'Lets tensors take over the memory of operands that die, in kernels specialised for it.',
    run: (schedule: Schedule): InPlaceSchedule => shareInPlace(schedule),
    print: ({ schedule, handovers }: InPlaceSchedule) =>
      printSchedule(schedule) +
      handovers
        .map(({ tensor, from, step }) => `# t${tensor} takes over t${from} in step ${step}\n`)
        .join(''),
    verify: ({ schedule, handovers }: InPlaceSchedule, { limits }: PassOptions) =>
      verifySchedule(schedule, { limits, handovers }),
    sameMeaning: (before: Schedule, { schedule, handovers }: InPlaceSchedule) =>
      sameMeaning(before, { ...schedule, handovers }),
  },
  allocate: {
    name: 'allocate',
    tried: true,
    from: 'schedule in place',
    to: 'allocated schedule',
    summary: 'Assigns offsets in slabs to tensors, and slots on the host to what is swapped.',
    run: (
      merged: InPlaceSchedule,
      { limits, target }: PassOptions,
      options: PlacementOptions,
    ): Allocation => allocate(merged, limits, { ...options, target }),
    print: ({ allocated }: Allocation) => printSchedule(allocated),
    verify: ({ allocated }: Allocation, { limits, target }: PassOptions) =>
      verifyAllocated(allocated, { limits, target }),
    sameMeaning: ({ schedule, handovers }: InPlaceSchedule, { allocated }: Allocation) =>
      sameMeaning({ ...schedule, handovers }, allocated),
  },
  group: {
    name: 'group',
    from: 'allocated schedule',
    to: 'allocated schedule',
    summary:
      'On GPUs, lets steps that do not depend on each other share a dispatch, in an order that brings them together; no place changes.',
    run: (allocation: Allocation, { limits, groups }: PassOptions): Allocation =>
      groups
        ? { ...allocation, allocated: groupSteps(allocation.allocated, limits, groups) }
        : allocation,
    print: ({ allocated }: Allocation) => printSchedule(allocated),
    verify: ({ allocated }: Allocation, { limits, target }: PassOptions) =>
      verifyAllocated(allocated, { limits, target }),
    sameMeaning: (before: Allocation, after: Allocation) =>
      sameMeaning(before.allocated, after.allocated),
  },
  codegen: {
    name: 'codegen',
    from: 'allocated schedule',
    to: 'code',
    summary: 'Writes the code of every kernel: WGSL, or one WebAssembly module.',
    run: async (
      { allocated }: Allocation,
      { target, limits, variants }: PassOptions,
    ): Promise<CodedSchedule> => {
      const bytes = slabBytes(allocated.slabs);
      return {
        allocated,
        code: await TARGETS[target].emit(allocated.kernels, { limits, slabBytes: bytes, variants }),
      };
    },
    print: ({ code }: CodedSchedule) => code.text(),
    // What the code does is the witnesses' matter: the interpreter and the other target.
    verify: () => [],
  },
  assemble: {
    name: 'assemble',
    from: 'code',
    to: 'plan',
    summary: 'Puts the schedule, its places and its code together, with predicted times.',
    run: (
      { allocated, code }: CodedSchedule,
      { target, limits }: PassOptions,
      options: AssemblyOptions,
    ): GeneratedPlan => assemble(allocated, code, { ...options, target, limits }),
    print: ({ plan }: GeneratedPlan) => `${JSON.stringify(plan, null, 1)}\n`,
    verify: ({ plan }: GeneratedPlan) => verifyPlan(plan),
  },
} as const satisfies Record<PassName, Pass<never, unknown, never>>;

/** A schedule with its places and the code of its kernels. */
export interface CodedSchedule {
  readonly allocated: AllocatedSchedule;
  readonly code: GeneratedCode;
}
