import { readFileSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { makeFolder } from '../../node/make-folder.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatInteger } from '../format.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { ImportedLoss } from '../interchange/onnx/print-training.ts';
import { OnnxError, shown } from '../interchange/onnx/refusal.ts';
import type { ModelText } from '../interchange/onnx/to-typescript.ts';
import { readBinaryFile } from './file-kinds.ts';
import { fileReason, unwritable } from './file-reason.ts';
import { outputProblem } from './output-problem.ts';
import { formatPlain, fromBtc } from './report.ts';
import { isSameFile } from './same-file.ts';
import { table } from './table.ts';

export interface ImportCommandOptions {
  readonly outDir: string;
  /** The same. */
  readonly output?: string;
  /** Extents of open axes. */
  readonly set?: Readonly<Record<string, OptionValue>>;
  /** Inputs that are known: numbers separated by commas. */
  readonly value?: Readonly<Record<string, OptionValue>>;
  /** The loss by which it trains. */
  readonly train?: ImportedLoss;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** What `btc import --json` prints. */
export interface ImportReport extends Omit<ModelText, 'text' | 'weights'> {
  readonly file: string;
  readonly model: string;
  readonly weights: string;
}

/** Writes a model of ONNX as a module of btc and its weights. Exit code 1, and nothing written, for what is refused. */
export async function importCommand(file: string, options: ImportCommandOptions): Promise<number> {
  const report = await run(file, options);
  if ('code' in report) {
    console.error(formatPlain(fromBtc({ ...report, source: null })));
    return 1;
  }
  console.log(options.json ? JSON.stringify(report, null, 2) : describe(report));
  return 0;
}

async function run(
  file: string,
  { outDir, output = outDir, set = {}, value = {}, train, overwrite }: ImportCommandOptions,
): Promise<ImportReport | Diagnostic> {
  const base = basename(file).replace(/\.onnx$/i, '') || 'model';
  const [model, weights] = [join(output, `${base}.ts`), join(output, `${base}.safetensors`)];
  for (const path of [model, weights])
    if ((await isSameFile(file, path)) || (!overwrite && (await exists(path))))
      return diagnostic(5015, null, { file: path });
  const unfit = await outputProblem([], { model, weights }, 'made');
  if (unfit) return unfit;
  try {
    const bytes = await readBinaryFile(file, 'onnx');
    if ('code' in bytes) return bytes;
    const { modelText } = await import('../interchange/onnx/to-typescript.ts');
    const made = modelText(
      bytes,
      {
        external: (location) => readBeside(dirname(file), location),
        dimensions: Object.fromEntries(
          Object.entries(set).map(([name, extent]) => [name, Number(extent)]),
        ),
        values: Object.fromEntries(
          Object.entries(value).map(([name, list]) => [name, numbers(name, String(list))]),
        ),
      },
      { source: shown(basename(file)), weights: `${base}.safetensors` },
      train,
    );
    return await write({ file, model, weights }, made);
  } catch (error) {
    if (error instanceof OnnxError) return error.diagnostic;
    throw error;
  }
}

async function write(
  paths: Pick<ImportReport, 'file' | 'model' | 'weights'>,
  { text, weights, ...figures }: ModelText,
): Promise<ImportReport | Diagnostic> {
  let path = paths.model;
  try {
    makeFolder(dirname(paths.model));
    await writeFileAtomically(paths.model, text);
    path = paths.weights;
    await writeFileAtomically(paths.weights, weights);
  } catch (error) {
    return unwritable(path, error);
  }
  return { ...paths, ...figures };
}

const exists = async (path: string) => (await stat(path).catch(() => null)) !== null;

/** Links are followed and must end in the folder too. */
function readBeside(folder: string, location: string): Uint8Array {
  const refuse = (reason: string): never => {
    throw new OnnxError(5105, { name: shown(location), reason });
  };
  try {
    const [root, path] = [realpathSync(folder), realpathSync(resolve(folder, location))];
    const inside = relative(root, path);
    if (inside === '' || inside.startsWith(`..${sep}`) || inside === '..')
      return refuse('it is outside of the folder of the model');
    return readFileSync(path);
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    return refuse(fileReason(error));
  }
}

function numbers(name: string, list: string): number[] {
  const parts = list.trim() === '' ? [] : list.split(',').map((part) => Number(part));
  if (parts.every((part) => Number.isFinite(part))) return parts;
  throw new OnnxError(5117, { name: shown(name), value: shown(list) });
}

function describe(report: ImportReport): string {
  const { file, model, weights, name, nodes, parameters, options, fixed } = report;
  const rows = [
    ['model', name],
    ['nodes', formatInteger(nodes)],
    ['parameters', formatInteger(parameters)],
    ...(options.length > 0 ? [['options', options.join(', ')]] : []),
    ...(fixed.length > 0 ? [['fixed axes', fixed.join(', ')]] : []),
  ];
  return `${file} → ${model}, ${weights}\n${table(rows)}`;
}
