import { formatAmount, formatBytes } from '../../compiler/format.ts';
import type { Lane } from '../data/arena.ts';
import { type Band, bandY, eachInSight } from './arena-layout.ts';
import { drawStepMark, drawTag } from './axis-marks.ts';
import type { StepScale } from './step-axis.ts';
import type { ViewState } from './store.ts';
import { type Paint, withinPlot } from './surface.ts';
import { THEMES } from './theme.ts';

/** Draws what is above the map: copies, and what is selected. */
export function drawArenaMarks(
  paint: Paint,
  scale: StepScale,
  state: ViewState,
  bands: readonly Band[],
): void {
  withinPlot(paint, scale, () => {
    for (const band of bands)
      if (band.lane) drawMoves(paint, scale, state, bands[0], band, band.lane);
    for (const band of bands) drawChosen(paint, scale, state, band);
    for (const band of bands) if (band.lane) drawLaneTitle(paint, scale, state, band, band.lane);
  });
  drawStepMark(paint, scale, state);
}

const TIERS: Readonly<Record<Lane['tier'], string>> = {
  memory: 'memory of the host',
  file: 'spill file',
};

/** What a lane is, above it and above the arrows that end in it. */
function drawLaneTitle(
  paint: Paint,
  scale: StepScale,
  state: ViewState,
  { top }: Band,
  { tier, bytes, moves }: Lane,
): void {
  const theme = THEMES[state.theme];
  const text = `${TIERS[tier]}: ${formatBytes(bytes)}, ${formatAmount(moves.length, 'copy', 'copies')}`;
  drawTag(paint, scale, text, scale.left, top - 11, theme.muted, theme);
}

/** More arrows than this in sight have no heads, and are faint. */
const MANY_MOVES = 160;

/** Arrows between a lane and the slabs. */
function drawMoves(
  { context }: Paint,
  scale: StepScale,
  state: ViewState,
  slabs: Band,
  lane: Band,
  { moves }: Lane,
): void {
  const theme = THEMES[state.theme];
  const { original } = state.model;
  const chosen = state.tensor === null ? -1 : original[state.tensor];
  const seen = moves.filter(({ at }) => at >= scale.at(scale.left) && at <= scale.at(scale.right));
  const isMany = seen.length > MANY_MOVES;
  for (const { kind, at, tensor, slabY, laneY } of seen) {
    const isChosen = original[tensor] === chosen;
    const x = scale.x(at) + (kind === 'out' ? 1.5 : -1.5);
    const above = Math.min(slabs.top + slabs.height, Math.max(slabs.top, bandY(slabs, slabY)));
    const below = bandY(lane, laneY);
    const [from, to] = kind === 'out' ? [above, below] : [below, above];
    context.globalAlpha = isChosen ? 1 : isMany || chosen >= 0 ? 0.2 : 0.6;
    context.strokeStyle = kind === 'out' ? theme.moveOut : theme.moveIn;
    context.fillStyle = context.strokeStyle;
    context.lineWidth = isChosen ? 2.5 : 1.25;
    context.beginPath();
    context.moveTo(x, from);
    context.lineTo(x, to);
    context.stroke();
    if (!isMany || isChosen) drawHead(context, x, to, Math.sign(to - from));
  }
  context.globalAlpha = 1;
}

function drawHead(context: CanvasRenderingContext2D, x: number, y: number, way: number): void {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 3.5, y - 6 * way);
  context.lineTo(x + 3.5, y - 6 * way);
  context.fill();
}

/** Frames around the selected tensor and its twins. */
function drawChosen(paint: Paint, scale: StepScale, state: ViewState, band: Band): void {
  const { context } = paint;
  const { tensor, model, theme } = state;
  const { original } = model;
  if (tensor === null) return;
  context.strokeStyle = THEMES[theme].accent;
  eachInSight(scale, band, (box, left, right, top, bottom) => {
    const own = band.boxes.tensor[box];
    if (original[own] !== original[tensor]) return;
    context.lineWidth = own === tensor ? 3 : 1.5;
    context.setLineDash(own === tensor ? [] : [4, 3]);
    context.strokeRect(left, top, Math.max(2, right - left), Math.max(2, bottom - top));
    context.setLineDash([]);
  });
}
