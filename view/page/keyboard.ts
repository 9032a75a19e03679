import { wholeRange, zoomRange } from '../data/range.ts';
import { type Store, selectStep } from './store.ts';

/** Keys of the whole view; none where a person writes. Gives a function that ends it. */
export function attachKeyboard(element: HTMLElement, store: Store): () => void {
  const page = element.ownerDocument;
  const ended = new AbortController();
  const listener = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act(store, event);
  };
  page.addEventListener('keydown', listener, { signal: ended.signal });
  return () => ended.abort();
}

const isWriting = (target: EventTarget | null) =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLSelectElement ||
  target instanceof HTMLTextAreaElement;

const KEYS: Readonly<Record<string, (store: Store, event: KeyboardEvent) => void>> = {
  ArrowLeft: (store, { shiftKey }) => moveStep(store, shiftKey ? -10 : -1),
  ArrowRight: (store, { shiftKey }) => moveStep(store, shiftKey ? 10 : 1),
  Escape: (store) => store.set({ step: null, tensor: null }),
  '+': (store) => zoom(store, 1.6),
  '-': (store) => zoom(store, 1 / 1.6),
  '0': (store) => store.set({ range: wholeRange(store.state().program.steps.length) }),
};

function moveStep(store: Store, by: number): void {
  const { step, program } = store.state();
  selectStep(store, step === null ? program.live.peak.step : step + by);
}

function zoom(store: Store, by: number): void {
  const { range, program, step } = store.state();
  const at = step === null ? (range.first + range.last) / 2 : step + 0.5;
  store.set({ range: zoomRange(range, by, at, program.steps.length) });
}
