import { wholeRange } from '../data/range.ts';
import { button, fill, h } from './dom.ts';
import { helpDialog } from './help.ts';
import { has, type MountedPanel } from './panel.ts';
import { searchBox } from './search-box.ts';
import { modelOf, type Store, showProgram, zoomSteps } from './store.ts';

/** Programs, search, zoom and theme. */
export function mountToolbar(
  element: HTMLElement,
  store: Store,
  toggleTheme: () => void,
): MountedPanel {
  const programs = h('div', { class: 'bv-group', role: 'group', 'aria-label': 'Program' });
  const help = helpDialog();
  element.append(
    programs,
    searchBox(store),
    h('div', { class: 'bv-space' }),
    h(
      'div',
      { class: 'bv-group', role: 'group', 'aria-label': 'Zoom of the steps' },
      button('−', 'zoom out (-)', () => zoomSteps(store, 1 / 1.6)),
      button('+', 'zoom in (+)', () => zoomSteps(store, 1.6)),
      button('all', 'show all steps (0)', () =>
        store.set({ range: wholeRange(store.state().program.steps.length) }),
      ),
    ),
    button('◐', 'dark or light', toggleTheme),
    button('?', 'help: keys and words (?)', () => help.showModal(), { class: 'bv-ask' }),
    help,
  );
  return {
    update: (changes) => {
      if (!has(changes, 'models', 'program')) return;
      const shown = store.state().program.name;
      fill(
        programs,
        ...modelOf(store).programs.map((name) =>
          button(name, `show the program ${name}`, () => showProgram(store, name), {
            'aria-pressed': String(name === shown),
          }),
        ),
      );
    },
  };
}
