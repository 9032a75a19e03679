import type { TensorArray } from '../../ir/dtypes.ts';
import type { Graph, Module } from '../../ir/graph.ts';
import { append } from '../../ir/lists.ts';
import {
  decodeSafetensors,
  SafetensorsError,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { elementCount, formatType, sameShape } from '../../ir/tensor.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatInteger } from '../format.ts';
import { simplify } from '../simplify/index.ts';
import { hasErrors, trace } from './compile.ts';
import type { Driver } from './driver.ts';
import type { ExportOptions } from './export-options.ts';
import { graphDriver, throughGradients } from './graphs.ts';
import { constantValues, initialParameters, layerFacts } from './initial-values.ts';
import { type ModuleState, mapGraphs, verifyState } from './module-state.ts';
import type { ModelSource } from './result.ts';

/** A program behind gradients and optimiser, and what its tensors start with. */
export interface ExportedProgram {
  readonly module: Module;
  readonly state: ModuleState;
  readonly program: Graph;
  /** Of the parameters, states and optimiser's states that it reads or assigns; what is in no list starts at zero. */
  readonly values: ReadonlyMap<string, () => TensorArray>;
}

/**
 * A program as other compilers take it: gradients and updates are there, contractions are of two operands each, and folds are whole.
 * Null where there is an error among the diagnostics: those of the model, BTC5140, BTC5143, BTC5144, BTC5145.
 *
 * @param named the program that is exported, of the names that there are
 */
export async function exportedProgram(
  source: ModelSource,
  options: ExportOptions,
  named: (state: ModuleState) => string | Diagnostic,
  diagnostics: Diagnostic[],
): Promise<ExportedProgram | null> {
  const driver = graphDriver(options.precision ? { precision: options.precision } : {});
  const traced = await trace(source, options.set ? { set: options.set } : {}, diagnostics, driver);
  if (!traced || hasErrors(diagnostics)) return null;
  const name = options.program ?? named(traced);
  if (typeof name !== 'string') {
    diagnostics.push(name);
    return null;
  }
  const made = throughOptimiser(driver, traced);
  append(diagnostics, made.diagnostics.slice(traced.diagnostics.length));
  const program = made.module.programs.find((graph) => graph.name === name);
  if (!program) diagnostics.push(unknownProgram(made.module, name));
  if (!program || hasErrors(diagnostics)) return null;
  const { weights } = options;
  const given = weights ? await givenWeights(made, weights, diagnostics) : null;
  if (hasErrors(diagnostics)) return null;
  const values = startingValues(made, program, given, diagnostics);
  return hasErrors(diagnostics) ? null : { module: made.module, state: made, program, values };
}

/** @throws Error that says what is wrong with what passes have made: a defect of btc */
function throughOptimiser(driver: Driver, traced: ModuleState): ModuleState {
  const { differentiated, optimised } = throughGradients(driver, traced);
  if (!optimised) return differentiated;
  // What is stored as halves is decided behind the folds: a contraction below one would be rounded for itself.
  const made =
    optimised.precision === 'f16'
      ? driver.run(
          'halve',
          driver.run('simplify-gradients', driver.run('expand-folds', optimised)),
          'all',
        )
      : mapGraphs(optimised, (graph) => simplify(graph, { differentiated: true }));
  const [problem] = verifyState(made);
  if (problem) throw new Error(`the exported program is not valid: ${problem}`);
  return made;
}

function unknownProgram({ name, programs }: Module, program: string): Diagnostic {
  const names = programs.map((graph) => graph.name);
  const args = { model: name, program, programs: names.join(', ') };
  return diagnostic(5140, null, args, { choice: { given: program, among: names } });
}

function startingValues(
  { module, traced }: ModuleState,
  program: Graph,
  given: ReadonlyMap<string, SafetensorsTensor> | null,
  diagnostics: Diagnostic[],
): Map<string, () => TensorArray> {
  const used = new Set([
    ...program.nodes.flatMap((node) => (node.op === 'parameter' ? [node.attributes.name] : [])),
    ...program.updates.map(({ parameter }) => parameter),
  ]);
  const constants = constantValues(traced);
  const initial = given ? [] : initialParameters(traced, diagnostics);
  const values = new Map<string, () => TensorArray>();
  for (const tensor of [...initial, ...constants])
    if (used.has(tensor.name)) values.set(tensor.name, tensor.values);
  // Weights are exported as they are, whatever memory would hold of them.
  for (const { declaration, isDerived } of traced.parameters) {
    const { name, type } = declaration;
    if (isDerived && used.has(name))
      values.set(name, () => new Float32Array(elementCount(type.shape)).fill(1));
  }
  if (!given) return values;
  const missing: string[] = [];
  for (const { name, type, role } of module.parameters) {
    if (!used.has(name) || values.has(name)) continue;
    const tensor = given.get(name);
    if (!tensor) {
      if (role !== 'optimiser') missing.push(name);
    } else if (tensor.dtype !== type.dtype || !sameShape(tensor.shape, type.shape)) {
      const wanted = formatType(type);
      diagnostics.push(
        diagnostic(5143, null, { name, given: formatType(tensor), model: module.name, wanted }),
      );
    } else values.set(name, () => tensor.data);
  }
  if (missing.length > 0)
    diagnostics.push(
      diagnostic(5144, null, { tensors: tensorsCalled(missing), program: program.name }),
    );
  return values;
}

/** More missing tensors than these are counted. */
const MOST_NAMED = 3;

function tensorsCalled(names: readonly string[]): string {
  const named = names.slice(0, MOST_NAMED).map((name) => `'${name}'`);
  const more = names.length - named.length;
  const list = more > 0 ? `${named.join(', ')} and ${formatInteger(more)} more` : named.join(', ');
  return `${names.length === 1 ? 'tensor' : 'tensors'} ${list}`;
}

/** Null after BTC5145. */
async function givenWeights(
  { module, traced }: ModuleState,
  weights: NonNullable<ExportOptions['weights']>,
  diagnostics: Diagnostic[],
): Promise<ReadonlyMap<string, SafetensorsTensor> | null> {
  if (typeof weights === 'function') {
    const layers = layerFacts(traced, new Map());
    const own = module.parameters.filter(({ role, data }) => role !== 'optimiser' && !data);
    return weights(own.map(({ name, type }) => ({ name, ...type, ...layers.get(name) })));
  }
  try {
    return decodeSafetensors(weights).tensors;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    diagnostics.push(diagnostic(5145, null, { reason: error.message }));
    return null;
  }
}
