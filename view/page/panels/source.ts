import { formatBytes, formatSeconds } from '../../../compiler/format.ts';
import { type FileHeat, type LineHeat, linesOf, sourceHeat } from '../../data/source-heat.ts';
import { fill, h } from '../dom.ts';
import { longList, stepLink, tensorLink } from '../links.ts';
import { has, type Panel } from '../panel.ts';
import { modelOf, type Store } from '../store.ts';

const MOST_LINES = 4000;
const MOST_LINKS = 8;

/** The model's own text, with what each line costs. */
export const sourcePanel: Panel = {
  id: 'source',
  title: 'The model, line by line',
  legend:
    'The first bar beside a line is what its values hold at the peak, the second the time of its steps; a line that calls others has theirs too. Click a line for its tensors and steps. Lines of what is selected are marked.',
  place: 'below',
  shows: ['models', 'program', 'step', 'tensor'],
  isShown: (store) => (modelOf(store).plan.frames ?? []).length > 0,
  mount: (element, store) => {
    const select = h('select', { 'aria-label': 'file of the model' });
    const code = h('div', {
      ...{ class: 'bv-source', tabindex: 0, role: 'group', 'aria-label': 'lines of the file' },
    });
    const about = h('div', { class: 'bv-about', 'aria-live': 'polite' });
    let files: readonly FileHeat[] = [];
    let chosen: number | null = null;
    const current = () => files.find(({ file }) => file === select.value) ?? files[0];
    const draw = () => {
      const file = current();
      chosen = null;
      fill(about);
      if (!file) return;
      fill(code, ...lineRows(file, choose));
      mark();
    };
    const choose = (line: number) => {
      chosen = line;
      const heat = current()?.lines.get(line);
      fill(about, ...(heat ? aboutLine(store, current(), heat) : []));
      mark();
    };
    const mark = () => markLines(code, store, current(), chosen);
    select.addEventListener('change', draw);
    element.append(select, code, about);
    return {
      update: (changes) => {
        if (has(changes, 'models', 'program')) {
          const before = select.value;
          files = sourceHeat(modelOf(store), store.state().program);
          fill(select, ...files.map((file) => h('option', { value: file.file }, optionText(file))));
          if (files.some(({ file }) => file === before)) select.value = before;
          draw();
          scrollTo(code, hottest(current()));
        } else {
          const own = selectedLines(store);
          const file = current()?.file;
          if (
            own.length > 0 &&
            !own.some((one) => one.file === file) &&
            files.some((one) => one.file === own[0].file)
          ) {
            select.value = own[0].file;
            draw();
          } else mark();
          scrollTo(code, own.find((one) => one.file === current()?.file)?.line ?? null);
        }
      },
    };
  },
};

const optionText = ({ file, bytes, seconds, text }: FileHeat) =>
  `${file}: ${formatBytes(bytes)} at the peak${seconds > 0 ? `, ${formatSeconds(seconds)}` : ''}${text ? '' : ' (its text is not here)'}`;

function hottest(file: FileHeat | undefined): number | null {
  const lines = [...(file?.lines.values() ?? [])];
  return (
    lines.reduce<LineHeat | null>(
      (best, line) => (best === null || line.bytes > best.bytes ? line : best),
      null,
    )?.line ?? null
  );
}

/** All lines of a file, or those that something is known of where its text is not here. */
function lineRows({ text, lines }: FileHeat, choose: (line: number) => void): HTMLElement[] {
  const most = { bytes: 1, seconds: Number.MIN_VALUE };
  for (const { bytes, seconds } of lines.values()) {
    most.bytes = Math.max(most.bytes, bytes);
    most.seconds = Math.max(most.seconds, seconds);
  }
  const numbers = text ? text.slice(0, MOST_LINES).map((_, k) => k + 1) : [...lines.keys()];
  return numbers.map((line) => {
    const heat = lines.get(line);
    const said = heat
      ? `line ${line}: ${formatBytes(heat.bytes)} at the peak${heat.seconds > 0 ? `, ${formatSeconds(heat.seconds)}` : ''}`
      : null;
    const content = [
      bar(heat ? heat.bytes / most.bytes : 0, 'bv-heat-bytes'),
      bar(heat ? heat.seconds / most.seconds : 0, 'bv-heat-time'),
      h('span', { class: 'bv-line-number' }, String(line)),
      h('span', { class: 'bv-line-text' }, text ? text[line - 1] || ' ' : (said ?? '')),
    ];
    return heat
      ? h(
          'button',
          {
            type: 'button',
            class: 'bv-code-line',
            'data-line': line,
            'aria-label': said,
            title: said,
            onclick: () => choose(line),
          },
          ...content,
        )
      : h('div', { class: 'bv-code-line', 'data-line': line }, ...content);
  });
}

function bar(part: number, name: string): HTMLElement {
  const inner = h('span', { class: `bv-heat ${name}` });
  inner.style.width = `${(100 * part).toFixed(1)}%`;
  return h('span', { class: part > 0 ? 'bv-heat-box bv-warm' : 'bv-heat-box' }, inner);
}

function aboutLine(store: Store, { file }: FileHeat, heat: LineHeat): HTMLElement[] {
  const { line, bytes, seconds, tensors, steps } = heat;
  const { plan } = modelOf(store);
  const what = [
    `${formatBytes(bytes)} at the peak in ${tensors.length} tensor${tensors.length === 1 ? '' : 's'}`,
    `${steps.length} step${steps.length === 1 ? '' : 's'}${seconds > 0 ? ` of ${formatSeconds(seconds)}` : ''}`,
  ];
  return [
    h('h3', {}, `${file}, line ${line}: ${what.join('; ')}`),
    ...(tensors.length === 0
      ? []
      : [
          longList(tensors, MOST_LINKS, (tensor) =>
            h(
              'li',
              {},
              tensorLink(store, tensor),
              h('span', { class: 'bv-muted' }, ` ${formatBytes(plan.tensors[tensor].bytes)}`),
            ),
          ),
        ]),
    ...(steps.length === 0
      ? []
      : [
          longList(steps, MOST_LINKS, (step) =>
            h('li', {}, stepLink(store, step), ` ${store.state().program.steps[step].label}`),
          ),
        ]),
  ];
}

/** Lines of the selected tensor, else of the selected step; innermost first. */
function selectedLines(store: Store): { readonly file: string; readonly line: number }[] {
  const { tensor, step, program } = store.state();
  const { plan } = modelOf(store);
  const source =
    tensor !== null
      ? plan.tensors[tensor].source
      : step !== null
        ? program.steps[step].source
        : null;
  return linesOf(plan, source);
}

function markLines(
  code: HTMLElement,
  store: Store,
  file: FileHeat | undefined,
  chosen: number | null,
): void {
  const own = new Set(
    selectedLines(store).flatMap((one) => (one.file === file?.file ? [one.line] : [])),
  );
  for (const row of code.querySelectorAll<HTMLElement>('[data-line]')) {
    const line = Number(row.dataset['line']);
    row.classList.toggle('bv-selected', own.has(line));
    row.classList.toggle('bv-chosen', line === chosen);
  }
}

/** Scrolls the text, not the page. */
function scrollTo(code: HTMLElement, line: number | null): void {
  const row = line === null ? null : code.querySelector<HTMLElement>(`[data-line="${line}"]`);
  if (row) code.scrollTop = row.offsetTop - code.clientHeight / 2;
}
