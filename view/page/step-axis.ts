import { panRange, type StepRange, zoomRange } from '../data/range.ts';
import { NO_HOVER, type Store } from './store.ts';

/** Room beside the plots, the same in every panel, so that a step is at one place in all of them. In CSS pixels. */
export const GUTTER = { left: 62, right: 10 } as const;

/** Where steps are in a panel of a width. */
export interface StepScale {
  readonly left: number;
  readonly right: number;
  readonly perStep: number;
  x(step: number): number;
  /** A place between two begins of steps. */
  at(x: number): number;
}

/** The scale of a panel that is so wide. */
export function stepScale({ first, last }: StepRange, width: number): StepScale {
  const left = GUTTER.left;
  const right = Math.max(left + 1, width - GUTTER.right);
  const perStep = (right - left) / (last - first);
  return {
    ...{ left, right, perStep },
    x: (step) => left + (step - first) * perStep,
    at: (x) => first + (x - left) / perStep,
  };
}

interface AxisListeners {
  /** The pointer is over a place of the panel, or nowhere. */
  readonly onHover?: (x: number, y: number) => void;
  readonly onClick: (x: number, y: number) => void;
  /** With Alt, or with fingers above each other: zooming across the axis. */
  readonly onZoomAcross?: (by: number, y: number) => void;
  readonly onPanAcross?: (by: number) => void;
}

/** Pointers that have moved less are clicks. */
const CLICK_PIXELS = 4;

/**
 * Zoom and pan of the steps by pointer, wheel and touch, the same in all panels: drag moves; Ctrl, Cmd or pinch with the wheel
 * zooms; a wheel that turns sideways moves; two fingers zoom along the way in which they lie apart. Gives a function that ends it.
 */
export function attachStepAxis(
  canvas: HTMLCanvasElement,
  store: Store,
  { onHover, onClick, onZoomAcross, onPanAcross }: AxisListeners,
): () => void {
  const ended = new AbortController();
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (event: HTMLElementEventMap[K]) => void,
  ) => canvas.addEventListener(type, listener, { signal: ended.signal, passive: false });
  const count = () => store.state().program.steps.length;
  const scale = () => stepScale(store.state().range, canvas.clientWidth);
  const zoom = (by: number, x: number) =>
    store.set({ range: zoomRange(store.state().range, by, scale().at(x), count()) });
  const pan = (pixels: number) =>
    store.set({ range: panRange(store.state().range, pixels / scale().perStep, count()) });

  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  const spread = (way: 'x' | 'y') => {
    const [a, b] = [...pointers.values()];
    return { distance: Math.max(8, Math.abs(a[way] - b[way])), middle: (a[way] + b[way]) / 2 };
  };
  const place = (event: PointerEvent | WheelEvent) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  listen('pointerdown', (event) => {
    if (pointers.size === 0) moved = 0;
    pointers.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
  });
  listen('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    const now = place(event);
    if (!before) return onHover?.(now.x, now.y);
    if (pointers.size === 2) {
      const isAcross = onZoomAcross !== undefined && spread('y').distance > spread('x').distance;
      const { distance, middle } = spread(isAcross ? 'y' : 'x');
      pointers.set(event.pointerId, now);
      const by = spread(isAcross ? 'y' : 'x').distance / distance;
      (isAcross ? onZoomAcross : zoom)(by, middle);
      moved = CLICK_PIXELS;
      return;
    }
    pointers.set(event.pointerId, now);
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (moved < CLICK_PIXELS) return;
    pan(before.x - now.x);
    onPanAcross?.(before.y - now.y);
  });
  const up = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId)) return;
    const { x, y } = place(event);
    if (event.type === 'pointerup' && pointers.size === 0 && moved < CLICK_PIXELS) onClick(x, y);
  };
  listen('pointerup', up);
  listen('pointercancel', up);
  listen('pointerleave', () => store.set({ hover: NO_HOVER }));
  listen('wheel', (event) => {
    const { x, y } = place(event);
    const by = Math.exp(-event.deltaY * (event.deltaMode === 0 ? 0.002 : 0.06));
    if (event.ctrlKey || event.metaKey) zoom(by ** 2, x);
    else if (event.altKey && onZoomAcross) onZoomAcross(by, y);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      pan(event.deltaX || event.deltaY);
    else return;
    event.preventDefault();
  });
  return () => ended.abort();
}
