import { formatBytes, formatSeconds } from '../../compiler/format.ts';
import type { StepScale } from './step-axis.ts';
import type { ViewState } from './store.ts';
import type { Paint } from './surface.ts';
import { THEMES, type Theme } from './theme.ts';

const FONT = '11px system-ui, sans-serif';

/** Bytes beside an axis: `512 MiB`, without digits that are 0. */
export function shortBytes(bytes: number): string {
  return formatBytes(bytes).replace(/\.?0+(?= [KMG])/, '');
}

/** Seconds beside an axis, without digits that are 0: `1 ms`. */
export function shortSeconds(seconds: number): string {
  return formatSeconds(seconds).replace(/\.0+(?= )|(\.\d*[1-9])0+(?= )/, '$1');
}

/** The selected step, through the whole height. */
export function drawStepMark(
  { context, height }: Paint,
  scale: StepScale,
  { step, theme }: Pick<ViewState, 'step' | 'theme'>,
): void {
  if (step === null) return;
  const x = scale.x(step);
  const width = Math.max(1, scale.perStep);
  if (x + width < scale.left || x > scale.right) return;
  const from = Math.max(scale.left, x);
  const to = Math.min(scale.right, x + width);
  context.fillStyle = THEMES[theme].accent;
  // A broad band is its edges: what is within stays as it is.
  context.globalAlpha = width < BROAD ? 0.6 : 0.12;
  context.fillRect(from, 0, to - from, height);
  context.globalAlpha = 0.6;
  if (width >= BROAD) for (const edge of [from, to - 1]) context.fillRect(edge, 0, 1, height);
  context.globalAlpha = 1;
}

/** Bands that are broader have edges. */
const BROAD = 4;

/** Round values from 0 to `most`, at most `count` of them; `unit` is what they are multiples of, as 1024. */
export function ticks(most: number, count: number, base: 2 | 10): number[] {
  if (!(most > 0)) return [0];
  const rough = most / Math.max(1, count);
  const step =
    base === 2
      ? 2 ** Math.ceil(Math.log2(rough))
      : [1, 2, 5, 10]
          .map((factor) => factor * 10 ** Math.floor(Math.log10(rough)))
          .find((each) => each >= rough)!;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, k) => k * step);
}

/** Values beside a plot, with lines through it. */
export function drawValueAxis(
  { context }: Paint,
  scale: StepScale,
  values: readonly number[],
  y: (value: number) => number,
  text: (value: number) => string,
  theme: Theme,
): void {
  context.font = FONT;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const value of values) {
    const at = Math.round(y(value)) + 0.5;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(scale.left, at);
    context.lineTo(scale.right, at);
    context.stroke();
    context.fillStyle = theme.muted;
    // A text that is too wide for its place is narrower, not cut.
    context.fillText(text(value), scale.left - 6, at, scale.left - 8);
  }
}

/** Numbers of steps under a plot. */
export function drawStepAxis(
  { context }: Paint,
  scale: StepScale,
  { first, last }: ViewState['range'],
  y: number,
  theme: Theme,
): void {
  context.font = FONT;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.fillStyle = theme.muted;
  const wanted = Math.max(2, Math.floor((scale.right - scale.left) / 70));
  const [, unit = 1] = ticks(last - first, wanted, 10);
  const step = Math.max(1, Math.round(unit));
  for (let at = Math.ceil(first / step) * step; at < last; at += step) {
    const x = scale.x(at + 0.5);
    if (x >= scale.left && x <= scale.right) context.fillText(String(at), x, y);
  }
}

/** A text on a ground of its own, kept within the plot. */
export function drawTag(
  { context }: Paint,
  scale: StepScale,
  text: string,
  x: number,
  y: number,
  colour: string,
  theme: Theme,
): void {
  context.font = `600 ${FONT}`;
  const width = context.measureText(text).width + 10;
  const left = Math.max(scale.left + 2, Math.min(scale.right - width, x - width / 2));
  context.globalAlpha = 0.92;
  context.fillStyle = theme.surface;
  context.fillRect(left, y - 9, width, 18);
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(text, left + 5, y);
}
