import { h } from './dom.ts';
import type { StepScale } from './step-axis.ts';
import type { Surface } from './surface.ts';

// What follows the pointer are elements of their own, moved by transforms: nothing below them is painted or laid out anew.

/** Marks a step through the whole height of a surface, or none. */
export type StepMark = (scale: StepScale, step: number | null) => void;

/** A mark of the step under the pointer. */
export function stepMark({ element }: Pick<Surface, 'element'>): StepMark {
  const mark = h('div', { class: 'bv-over bv-over-step', hidden: true });
  element.append(mark);
  return (scale, step) => {
    const from = step === null ? 0 : Math.max(scale.left, scale.x(step));
    const to =
      step === null ? 0 : Math.min(scale.right, scale.x(step) + Math.max(1, scale.perStep));
    mark.hidden = to <= from;
    if (!mark.hidden) mark.style.transform = `translateX(${from}px) scaleX(${to - from})`;
  };
}

/** Edges of a rectangle in CSS pixels. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Frames a rectangle, or none. */
export type FrameMark = (frame: Frame | null) => void;

/** A frame around what is under the pointer. */
export function frameMark({ element }: Pick<Surface, 'element'>): FrameMark {
  const mark = h('div', { class: 'bv-over bv-over-frame', hidden: true });
  element.append(mark);
  return (frame) => {
    mark.hidden = frame === null;
    if (!frame) return;
    const { left, right, top, bottom } = frame;
    mark.style.width = `${Math.max(3, right - left)}px`;
    mark.style.height = `${Math.max(3, bottom - top)}px`;
    mark.style.transform = `translate(${left}px, ${top}px)`;
  };
}

/** A box of text beside the pointer. */
export interface Tip {
  readonly element: HTMLElement;
  /** Puts it beside a place of a surface that is so wide: to the side that has room. */
  place(x: number, y: number, width: number): void;
}

/** A tip; hidden until its element is shown. */
export function pointerTip({ element }: Pick<Surface, 'element'>): Tip {
  const tip = h('div', { class: 'bv-tip', hidden: true });
  element.append(tip);
  return {
    element: tip,
    place: (x, y, width) => {
      const isRight = x > width / 2;
      tip.style.transform = isRight
        ? `translate(${x - 14}px, ${y + 12}px) translateX(-100%)`
        : `translate(${x + 14}px, ${y + 12}px)`;
    },
  };
}
