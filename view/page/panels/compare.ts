import { formatBytes, formatSeconds } from '../../../compiler/format.ts';
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
    'Bytes in use over a run, one curve for each plan; dashed lines are the budgets. What is computed once more has no width of its own, so the same work is at the same place in all of them.',
  place: 'below',
  shows: ['models', 'program', 'theme'],
  isShown: (store) => store.state().models.length > 1,
  mount: (element, store) => {
    let comparison: Comparison | null = null;
    const surface = createSurface('Curves of the bytes in use, one for each plan', {
      height: (width) => (width < 600 ? 190 : 240),
      key: () => [comparison, store.state().theme],
      picture: (paint) => {
        if (comparison) drawCurves(paint, comparison, store.state().theme);
      },
      marks: () => {},
    });
    const key = h('ul', { class: 'bv-key', 'aria-label': 'plans' });
    const tables = h('div', {});
    element.append(surface.element, key, tables);
    return {
      update: (changes) => {
        const { models, program, theme } = store.state();
        if (!comparison || has(changes, 'models', 'program')) {
          comparison = comparePlans(models, program.name);
          fill(tables, ...tablesOf(store, comparison));
        }
        fill(key, ...comparison.curves.map(({ label }, k) => keyItem(label, colourOf(k, theme))));
        surface.redraw();
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
  const most =
    1.06 *
    curves.reduce(
      (top, { bytes, budgetBytes }) =>
        bytes.reduce((a, b) => Math.max(a, b), Math.max(top, budgetBytes ?? 0)),
      1,
    );
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
    if (budgetBytes === null) return;
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
  const { labels, figures, values } = comparison;
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
      values.length === 0
        ? 'All values are treated alike'
        : `Treated differently: ${values.length} values`,
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
