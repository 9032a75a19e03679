import { append } from '../../ir/lists.ts';
import type { Target } from '../../ir/plan.ts';
import type { SafetensorsTensor } from '../../ir/safetensors.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { encodeSealed, PARAMETERS_FORMAT } from '../../ir/sealed.ts';
import { isTarget, TARGET_NAMES } from '../../ir/targets.ts';
import { type AssemblyOptions, assemble, type GeneratedPlan } from '../codegen/index.ts';
import { MACS } from '../contract/objective.ts';
import { type Diagnostic, deduplicate, diagnostic } from '../diagnostics.ts';
import { isModel } from '../frontend/model.ts';
import { givenOptions, keptOptions, unknownOptions, withOptions } from '../frontend/option.ts';
import { PRECISIONS } from '../frontend/precision.ts';
import { type TracedModel, traceModel } from '../frontend/trace.ts';
import type { Allocation } from '../memory/allocate.ts';
import { END_OF_PLAN_SECONDS } from '../plan-search/actions/choices.ts';
import {
  ACTIONS,
  type ActionOptions,
  type ExactSearch,
  GRAPH_ACTIONS,
  loadSolver,
  NoExact,
  type SearchOptions,
  searchPlans,
} from '../plan-search/index.ts';
import { checkProfileOption, targetProblem } from '../profile/check.ts';
import { codeModel } from '../profile/code-model.ts';
import { checkLimitsOption, limitsOf } from '../profile/limits-option.ts';
import { withUploads } from '../profile/plan-uploads.ts';
import { predictSeconds } from '../profile/predict.ts';
import { predictPlan } from '../profile/predict-plan.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { profileOf } from '../profile/shipped.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';
import { TARGETS } from '../targets/index.ts';
import { PRODUCER } from '../version.ts';
import { attempt } from './attempt.ts';
import { boundedPlan } from './bounded-plan.ts';
import { budgetDiagnostic, type KnownLimits, memoryDiagnostics } from './budget-diagnostics.ts';
import { microBatchCounts, splitCounts } from './cut-batch.ts';
import { DISPATCHES, SUBGROUPS } from './dispatches.ts';
import { Driver } from './driver.ts';
import { groupModel, savedByGroups } from './group-model.ts';
import {
  constantValues,
  type InitialTensor,
  type InitialValues,
  initialParameters,
  inPieces,
  layerFacts,
  once,
  usersParameters,
} from './initial-values.ts';
import type { ModuleState } from './module-state.ts';
import type {
  CompileOptions,
  CompileResult,
  ModelSource,
  PassTiming,
  PlanResult,
} from './result.ts';
import { stageModel } from './stage-model.ts';

/** What compilations of one model for different budgets share. */
export interface Shared {
  /** What passes have made; null before the first compilation. */
  driver: Driver | null;
  /** Device bytes of the smallest plan that the last search met; null where none could be placed. */
  smallest: number | null;
  /** What is asked of a search for the smallest plan alone, which is not said in words. */
  readonly least?: Pick<SearchOptions, 'mostIdle' | 'onSmaller'> & Pick<ActionOptions, 'isBrief'>;
}

/**
 * The API's {@link compile}, with what several compilations can share.
 *
 * @param traceOf for who compiles one model several times and traces it once
 * @param shared for who compiles it for one budget after the other, with options that are the same otherwise
 * @throws Error only for a defect of btc itself
 */
export async function compile(
  source: ModelSource,
  options: CompileOptions = {},
  traceOf: typeof traceModel = traceModel,
  shared: Shared | null = null,
): Promise<CompileResult> {
  const made = await makePlan(source, options, traceOf, initialParameters, shared);
  if (!made.generated) return { ...NOTHING, diagnostics: made.diagnostics };
  const { generated, initial, diagnostics, timings } = made;
  const { name } = generated.plan;
  const sealed = once(() =>
    encodeSealed(initial.map(tensorOf), {
      ...{ format: PARAMETERS_FORMAT, plan: name, producer: PRODUCER },
    }),
  );
  return {
    ...generated,
    get parameters() {
      return sealed();
    },
    diagnostics,
    timings,
  };
}

/**
 * What {@link compile} would say of a model, and a plan without code, times and initial values: its figures of memory and steps. No
 * code is generated, for none of it depends on the user; only initialisers that are the user's own are run.
 */
