import { wholeRange } from '../data/range.ts';
import { type Store, selectStep, zoomSteps } from './store.ts';

/** Keys of the whole view; none where a person writes. Gives a function that ends it. */
export function attachKeyboard(element: HTMLElement, store: Store): () => void {
  const page = element.ownerDocument;
  const ended = new AbortController();
  const listener = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isFor(element, event.target)) return;
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key](store, event, element);
  };
  page.addEventListener('keydown', listener, { signal: ended.signal });
  return () => ended.abort();
}

/** Whether a key is meant for the view: not where a person writes, and not in another part of the page. */
function isFor(element: HTMLElement, target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement) || target.isContentEditable) return false;
  // A dialog that was just closed has the focus until the next frame.
  if (target.closest('input, select, textarea, dialog[open]')) return false;
  return element.contains(target) || target.contains(element);
}

type Act = (store: Store, event: KeyboardEvent, element: HTMLElement) => void;

const KEYS: Readonly<Record<string, Act>> = {
  ArrowLeft: (store, { shiftKey }) => moveStep(store, shiftKey ? -10 : -1),
  ArrowRight: (store, { shiftKey }) => moveStep(store, shiftKey ? 10 : 1),
  Home: (store) => selectStep(store, 0),
  End: (store) => selectStep(store, store.state().program.steps.length - 1),
  p: (store) => selectStep(store, store.state().program.live.peak.step),
  Escape: (store) => store.set({ step: null, tensor: null }),
  '+': (store) => zoomSteps(store, 1.6),
  '=': (store) => zoomSteps(store, 1.6),
  '-': (store) => zoomSteps(store, 1 / 1.6),
  '0': (store) => store.set({ range: wholeRange(store.state().program.steps.length) }),
  '/': (_store, _event, element) => element.querySelector<HTMLElement>('.bv-search')?.focus(),
  '?': (_store, _event, element) => element.querySelector<HTMLElement>('.bv-ask')?.click(),
};

function moveStep(store: Store, by: number): void {
  const { step, program } = store.state();
  selectStep(store, step === null ? program.live.peak.step : step + by);
}
