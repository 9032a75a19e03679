import { dirname } from 'node:path';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { makeFolder } from '../../node/make-folder.ts';
import { type DecomposeOptions, decomposeWeights, type FormRequest } from '../decompose/index.ts';
import type { DecomposedWeights } from '../decompose/weights.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatAmount } from '../format.ts';
import { readBinaryFile } from './file-kinds.ts';
import { unwritable } from './file-reason.ts';
import { outputProblem } from './output-problem.ts';
import { statusLine } from './progress.ts';
import { formatPlain, fromBtc } from './report.ts';
import { isSameFile } from './same-file.ts';
import { style } from './style.ts';
import { table } from './table.ts';

export interface DecomposeCommandOptions
  extends Omit<FormRequest, 'form'>,
    Pick<DecomposeOptions, 'gates' | 'sweeps' | 'starts' | 'seed'> {
  readonly layer: string;
  readonly to: FormRequest['form'];
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** What `btc decompose --json` prints. Counts of multiply-adds are those of one row. */
export interface DecomposeReport {
  readonly file: string;
  readonly output: string;
  readonly tensor: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly gates: number;
  readonly form: string;
  readonly inputModes: readonly number[];
  /** The first with the gates folded in. */
  readonly outputModes: readonly number[];
  readonly ranks: DecomposedWeights['decomposition']['ranks'];
  readonly blocks: number | null;
  readonly relativeError: number;
  readonly parameters: number;
  readonly denseParameters: number;
  readonly macs: number;
  readonly denseMacs: number;
  readonly cores: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Optimiser state that is not in the output. */
  readonly dropped: readonly string[];
  readonly source: string | null;
  readonly seconds: number;
}

/** Replaces a layer's matrix in a safetensors file by cores. Exit code 1, and nothing written, for what does not fit. */
export async function decomposeCommand(
  file: string,
  options: DecomposeCommandOptions,
): Promise<number> {
  const report = await run(file, options);
  if ('code' in report || Array.isArray(report)) {
    // Positions of the command itself say nothing to its user.
    for (const problem of [report].flat() as Diagnostic[])
      console.error(formatPlain(fromBtc({ ...problem, source: null })));
    return 1;
  }
  const result = report as DecomposeReport;
  console.log(options.json ? JSON.stringify(result, null, 2) : describe(result));
  return 0;
}

async function run(
  file: string,
  options: DecomposeCommandOptions,
): Promise<DecomposeReport | Diagnostic | readonly Diagnostic[]> {
  const { layer, to: form, gates, sweeps, starts, seed, overwrite, json, ...sizes } = options;
  const output = options.output ?? `${file.replace(/\.safetensors$/, '')}.${form}.safetensors`;
  if (!overwrite && (await isSameFile(file, output)))
    return diagnostic(5015, null, { file: output });
  const unfit = await outputProblem([], { '--output': output }, 'made');
  if (unfit) return unfit;
  const bytes = await readBinaryFile(file, 'weights');
  if ('code' in bytes) return bytes;
  const given = Object.entries({ gates, sweeps, starts, seed });
  const line = statusLine(!json);
  let count = 0;
  const { weights, diagnostics } = decomposeWeights(
    bytes,
    { form, ...sizes },
    {
      layer,
      file,
      ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
      onSweep: ({ parameters, error }) => {
        count++;
        line.show(
          () =>
            `${parameters.toLocaleString('en')} parameters, sweep ${count}: relative error ${error.toPrecision(4)}`,
        );
      },
    },
  );
  line.clear();
  if (!weights) return diagnostics;
  try {
    makeFolder(dirname(output));
    await writeFileAtomically(output, weights.bytes);
  } catch (error) {
    return unwritable(output, error);
  }
  return reportOf(file, output, weights);
}

function reportOf(
  file: string,
  output: string,
  { tensor, rows, columns, gates, decomposition, dropped }: DecomposedWeights,
): DecomposeReport {
  const { matrix, ranks, blocks, relativeError, parameters, macs, source, seconds } = decomposition;
  return {
    file,
    output,
    tensor,
    shape: [rows, columns],
    gates,
    form: matrix.form,
    inputModes: matrix.inputModes,
    outputModes: matrix.outputModes,
    ranks,
    blocks,
    relativeError,
    parameters,
    denseParameters: rows * columns,
    macs,
    denseMacs: rows * columns,
    cores: decomposition.cores.map(({ name, shape }) => ({ name: `${tensor}.${name}`, shape })),
    dropped,
    source,
    seconds,
  };
}

const number = (value: number) => value.toLocaleString('en');
const list = (numbers: readonly number[]) => `[${numbers.join(', ')}]`;

function describe(report: DecomposeReport): string {
  const { tensor, form, blocks, ranks, gates, source, dropped } = report;
  const folded = gates > 1 ? `, ${gates} gates in the first output mode` : '';
  const ranksText = (ranks ?? []).map((one) => (typeof one === 'number' ? one : list(one)));
  const rows = [
    ['matrix', `${tensor} ${list(report.shape)}`],
    ['form', form + (blocks === null ? '' : `, ${blocks} block${blocks === 1 ? '' : 's'}`)],
    ['modes', `${list(report.inputModes)} by ${list(report.outputModes)}${folded}`],
    ['ranks', ranksText.join(', ')],
    ['relative error', style.bold(report.relativeError.toPrecision(3))],
    ['parameters', compared(report.denseParameters, report.parameters)],
    ['multiply-adds per row', compared(report.denseMacs, report.macs)],
    ['time', `${report.seconds.toFixed(2)} s`],
  ];
  const lines = [`${style.bold(report.file)} → ${report.output}`, table(rows)];
  if (dropped.length > 0)
    lines.push(
      `  without the optimiser's state of ${formatAmount(dropped.length, 'tensor')}; training starts afresh`,
    );
  const option = tensor.slice(tensor.lastIndexOf('.') + 1);
  if (source) lines.push('', `  ${option}: ${source},`);
  return lines.join('\n');
}

/** `401,408 → 3,392, 118 times fewer` */
function compared(before: number, after: number): string {
  const [times, word] = after <= before ? [before / after, 'fewer'] : [after / before, 'more'];
  return `${number(before)} → ${number(after)}, ${times.toPrecision(3)} times ${word}`;
}
