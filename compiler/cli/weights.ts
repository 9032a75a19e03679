import type { Plan } from '../../ir/plan.ts';
import {
  matchWeights,
  renameFunction,
  type WeightsLayout,
  type WeightsMatch,
  type WeightsTensor,
} from '../../node/weights.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { formatAmount, formatBytes, formatShape } from '../format.ts';
import type { OptionValue } from '../frontend/option.ts';
import { nearest } from '../nearest.ts';
import { idleModelOptions, idleWeightsOptions } from './idle-options.ts';
import { readPlanFile } from './plan-file.ts';
import { planOfModel } from './plan-of-model.ts';
import { formatPlain, fromBtc, type ReportedDiagnostic } from './report.ts';
import { style } from './style.ts';
import { table } from './table.ts';
import { weightsHead } from './weights-file.ts';

export interface WeightsCommandOptions {
  readonly layout?: 'btc' | WeightsLayout;
  readonly rename?: readonly (readonly [RegExp, string])[];
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly json?: boolean;
}

/** What `btc weights --json` prints. */
export interface WeightsReport {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly WeightsTensor[];
  /** Of all tensors. */
  readonly elements: number;
  readonly bytes: number;
  /** Null without a plan. */
  readonly plan: PlanReport | null;
}

/** How the file fits a plan. */
export interface PlanReport {
  readonly name: string;
  /** The layout that the file was read in: null for btc's own. */
  readonly layout: WeightsLayout | null;
  readonly fits: readonly FittingTensor[];
  readonly missing: readonly MissingReport[];
  /** What has another shape or type than the plan wants. */
  readonly misfits: readonly { readonly name: string; readonly reason: string }[];
  /** In the file, and nowhere in the plan. */
  readonly left: readonly string[];
  /** The same of what is no weight. */
  readonly ignored: readonly string[];
}

interface FittingTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: readonly string[];
  /** What is done to the file's tensor; null where that is nothing. */
  readonly change: string | null;
}

interface MissingReport {
  readonly name: string;
  readonly shape: readonly number[];
  /** Names by which it was looked for. */
  readonly wanted: readonly string[];
  /** What is left in the file under a similar name, or null. */
  readonly near: string | null;
}

/** `btc weights FILE [PLAN]`: exit code 0, or 1 for errors and where something does not fit. */
export async function weightsCommand(
  file: string,
  plan: string | undefined,
  options: WeightsCommandOptions,
): Promise<number> {
  const found = await reportOf(file, plan, options);
  if ('diagnostics' in found) {
    for (const problem of found.diagnostics) console.error(formatPlain(problem));
    return 1;
  }
  const idle =
    plan === undefined
      ? idleWeightsOptions(options)
      : isPlanFile(plan)
        ? idleModelOptions({ '--set': options.set }, plan)
        : [];
  for (const warning of idle) console.error(formatPlain(fromBtc(warning)));
  if (options.json) console.log(JSON.stringify(found, null, 2));
  else process.stdout.write(describe(found));
  return found.plan === null || isComplete(found.plan) ? 0 : 1;
}

type Failure = { readonly diagnostics: readonly ReportedDiagnostic[] };
const failure = (...problems: readonly Diagnostic[]): Failure => ({
  diagnostics: problems.map(fromBtc),
});

async function reportOf(
  file: string,
  planFile: string | undefined,
  options: WeightsCommandOptions,
): Promise<WeightsReport | Failure> {
  const opened = await weightsHead(file);
  if ('code' in opened) return failure(opened);
  const tensors = [...opened.tensors.values()];
  const plan = planFile === undefined ? null : await planOf(planFile, options);
  if (plan && 'diagnostics' in plan) return plan;
  const count = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0);
  return {
    file,
    metadata: Object.fromEntries(opened.metadata),
    tensors,
    elements: count(tensors.map(({ shape }) => shape.reduce((product, n) => product * n, 1))),
    bytes: count(tensors.map(({ bytes }) => bytes)),
    plan: plan && fitOf(plan.plan, tensors, options),
  };
}

const isPlanFile = (file: string) => /\.json$/i.test(file);

