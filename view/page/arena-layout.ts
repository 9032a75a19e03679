import type { ArenaMap, Lane } from '../data/arena.ts';
import type { Boxes } from '../data/boxes.ts';
import type { StepRange } from '../data/range.ts';
import type { Viewport } from '../data/raster.ts';
import type { StepScale } from './step-axis.ts';

/** A band of the map: the slabs, or a lane of the host. In CSS pixels from the top. */
export interface Band {
  readonly boxes: Boxes;
  readonly lane: Lane | null;
  readonly top: number;
  readonly height: number;
  /** The bytes at its bottom and top. */
  readonly low: number;
  readonly high: number;
}

/** The bytes of the slabs that are shown. */
export interface ByteRange {
  readonly low: number;
  readonly high: number;
}

const LANE_HEIGHT = 64;
const LANE_HEAD = 22;
const MAP_TOP = 6;
/** Room under the map for the numbers of steps. */
const MAP_FOOT = 20;

/** How tall the map is, and all with its lanes. */
export function mapHeight({ lanes }: ArenaMap, width: number): number {
  return MAP_TOP + slabHeight(width) + lanes.length * (LANE_HEAD + LANE_HEIGHT) + MAP_FOOT;
}

const slabHeight = (width: number) => (width < 600 ? 260 : 340);

/** The bands of a map from the top. */
export function bandsOf(map: ArenaMap, width: number, { low, high }: ByteRange): Band[] {
  const slabs: Band = {
    ...{ boxes: map.boxes, lane: null, low, high },
    ...{ top: MAP_TOP, height: slabHeight(width) },
  };
  const lanes = map.lanes.map((lane, k): Band => {
    const top = MAP_TOP + slabs.height + LANE_HEAD + k * (LANE_HEAD + LANE_HEIGHT);
    return {
      boxes: lane.boxes,
      lane,
      top,
      height: LANE_HEIGHT,
      low: 0,
      high: Math.max(1, lane.bytes),
    };
  });
  return [slabs, ...lanes];
}

/** Where a byte of a band is. */
export function bandY({ top, height, low, high }: Band, byte: number): number {
  return top + height - ((byte - low) / (high - low)) * height;
}

/** The byte at a place of a band. */
export function bandByte({ top, height, low, high }: Band, y: number): number {
  return low + ((top + height - y) / height) * (high - low);
}

/** What a band shows. */
export function viewportOf({ low, high }: Band, { first, last }: StepRange): Viewport {
  return { x0: first, x1: last, y0: low, y1: high };
}

/** The bytes that are shown, so many times as few, with the one `at` where it is. */
export function zoomBytes(
  { low, high }: ByteRange,
  by: number,
  at: number,
  all: number,
): ByteRange {
  const height = Math.min(all, Math.max(all * 1e-5, (high - low) / by));
  const bottom = at - ((at - low) / (high - low)) * height;
  const from = Math.min(all - height, Math.max(0, bottom));
  return { low: from, high: from + height };
}

/** Visits the boxes of a band that are in sight, with their edges in CSS pixels, cut to the plot. */
export function eachInSight(
  scale: StepScale,
  band: Band,
  visit: (box: number, left: number, right: number, top: number, bottom: number) => void,
): void {
  const { boxes, low, high } = band;
  const [first, last] = [scale.at(scale.left), scale.at(scale.right)];
  for (let box = 0; box < boxes.count; box++) {
    if (boxes.x1[box] <= first || boxes.x0[box] >= last) continue;
    if (boxes.y1[box] <= low || boxes.y0[box] >= high) continue;
    const { left, right, top, bottom } = boxFrame(scale, band, box);
    visit(box, left, right, top, bottom);
  }
}

/** The edges of a box in CSS pixels, cut to the plot. */
export function boxFrame(scale: StepScale, band: Band, box: number) {
  const { boxes, top, height } = band;
  return {
    left: Math.max(scale.left, scale.x(boxes.x0[box])),
    right: Math.min(scale.right, scale.x(boxes.x1[box])),
    top: Math.max(top, bandY(band, boxes.y1[box])),
    bottom: Math.min(top + height, bandY(band, boxes.y0[box])),
  };
}
