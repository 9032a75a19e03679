import { wholeRange, zoomRange } from '../data/range.ts';
import { button, fill, h } from './dom.ts';
import { has, type MountedPanel } from './panel.ts';
import { modelOf, type Store, showProgram } from './store.ts';

/** Programs, search, zoom and theme. */
export function mountToolbar(
  element: HTMLElement,
  store: Store,
  toggleTheme: () => void,
): MountedPanel {
  const programs = h('div', { class: 'bv-group', role: 'group', 'aria-label': 'Program' });
  const zoom = (by: number) => {
    const { range, program } = store.state();
    const middle = (range.first + range.last) / 2;
    store.set({ range: zoomRange(range, by, middle, program.steps.length) });
  };
  element.append(
    programs,
    h('div', { class: 'bv-space' }),
    h(
      'div',
      { class: 'bv-group', role: 'group', 'aria-label': 'Zoom of the steps' },
      button('−', 'zoom out (-)', () => zoom(1 / 1.6)),
      button('+', 'zoom in (+)', () => zoom(1.6)),
      button('all', 'show all steps (0)', () =>
        store.set({ range: wholeRange(store.state().program.steps.length) }),
      ),
    ),
    button('◐', 'dark or light', toggleTheme),
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
