import { h } from './dom.ts';
import { nextFrame } from './frames.ts';
import { patienceFor } from './patience.ts';

/** A picture as wide as its place, in pixels of the screen, drawn once a frame at most. */
export interface Surface {
  readonly element: HTMLElement;
  /** What the pointer meets. */
  readonly canvas: HTMLCanvasElement;
  /** In CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** Draws what has changed in the next frame; where it is out of sight, later, unless what it shows is in the wrong colours. */
  redraw(isOtherTheme?: boolean): void;
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

/** One of two canvases above each other. */
export interface Layer {
  /** What it depends on, besides its size and the layer below it: it is painted anew where one of these differs. */
  key(): readonly unknown[];
  paint(paint: Paint): void;
}

/** What is drawn. What follows the pointer is no part of it: hover-marks.ts moves elements above both layers instead. */
export interface Drawing {
  /** In CSS pixels. */
  height(width: number): number;
  /** The picture, which takes long. */
  readonly picture: Layer;
  /** Marks of what is selected. */
  readonly marks: Layer;
}

/** Most device pixels in a CSS pixel: more cost time and are not seen. */
const MOST_RATIO = 2;

/** A picture; `label` says what it shows to those who do not see it. */
export function createSurface(label: string, drawing: Drawing): Surface {
  const canvas = h('canvas', { class: 'bv-canvas', role: 'img', 'aria-label': label, tabindex: 0 });
  const above = h('canvas', { class: 'bv-marks', 'aria-hidden': 'true' });
  const element = h('div', { class: 'bv-surface' }, canvas, above);
  // Pixels of the picture are made by the processor.
  const layers = [
    { ...drawing.picture, context: canvas.getContext('2d', { willReadFrequently: true })! },
    { ...drawing.marks, context: above.getContext('2d')! },
  ];
  const painted: (readonly unknown[])[] = layers.map(() => []);
  let [width, tall] = [0, 0];
  let cancel: (() => void) | null = null;
  const paint = () => {
    cancel = null;
    if (width === 0) return;
    const ratio = Math.min(MOST_RATIO, globalThis.devicePixelRatio || 1);
    let key: readonly unknown[] = [width, tall, ratio];
    layers.forEach((layer, k) => {
      key = [...key, ...layer.key()];
      if (key.every((part, at) => part === painted[k][at])) return;
      painted[k] = key;
      layer.paint(begin(layer.context, width, tall, ratio));
    });
  };
  const soon = () => {
    cancel ??= nextFrame(paint);
  };
  const patience = patienceFor(element, soon);
  const resize = () => {
    width = element.clientWidth;
    tall = drawing.height(width);
    for (const own of [canvas, above]) own.style.height = `${tall}px`;
    paintSoon();
  };
  const paintSoon = () => (patience.isSeen() ? soon() : patience.wait());
  // It has no size before it is in the page.
  const redraw = (isOtherTheme = false) => {
    if (width === 0) resize();
    else if (isOtherTheme) soon();
    else paintSoon();
  };
  let cancelResize: (() => void) | null = null;
  // Its height follows its width: in a frame of its own, as what is observed must not change while it is told of.
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    cancelResize?.();
    cancelResize = nextFrame(resize);
  });
  observer.observe(element);
  return {
    ...{ element, canvas, redraw, resize },
    size: () => ({ width, height: tall }),
    destroy: () => {
      observer.disconnect();
      patience.destroy();
      cancel?.();
      cancelResize?.();
    },
  };
}

/** An empty canvas of a size. */
function begin(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  ratio: number,
): Paint {
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  const { canvas } = context;
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, columns, rows);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height, ratio };
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