async function planOf(
  file: string,
  { set }: WeightsCommandOptions,
): Promise<{ readonly plan: Plan } | Failure> {
  if (!isPlanFile(file)) {
    const { plan, diagnostics } = await planOfModel(file, {
      target: 'wasm',
      ...(set ? { set } : {}),
    });
    return plan ? { plan } : { diagnostics };
  }
  const read = await readPlanFile(file);
  return 'plan' in read ? read : failure(read.diagnostic);
}

function fitOf(
  plan: Plan,
  tensors: readonly WeightsTensor[],
  { layout, rename: given }: WeightsCommandOptions,
): PlanReport {
  const rename = renameFunction(given);
  const tried = layout === undefined ? LAYOUTS : [layout === 'btc' ? null : layout];
  const [best] = tried
    .map((layout) => ({ layout, match: matchWeights(plan, tensors, { layout, rename }) }))
    .sort((a, b) => b.match.found.size - a.match.found.size);
  const { found, missing, problems, left, ignored, twice } = best.match;
  return {
    name: plan.name,
    layout: best.layout,
    fits: [...found.values()].map(({ tensor: { name, shape }, names, change }) => ({
      ...{ name, shape, from: names, change },
    })),
    missing: missing.map(({ tensor: { name, shape }, names }) => ({
      ...{ name, shape, wanted: names, near: nearName(names[0], best.match, rename) },
    })),
    misfits: [
      ...[...problems].map(([name, reason]) => ({ name, reason })),
      ...twice.map((name) => ({ name, reason: 'two tensors of the file are renamed to it' })),
    ],
    ...{ left, ignored },
  };
}

/** Those that are tried; btc's own counts where no other fits better. */
const LAYOUTS: readonly (WeightsLayout | null)[] = [null, 'pytorch'];

function nearName(
  wanted: string,
  { left }: WeightsMatch,
  rename: (name: string) => string | null,
): string | null {
  const renamed = new Map(left.map((name) => [rename(name) ?? name, name]));
  const near = nearest(wanted, [...renamed.keys()]);
  return near === null ? null : renamed.get(near)!;
}

const isComplete = ({ missing, misfits, left }: PlanReport) =>
  missing.length + misfits.length + left.length === 0;

function describe(report: WeightsReport): string {
  const { file, tensors, elements, bytes, plan } = report;
  const total = `${formatAmount(tensors.length, 'tensor')}, ${formatAmount(elements, 'element')}, ${formatBytes(bytes)}`;
  const files = new Set(tensors.map((tensor) => tensor.file));
  const rows = tensors.map((tensor) => [
    tensor.name,
    tensor.dtype,
    formatShape(tensor.shape),
    formatBytes(tensor.bytes),
    ...(files.size > 1 ? [tensor.file] : []),
  ]);
  const head = ['tensor', 'dtype', 'shape', 'size', ...(files.size > 1 ? ['file'] : [])];
  const listed = `${style.bold(file)}: ${total}\n${table([head, ...rows], [3])}\n`;
  return plan ? `${listed}\n${describeFit(plan)}` : listed;
}

function describeFit(plan: PlanReport): string {
  const { name, layout, fits, missing, misfits, left, ignored } = plan;
  const all = fits.length + missing.length + misfits.length;
  const by = layout === null ? 'as they stand' : `with layout: '${layout}'`;
  const sections: string[] = [
    `${style.bold(name)}: ${fits.length} of ${all} parameters and states fit ${by}`,
    table(
      fits.map(({ name, shape, from, change }) => [
        name,
        formatShape(shape),
        `from ${from.join(' and ')}`,
        change ?? '',
      ]),
    ),
  ];
  const section = (title: string, rows: readonly string[][]) => {
    if (rows.length > 0) sections.push(`${title}\n${table(rows)}`);
  };
  section(
    "missing (missing: 'initial' leaves them as they are)",
    missing.map(({ name, shape, wanted, near }) => [
      name,
      formatShape(shape),
      wanted[0] === name ? '' : `looked for as ${wanted.join(' and ')}`,
      near === null ? '' : `'${near}'?`,
    ]),
  );
  section(
    'does not fit',
    misfits.map(({ name, reason }) => [name, reason]),
  );
  section(
    "left over (unused: 'ignore' leaves them out)",
    left.map((one) => [one]),
  );
  section(
    'ignored',
    ignored.map((one) => [one]),
  );
  return `${sections.filter((text) => text !== '').join('\n')}\n`;
}
