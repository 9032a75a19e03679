import { type Twin, tensorFacts } from '../../data/tensor.ts';
import { button, fill, h } from '../dom.ts';
import { longList, stepLink, tensorLink } from '../links.ts';
import type { Panel } from '../panel.ts';
import { modelOf, type Store } from '../store.ts';

const MOST_USES = 12;
const MOST_TWINS = 8;

/** The selected tensor. */
export const tensorPanel: Panel = {
  id: 'tensor',
  title: 'Tensor',
  legend: '',
  place: 'side',
  shows: ['models', 'program', 'tensor'],
  isShown: (store) => store.state().tensor !== null,
  mount: (element, store) => ({
    update: () => {
      const { tensor } = store.state();
      if (tensor !== null) fill(element, ...tensorContent(store, tensor));
    },
  }),
};

function tensorContent(store: Store, tensor: number): HTMLElement[] {
  const { name, words, place, twins, uses } = tensorFacts(
    modelOf(store),
    store.state().program,
    tensor,
  );
  return [
    h(
      'div',
      { class: 'bv-title' },
      h('strong', { class: 'bv-name' }, name),
      button('×', 'select no tensor', () => store.set({ tensor: null }), { class: 'bv-close' }),
    ),
    h('p', {}, words.what),
    h('p', {}, h('strong', { class: 'bv-verdict' }, words.verdict), `: ${words.rule}`),
    ...[words.place, place ?? 'on the host']
      .filter((text) => text !== '')
      .map((text) => h('p', { class: 'bv-muted' }, text)),
    ...words.programs.flatMap(({ program, lines }) => [
      h('h3', {}, program),
      h('ul', { class: 'bv-lines' }, ...lines.map((line) => h('li', {}, line))),
    ]),
    ...(twins.length === 0
      ? []
      : [
          h('h3', {}, 'Holds the same value'),
          longList(twins, MOST_TWINS, (twin) => twinRow(store, tensor, twin)),
        ]),
    h(
      'h3',
      {},
      `Used by ${uses.length} step${uses.length === 1 ? '' : 's'} of ${store.state().program.name}`,
    ),
    longList(uses, MOST_USES, ({ step, reads, writes }) =>
      h(
        'li',
        {},
        stepLink(store, step),
        ` ${reads && writes ? 'updates it' : writes ? 'writes it' : 'reads it'}: ${store.state().program.steps[step].label}`,
      ),
    ),
  ];
}

const HOW: Readonly<Record<Twin['how'], string>> = {
  first: 'as it was first made',
  recompute: 'computed once more',
  swap: 'brought back from the host',
};

function twinRow(
  store: Store,
  shown: number,
  { tensor, name, how, firstStep, lastStep }: Twin,
): HTMLElement {
  const life = ` steps ${firstStep} to ${lastStep}, ${HOW[how]}`;
  return h('li', {}, tensor === shown ? `${name} (this)` : tensorLink(store, tensor), life);
}
