import { h } from '../dom.ts';
import type { Panel } from '../panel.ts';

/** What stands where the selected tensor and step will. */
export const hintPanel: Panel = {
  id: 'hint',
  title: 'Start here',
  legend: '',
  place: 'side',
  shows: [],
  isShown: (store) => store.state().tensor === null && store.state().step === null,
  mount: (element) => {
    const rows = [
      'Look at the first chart: its highest column is the step that decides how much memory the plan takes.',
      'Click a rectangle of the map: here is said why that tensor is where it is, and which steps use it.',
      'Click a bar or a column: here is said what that step reads, writes and takes. Where bars are grey, the device waits for copies from and to the host, which stand below.',
      'Press / to find a tensor by name, ? for all keys and words.',
    ];
    element.append(h('ol', { class: 'bv-hints' }, ...rows.map((row) => h('li', {}, row))));
    return { update: () => {} };
  },
};
