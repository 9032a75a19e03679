import { formatBytes } from '../../../compiler/format.ts';
import { stepBins } from '../../data/bins.ts';
import { chartReach } from '../../data/chart-reach.ts';
import { MEMORY_KINDS, MEMORY_WORDS } from '../../data/kinds.ts';
import {
  drawStepAxis,
  drawStepMark,
  drawTag,
  drawValueAxis,
  shortBytes,
  ticks,
} from '../axis-marks.ts';
import { fill, h } from '../dom.ts';
import { calmly } from '../frames.ts';
import { stepMark } from '../hover-marks.ts';
import { has, type Panel } from '../panel.ts';
import { attachStepAxis, type StepScale, stepScale } from '../step-axis.ts';
import { modelOf, type Store, selectStep, type ViewState } from '../store.ts';
import { createSurface, type Paint, withinPlot } from '../surface.ts';
import { THEMES } from '../theme.ts';

/** How often texts follow the pointer, in milliseconds: nobody reads faster, and each may move what is below it. */
export const READ_EVERY = 100;

/** Above the plot: the name of the peak. */
const TOP = 28;
const BOTTOM = 20;

/** Bytes in use at each step, by what they are for. */
export const livePanel: Panel = {
  id: 'live',
  title: 'Memory in use at each step',
  legend:
    'Each step of the program is a column; the colours say what the bytes in use at that step are for. The red line is the budget; one far above has an arrow. The dashed line is all that btc takes on the device: what is in use at the peak, and what lies between tensors or passes data to the host.',
  place: 'axis',
  shows: ['models', 'program', 'step', 'hover', 'range', 'theme'],
  mount: (element, store) => {
    const key = h('ul', { class: 'bv-key', 'aria-label': 'colours' });
    const readout = h('p', { class: 'bv-readout', 'aria-live': 'off' });
    const scaleOf = ({ width }: Pick<Paint, 'width'>) => stepScale(store.state().range, width);
    const surface = createSurface('Chart of the bytes in use at each step', {
      height: (width) => (width < 600 ? 184 : 224),
      picture: {
        key: () => {
          const { model, program, range, theme } = store.state();
          return [model, program, range, theme];
        },
        paint: (paint) => drawLive(paint, scaleOf(paint), store),
      },
      marks: {
        key: () => [store.state().step],
        paint: (paint) => drawStepMark(paint, scaleOf(paint), store.state()),
      },
    });
    element.append(surface.element, readout, key);
    const over = stepMark(surface);
    const say = calmly(READ_EVERY, () => {
      readout.textContent = readoutText(store);
    });
    const end = attachStepAxis(surface.canvas, store, {
      onHover: (x) => hoverStep(store, stepAt(store, surface.size().width, x)),
      onClick: (x) => selectStep(store, stepAt(store, surface.size().width, x)),
    });
    return {
      update: (changes) => {
        if (has(changes, 'program', 'models', 'theme')) fill(key, ...keyItems(store));
        if (has(changes, 'program')) readout.textContent = readoutText(store);
        else if (has(changes, 'hover', 'step')) say();
        if (has(changes, 'step', 'program', 'models'))
          surface.canvas.setAttribute('aria-label', `Bytes in use: ${readoutText(store)}`);
        const { hover } = store.state();
        if (has(changes, 'hover', 'range', 'program')) over(scaleOf(surface.size()), hover.step);
        surface.redraw(has(changes, 'theme'));
      },
      destroy: () => {
        end();
        say.cancel();
        surface.destroy();
      },
    };
  },
};

/** Puts a step under the pointer, and no tensor. */
export function hoverStep(store: Store, step: number | null): void {
  const { hover } = store.state();
  if (hover.step !== step || hover.tensor !== null) store.set({ hover: { step, tensor: null } });
}

/** The step at a place of a panel, or null beside the plot. */
export function stepAt(store: Store, width: number, x: number): number | null {
  const { range, program } = store.state();
  const scale = stepScale(range, width);
  const step = Math.floor(scale.at(x));
  return x < scale.left || x > scale.right || step < 0 || step >= program.steps.length
    ? null
    : step;
}

function keyItems(store: Store): HTMLElement[] {
  const { program, theme } = store.state();
  return MEMORY_KINDS.flatMap((kind, k) => {
    const layer = program.live.layers[k];
    if (!layer.some((bytes) => bytes > 0)) return [];
    const swatch = h('span', { class: 'bv-swatch' });
    swatch.style.background = THEMES[theme].memory[kind];
    return [h('li', {}, swatch, MEMORY_WORDS[kind])];
  });
}

