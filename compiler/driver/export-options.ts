import type { ModelTensor } from '../../ir/plan.ts';
import type { SafetensorsTensor } from '../../ir/safetensors.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { Precision } from '../frontend/precision.ts';
import type { StableHloManifest } from '../interchange/stablehlo/manifest.ts';

/**
 * Values by name for parameters and states of a model; those that it leaves out are BTC5144 where the program reads them.
 * `(tensors) => readWeights(tensors, file, { layout: 'pytorch' })` takes those of another layout.
 */
export type WeightsOf = (
  tensors: readonly ModelTensor[],
) => Promise<ReadonlyMap<string, SafetensorsTensor>>;

/** What all formats take. */
export interface ExportOptions {
  /** The program that is exported; each format says which it is by default. */
  readonly program?: string;
  /** Values of options that the model declares; the model must then be given as a function. */
  readonly set?: Readonly<Record<string, OptionValue>>;
  /** Instead of the `precision` of the model's training. */
  readonly precision?: Precision;
  /** A safetensors file of parameters or a checkpoint; by default parameters have their initial values. */
  readonly weights?: Uint8Array | WeightsOf;
}

/** What {@link exportStableHlo} takes. A value that is not allowed is a diagnostic, not an exception. */
export interface StableHloOptions extends ExportOptions {
  /** Into how many devices the batch is split; parameters are whole on each. By default nothing is said of devices. */
  readonly mesh?: { readonly batch: number };
}

/** A program as text, or nothing but diagnostics: `text` is null when there is an error among them. */
export type StableHloResult =
  | {
      /** A module of StableHLO, with the function `@main`. */
      readonly text: string;
      /** Names, roles, shapes and order of arguments and results. */
      readonly manifest: StableHloManifest;
      /** What arguments that outlive runs start with, as a safetensors file; those that it has not start at zero. */
      readonly parameters: Uint8Array;
      readonly diagnostics: readonly Diagnostic[];
    }
  | {
      readonly text: null;
      readonly manifest: null;
      readonly parameters: null;
      readonly diagnostics: readonly Diagnostic[];
    };

/** A program as a file, or nothing but diagnostics: `bytes` is null when there is an error among them. */
export interface OnnxResult {
  /** A model of ONNX. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** The program's name; null where there is none. */
  readonly program: string | null;
  readonly diagnostics: readonly Diagnostic[];
}
