import { CLEAR_LINE } from './terminal.ts';

const BETWEEN_MS = 100;

/** A line on the terminal that is overwritten. */
export interface StatusLine {
  /** What the line says from now on; asked for whenever it is drawn, which is not too often. */
  show(text: () => string): void;
  /** Erases it, for good. */
  clear(): void;
}

/** Nothing where nobody reads along; `quietMs`: what takes less shows nothing. */
export function statusLine(wanted: boolean, quietMs = 0): StatusLine {
  const stream = process.stderr;
  if (!wanted || !stream.isTTY) return { show: () => {}, clear: () => {} };
  let due = performance.now() + quietMs;
  let isShown = false;
  let latest: (() => string) | null = null;
  const draw = () => {
    const now = performance.now();
    if (now < due || !latest) return;
    due = now + BETWEEN_MS;
    // A line that wraps could not be erased.
    const text = `  ${latest()}`.slice(0, (stream.columns || 80) - 1);
    stream.write(`${isShown ? CLEAR_LINE : ''}${text}`);
    isShown = true;
  };
  // What is shown may have been said while the line was still quiet.
  const timer = setInterval(draw, BETWEEN_MS);
  timer.unref();
  return {
    show: (text) => {
      latest = text;
      draw();
    },
    clear: () => {
      clearInterval(timer);
      if (isShown) stream.write(CLEAR_LINE);
      isShown = false;
      latest = null;
    },
  };
}
