import { formatBytes, formatSeconds } from '../../../compiler/format.ts';
import { largest } from '../../../ir/lists.ts';
import { chartReach } from '../../data/chart-reach.ts';
import { type ComparedValue, type Comparison, comparePlans } from '../../data/compare.ts';
import { drawValueAxis, shortBytes, ticks } from '../axis-marks.ts';
import { fill, h, moreButton } from '../dom.ts';
import { tensorLink } from '../links.ts';
import { has, type Panel } from '../panel.ts';
import { GUTTER } from '../step-axis.ts';
import type { Store } from '../store.ts';
import { createSurface, type Paint } from '../surface.ts';
import { THEMES, type ThemeName } from '../theme.ts';

const MOST_ROWS = 20;
const TOP = 12;
const BOTTOM = 24;

/** Several plans beside each other. */
export const comparePanel: Panel = {
  id: 'compare',
  title: 'Plans beside each other',
  legend:
    'Bytes in use over a run, one curve for each plan; dashed lines are the budgets, but for those far above. What is computed once more has no width of its own, so in plans of one model the same work is at the same place. Changes are beyond the plan that is shown above.',
  place: 'below',
  shows: ['models', 'model', 'program', 'theme'],
  isShown: (store) => store.state().models.length > 1,
  mount: (element, store) => {
    let comparison: Comparison | null = null;
    const surface = createSurface('Curves of the bytes in use, one for each plan', {
      height: (width) => (width < 600 ? 190 : 240),
      picture: {
        key: () => [comparison, store.state().theme],
        paint: (paint) => {
          if (comparison) drawCurves(paint, comparison, store.state().theme);
        },
      },
      marks: { key: () => [], paint: () => {} },
    });
    const key = h('ul', { class: 'bv-key', 'aria-label': 'plans' });
    const notes = h('ul', { class: 'bv-notes', 'aria-label': 'What differs' });
    const tables = h('div', {});
    element.append(notes, surface.element, key, tables);
    return {
      update: (changes) => {
        const { models, model, program, theme } = store.state();
        if (!comparison || has(changes, 'models', 'model', 'program')) {
          comparison = comparePlans(models, program.name, models.indexOf(model));
          fill(notes, ...comparison.notes.map((note) => h('li', {}, `${note}.`)));
          fill(tables, ...tablesOf(store, comparison));
        }
        fill(key, ...comparison.curves.map(({ label }, k) => keyItem(label, colourOf(k, theme))));
        surface.redraw(has(changes, 'theme'));
      },
      destroy: surface.destroy,
    };
  },
};

/** Colours of plans: those of kinds of memory, in an order in which neighbours differ. */
function colourOf(plan: number, theme: ThemeName): string {
  const { memory } = THEMES[theme];
  const order = [
    memory.parameter,
    memory.output,
    memory.activation,
    memory.gradient,
    memory.optimiser,
  ];
  return order[plan % order.length];
}

function keyItem(label: string, colour: string): HTMLElement {
  const swatch = h('span', { class: 'bv-swatch' });
  swatch.style.background = colour;
  return h('li', {}, swatch, label);
}

function drawCurves(paint: Paint, { curves }: Comparison, theme: ThemeName): void {
  const { context, width, height } = paint;
  const colours = THEMES[theme];
  const left = GUTTER.left;
  const right = Math.max(left + 1, width - GUTTER.right);
  const base = height - BOTTOM;
  const used = curves.reduce((top, { bytes }) => largest(bytes, top), 1);
  const reach = chartReach(
    used,
    curves.map(({ budgetBytes }) => budgetBytes),
  );
  const most = 1.06 * reach;
  const y = (bytes: number) => base - (bytes / most) * (base - TOP);
  const scale = {
    left,
    right,
    perStep: right - left,
    x: (at: number) => left + at * (right - left),
    at: () => 0,
  };
  drawValueAxis(paint, scale, ticks(most, 4, 2), y, shortBytes, colours);
  curves.forEach(({ progress, bytes, budgetBytes }, k) => {
    context.strokeStyle = colourOf(k, theme);
    context.lineWidth = 1.5;
    context.beginPath();
    bytes.forEach((value, step) => {
      const [from, to] = [scale.x(progress[step]), scale.x(progress[step + 1] ?? 1)];
      if (step === 0) context.moveTo(from, y(value));
      else context.lineTo(from, y(value));
      context.lineTo(to, y(value));
    });
    context.stroke();
    if (budgetBytes === null || budgetBytes > reach) return;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(left, y(budgetBytes));
    context.lineTo(right, y(budgetBytes));
    context.stroke();
    context.setLineDash([]);
  });
  context.fillStyle = colours.muted;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillText('begin of a run', left, base + 6);
  context.textAlign = 'right';
  context.fillText('end', right, base + 6);
}

function tablesOf(store: Store, comparison: Comparison): HTMLElement[] {
  const { labels, figures, values, isCompared } = comparison;
  const head = (first: string) =>
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...[first, ...labels].map((text, k) =>
          h('th', { scope: 'col', class: k === 0 ? null : 'bv-number' }, text),
        ),
      ),
    );
  const figureRows = figures.map(({ name, texts, changes }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      ...texts.map((text, k) =>
        h(
          'td',
          { class: 'bv-number' },
          text,
          changes[k] === '' ? null : h('span', { class: 'bv-muted' }, ` ${changes[k]}`),
        ),
      ),
    ),
  );
  const valueRows = values.map((value) => valueRow(store, value));
  const body = h('tbody', {}, ...valueRows.slice(0, MOST_ROWS));
  const rest = valueRows.slice(MOST_ROWS);
  const more = moreButton(rest.length, () => {
    body.append(...rest);
    more.remove();
  });
  return [
    h(
      'div',
      { class: 'bv-scroll' },
      h('table', { class: 'bv-table bv-figures' }, head(''), h('tbody', {}, ...figureRows)),
    ),
    h(
      'h3',
      {},
      values.length > 0
        ? `Treated differently: ${values.length} values`
        : isCompared
          ? 'All values are treated alike'
          : 'No values are compared',
    ),
    ...(values.length === 0
      ? []
      : [
          h(
            'div',
            { class: 'bv-scroll' },
            h('table', { class: 'bv-table bv-changed' }, head('value'), body),
          ),
        ]),
    ...(rest.length > 0 ? [more] : []),
  ];
}

function valueRow(
  store: Store,
  { name, bytes, treatments, seconds, tensor }: ComparedValue,
): HTMLElement {
  return h(
    'tr',
    {},
    h(
      'td',
      { class: 'bv-code' },
      tensor === null ? name : tensorLink(store, tensor),
      h('span', { class: 'bv-muted' }, ` ${formatBytes(bytes)}`),
    ),
    ...treatments.map((treatment, k) => {
      const cost = seconds[k];
      return h(
        'td',
        { class: 'bv-number', 'data-treatment': treatment },
        treatment,
        cost === null || cost === 0
          ? null
          : h('span', { class: 'bv-muted' }, ` ${formatSeconds(cost)}`),
      );
    }),
  );
}
