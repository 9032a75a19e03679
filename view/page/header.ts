import { summaryOf } from '../data/summary.ts';
import { fill, h } from './dom.ts';
import { has, type MountedPanel } from './panel.ts';
import { modelOf, type Store } from './store.ts';

/** What the plan is and does, in words. */
export function mountHeader(element: HTMLElement, store: Store): MountedPanel {
  return {
    update: (changes) => {
      if (!has(changes, 'models', 'model', 'program', 'live')) return;
      const { program, live } = store.state();
      const { title, figures, sentences } = summaryOf(modelOf(store), program.name);
      fill(
        element,
        h('h1', {}, title),
        h(
          'dl',
          { class: 'bv-tiles' },
          ...figures.map(({ name, value, note }) =>
            h(
              'div',
              {},
              h('dt', {}, name),
              h('dd', {}, value),
              note === '' ? null : h('dd', {}, note),
            ),
          ),
        ),
        ...sentences.map((sentence) => h('p', {}, sentence)),
        live === null ? null : h('p', { class: 'bv-live', role: 'status' }, live),
      );
    },
  };
}
