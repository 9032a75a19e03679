/** Work that can wait until a person has come to rest. */
export interface Patience {
  /** Calls the function later, once nothing has asked for it for a while: the sooner where the element is in sight. */
  wait(): void;
  /** Whether the element is in sight, or soon would be. */
  isSeen(): boolean;
  /** Forgets what waits. */
  cancel(): void;
  destroy(): void;
}

/** Longer than between the presses of a key that is held, in milliseconds. */
const REST = 120;
const REST_UNSEEN = 600;
/** What is so near to the window counts as in sight. */
const MARGIN = '150px';

/** Postpones what is only to be seen in an element. */
export function patienceFor(element: HTMLElement, call: () => void): Patience {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isSeen = true;
  const cancel = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const wait = () => {
    cancel();
    timer = setTimeout(
      () => {
        timer = null;
        call();
      },
      isSeen ? REST : REST_UNSEEN,
    );
  };
  const observer = new IntersectionObserver(
    (entries) => {
      isSeen = entries[entries.length - 1].isIntersecting;
      if (timer !== null) wait();
    },
    { rootMargin: MARGIN },
  );
  observer.observe(element);
  return {
    ...{ wait, cancel },
    isSeen: () => isSeen,
    destroy: () => {
      cancel();
      observer.disconnect();
    },
  };
}
