import { h } from './dom.ts';

/** A canvas as wide as its place, in pixels of the screen, drawn once a frame at most. */
export interface Surface {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** In CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** Draws in the next frame. */
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

/** Most device pixels in a CSS pixel: more cost time and are not seen. */
const MOST_RATIO = 2;

/** A canvas of a height in CSS pixels; `label` says what it shows to those who do not see it. */
export function createSurface(
  height: (width: number) => number,
  label: string,
  draw: (paint: Paint) => void,
): Surface {
  const canvas = h('canvas', { class: 'bv-canvas', role: 'img', 'aria-label': label, tabindex: 0 });
  const element = h('div', { class: 'bv-surface' }, canvas);
  const context = canvas.getContext('2d')!;
  let [width, tall] = [0, 0];
  let frame = 0;
  const paint = () => {
    frame = 0;
    if (width === 0) return;
    const ratio = Math.min(MOST_RATIO, globalThis.devicePixelRatio || 1);
    const [columns, rows] = [Math.round(width * ratio), Math.round(tall * ratio)];
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, tall);
    draw({ context, width, height: tall, ratio });
  };
  const redraw = () => {
    if (frame === 0) frame = requestAnimationFrame(paint);
  };
  const resize = () => {
    width = element.clientWidth;
    tall = height(width);
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
      cancelAnimationFrame(frame);
    },
  };
}
