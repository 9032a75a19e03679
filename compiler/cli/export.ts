import { basename, dirname, join } from 'node:path';
import type { WeightsLayout } from '../../node/weights.ts';
import { diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { Precision } from '../frontend/precision.ts';
import type { BuildCommandOptions } from './build.ts';
import { buildShown } from './build-progress.ts';
import { startBuilder } from './builder.ts';
import { writeOutputs } from './emit.ts';
import type { ExportFormat } from './export-formats.ts';
import { readBinaryFile } from './file-kinds.ts';
import { unwritable } from './file-reason.ts';
import { idleExportOptions } from './idle-options.ts';
import { saidWhenInterrupted } from './interrupted.ts';
import { outputProblem } from './output-problem.ts';
import { fromBtc, printDiagnostics, type ReportedDiagnostic } from './report.ts';
import { weightsHead } from './weights-file.ts';

export interface ExportCommandOptions {
  readonly format: ExportFormat;
  readonly program?: string;
  /** Devices that the batch is split over. */
  readonly mesh?: number;
  /** A safetensors file, or the index of several. */
  readonly weights?: string;
  /** Of the weights. */
  readonly layout?: 'btc' | WeightsLayout;
  readonly rename?: readonly (readonly [RegExp, string])[];
  /** Runs whose inputs and results are written beside it. */
  readonly check?: number;
  readonly output?: string;
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly precision?: Precision;
  readonly project?: string;
  readonly pretty?: boolean;
}

/** Writes a program of a model for other compilers and runtimes. Exit code: 0, or 1 where there is an error and nothing is written. */
export async function exportCommand(file: string, given: ExportCommandOptions): Promise<number> {
  const pretty = given.pretty ?? process.stdout.isTTY ?? false;
  const print = (diagnostics: readonly ReportedDiagnostic[]) =>
    printDiagnostics(diagnostics, pretty, (text) => process.stdout.write(text));
  const weights =
    given.check && given.format !== CHECKED ? notChecked(given.format) : await weightsOf(given);
  if (weights && 'code' in weights) {
    print([fromBtc(weights)]);
    return 1;
  }
  const { format, program, mesh, output, set, precision, project } = given;
  const unfit = await outputProblem([file, given.weights], { '--output': output }, 'made');
  if (unfit) {
    print([fromBtc(unfit)]);
    return 1;
  }
  const options: BuildCommandOptions = {
    ...{ outDir: '', target: [], noEmit: true },
    ...(set ? { set } : {}),
    ...(precision ? { precision } : {}),
    ...(project ? { project } : {}),
  };
  const folder = output === undefined ? '.' : dirname(output);
  const exporting = {
    ...{ format, weights, folder, output: output === undefined ? null : basename(output) },
    ...{ program: program ?? null, mesh: mesh ?? null, check: given.check ?? 0 },
  };
  const job = { file, options, profiles: new Map(), limits: null, exporting };
  const made = await saidWhenInterrupted(() => buildShown(startBuilder(), job));
  if (made.outputs.length > 0) {
    for (const { path } of made.outputs) {
      const inside = await outputProblem(
        [file, given.weights, ...made.sources],
        { 'the output': join(folder, path) },
        'made',
      );
      if (!inside) continue;
      print([fromBtc(inside)]);
      return 1;
    }
    try {
      await writeOutputs(folder, made.outputs);
    } catch (error) {
      print([fromBtc(unwritable(join(folder, made.outputs[0].path), error))]);
      return 1;
    }
    for (const line of made.summary) console.log(line);
  }
  print([...idleExportOptions(given).map(fromBtc), ...made.diagnostics]);
  return made.outputs.length > 0 ? 0 : 1;
}

/** The format whose exports are compared with btc's own runs. */
const CHECKED: ExportFormat = 'stablehlo';

const notChecked = (format: ExportFormat) =>
  diagnostic(6016, null, { option: '--check', other: `--format ${format}` });

async function weightsOf({ weights: file, layout = 'btc', rename = [] }: ExportCommandOptions) {
  if (file === undefined) {
    const isSaid = layout !== 'btc' || rename.length > 0;
    return isSaid ? diagnostic(6018, null, { option: '--weights', usage: '' }) : null;
  }
  // Whatever is not a file of btc's own is read where the model is.
  const head = await weightsHead(file);
  if ('code' in head) return head;
  if (layout === 'btc' && rename.length === 0 && !/\.json$/i.test(file))
    return readBinaryFile(file, 'weights');
  return { file, layout: layout === 'btc' ? null : layout, rename };
}
