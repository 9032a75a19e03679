import { formatBytes } from '../../compiler/format.ts';
import type { ArenaMap, Lane } from '../data/arena.ts';
import type { Boxes } from '../data/boxes.ts';
import { MEMORY_KINDS } from '../data/kinds.ts';
import { type Palette, paintBoxes, paintGaps, pixelOf } from '../data/raster.ts';
import { type Band, bandY, viewportOf } from './arena-layout.ts';
import { drawStepAxis, drawStepMarks, drawValueAxis, shortBytes, ticks } from './axis-marks.ts';
import type { StepScale } from './step-axis.ts';
import type { ViewState } from './store.ts';
import { type Paint, withinPlot } from './surface.ts';
import { THEMES, type Theme } from './theme.ts';

/** The colours of a theme as pixels. */
export function paletteOf(theme: Theme): Palette {
  const each = (other: string, share: number) =>
    Uint32Array.from(MEMORY_KINDS, (kind) => pixelOf(theme.memory[kind], other, share));
  return {
    fill: each(theme.surface, 0),
    edge: each(theme.surface, 0.75),
    stripe: each(theme.text, 0.55),
    gap: pixelOf(theme.gap),
    hatch: pixelOf(theme.hatch),
  };
}

/** The images that bands are painted in, kept for the next time: new ones for every frame of a zoom would be much to collect. */
export type BandImages = (band: number, columns: number, rows: number) => ImageData;

export function bandImages(): BandImages {
  const images: ImageData[] = [];
  return (band, columns, rows) => {
    const before = images[band];
    if (before?.width === columns && before.height === rows) return before;
    images[band] = new ImageData(columns, rows);
    return images[band];
  };
}

/** Draws the map of a program; gives how many boxes of the slabs are in sight. */
export function drawArena(
  paint: Paint,
  scale: StepScale,
  state: ViewState,
  bands: readonly Band[],
  images: BandImages,
): number {
  const { context, ratio } = paint;
  const theme = THEMES[state.theme];
  const palette = paletteOf(theme);
  const columns = Math.max(1, Math.round((scale.right - scale.left) * ratio));
  const seen = bands.map((band, k) => {
    const marks = ticks(band.high - band.low, k === 0 ? 6 : 2, 2).map((value) => band.low + value);
    drawValueAxis(paint, scale, marks, (byte) => bandY(band, byte), shortBytes, theme);
    if (band.lane) drawLaneTitle(paint, scale, band, band.lane, theme);
    const image = images(k, columns, Math.round(band.height * ratio));
    const pixels = new Uint32Array(image.data.buffer);
    const picture = { columns: image.width, rows: image.height, pixels };
    paintGaps(picture, palette);
    const count = paintBoxes(picture, band.boxes, viewportOf(band, state.range), palette);
    context.putImageData(image, Math.round(scale.left * ratio), Math.round(band.top * ratio));
    return count;
  });
  withinPlot(paint, scale, () => {
    for (const band of bands) drawNames(paint, scale, state, band);
    drawSlabEdges(paint, scale, state.program.arena, bands[0], theme);
  });
  const last = bands[bands.length - 1];
  drawStepAxis(paint, scale, state.range, last.top + last.height + 5, theme);
  return seen[0];
}

/** Draws what is above the map: copies, and what is selected or under the pointer. */
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
  });
  drawStepMarks(paint, scale, state);
}

const TIERS: Readonly<Record<Lane['tier'], string>> = {
  memory: 'memory of the host',
  file: 'spill file',
};

function drawLaneTitle(
  { context }: Paint,
  scale: StepScale,
  { top }: Band,
  { tier, bytes, moves }: Lane,
  theme: Theme,
): void {
  context.font = '600 11px system-ui, sans-serif';
  context.textAlign = 'left';
  context.textBaseline = 'bottom';
  context.fillStyle = theme.muted;
  const text = `${TIERS[tier]}: ${formatBytes(bytes)}, ${moves.length} copies`;
  context.fillText(text, scale.left, top - 3);
}

const LEAST_NAMED = { width: 64, height: 13 };

/** Names in boxes that are large enough for them. */
function drawNames(paint: Paint, scale: StepScale, state: ViewState, band: Band): void {
  const { context } = paint;
  const { tensors } = state.models[0].plan;
  context.font = '10.5px system-ui, sans-serif';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillStyle = '#ffffff';
  eachSeen(scale, band, (box, left, right, top, bottom) => {
    if (right - left < LEAST_NAMED.width || bottom - top < LEAST_NAMED.height) return;
    const name = shortened(tensors[band.boxes.tensor[box]].name, right - left - 8);
    context.fillText(name, left + 4, (top + bottom) / 2);
  });
}

/** About so wide in the font of names. */
const LETTER_PIXELS = 5.6;

function shortened(name: string, width: number): string {
  const bare = name.slice(name.indexOf('/') + 1);
  const most = Math.floor(width / LETTER_PIXELS);
  return bare.length <= most ? bare : `${bare.slice(0, Math.max(1, most - 1))}…`;
}

/** Visits the boxes of a band that are in sight, with their edges in CSS pixels, cut to the plot. */
function eachSeen(
  scale: StepScale,
  band: Band,
  visit: (box: number, left: number, right: number, top: number, bottom: number) => void,
): void {
  const { boxes, low, high }: { boxes: Boxes; low: number; high: number } = band;
  const [first, last] = [scale.at(scale.left), scale.at(scale.right)];
  for (let box = 0; box < boxes.count; box++) {
    if (boxes.x1[box] <= first || boxes.x0[box] >= last) continue;
    if (boxes.y1[box] <= low || boxes.y0[box] >= high) continue;
    visit(
      box,
      Math.max(scale.left, scale.x(boxes.x0[box])),
      Math.min(scale.right, scale.x(boxes.x1[box])),
      Math.max(band.top, bandY(band, boxes.y1[box])),
      Math.min(band.top + band.height, bandY(band, boxes.y0[box])),
    );
  }
}

function drawSlabEdges(
  { context }: Paint,
  scale: StepScale,
  { slabs }: ArenaMap,
  band: Band,
  theme: Theme,
): void {
  if (slabs.length < 2) return;
  context.strokeStyle = theme.text;
  context.setLineDash([2, 3]);
  for (const { start } of slabs.slice(1)) {
    const y = Math.round(bandY(band, start)) + 0.5;
    if (y < band.top || y > band.top + band.height) continue;
    context.beginPath();
    context.moveTo(scale.left, y);
    context.lineTo(scale.right, y);
    context.stroke();
  }
  context.setLineDash([]);
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
  const { original } = state.models[0];
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

/** Frames around the selected tensor, its twins, and what is under the pointer. */
function drawChosen(paint: Paint, scale: StepScale, state: ViewState, band: Band): void {
  const { context } = paint;
  const { tensor, hover, models, theme } = state;
  const { original } = models[0];
  const { accent, text } = THEMES[theme];
  const value = tensor === null ? -1 : original[tensor];
  if (value < 0 && hover.tensor === null) return;
  eachSeen(scale, band, (box, left, right, top, bottom) => {
    const own = band.boxes.tensor[box];
    const isValue = original[own] === value;
    if (!isValue && own !== hover.tensor) return;
    context.lineWidth = own === tensor ? 3 : 1.5;
    context.strokeStyle = isValue ? accent : text;
    context.setLineDash(isValue && own !== tensor ? [4, 3] : []);
    context.strokeRect(left, top, Math.max(2, right - left), Math.max(2, bottom - top));
    context.setLineDash([]);
  });
}
