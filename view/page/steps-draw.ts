import { type Bins, stepBins } from '../data/bins.ts';
import { STEP_KINDS } from '../data/kinds.ts';
import type { ProgramModel } from '../data/model.ts';
import { drawStepAxis, drawValueAxis, shortBytes, shortSeconds, ticks } from './axis-marks.ts';
import type { StepScale } from './step-axis.ts';
import type { ViewState } from './store.ts';
import { type Paint, withinPlot } from './surface.ts';
import { THEMES } from './theme.ts';

/** The bars of the strip of steps are between these, in CSS pixels from the top. */
export const STRIP = { top: 10, base: 110, foot: 20 } as const;

/** How tall the bar of a step is: seconds, or, where none are known, bytes that it moves: the better part of them. */
function heightsOf({ steps, times }: ProgramModel): ArrayLike<number> {
  const { predicted, measured, waits } = times;
  if (predicted && waits) return predicted.map((seconds, step) => seconds + waits[step]);
  return predicted ?? measured ?? Float64Array.from(steps, ({ bytesMoved }) => bytesMoved);
}

/** Draws the bars of the steps, their axes, and what was measured. */
export function drawSteps(
  paint: Paint,
  scale: StepScale,
  { program, range, theme }: Pick<ViewState, 'program' | 'range' | 'theme'>,
): void {
  const colours = THEMES[theme];
  const { predicted, measured, waits } = program.times;
  const heights = heightsOf(program);
  const isTimed = predicted !== null || measured !== null;
  const bins = stepBins(heights, range, scale.right - scale.left);
  const isBoth = predicted !== null && measured !== null;
  let most = 0;
  for (const step of bins.step) most = Math.max(most, heights[step], isBoth ? measured[step] : 0);
  if (most === 0) most = 1;
  const { top, base } = STRIP;
  const y = (value: number) => base - (value / most) * (base - top);
  const text = isTimed ? shortSeconds : shortBytes;
  drawValueAxis(paint, scale, ticks(most, 3, isTimed ? 10 : 2), y, text, colours);
  withinPlot(paint, scale, () => {
    drawBars(paint, scale, program, theme, bins, (step) => {
      const wait = predicted ? (waits?.[step] ?? 0) : 0;
      return { own: y(heights[step] - wait), all: y(heights[step]) };
    });
    if (!isBoth) return;
    paint.context.fillStyle = colours.measured;
    for (let bin = 0; bin < bins.count; bin++) {
      const x = scale.x(bins.x0[bin]);
      const width = scale.x(bins.x1[bin]) - x;
      paint.context.fillRect(x, y(measured[bins.step[bin]]) - 1, width, 2);
    }
  });
  drawStepAxis(paint, scale, range, paint.height - STRIP.foot + 5, colours);
}

/** Each bar is the step's kinds above each other, by their shares, and what it waits on top. */
function drawBars(
  { context }: Paint,
  scale: StepScale,
  program: ProgramModel,
  theme: ViewState['theme'],
  bins: Bins,
  tops: (step: number) => { readonly own: number; readonly all: number },
): void {
  const { base } = STRIP;
  const below = new Float64Array(bins.count).fill(base);
  const each = (draw: (bin: number, step: number, x: number, width: number) => void) => {
    for (let bin = 0; bin < bins.count; bin++) {
      const x = scale.x(bins.x0[bin]);
      const width = scale.x(bins.x1[bin]) - x;
      draw(bin, bins.step[bin], x, width > 4 ? width - 1 : width);
    }
  };
  STEP_KINDS.forEach((kind, k) => {
    context.fillStyle = THEMES[theme].steps[kind];
    each((bin, step, x, width) => {
      const share = program.shares[step][k];
      if (share === 0) return;
      const height = share * Math.max(1.5, base - tops(step).own);
      below[bin] -= height;
      context.fillRect(x, below[bin], width, height);
    });
  });
  context.fillStyle = THEMES[theme].wait;
  each((bin, step, x, width) => {
    const { own, all } = tops(step);
    if (own > all) context.fillRect(x, below[bin] - (own - all), width, own - all);
  });
}
