import { chartLines } from '../../node/chart-text.ts';
import { isRedrawable, redrawn } from '../../node/loss-chart.ts';
import { lineFile, minutes } from '../../node/metrics.ts';
import { createThinned, type Thinned } from '../../node/thinned.ts';
import { type PlottedCurve, plotSvg } from './plot-svg.ts';
import { sequence } from './terminal.ts';

/** One run of a program. */
export interface RanStep {
  /** Counted from 0; what is shown and written counts from 1. */
  readonly step: number;
  readonly milliseconds: number;
  /** Its outputs that are single numbers. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface RunProgressOptions {
  readonly program: string;
  readonly steps: number;
  /** Names of the outputs that are single numbers. */
  readonly names: readonly string[];
  readonly quiet: boolean;
  /** A file that each step is appended to. */
  readonly log?: string;
}

/** Shows and writes down how runs go. */
export interface RunProgress {
  add(step: RanStep): void;
  end(): void;
  /** A picture of all curves. */
  svg(title: string): string;
}

const MILLISECONDS_BETWEEN = 100;

/** The output that a person looks at first. */
const mainOf = (names: readonly string[]) => (names.includes('loss') ? 'loss' : names[0]);

/**
 * On a terminal a curve that is drawn anew, with the steps a second and the time left; elsewhere a line for each step and the curve at
 * the end. A line of the log is in the file when `add` returns.
 */
export function runProgress({
  program,
  steps,
  names,
  quiet,
  log,
}: RunProgressOptions): RunProgress {
  const curves = new Map<string, Thinned>(names.map((name) => [name, createThinned()]));
  const main = mainOf(names);
  const stream = process.stdout;
  const columns = () => Math.max(1, (stream.columns || 80) - 1);
  const live =
    !quiet && main !== undefined && isRedrawable(stream) ? redrawn(stream, sequence) : null;
  const write = log === undefined ? null : lineFile(log);
  const started = performance.now();
  let [shown, warm, last] = [0, 0, null as RanStep | null];
  const chart = () => (main === undefined ? [] : chartLines(curves.get(main)!, columns(), main));
  const draw = () => {
    if (!live || !last) return;
    shown = performance.now();
    live.draw([...chart(), statusLine(last, steps, (shown - warm) / 1000).slice(0, columns())]);
  };
  return {
    add(ran) {
      last = ran;
      // The first run compiles pipelines: it tells nothing of the rate.
      if (ran.step === 0) warm = performance.now();
      for (const [name, value] of Object.entries(ran.metrics)) curves.get(name)?.add(value);
      const seconds = (performance.now() - started) / 1000;
      write?.(logLine(program, ran, seconds));
      if (live && performance.now() - shown >= MILLISECONDS_BETWEEN) draw();
      if (!live && !quiet) console.log(stepLine(ran, steps));
    },
    end() {
      draw();
      if (!live && !quiet) for (const line of chart()) console.log(line);
    },
    svg: (title) =>
      plotSvg(
        title,
        [...curves].map(([name, curve]): PlottedCurve => ({ name, curve })),
      ),
  };
}

/** As `fit` writes them; a number that is none is null. */
const logLine = (program: string, { step, milliseconds, metrics }: RanStep, seconds: number) =>
  JSON.stringify({
    ...metrics,
    ...{ program, step: step + 1 },
    milliseconds: Number(milliseconds.toFixed(3)),
    seconds: Number(seconds.toFixed(3)),
  });

const textOf = (metrics: RanStep['metrics']) =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${value.toPrecision(6)}`)
    .join('  ');

function stepLine({ step, milliseconds, metrics }: RanStep, steps: number): string {
  return `  step ${String(step + 1).padStart(String(steps).length)}  ${milliseconds.toFixed(2).padStart(9)} ms  ${textOf(metrics)}`.trimEnd();
}

function statusLine({ step, metrics }: RanStep, steps: number, seconds: number): string {
  const rate = step / seconds;
  const isKnown = Number.isFinite(rate) && rate > 0;
  return [
    `  step ${step + 1}/${steps}`,
    textOf(metrics),
    ...(isKnown ? [`${rate.toPrecision(3)} steps/s`] : []),
    ...(isKnown && step + 1 < steps ? [`${minutes((steps - step - 1) / rate)} left`] : []),
  ].join('  ');
}
