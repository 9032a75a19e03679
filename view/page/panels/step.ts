import { formatBytes, formatCount, formatSeconds } from '../../../compiler/format.ts';
import type { StepOperand } from '../../data/operands.ts';
import { type StepFacts, stepFacts } from '../../data/step.ts';
import { timesOf } from '../copies-draw.ts';
import { button, fill, h } from '../dom.ts';
import { longList, tensorLink } from '../links.ts';
import type { Panel } from '../panel.ts';
import { modelOf, type Store, selectStep } from '../store.ts';
import { kindsText } from './steps.ts';

const MOST_OPERANDS = 16;

/** The selected step. */
export const stepPanel: Panel = {
  id: 'step',
  title: 'Step',
  legend: '',
  place: 'side',
  shows: ['models', 'program', 'step'],
  isShown: (store) => store.state().step !== null,
  mount: (element, store) => ({
    update: () => {
      const { step } = store.state();
      if (step !== null) fill(element, ...stepContent(store, step));
    },
  }),
};

function stepContent(store: Store, step: number): HTMLElement[] {
  const { program } = store.state();
  const facts = stepFacts(modelOf(store), program, step);
  const go = (by: number) => () => selectStep(store, step + by);
  return [
    h(
      'div',
      { class: 'bv-title' },
      h('strong', { class: 'bv-name' }, `Step ${step} of ${program.name}`),
      button('‹', 'the step before (←)', go(-1), { class: 'bv-close' }),
      button('›', 'the step behind (→)', go(1), { class: 'bv-close' }),
      button('×', 'select no step', () => selectStep(store, null), { class: 'bv-close' }),
    ),
    h(
      'dl',
      { class: 'bv-facts' },
      ...factRows(facts).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
    ),
    ...operandList(store, 'Reads', facts.reads),
    ...operandList(store, 'Writes', facts.writes),
    ...(facts.copies.length === 0
      ? []
      : [
          h('h3', {}, 'Copies to and from the host'),
          longList(facts.copies, MOST_OPERANDS, ({ direction, tensors, predicted, measured }) => {
            const times = timesOf(predicted, measured);
            return h(
              'li',
              {},
              direction === 'in' ? 'in before it: ' : 'out behind it: ',
              tensorLink(store, tensors[0]),
              times === '' ? '' : ` ${times}`,
            );
          }),
        ]),
  ];
}

/** What is known of a step, a row each. */
function factRows(facts: StepFacts): (readonly [string, string])[] {
  const { kernel, variant, label, kinds, scope, source, flops, bytesMoved } = facts;
  const { predicted, measured, waits, bound } = facts;
  const rows: (readonly [string, string | null])[] = [
    ['computes', label],
    ['for', kindsText(kinds)],
    ['layer', scope],
    ['source', source],
    ['kernel', variant === null ? kernel : `${kernel} (${variant})`],
    ['bindings', bound === null ? null : `${bound}: neighbours as one`],
    ['operations', `${formatCount(flops)}FLOP`],
    ['moved', formatBytes(bytesMoved)],
    ['predicted', predicted === null ? null : formatSeconds(predicted)],
    ['waits before', waits ? formatSeconds(waits) : null],
    ['measured', measured === null ? null : formatSeconds(measured)],
  ];
  return rows.filter((row): row is readonly [string, string] => row[1] !== null && row[1] !== '');
}

function operandList(store: Store, title: string, operands: readonly StepOperand[]): HTMLElement[] {
  if (operands.length === 0) return [];
  return [
    h('h3', {}, title),
    longList(operands, MOST_OPERANDS, ({ tensor, bytes }) =>
      h('li', {}, tensorLink(store, tensor), ` ${formatBytes(bytes)}`),
    ),
  ];
}
