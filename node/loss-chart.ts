import type { FitStep } from '../runtime/fit/loop.ts';
import { chartLines } from './chart-text.ts';
import { type LineStream, progressLine, statusOf } from './metrics.ts';
import { createThinned } from './thinned.ts';

/** Between two drawings on a terminal. */
const SECONDS_BETWEEN = 0.1;

/** A picture of lines that is drawn anew in its place. */
export interface Redrawn {
  draw(lines: readonly string[]): void;
}

/** @param sequence makes a sequence that the stream lets through of `[2K` and the like */
export function redrawn(
  stream: LineStream,
  sequence: (text: string) => string = (text) => `\u001b${text}`,
): Redrawn {
  let height = 0;
  return {
    draw(lines) {
      const up = height > 0 ? sequence(`[${height}A`) + sequence('[J') : '';
      stream.write(`${up}${lines.map((line) => `${line}\n`).join('')}`);
      height = lines.length;
    },
  };
}

/** Whether what is written can be drawn anew: a terminal, but not one that knows no sequences. */
export const isRedrawable = (stream: LineStream): boolean =>
  stream.isTTY === true && process.env.TERM !== 'dumb';

/**
 * Draws the losses of a training as a curve, for the option `onStep` of `fit`: on a terminal anew in its place, with the steps a second
 * and the time left; elsewhere a line every ten seconds, and the curve once, behind the last step. A training without a known number of
 * steps has no last step: give `fit` the option `steps`.
 *
 * @param stream default the standard error
 */
export function lossChart(stream: LineStream = process.stderr): (step: FitStep) => void {
  const curve = createThinned();
  const columns = () => stream.columns ?? 80;
  const status = statusOf();
  const live = isRedrawable(stream) ? redrawn(stream) : null;
  const line = live ? null : progressLine(stream);
  let shown = Number.NEGATIVE_INFINITY;
  return (step) => {
    curve.add(step.loss);
    const text = status(step);
    line?.(step);
    const isLast = step.step === step.steps;
    const isDue = live !== null && step.seconds - shown >= SECONDS_BETWEEN;
    if (!isLast && !isDue) return;
    shown = step.seconds;
    const lines = chartLines(curve, columns() - 1, 'loss');
    if (live) live.draw([...lines, text.slice(0, columns() - 1)]);
    else for (const one of lines) stream.write(`${one}\n`);
  };
}
