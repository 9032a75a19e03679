import { compile as compileShared, planModel as plan } from './compile.ts';
import type {
  ExportOptions,
  OnnxResult,
  StableHloOptions,
  StableHloResult,
} from './export-options.ts';
import type { CompileOptions, CompileResult, ModelSource, PlanResult } from './result.ts';

// The API, in declarations that name nothing of the passes: whoever type-checks a model reads all that these lead to.

/**
 * Compiles a model into a plan, without touching the disk. Never throws for a mistake in the model: every mistake of one build
 * is a diagnostic, and `plan` is null when one of them is an error. BTC4012 warns where `solve: 'exact'` has not helped a program.
 *
 * @throws Error only for a defect of btc itself
 */
export function compile(source: ModelSource, options: CompileOptions = {}): Promise<CompileResult> {
  return compileShared(source, options);
}

/**
 * The plan that {@link compile} makes, without initial values: they are neither computed nor held, so the plan does not say which
 * tensors start as a constant. For models of which only the plan is of interest, or whose parameters the host has no room for.
 *
 * @throws Error only for a defect of btc itself
 */
export function planModel(source: ModelSource, options: CompileOptions = {}): Promise<PlanResult> {
  return plan(source, options);
}

/**
 * Writes one program of a model as a module of StableHLO in text: the training step with gradients and optimiser where it trains.
 * Inputs, parameters, states and the optimiser's states are arguments; outputs and new values are results, all f32 or i32 and
 * row-major; the manifest names them. Only ops of the stable subset are written, and random numbers have the bits of btc's plans. By
 * default the program is `train`, or the first where nothing trains.
 *
 * Errors are diagnostics: those of the model, BTC5140 to BTC5145 and BTC5148.
 *
 * @throws Error only for a defect of btc itself
 */
export async function exportStableHlo(
  source: ModelSource,
  options: StableHloOptions = {},
): Promise<StableHloResult> {
  const exporter = await import('./export-stablehlo.ts');
  return exporter.exportStableHlo(source, options);
}

/**
 * Writes one program of a model as a model of ONNX (operator set 17, or 18 where it draws random numbers): by default `predict`, else the first that does not train.
 * Convolutions, poolings and products of matrices are one op each, in the order of axes that runtimes have; inputs and outputs keep
 * btc's (batch, height, width, channels). Weights are in the file.
 *
 * Errors are diagnostics: those of the model, BTC5140, BTC5143 to BTC5147.
 *
 * @throws Error only for a defect of btc itself
 */
export async function exportOnnx(
  source: ModelSource,
  options: ExportOptions = {},
): Promise<OnnxResult> {
  const exporter = await import('./export-onnx.ts');
  return exporter.exportOnnx(source, options);
}