/** What is in use at the step under the pointer, else at the selected one, else at the peak. */
function readoutText(store: Store): string {
  const { program, hover, step } = store.state();
  const { peak, layers, total } = program.live;
  const at = hover.step ?? step ?? peak.step;
  const parts = MEMORY_KINDS.flatMap((kind, k) =>
    layers[k][at] > 0 ? [`${MEMORY_WORDS[kind]} ${formatBytes(layers[k][at])}`] : [],
  );
  const name = `step ${at}${at === peak.step ? ' (peak)' : ''}`;
  return `${name}: ${formatBytes(total[at] ?? 0)} in use: ${parts.join(', ')}`;
}

function drawLive(paint: Paint, scale: StepScale, store: Store): void {
  const state = store.state();
  const theme = THEMES[state.theme];
  const { budgetBytes, deviceBytes } = modelOf(store).plan.memory;
  const { live } = state.program;
  const used = Math.max(1, deviceBytes, live.total[live.peak.step]);
  const reach = chartReach(used, [budgetBytes]);
  const most = 1.06 * reach;
  const isNear = budgetBytes !== null && budgetBytes <= reach;
  const base = paint.height - BOTTOM;
  const y = (bytes: number) => base - (bytes / most) * (base - TOP);
  drawValueAxis(paint, scale, ticks(most, 4, 2), y, shortBytes, theme);
  withinPlot(paint, scale, () => {
    drawLayers(paint, scale, state, y);
    drawLine(paint, scale, y(deviceBytes), theme.device, [4, 3]);
    if (isNear) drawLine(paint, scale, y(budgetBytes), theme.budget, []);
    drawPeak(paint, scale, state, y);
  });
  drawStepAxis(paint, scale, state.range, base + 5, theme);
  if (budgetBytes === null) return;
  const text = `${isNear ? '' : '↑ '}budget ${formatBytes(budgetBytes)}`;
  // What has no line of its own stands away from the peak.
  const isPeakLeft = scale.x(live.peak.step) < (scale.left + scale.right) / 2;
  const at = isNear || isPeakLeft ? scale.right : scale.left;
  drawTag(paint, scale, text, at, isNear ? y(budgetBytes) : TOP, theme.budget, theme);
}

function drawLayers(
  { context, ratio }: Paint,
  scale: StepScale,
  { program, range, theme }: ViewState,
  y: (bytes: number) => number,
): void {
  const { layers, total } = program.live;
  // Between pixels, neighbours would shine through each other's edges.
  const edge = (step: number) => Math.round(scale.x(step) * ratio) / ratio;
  const bins = stepBins(total, range, scale.right - scale.left);
  const below = new Float64Array(bins.count);
  MEMORY_KINDS.forEach((kind, k) => {
    const layer = layers[k];
    context.fillStyle = THEMES[theme].memory[kind];
    for (let bin = 0; bin < bins.count; bin++) {
      const bytes = layer[bins.step[bin]];
      if (bytes === 0) continue;
      const top = y(below[bin] + bytes);
      const x = edge(bins.x0[bin]);
      // A path of all of them takes ten times as long.
      context.fillRect(x, top, edge(bins.x1[bin]) - x, y(below[bin]) - top);
      below[bin] += bytes;
    }
  });
}

function drawLine(
  { context }: Paint,
  scale: StepScale,
  y: number,
  colour: string,
  dash: readonly number[],
): void {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash([...dash]);
  context.beginPath();
  context.moveTo(scale.left, y);
  context.lineTo(scale.right, y);
  context.stroke();
  context.setLineDash([]);
}

function drawPeak(
  paint: Paint,
  scale: StepScale,
  { program, theme }: ViewState,
  y: (bytes: number) => number,
): void {
  const { peak, total } = program.live;
  const colours = THEMES[theme];
  const x = scale.x(peak.step + 0.5);
  if (x < scale.left || x > scale.right) return;
  const top = y(total[peak.step]);
  paint.context.fillStyle = colours.text;
  paint.context.beginPath();
  paint.context.moveTo(x, top);
  paint.context.lineTo(x - 5, top - 8);
  paint.context.lineTo(x + 5, top - 8);
  paint.context.fill();
  const text = `peak ${formatBytes(total[peak.step])}, step ${peak.step}`;
  drawTag(paint, scale, text, x, 10, colours.text, colours);
}
