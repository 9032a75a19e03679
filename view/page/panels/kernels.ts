import { formatSeconds } from '../../../compiler/format.ts';
import { type KernelColumn, type KernelRow, kernelRows, sortKernels } from '../../data/kernels.ts';
import { fill, h, moreButton } from '../dom.ts';
import { has, type Panel } from '../panel.ts';
import { modelOf, type Store, selectStep } from '../store.ts';

const MOST_ROWS = 15;

interface Column {
  readonly key: KernelColumn;
  readonly head: string;
  readonly text: (row: KernelRow) => string;
  /** Whether it is left out where no row has it. */
  readonly isOptional?: (row: KernelRow) => boolean;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const seconds = (value: number | null) => (value === null ? '–' : formatSeconds(value));
const rate = (value: number | null) =>
  value === null ? '–' : value >= 100 ? String(Math.round(value)) : value.toPrecision(3);

const COLUMNS: readonly Column[] = [
  { key: 'share', head: 'share', text: ({ share }) => percent(share) },
  { key: 'name', head: 'kernel', text: ({ name }) => name },
  {
    key: 'measured',
    head: 'measured',
    text: (row) => seconds(row.measured),
    isOptional: (row) => row.measured !== null,
  },
  {
    key: 'predicted',
    head: 'predicted',
    text: (row) => seconds(row.predicted),
    isOptional: (row) => row.predicted !== null,
  },
  { key: 'calls', head: 'steps', text: ({ steps }) => String(steps.length) },
  {
    key: 'gflops',
    head: 'GFLOP/s',
    text: ({ gflops }) => rate(gflops),
    isOptional: (row) => row.gflops !== null,
  },
  { key: 'gbs', head: 'GB/s', text: ({ gbs }) => rate(gbs), isOptional: (row) => row.gbs !== null },
  {
    key: 'variant',
    head: 'how it is made',
    text: ({ variant }) => variant ?? '–',
    isOptional: (row) => row.variant !== null,
  },
];

const TEXTS: ReadonlySet<KernelColumn> = new Set(['name', 'variant']);

/** The kernels of a program in a table. */
export const kernelsPanel: Panel = {
  id: 'kernels',
  title: 'Kernels: where the time goes',
  legend:
    'Steps that run the same code are one kernel. Click a heading to sort, and a kernel to go through its steps, the longest first. Rates are by measured times where there is a trace, else by predicted ones.',
  place: 'below',
  shows: ['models', 'program', 'step'],
  isShown: (store) => store.state().program.steps.length > 0,
  mount: (element, store) => {
    let sorted: { readonly column: KernelColumn; readonly descending: boolean } = {
      ...{ column: 'share', descending: true },
    };
    let isWhole = false;
    let rows: readonly KernelRow[] = [];
    const draw = () => {
      const columns = COLUMNS.filter(({ isOptional }) => !isOptional || rows.some(isOptional));
      const all = sortKernels(rows, sorted.column, sorted.descending);
      const shown = isWhole ? all : all.slice(0, MOST_ROWS);
      const head = columns.map(({ key, head }) =>
        h(
          'th',
          {
            scope: 'col',
            class: TEXTS.has(key) ? null : 'bv-number',
            'aria-sort': sortOf(key, sorted),
          },
          h('button', { type: 'button', class: 'bv-link', onclick: () => sort(key) }, head),
        ),
      );
      const body = shown.map((row) => kernelRow(store, row, columns, rows[0].share));
      const more = moreButton(all.length - shown.length, () => {
        isWhole = true;
        draw();
      });
      fill(
        element,
        h(
          'div',
          { class: 'bv-scroll' },
          h(
            'table',
            { class: 'bv-table' },
            h('thead', {}, h('tr', {}, ...head)),
            h('tbody', {}, ...body),
          ),
        ),
        all.length > shown.length ? more : null,
      );
    };
    const sort = (column: KernelColumn) => {
      const isSame = sorted.column === column;
      sorted = { column, descending: isSame ? !sorted.descending : !TEXTS.has(column) };
      draw();
      element
        .querySelector<HTMLElement>(
          'th[aria-sort="ascending"] button, th[aria-sort="descending"] button',
        )
        ?.focus();
    };
    return {
      update: (changes) => {
        if (has(changes, 'models', 'program')) {
          rows = kernelRows(modelOf(store), store.state().program);
          draw();
        } else markSelected(element, store);
      },
    };
  },
};

function sortOf(
  key: KernelColumn,
  { column, descending }: { readonly column: KernelColumn; readonly descending: boolean },
): string | null {
  return key !== column ? null : descending ? 'descending' : 'ascending';
}

function kernelRow(
  store: Store,
  row: KernelRow,
  columns: readonly Column[],
  largestShare: number,
): HTMLElement {
  const { program } = store.state();
  const select = () => selectStep(store, nextStep(row.steps, store.state().step), program);
  const bar = h('span', { class: 'bv-bar' });
  bar.style.width = `${((100 * row.share) / Math.max(largestShare, Number.MIN_VALUE)).toFixed(1)}%`;
  const cells = columns.map(({ key, text }) =>
    h(
      'td',
      { class: TEXTS.has(key) ? 'bv-code' : 'bv-number' },
      key === 'name'
        ? h('button', { type: 'button', class: 'bv-link', onclick: select }, row.name)
        : text(row),
      key === 'share' ? bar : null,
    ),
  );
  const isSelected = row.steps.includes(store.state().step ?? -1);
  return h('tr', { 'data-kernel': row.name, class: isSelected ? 'bv-selected' : null }, ...cells);
}

/** The step behind the selected one in the list, from the first on again. */
function nextStep(steps: readonly number[], selected: number | null): number {
  return steps[(steps.indexOf(selected ?? -1) + 1) % steps.length];
}

function markSelected(element: HTMLElement, store: Store): void {
  const { step, program } = store.state();
  const kernel =
    step === null ? null : modelOf(store).plan.kernels[program.steps[step].kernel].name;
  for (const row of element.querySelectorAll<HTMLElement>('tr[data-kernel]'))
    row.classList.toggle('bv-selected', row.dataset['kernel'] === kernel);
}