export async function checkCompilation(
  source: ModelSource,
  options: CompileOptions,
  traceOf: typeof traceModel,
): Promise<PlanResult> {
  const made = await makePlan(source, options, traceOf, usersParameters, null, withoutCode);
  if (!made.generated) return { ...NOTHING, diagnostics: made.diagnostics };
  const { generated, diagnostics, timings } = made;
  return { ...generated, parameters: null, diagnostics, timings };
}

/** The API's. */
export async function planModel(
  source: ModelSource,
  options: CompileOptions = {},
): Promise<PlanResult> {
  const made = await makePlan(source, options, traceModel, noParameters);
  if (!made.generated) return { ...NOTHING, diagnostics: made.diagnostics };
  const { generated, diagnostics, timings } = made;
  return { ...generated, parameters: null, diagnostics, timings };
}

const NOTHING = { plan: null, module: null, parameters: null } as const;

const noParameters = (): InitialValues => [];

const tensorOf = ({ name, type, values }: InitialTensor): [string, SafetensorsTensor] => [
  name,
  { ...type, data: values() },
];

/** What is made of a model on the way to files; without `generated` there is an error among the diagnostics. */
type Made =
  | { readonly generated: null; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly generated: GeneratedPlan;
      readonly initial: InitialValues;
      readonly diagnostics: readonly Diagnostic[];
      readonly timings: readonly PassTiming[];
    };

/** Makes a plan of what was chosen. */
type Generate = (
  driver: Driver,
  chosen: Allocation,
  options: AssemblyOptions,
) => Promise<GeneratedPlan>;

const withCode: Generate = async (driver, chosen, options) =>
  driver.run('assemble', await driver.run('codegen', chosen), options);

const withoutCode: Generate = async ({ options: { target, limits } }, { allocated }, options) => {
  const emitted = allocated.kernels.map(() => ({ grid: [1, 1, 1] as const }));
  const code = { emitted, binary: null, module: null, text: () => '' };
  // Times are for the bounds that stand beside a budget.
  const { predict, ...rest } = options;
  return assemble(allocated, code, {
    ...{ ...rest, target, limits },
    ...(predict && options.budgetBytes !== null ? { predict } : {}),
  });
};

