import { button, h } from './dom.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['← →', 'the step before and behind; with Shift, ten at once'],
  ['Home, End', 'the first and the last step'],
  ['p', 'the step at the peak of memory'],
  ['+ −', 'zoom in and out, around the selected step'],
  ['0', 'show all steps'],
  ['/', 'find a tensor by name'],
  ['Esc', 'select nothing'],
  ['?', 'this list'],
];

const POINTER: readonly (readonly [string, string])[] = [
  ['drag', 'move along the steps'],
  ['Ctrl or ⌘ and wheel, pinch', 'zoom the steps'],
  ['Alt and wheel, fingers above each other', 'zoom the bytes of the map'],
  ['click', 'select a tensor or a step'],
];

const WORDS: readonly (readonly [string, string])[] = [
  [
    'step',
    'one kernel that runs on the device; a program is a list of them, decided when the model was built',
  ],
  ['tensor', 'an array of numbers: a parameter, an activation, a gradient'],
  ['arena', 'the memory in which the values of a run give way to one another'],
  ['peak', 'the step at which most bytes are in use: it decides what the plan takes'],
  ['recomputed', 'thrown away to save memory, and computed once more when it is needed again'],
  ['swapped', 'copied to the memory of the host or to a file, and brought back'],
];

/** A dialog with the keys and the words of the page. */
export function helpDialog(): HTMLDialogElement {
  const rows = (title: string, list: readonly (readonly [string, string])[]) => [
    h('h3', {}, title),
    h(
      'dl',
      { class: 'bv-facts' },
      ...list.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]),
    ),
  ];
  const dialog = h(
    'dialog',
    { class: 'bv-help', 'aria-label': 'Help' },
    h('h2', {}, 'How to read this page'),
    ...rows('Keys', KEYS),
    ...rows('Pointer', POINTER),
    ...rows('Words', WORDS),
    button('close', 'close', () => dialog.close()),
  );
  return dialog;
}
