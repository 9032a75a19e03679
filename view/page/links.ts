import { h, moreButton } from './dom.ts';
import { modelOf, type Store, selectStep, selectTensor } from './store.ts';

// What a person can click, wherever it stands: a tensor or a step by its name.

/** The name of a tensor, which selects it. */
export function tensorLink(store: Store, tensor: number): HTMLButtonElement {
  const model = modelOf(store);
  const { name } = model.plan.tensors[tensor];
  const onclick = () => selectTensor(store, tensor, model);
  return h('button', { type: 'button', class: 'bv-link', onclick }, name);
}

/** A step of the program that is shown, which selects it. */
export function stepLink(store: Store, step: number, text = `step ${step}`): HTMLButtonElement {
  const { program } = store.state();
  const onclick = () => selectStep(store, step, program);
  return h('button', { type: 'button', class: 'bv-link', onclick }, text);
}

/** A list of which the first are shown, and the rest when a person asks. */
export function longList<T>(
  items: readonly T[],
  most: number,
  row: (item: T) => HTMLElement,
): HTMLElement {
  const list = h('ul', {}, ...items.slice(0, most).map(row));
  const rest = items.slice(most);
  if (rest.length === 0) return list;
  const more = moreButton(rest.length, () =>
    more.parentElement?.replaceWith(...rest.slice(0, MOST_ROWS).map(row)),
  );
  list.append(h('li', {}, more));
  return list;
}

/** More rows than anyone reads, and few enough for a page. */
const MOST_ROWS = 2000;
