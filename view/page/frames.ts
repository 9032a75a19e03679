/** Longest wait for a frame, in milliseconds: a page in a tab behind others, or in a window behind them, may get none. */
const MOST_WAIT = 250;

/** Calls a function in the next frame, or soon where the page has no frames; gives a function that takes that back. */
export function nextFrame(call: () => void): () => void {
  const end = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const run = () => {
    end();
    call();
  };
  const frame = requestAnimationFrame(run);
  const timer = setTimeout(run, document.hidden ? 0 : MOST_WAIT);
  return end;
}

/** A function that is called at most every so many milliseconds: at once, and once more behind what came meanwhile. */
export interface Calm {
  (): void;
  cancel(): void;
}

/** Makes a function calm. */
export function calmly(milliseconds: number, call: () => void): Calm {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isWanted = false;
  const run = () => {
    isWanted = false;
    timer = setTimeout(() => {
      timer = null;
      if (isWanted) run();
    }, milliseconds);
    call();
  };
  const calm = () => {
    isWanted = true;
    if (timer === null) run();
  };
  const cancel = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  return Object.assign(calm, { cancel });
}
