import { formatBytes } from '../../compiler/format.ts';
import { searchTensors } from '../data/search.ts';
import { fill, h } from './dom.ts';
import { modelOf, type Store, selectTensor } from './store.ts';

const MOST_FOUND = 12;

/** A box that finds tensors by name: a combobox with a list below. */
export function searchBox(store: Store): HTMLElement {
  const list = h('ul', {
    class: 'bv-found',
    id: 'bv-found',
    role: 'listbox',
    'aria-label': 'Tensors',
    hidden: true,
  });
  const input = h('input', {
    ...{ type: 'search', class: 'bv-search', placeholder: 'find a tensor  /', role: 'combobox' },
    ...{
      'aria-label': 'Find a tensor by name',
      'aria-controls': 'bv-found',
      'aria-expanded': 'false',
    },
    ...{ 'aria-autocomplete': 'list', autocomplete: 'off', spellcheck: 'false' },
  });
  let found: readonly number[] = [];
  let of = modelOf(store);
  let active = 0;
  const close = () => {
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
  };
  const choose = (tensor: number) => {
    selectTensor(store, tensor, of);
    close();
    input.blur();
  };
  const show = () => {
    of = modelOf(store);
    const result = searchTensors(of.plan, input.value, MOST_FOUND);
    found = result.found;
    active = Math.min(active, Math.max(0, found.length - 1));
    const rows = found.map((tensor, k) =>
      option(store, tensor, k === active, () => choose(tensor)),
    );
    const none =
      input.value.trim() !== '' && found.length === 0 ? 'no tensor has such a name' : null;
    const more = result.more > 0 ? `and ${result.more} more` : null;
    const note = none ?? more;
    fill(list, ...rows, note && h('li', { class: 'bv-muted', role: 'presentation' }, note));
    list.hidden = input.value.trim() === '';
    input.setAttribute('aria-expanded', String(!list.hidden));
    if (found.length > 0) input.setAttribute('aria-activedescendant', `bv-found-${found[active]}`);
    else input.removeAttribute('aria-activedescendant');
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      input.value = '';
      close();
      input.blur();
    } else if (event.key === 'Enter' && found.length > 0) choose(found[active]);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      active = Math.min(
        found.length - 1,
        Math.max(0, active + (event.key === 'ArrowDown' ? 1 : -1)),
      );
      show();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  input.addEventListener('keydown', onKey);
  input.addEventListener('input', () => {
    active = 0;
    show();
  });
  input.addEventListener('focus', show);
  input.addEventListener('blur', close);
  return h('div', { class: 'bv-find' }, input, list);
}

function option(store: Store, tensor: number, isActive: boolean, choose: () => void): HTMLElement {
  const { name, bytes } = modelOf(store).plan.tensors[tensor];
  // The pointer's press, before the box loses the focus and the list closes.
  const onpointerdown = (event: Event) => {
    event.preventDefault();
    choose();
  };
  return h(
    'li',
    {
      ...{ role: 'option', id: `bv-found-${tensor}`, 'aria-selected': String(isActive) },
      onpointerdown,
    },
    h('span', {}, name),
    h('span', { class: 'bv-muted' }, ` ${formatBytes(bytes)}`),
  );
}
