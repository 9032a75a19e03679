import { h } from './dom.ts';
import { patienceFor } from './patience.ts';

/** A canvas as wide as its place, in pixels of the screen, drawn once a frame at most. */
export interface Surface {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** In CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** Draws in the next frame; where it is out of sight, later. */
  redraw(): void;
  /** Asks for its height anew. */
  resize(): void;
  destroy(): void;
}

/** What drawing needs; coordinates are CSS pixels, the device has `ratio` pixels in one. */
export interface Paint {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** What is drawn. */
export interface Drawing {
  /** In CSS pixels. */
  height(width: number): number;
  /** What the picture depends on, besides its size: it is painted anew where one of these differs. */
  key(): readonly unknown[];
  /** The picture, which takes long. */
  picture(paint: Paint): void;
  /** Marks above it, in every frame. */
  marks(paint: Paint): void;
}

/** Most device pixels in a CSS pixel: more cost time and are not seen. */
const MOST_RATIO = 2;

/** A canvas with a drawing; `label` says what it shows to those who do not see it. */
export function createSurface(label: string, drawing: Drawing): Surface {
  const canvas = h('canvas', { class: 'bv-canvas', role: 'img', 'aria-label': label, tabindex: 0 });
  const element = h('div', { class: 'bv-surface' }, canvas);
  const context = canvas.getContext('2d')!;
  const kept = h('canvas').getContext('2d', { willReadFrequently: true })!;
  let key: readonly unknown[] = [];
  let [width, tall] = [0, 0];
  let frame = 0;
  const begin = (own: CanvasRenderingContext2D, ratio: number): Paint => {
    own.setTransform(1, 0, 0, 1, 0, 0);
    own.clearRect(0, 0, own.canvas.width, own.canvas.height);
    own.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { context: own, width, height: tall, ratio };
  };
  const paint = () => {
    frame = 0;
    if (width === 0) return;
    const ratio = Math.min(MOST_RATIO, globalThis.devicePixelRatio || 1);
    const [columns, rows] = [Math.round(width * ratio), Math.round(tall * ratio)];
    for (const own of [canvas, kept.canvas]) {
      if (own.width !== columns) own.width = columns;
      if (own.height !== rows) own.height = rows;
    }
    const wanted = [width, tall, ratio, ...drawing.key()];
    if (!wanted.every((part, k) => part === key[k])) drawing.picture(begin(kept, ratio));
    key = wanted;
    const front = begin(context, ratio);
    context.drawImage(kept.canvas, 0, 0, width, tall);
    drawing.marks(front);
  };
  const soon = () => {
    if (frame === 0) frame = requestAnimationFrame(paint);
  };
  const patience = patienceFor(element, soon);
  const redraw = () => (patience.isSeen() ? soon() : patience.wait());
  const resize = () => {
    width = element.clientWidth;
    tall = drawing.height(width);
    canvas.style.height = `${tall}px`;
    redraw();
  };
  const observer = new ResizeObserver(resize);
  observer.observe(element);
  return {
    ...{ element, canvas, redraw, resize },
    size: () => ({ width, height: tall }),
    destroy: () => {
      observer.disconnect();
      patience.destroy();
      cancelAnimationFrame(frame);
    },
  };
}

/** Draws within the plot alone. */
export function withinPlot(
  { context, height }: Paint,
  { left, right }: { readonly left: number; readonly right: number },
  draw: () => void,
): void {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  draw();
  context.restore();
}
