import { byteCount } from '../../ir/tensor.ts';
import { withStrayErrors } from '../cli/stray-errors.ts';
import { type Diagnostic, deduplicate } from '../diagnostics.ts';
import { graphDriver, throughGradients } from '../driver/graphs.ts';
import type { ModuleState } from '../driver/module-state.ts';
import type { Model } from '../frontend/model.ts';
import { loadModel } from '../load/index.ts';
import type { EvaluationJob, Findings, InputFact, ModelFacts } from './findings.ts';
import { isGiven, keptValues, UNTRAINED } from './kept.ts';
import { parametersOf, sumOfParameters } from './parameters.ts';
import { type LookedAt, placeFacts } from './place-facts.ts';

const NOTHING = { isModel: false, hasLate: false, places: [], inputs: [], model: null } as const;

/** Of a file that exports no model: it is none of btc's business. */
const NO_MODEL = 'BTC1001';

export interface EvaluationListeners {
  /** Asked between the stages. */
  readonly isCancelled: () => boolean;
  /** Told of a model that is traced without an error, before its gradients are taken. */
  readonly onTraced: (diagnostics: readonly Diagnostic[]) => void;
  /** Told of all that is wrong, before what expressions give is gathered. */
  readonly onDiagnosed: (diagnostics: readonly Diagnostic[]) => void;
  /** From now on nothing of the user's runs. */
  readonly onOwnWork: () => void;
}

/** Evaluates a model, traces it and takes its gradients; nothing is planned. Null where it is cancelled. */
export async function findingsOf(
  { file, code }: EvaluationJob,
  on: EvaluationListeners,
): Promise<Findings | null> {
  const { result, found } = await withStrayErrors(async () => {
    const checked = { typescript: [], files: [file], awaited: [], problem: null, code };
    const { model, diagnostics } = await loadModel(file, { checked });
    if (!model) return { ...NOTHING, diagnostics };
    return on.isCancelled() ? null : lookAt(model, diagnostics, on);
  });
  if (!result) return null;
  const all = deduplicate([...result.diagnostics, ...found]);
  return { ...result, diagnostics: all.filter(({ code }) => code !== NO_MODEL) };
}

const hasErrors = (diagnostics: readonly Diagnostic[]) =>
  diagnostics.some(({ category }) => category === 'error');

function lookAt(
  model: Model,
  loaded: readonly Diagnostic[],
  { isCancelled, onTraced, onDiagnosed, onOwnWork }: EvaluationListeners,
): Findings | null {
  const driver = graphDriver({ isUnverified: true });
  const traced = driver.run('trace', model);
  if (isCancelled()) return null;
  onOwnWork();
  const failed = hasErrors(traced.diagnostics);
  if (!failed) onTraced(deduplicate([...loaded, ...traced.diagnostics]));
  const through = failed ? null : throughGradients(driver, trainedAlone(traced));
  if (isCancelled()) return null;
  const last = through?.optimised ?? through?.differentiated ?? traced;
  const diagnostics = [...loaded, ...last.diagnostics];
  onDiagnosed(deduplicate(diagnostics));
  const programs = programsOf(traced, through?.differentiated ?? null);
  const parameters = parametersOf(
    traced,
    through?.differentiated ?? null,
    through?.optimised ?? null,
  );
  const totals = sumOfParameters(parameters.map(({ fact }) => fact.totals));
  const facts: ModelFacts = {
    ...{ name: traced.module.name, place: traced.traced.source, parameters: totals },
    programs: programs.map(({ graph, kept }, k) => ({
      name: graph.name,
      trains: traced.traced.programs[k].training !== null,
      values: graph.nodes.filter(({ op }) => !isGiven(op)).length,
      keptBytes: graph.nodes.reduce((sum, _, value) => sum + kept.bytesOf(value), 0),
    })),
  };
  return {
    isModel: true,
    diagnostics,
    hasLate: last.diagnostics.length > traced.diagnostics.length,
    places: placeFacts(programs, parameters),
    inputs: inputsOf(traced),
    model: facts,
  };
}

/** Of programs that take no gradient nothing is left: only what gradients are taken of is looked at behind the trace. */
function trainedAlone(traced: ModuleState): ModuleState {
  const programs = traced.module.programs.map((graph, k) =>
    traced.traced.programs[k].training ? graph : { ...graph, ...EMPTY },
  );
  return { ...traced, module: { ...traced.module, programs } };
}

const EMPTY = { nodes: [], sources: [], outputs: [], updates: [] } as const;

/** A program without gradients, for want of a training or by a mistake, keeps nothing. */
function programsOf(traced: ModuleState, differentiated: ModuleState | null): LookedAt[] {
  return traced.module.programs.map((graph, k) => {
    const gradients = differentiated?.gradients[k] ?? [];
    return {
      graph,
      kept:
        gradients.length === 0 ? UNTRAINED : keptValues(graph, differentiated!.module.programs[k]),
    };
  });
}

function inputsOf({ module }: ModuleState): InputFact[] {
  return module.inputs.map(({ name, type }) => ({
    ...{ name, dtype: type.dtype, shape: type.shape, bytes: byteCount(type) },
    programs: module.programs
      .filter(({ nodes }) =>
        nodes.some((node) => node.op === 'input' && node.attributes.name === name),
      )
      .map((program) => program.name),
  }));
}