async function makePlan(
  source: ModelSource,
  options: CompileOptions,
  traceOf: typeof traceModel,
  initialOf: (traced: TracedModel, diagnostics: Diagnostic[]) => InitialValues,
  shared: Shared | null = null,
  generate: Generate = withCode,
): Promise<Made> {
  const { target = 'webgpu', budgetBytes = null, onProgress, tiles = 'auto' } = options;
  const diagnostics: Diagnostic[] = checkOptions(target, options);
  const failed = (): Made => ({ generated: null, diagnostics: deduplicate(diagnostics) });
  if (hasErrors(diagnostics)) return failed();
  const device = deviceLimits(options);
  const limits: TargetLimits = { ...TARGETS[target].limits, ...device.given };
  const profile = profileOf(options.profile) ?? TARGETS[target].profile;
  const exact = options.solve === 'exact' ? await exactSearch(diagnostics) : null;
  if (hasErrors(diagnostics)) return failed();
  const actions: ActionOptions = {
    ...actionOptions(options, profile, limits),
    exact,
    isBrief: shared?.least?.isBrief ?? false,
    ...(onProgress
      ? { onSearch: (met) => onProgress({ kind: 'search', ...met, budgetBytes: budgetBytes ?? 0 }) }
      : {}),
  };
  const driver =
    shared?.driver ??
    new Driver({
      ...{ target, limits, traceOf },
      ...(options.precision ? { precision: options.precision } : {}),
      ...(onProgress ? { onPass: (pass) => onProgress({ kind: 'pass', pass }) } : {}),
      objective: options.contractions === 'macs' ? MACS : TARGETS[target].objective,
      stages: stageModel(target, limits, profile),
      tiles,
      variants: codeModel(profile),
      groups: options.dispatches === 'single' ? null : groupModel(target, limits, profile),
    });
  if (shared) shared.driver = driver;
  const traced = await trace(source, options, diagnostics, driver);
  if (!traced || hasErrors(diagnostics)) return failed();
  const { microBatch = 'none', microBatchNorm: localNorm = false } = options;
  const microBatches = typeof microBatch === 'number' ? microBatch : 1;
  const { result, knobs, smallest, hostBytes } = searchPlans(
    (knobs, metBytes) => attempt(driver, traced, knobs, { actions, localNorm, metBytes }),
    {
      budgetBytes: budgetBytes ?? Number.POSITIVE_INFINITY,
      microBatches,
      splits: (tooLarge) => splitCounts(tooLarge, microBatches > 1 ? [] : microBatchCounts(traced)),
      allowedMicroBatches: microBatch === 'auto' ? microBatchCounts(traced) : [],
      allowedHalves: options.half === 'auto' && traced.precision === 'f32',
      allowedTiles: tiles === 'auto',
      ...shared?.least,
    },
  );
  const { memory } = result;
  if (shared) shared.smallest = smallest?.deviceBytes ?? null;
  append(diagnostics, result.diagnostics);
  const show = (made: unknown) => {
    if (options.printAfter)
      for (const [pass, text] of driver.history(made)) options.printAfter(pass, text());
  };
  if (!memory?.schedule) {
    show(result.made);
    const errors = (memory?.errors ?? []).map((error) =>
      error.kind === 'host' ? { ...error, bytes: hostBytes } : error,
    );
    append(diagnostics, memoryDiagnostics(errors, target, device));
    return failed();
  }
  if (budgetBytes !== null && memory.deviceBytes > budgetBytes) {
    show(result.made);
    if (shared?.least) return failed();
    diagnostics.push(budgetDiagnostic(memory, { budgetBytes, smallest: smallest!, target }));
    return failed();
  }
  for (const [program, reason] of exact?.unsolved ?? [])
    diagnostics.push(diagnostic(4012, null, { program, reason }, { category: 'warning' }));
  onProgress?.({ kind: 'initial' });
  const initial = inPieces(initialOf(traced.traced, diagnostics), result.pieces);
  const constants = inPieces(constantValues(traced.traced), result.pieces);
  if (hasErrors(diagnostics)) {
    show(result.made);
    return failed();
  }
  const chosen = driver.chosen(memory.allocation);
  const grouped = driver.run('group', chosen);
  const generated = await generate(driver, grouped, {
    budgetBytes,
    producer: PRODUCER,
    actions: { recompute: actions.recompute, swap: actions.swap },
    ...(traced.precision === 'f32' ? {} : { precision: traced.precision }),
    graphActions: GRAPH_ACTIONS.filter((action) => action.taken(knobs)).map(({ name }) => name),
    ...(knobs.microBatches > 1
      ? { microBatches: { parts: knobs.microBatches, norm: localNorm ? 'part' : 'whole' } }
      : {}),
    initial: new Map(initial.map(({ name, constant }) => [name, constant()])),
    layers: layerFacts(traced.traced, result.pieces),
    data: new Map(constants.map(({ name, values }) => [name, values()])),
    contractions: result.orders.map((orders) => orders.contractions()),
    predict: (plan, kernels) => {
      const predicted = predictPlan(withUploads(plan, profile), kernels, profile, limits);
      return memory.bounds
        ? boundedPlan(predicted, memory.bounds(), savedByGroups(chosen, grouped, profile, limits))
        : predicted;
    },
  });
  show(generated);
  return {
    ...{ generated, initial },
    diagnostics: deduplicate(diagnostics),
    timings: driver.timings(),
  };
}

function checkOptions(target: Target, options: CompileOptions): Diagnostic[] {
  const problems: Diagnostic[] = [];
  if (!isTarget(target))
    problems.push(
      diagnostic(
        6001,
        null,
        { target: String(target) },
        { choice: { given: String(target), among: TARGET_NAMES } },
      ),
    );
  const { budgetBytes, hostBudgetBytes, spillBudgetBytes, recompute, swap, profile } = options;
  for (const bytes of [budgetBytes, hostBudgetBytes, spillBudgetBytes]) {
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0))
      problems.push(diagnostic(4004, null, { text: String(bytes) }));
  }
  const { planSeconds } = options;
  if (planSeconds !== undefined && !(planSeconds >= 0 && planSeconds < END_OF_PLAN_SECONDS))
    problems.push(
      diagnostic(4006, null, {
        name: 'planSeconds',
        given: String(planSeconds),
        choices: `a number of seconds, 0 or more and below ${END_OF_PLAN_SECONDS}`,
      }),
    );
  const choices = (name: string, given: string | number | undefined, known: readonly string[]) => {
    if (given !== undefined && (typeof given === 'number' || !known.includes(given)))
      problems.push(diagnostic(4006, null, { name, given, choices: `one of ${known.join(', ')}` }));
  };
  if (profile !== undefined) {
    const absurd = checkProfileOption(profile);
    problems.push(...(absurd.length > 0 ? absurd : targetProblem(profileOf(profile)!, [target])));
  }
  problems.push(...checkLimitsOption(options.limits, target));
  const { microBatch, half, tiles } = options;
  const given: Readonly<Record<string, string | number | undefined>> = {
    ...{ recompute, swap, microBatch, half, tiles },
  };
  choices('precision', options.precision, PRECISIONS);
  choices('contractions', options.contractions, ['time', 'macs']);
  choices('dispatches', options.dispatches, DISPATCHES);
  choices('subgroups', options.subgroups, SUBGROUPS);
  choices('solve', options.solve, ['heuristic', 'exact']);
  for (const { option } of ACTIONS) {
    if (!option) continue;
    const { name, takesCount } = option;
    const isCount = takesCount && Number.isSafeInteger(given[name]) && Number(given[name]) >= 1;
    const known = takesCount ? [...option.choices, 'a number of parts'] : option.choices;
    if (!isCount) choices(name, given[name], known);
  }
  return problems;
}

