import type { Boxes } from './boxes.ts';

/** A picture in the making: one number of 32 bits a pixel, rows from the top. */
export interface Picture {
  readonly columns: number;
  readonly rows: number;
  readonly pixels: Uint32Array;
}

/** The part of steps and bytes that a picture shows; byte `y0` is at its bottom. */
export interface Viewport {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
}

/** Colours of pixels. */
export interface Palette {
  /** By kind of memory. */
  readonly fill: Uint32Array;
  /** The edge between neighbours, by kind. */
  readonly edge: Uint32Array;
  /** Stripes through what was there before, by kind. */
  readonly stripe: Uint32Array;
  readonly gap: number;
  readonly hatch: number;
}

/** Distance of the lines that hatch gaps, and of the stripes of copies, in pixels. */
const HATCH = 7;
/** Smaller boxes have no edges and no stripes: these would be all that is seen. */
const LEAST_EDGED = 4;

/** Fills a picture with what no tensor lies in. */
export function paintGaps({ columns, rows, pixels }: Picture, { gap, hatch }: Palette): void {
  const line = new Uint32Array(columns + HATCH);
  for (let x = 0; x < line.length; x++) line[x] = x % HATCH === 0 ? hatch : gap;
  for (let row = 0; row < rows; row++)
    pixels.set(line.subarray(row % HATCH, (row % HATCH) + columns), row * columns);
}

/**
 * Paints boxes, each at least a pixel: what is left of a picture with more boxes than pixels is what fits. Takes time by the
 * pixels that are painted and by the boxes that there are, whatever the zoom. Gives how many of them can be seen.
 */
export function paintBoxes(
  picture: Picture,
  boxes: Boxes,
  { x0, x1, y0, y1 }: Viewport,
  palette: Palette,
): number {
  const { columns, rows } = picture;
  const perStep = columns / (x1 - x0);
  const perByte = rows / (y1 - y0);
  let seen = 0;
  for (let box = 0; box < boxes.count; box++) {
    if (boxes.x1[box] <= x0 || boxes.x0[box] >= x1) continue;
    if (boxes.y1[box] <= y0 || boxes.y0[box] >= y1) continue;
    const left = Math.max(0, Math.round((boxes.x0[box] - x0) * perStep));
    const right = Math.round((boxes.x1[box] - x0) * perStep);
    const top = Math.max(0, rows - Math.round((boxes.y1[box] - y0) * perByte));
    const bottom = rows - Math.round((boxes.y0[box] - y0) * perByte);
    paintBox(
      picture,
      Math.min(left, columns - 1),
      Math.min(top, rows - 1),
      Math.min(columns, Math.max(left + 1, right)),
      Math.min(rows, Math.max(top + 1, bottom)),
      boxes.kind[box],
      boxes.isCopy[box] === 1,
      palette,
    );
    seen++;
  }
  return seen;
}

function paintBox(
  { columns, pixels }: Picture,
  left: number,
  top: number,
  right: number,
  bottom: number,
  kind: number,
  isStriped: boolean,
  { fill, edge, stripe }: Palette,
): void {
  const colour = fill[kind];
  const isEdged = right - left >= LEAST_EDGED && bottom - top >= LEAST_EDGED;
  for (let row = top; row < bottom; row++) {
    const begin = row * columns + left;
    const end = row * columns + right;
    if (isEdged && row === top) {
      pixels.fill(edge[kind], begin, end);
      continue;
    }
    if (right - left > 8) pixels.fill(colour, begin, end);
    else for (let at = begin; at < end; at++) pixels[at] = colour;
    if (!isEdged) continue;
    if (isStriped)
      for (let at = begin + ((row - top) % HATCH); at < end; at += HATCH) pixels[at] = stripe[kind];
    pixels[end - 1] = edge[kind];
  }
}

/** `#rrggbb` as a pixel of an image. Of two colours, a mix. */
export function pixelOf(colour: string, other = colour, share = 0): number {
  const part = (text: string, at: number) => Number.parseInt(text.slice(at, at + 2), 16);
  const mix = (at: number) => Math.round(part(colour, at) * (1 - share) + part(other, at) * share);
  return ((255 << 24) | (mix(5) << 16) | (mix(3) << 8) | mix(1)) >>> 0;
}
