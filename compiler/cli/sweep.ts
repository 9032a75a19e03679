import type { Target } from '../../ir/plan.ts';
import { SWEEP_POINTS, type Sweep, type SweepPoint } from '../driver/sweep.ts';
import { formatAmount, formatBytes, formatSeconds } from '../format.ts';
import type { BuildCommandOptions } from './build.ts';
import { readLimits, readProfiles } from './build-command.ts';
import { buildShown } from './build-progress.ts';
import { startBuilder } from './builder.ts';
import { formatGap } from './gap.ts';
import { idleSweepOptions } from './idle-options.ts';
import { saidWhenInterrupted } from './interrupted.ts';
import { fromBtc, printDiagnostics } from './report.ts';
import { style } from './style.ts';
import { table } from './table.ts';

/** As of `btc build`, for one target. */
export interface SweepCommandOptions
  extends Omit<BuildCommandOptions, 'target' | 'budget' | 'outDir' | 'noEmit' | 'watch'> {
  readonly target: Target;
  readonly points?: number;
  readonly json?: boolean;
}

/** Exit code: 0, or 1 where the model has a mistake. */
export async function sweepCommand(
  file: string,
  { target, points = SWEEP_POINTS, json, ...given }: SweepCommandOptions,
): Promise<number> {
  const options: BuildCommandOptions = { ...given, target: [target], outDir: '', noEmit: true };
  const { byTarget: profiles, diagnostics: refused } = await readProfiles(options);
  const found = await readLimits(options);
  const wrong = [...refused, ...('diagnostics' in found ? found.diagnostics : [])];
  const limits = 'limits' in found ? found.limits : null;
  const swept =
    wrong.length > 0
      ? { diagnostics: wrong.map(fromBtc), sweep: null }
      : await saidWhenInterrupted(() =>
          buildShown(startBuilder(), { file, options, profiles, limits, sweepPoints: points }),
        );
  const { sweep = null, diagnostics } = swept;
  if (sweep && json) console.log(JSON.stringify(sweep, null, 2));
  else if (sweep) process.stdout.write(formatSweep(sweep, process.stdout.columns ?? 100));
  const pretty = given.pretty ?? process.stdout.isTTY ?? false;
  const idle = sweep ? idleSweepOptions(options, limits).map(fromBtc) : [];
  printDiagnostics([...idle, ...diagnostics], pretty, (text) =>
    (sweep || json ? process.stderr : process.stdout).write(text),
  );
  return sweep ? 0 : 1;
}

export function formatSweep(sweep: Sweep, columns: number): string {
  const { name, target, profile, program, points } = sweep;
  const head = `${style.bold(name)} for ${target} ${style.dim(`(${profile}; times are of one run of '${program}')`)}`;
  return `${head}\n\n${sweepTable(points)}\n\n${sweepChart(points, columns)}\n`;
}

const HEAD = ['budget', 'device', 'host', 'time', 'above bound', 'recomputed', '', 'swapped', ''];

function sweepTable(points: readonly SweepPoint[]): string {
  const rows = points.map(({ budgetBytes, plan }) => {
    const budget = budgetText(budgetBytes);
    if (!plan) return [budget, 'no plan'];
    return [
      budget,
      formatBytes(plan.deviceBytes),
      plan.hostBytes === 0 ? '' : formatBytes(plan.hostBytes),
      formatSeconds(plan.predicted.seconds),
      plan.bound ? formatGap(plan.bound) : '',
      ...amount(plan.recomputedSteps, 'step', 'steps', plan.recomputedBytes),
      ...amount(plan.transfers, 'copy', 'copies', plan.swappedBytes),
    ];
  });
  return table([HEAD, ...rows], [0, 1, 2, 3, 4, 5, 7]);
}

const budgetText = (bytes: number | null) => (bytes === null ? 'none' : formatBytes(bytes));

const amount = (count: number, one: string, many: string, bytes: number) =>
  count === 0 ? ['', ''] : [formatAmount(count, one, many), formatBytes(bytes)];

const CHART_HEIGHT = 10;
/** By what the time goes into, from the bottom up. */
const PARTS = [
  { sign: '█', what: 'computing, inputs and outputs' },
  { sign: '▒', what: 'recomputing' },
  { sign: '░', what: 'waiting for copies' },
] as const;

/** Predicted time over budgets as columns, each stacked of its parts; as many columns side by side as the terminal has room for. */
export function sweepChart(points: readonly SweepPoint[], columns: number): string {
  const seconds = points.map(({ plan }) => plan?.predicted.seconds ?? 0);
  const most = Math.max(...seconds);
  const label = formatSeconds(most);
  const labels = points.map(({ budgetBytes }) => budgetText(budgetBytes));
  const room = Math.floor((columns - label.length - 4) / points.length);
  const width = Math.max(1, Math.min(room, Math.max(...labels.map(({ length }) => length)) + 2));
  const bars = points.map(({ plan }) => {
    if (!plan || most === 0) return '';
    const { recomputeSeconds, swapSeconds } = plan.predicted;
    const heights = [plan.predicted.seconds, recomputeSeconds + swapSeconds, swapSeconds].map(
      (part) => Math.round((part / most) * CHART_HEIGHT),
    );
    const all = Math.max(1, heights[0]);
    return Array.from({ length: all }, (_, row) => {
      const fromTop = all - row;
      return PARTS[fromTop <= heights[2] ? 2 : fromTop <= heights[1] ? 1 : 0].sign;
    }).join('');
  });
  const lines = Array.from({ length: CHART_HEIGHT }, (_, i) => {
    const row = CHART_HEIGHT - 1 - i;
    const axis = row === CHART_HEIGHT - 1 ? label : row === 0 ? '0 s' : '';
    const cells = bars.map((bar) => {
      const sign = bar[row] ?? ' ';
      return width > 2 ? `${sign.repeat(width - 1)} ` : sign.repeat(width);
    });
    return `  ${axis.padStart(label.length)} ${cells.join('').trimEnd()}`;
  });
  const indent = ' '.repeat(label.length + 3);
  const axis = labels.every(({ length }) => length < width)
    ? labels.map((text) => text.padEnd(width)).join('')
    : `${labels[0]} … ${labels[labels.length - 1]}`;
  const legend = PARTS.map(({ sign, what }) => `${sign} ${what}`).join('   ');
  return [...lines, `${indent}${axis.trimEnd()}`, '', `  ${legend}`].join('\n');
}