/** The limits that are given, without what they are of. The option is checked. */
function deviceLimits({ limits, subgroups, subgroupMatrix }: CompileOptions): KnownLimits {
  const found = limitsOf(limits);
  const { of = 'the limits that are given', ...given } = 'limits' in found ? found.limits : {};
  const { minSubgroupSize, subgroupMatrices, ...others } = given;
  const isOff = subgroups === 'never';
  return {
    of,
    given: {
      ...others,
      ...(isOff || minSubgroupSize === undefined ? {} : { minSubgroupSize }),
      ...(isOff || !subgroupMatrix || !subgroupMatrices ? {} : { subgroupMatrices }),
    },
  };
}

/** How long the integer program of one program within one budget may take, in seconds. */
const EXACT_SECONDS = 20;

/** What improves on the search; BTC4011 where the solver is not there. */
async function exactSearch(diagnostics: Diagnostic[]): Promise<ExactSearch | null> {
  try {
    const solver = await loadSolver();
    const [unsolved, proved] = [new Map<string, string>(), new Map<string, number>()];
    return { solver, limitSeconds: EXACT_SECONDS, unsolved, proved };
  } catch (error) {
    if (!(error instanceof NoExact)) throw error;
    diagnostics.push(diagnostic(4011, null, { reason: error.message }));
    return null;
  }
}

/** What the memory passes may do, and what it costs by the device's profile. */
function actionOptions(
  options: CompileOptions,
  profile: DeviceProfile,
  limits: TargetLimits,
): ActionOptions {
  return {
    budgetBytes: options.budgetBytes ?? Number.POSITIVE_INFINITY,
    recompute: options.recompute ?? 'auto',
    swap: options.swap ?? 'auto',
    host: {
      hostBytes: options.hostBudgetBytes ?? Number.POSITIVE_INFINITY,
      spillBytes: options.spillBudgetBytes ?? 0,
    },
    ...(options.planSeconds === undefined ? {} : { planSeconds: options.planSeconds }),
    secondsOf: (kernel) => predictSeconds(kernel, profile, limits),
    costs: profile,
  };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ category }) => category === 'error');
}

/** Makes the model under its options and runs its functions; null when there is nothing to go on with. */
export async function trace(
  source: ModelSource,
  options: CompileOptions,
  diagnostics: Diagnostic[],
  driver: Driver,
): Promise<ModuleState | null> {
  const kept = typeof source === 'function' ? null : keptOptions(source);
  const given = kept ?? givenOptions(options.set ?? {});
  const { result, diagnostics: problems } = await withOptions(given, async () => {
    try {
      const model = typeof source === 'function' ? await source() : source;
      if (isModel(model)) return driver.run('trace', model);
      diagnostics.push(diagnostic(1021, null, { given: describe(model) }));
    } catch (error) {
      diagnostics.push(evaluationDiagnostic(error));
    }
    return null;
  });
  append(diagnostics, problems);
  if (!result) return null;
  if (kept || typeof source === 'function')
    append(diagnostics, unknownOptions(given, result.traced.name));
  if (typeof source !== 'function' && Object.keys(options.set ?? {}).length > 0)
    diagnostics.push(diagnostic(1019, null));
  append(diagnostics, result.diagnostics);
  return result;
}
