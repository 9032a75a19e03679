import { formatBytes, formatSeconds } from '../../compiler/format.ts';
import type { CopySpan } from '../data/copies.ts';
import type { PlanModel } from '../data/model.ts';
import type { StepScale } from './step-axis.ts';
import { STRIP } from './steps-draw.ts';
import type { ViewState } from './store.ts';
import { type Paint, withinPlot } from './surface.ts';
import { THEMES } from './theme.ts';

// Copies between host and device below the strip of steps: a lane for each direction, on the same axis.

/** The lanes from the top. */
const LANES = ['in', 'out'] as const;

const LANE = 18;
const BAR = 11;
/** Of those of the caller, which have no step of their own, in pixels. */
const CALLER_WIDTH = 5;

/** Where they begin, in CSS pixels from the top. */
export const LANES_TOP = STRIP.base + 6;

/** How tall the lanes are. */
export const lanesHeight = (copies: readonly CopySpan[]): number =>
  copies.length === 0 ? 0 : LANES.length * LANE;

/** The edges of a copy in CSS pixels, at least as wide as can be seen. */
function edges(scale: StepScale, { x0, x1, place, direction }: CopySpan): [number, number] {
  const [from, to] = [scale.x(x0), scale.x(x1)];
  if (place !== 'caller') return [from, Math.max(from + 1.5, to)];
  return direction === 'in' ? [from, from + CALLER_WIDTH] : [from - CALLER_WIDTH, from];
}

/** Draws the lanes. */
export function drawCopies(
  paint: Paint,
  scale: StepScale,
  { program, theme, tensor, model }: Pick<ViewState, 'program' | 'theme' | 'tensor' | 'model'>,
): void {
  const { context } = paint;
  const colours = THEMES[theme];
  const chosen = tensor === null ? -1 : model.original[tensor];
  LANES.forEach((lane, k) => {
    const y = LANES_TOP + k * LANE;
    context.font = '11px system-ui, sans-serif';
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.fillStyle = colours.muted;
    context.fillText(lane, scale.left - 6, y + LANE / 2);
    context.fillStyle = colours.gap;
    context.fillRect(scale.left, y + 2, scale.right - scale.left, LANE - 4);
  });
  withinPlot(paint, scale, () => {
    for (const copy of program.copies) {
      const y = LANES_TOP + LANES.indexOf(copy.direction) * LANE;
      const [from, to] = edges(scale, copy);
      if (to < scale.left || from > scale.right) continue;
      const isChosen = copy.tensors.some((each) => model.original[each] === chosen);
      const own = copy.direction === 'in' ? colours.moveIn : colours.moveOut;
      context.fillStyle = isChosen ? colours.accent : own;
      context.globalAlpha = copy.place === 'caller' ? 0.55 : 1;
      // Neighbours in a queue are told apart.
      const width = to - from > 5 ? to - from - 1 : to - from;
      context.fillRect(from, y + (LANE - BAR) / 2, width, BAR);
      context.globalAlpha = 1;
      drawMeasured(context, copy, from, width, y, colours.measured);
    }
  });
}

/** A line as long as the copy took beside what it should take. */
function drawMeasured(
  context: CanvasRenderingContext2D,
  { predicted, measured }: CopySpan,
  from: number,
  width: number,
  y: number,
  colour: string,
): void {
  if (measured === null || predicted === null || predicted <= 0) return;
  context.fillStyle = colour;
  context.fillRect(from, y + LANE / 2 - 1, Math.max(1.5, (width * measured) / predicted), 2);
}

/** The copy at a place, or the nearest one within a few pixels; null where none is. */
export function copyAt(
  copies: readonly CopySpan[],
  scale: StepScale,
  x: number,
  y: number,
): CopySpan | null {
  const lane = LANES[Math.floor((y - LANES_TOP) / LANE)];
  let best: CopySpan | null = null;
  let least = 4;
  for (const copy of copies) {
    if (copy.direction !== lane) continue;
    const [from, to] = edges(scale, copy);
    const distance = Math.max(0, from - x, x - to);
    if (distance < least) [best, least] = [copy, distance];
  }
  return best;
}

const PLACES: Readonly<Record<CopySpan['place'], string>> = {
  memory: 'memory of the host',
  file: 'the spill file',
  caller: 'the caller',
};

/** What a copy is and takes, as lines; the first is its name. */
export function copyLines({ plan }: PlanModel, copy: CopySpan): string[] {
  const { direction, place, tensors, bytes, predicted, measured, step } = copy;
  const isCaller = place === 'caller';
  const count = `${tensors.length} ${direction === 'in' ? 'input' : 'output'}${tensors.length === 1 ? '' : 's'}`;
  const name = isCaller ? count : plan.tensors[tensors[0]].name;
  const way = direction === 'in' ? `in from ${PLACES[place]}` : `out to ${PLACES[place]}`;
  const times = timesOf(predicted, measured);
  return [
    name,
    `${formatBytes(bytes)}, ${way}`,
    ...(isCaller ? [] : [`${direction === 'in' ? 'before' : 'behind'} step ${step}`]),
    ...(times === '' ? [] : [times]),
  ];
}

/** `predicted 1.2 ms, measured 1.4 ms`; empty where neither is known. */
export function timesOf(predicted: number | null, measured: number | null): string {
  return [
    ...(predicted === null ? [] : [`predicted ${formatSeconds(predicted)}`]),
    ...(measured === null ? [] : [`measured ${formatSeconds(measured)}`]),
  ].join(', ');
}
