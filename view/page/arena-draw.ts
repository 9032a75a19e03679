import type { ArenaMap } from '../data/arena.ts';
import { MEMORY_KINDS } from '../data/kinds.ts';
import { type Palette, paintBoxes, paintGaps, pixelOf } from '../data/raster.ts';
import { type Band, bandY, eachInSight, viewportOf } from './arena-layout.ts';
import { drawStepAxis, drawValueAxis, shortBytes, ticks } from './axis-marks.ts';
import type { StepScale } from './step-axis.ts';
import type { ViewState } from './store.ts';
import { type Paint, withinPlot } from './surface.ts';
import { inkOn, THEMES, type Theme } from './theme.ts';

/** The colours of a theme as pixels. */
function paletteOf(theme: Theme): Palette {
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

const LEAST_NAMED = { width: 64, height: 13 };

/** Names in boxes that are large enough for them. */
function drawNames(paint: Paint, scale: StepScale, state: ViewState, band: Band): void {
  const { context } = paint;
  const { tensors } = state.model.plan;
  context.font = '10.5px system-ui, sans-serif';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  const inks = MEMORY_KINDS.map((kind) => inkOn(THEMES[state.theme].memory[kind]));
  // Measured once: each name by itself takes longer than all of the drawing.
  const letter = context.measureText(SAMPLE).width / SAMPLE.length;
  eachInSight(scale, band, (box, left, right, top, bottom) => {
    if (right - left < LEAST_NAMED.width || bottom - top < LEAST_NAMED.height) return;
    const name = shortened(tensors[band.boxes.tensor[box]].name, (right - left - 8) / letter);
    context.fillStyle = inks[band.boxes.kind[box]];
    context.fillText(name, left + 4, (top + bottom) / 2);
  });
}

/** Letters as wide as those of most names. */
const SAMPLE = 'block2.convolution1.weight';

/** The end of a name's path, in so many letters. */
function shortened(name: string, letters: number): string {
  const bare = name.slice(name.indexOf('/') + 1);
  const most = Math.floor(letters);
  return bare.length <= most ? bare : `${bare.slice(0, Math.max(1, most - 1))}…`;
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
