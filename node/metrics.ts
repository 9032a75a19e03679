import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorText, RuntimeError } from '../runtime/errors.ts';
import type { FitStep } from '../runtime/fit/loop.ts';
import type { FilePath } from './checkpoint-file.ts';

/**
 * Appends lines to a file, for the option `log` of `fit`: each is there when the call returns. A file of before is gone on with; delete it
 * for a new one. Error: `file-failed`.
 */
export function lineFile(file: FilePath): (line: string) => void {
  const path = typeof file === 'string' ? file : fileURLToPath(file.href);
  return (line) => {
    try {
      appendFileSync(path, `${line}\n`);
    } catch (error) {
      throw new RuntimeError('file-failed', `'${path}' cannot be written: ${errorText(error)}`, {
        cause: error,
      });
    }
  };
}

/** Where {@link progressLine} writes. */
export interface LineStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Between two lines where each stays. */
const SECONDS_BETWEEN_LINES = 10;
const SECONDS_BETWEEN_DRAWINGS = 0.1;

/**
 * Writes how a training goes, for the option `onStep` of `fit`: one line that is drawn anew on a terminal, else a line every ten seconds.
 *
 * @param stream default the standard error
 */
export function progressLine(stream: LineStream = process.stderr): (step: FitStep) => void {
  let shown = Number.NEGATIVE_INFINITY;
  const status = statusOf();
  return (step) => {
    const line = status(step);
    const isLast = step.step === step.steps;
    const pause = stream.isTTY ? SECONDS_BETWEEN_DRAWINGS : SECONDS_BETWEEN_LINES;
    if (step.seconds - shown < pause && !isLast) return;
    shown = step.seconds;
    if (!stream.isTTY) stream.write(`${line}\n`);
    else
      stream.write(`\r\u001b[K${line.slice(0, (stream.columns ?? 80) - 1)}${isLast ? '\n' : ''}`);
  };
}

/** How a training goes, in a line: what it gives must be told of every step. */
export function statusOf(): (step: FitStep) => string {
  let [first, average] = [null as FitStep | null, Number.NaN];
  return (step) => {
    first ??= step;
    average = Number.isNaN(average) ? step.loss : 0.98 * average + 0.02 * step.loss;
    return lineOf(step, average, first);
  };
}

function lineOf(
  { epoch, step, steps, learningRate, seconds }: FitStep,
  loss: number,
  first: FitStep,
) {
  const rate = (step - first.step) / (seconds - first.seconds);
  const isKnown = Number.isFinite(rate) && rate > 0;
  return [
    `epoch ${epoch + 1}`,
    steps === null ? `step ${step}` : `step ${step}/${steps}`,
    `loss ${loss.toPrecision(4)}`,
    ...(learningRate === null ? [] : [`rate ${learningRate.toPrecision(3)}`]),
    ...(isKnown ? [`${rate.toFixed(1)} steps/s`] : []),
    ...(isKnown && steps !== null ? [`${minutes((steps - step) / rate)} left`] : []),
  ].join('  ');
}

/** `2:05`. */
export function minutes(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
