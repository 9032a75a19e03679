import { uniqueLabels } from '../data/compare.ts';
import { wholeRange } from '../data/range.ts';
import { button, fill, h } from './dom.ts';
import { helpDialog } from './help.ts';
import { has, type MountedPanel } from './panel.ts';
import { searchBox } from './search-box.ts';
import { type Store, showModel, showProgram, zoomSteps } from './store.ts';

/** Programs, search, zoom and theme. */
export function mountToolbar(
  element: HTMLElement,
  store: Store,
  toggleTheme: () => void,
): MountedPanel {
  const plans = h('select', { 'aria-label': 'Plan that is shown' });
  plans.addEventListener('change', () => {
    const model = store.state().models[Number(plans.value)];
    if (model) showModel(store, model);
  });
  const programs = h('div', { class: 'bv-group', role: 'group', 'aria-label': 'Program' });
  const help = helpDialog();
  element.append(
    plans,
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
      if (!has(changes, 'models', 'model', 'program')) return;
      const { models, model, program } = store.state();
      plans.hidden = models.length < 2;
      fill(plans, ...uniqueLabels(models).map((label, k) => h('option', { value: k }, label)));
      plans.value = String(models.indexOf(model));
      fill(
        programs,
        ...model.programs.map((name) => {
          const isPeak = model.programs.length > 1 && name === model.peakProgram;
          const label = `show the program ${name}${isPeak ? ', which holds the peak of the plan' : ''}`;
          return button(isPeak ? `${name} ▾` : name, label, () => showProgram(store, name), {
            'aria-pressed': String(name === program.name),
          });
        }),
      );
    },
  };
}
