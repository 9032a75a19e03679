import { formatBytes, formatSeconds } from '../../../compiler/format.ts';
import { stepBins } from '../../data/bins.ts';
import { STEP_KINDS, STEP_WORDS } from '../../data/kinds.ts';
import { drawStepAxis, drawStepMarks, drawValueAxis, ticks } from '../axis-marks.ts';
import { fill, h } from '../dom.ts';
import { has, type Panel } from '../panel.ts';
import { attachStepAxis, type StepScale, stepScale } from '../step-axis.ts';
import { modelOf, type Store, selectStep, type ViewState } from '../store.ts';
import { createSurface, type Paint, withinPlot } from '../surface.ts';
import { THEMES } from '../theme.ts';
import { stepAt } from './live.ts';

const TOP = 10;
const BOTTOM = 20;

/** Steps by kind and time. */
export const stepsPanel: Panel = {
  id: 'steps',
  title: 'Time of each step',
  legend:
    'Each bar is a step, in the order in which they run: as tall as the seconds that it should take, in the colour of what it is for. With a trace, the thin line is what was measured.',
  place: 'axis',
  shows: ['models', 'program', 'step', 'hover', 'range', 'theme'],
  mount: (element, store) => {
    const key = h('ul', { class: 'bv-key', 'aria-label': 'colours' });
    const readout = h('p', { class: 'bv-readout' });
    const scaleOf = ({ width }: Paint) => stepScale(store.state().range, width);
    const surface = createSurface('Bars of the time of each step', {
      height: () => 130,
      key: () => {
        const { program, range, theme } = store.state();
        return [program, range, theme];
      },
      picture: (paint) => drawSteps(paint, scaleOf(paint), store.state()),
      marks: (paint) => drawStepMarks(paint, scaleOf(paint), store.state()),
    });
    element.append(surface.element, readout, key);
    const end = attachStepAxis(surface.canvas, store, {
      onHover: (x) =>
        store.set({ hover: { step: stepAt(store, surface.size().width, x), tensor: null } }),
      onClick: (x) => selectStep(store, stepAt(store, surface.size().width, x)),
    });
    return {
      update: (changes) => {
        if (has(changes, 'program', 'models', 'theme')) fill(key, ...keyItems(store.state()));
        if (has(changes, 'hover', 'step', 'program', 'models'))
          readout.textContent = readoutText(store);
        if (has(changes, 'step', 'program', 'models'))
          surface.canvas.setAttribute('aria-label', `Times of steps: ${readout.textContent}`);
        surface.redraw();
      },
      destroy: () => {
        end();
        surface.destroy();
      },
    };
  },
};

function keyItems({ program, theme }: ViewState): HTMLElement[] {
  const swatch = (colour: string, isLine: boolean) => {
    const element = h('span', { class: isLine ? 'bv-swatch bv-line' : 'bv-swatch' });
    element.style.background = colour;
    return element;
  };
  const { predicted, measured } = program.times;
  const items = STEP_KINDS.flatMap((kind, k) => {
    const count = program.stepKinds.reduce((sum, each) => sum + Number(each === k), 0);
    if (count === 0) return [];
    const text = `${STEP_WORDS[kind]}, ${count}`;
    return [h('li', {}, swatch(THEMES[theme].steps[kind], false), text)];
  });
  return predicted && measured
    ? [...items, h('li', {}, swatch(THEMES[theme].measured, true), 'measured')]
    : items;
}

/** The step under the pointer, else the selected one, else the sum of all. */
function readoutText(store: Store): string {
  const { program, hover, step } = store.state();
  const { predicted, measured } = program.times;
  const at = hover.step ?? step;
  const sum = (times: Float64Array) => times.reduce((total, seconds) => total + seconds, 0);
  const parts = (of: (times: Float64Array) => number) => [
    ...(predicted ? [`predicted ${formatSeconds(of(predicted))}`] : []),
    ...(measured ? [`measured ${formatSeconds(of(measured))}`] : []),
  ];
  if (at === null)
    return `${program.steps.length} steps${parts(sum)
      .map((part) => `, ${part}`)
      .join('')}`;
  const { kernel, label, bytesMoved } = program.steps[at];
  const name = modelOf(store).plan.kernels[kernel].name;
  const rest = [`${formatBytes(bytesMoved)} moved`, ...parts((times) => times[at])];
  return `step ${at}: ${label || name}, ${STEP_WORDS[STEP_KINDS[program.stepKinds[at]]]}, ${rest.join(', ')}`;
}

function drawSteps(paint: Paint, scale: StepScale, state: ViewState): void {
  const theme = THEMES[state.theme];
  const { program, range } = state;
  const { predicted, measured } = program.times;
  // Where no times are known, what is moved through memory is the better part of them.
  const heights =
    predicted ?? measured ?? Float64Array.from(program.steps, ({ bytesMoved }) => bytesMoved);
  const isTimed = predicted !== null || measured !== null;
  const bins = stepBins(heights, range, scale.right - scale.left);
  let most = 0;
  for (const step of bins.step)
    most = Math.max(most, heights[step], predicted && measured ? measured[step] : 0);
  if (most === 0) most = 1;
  const base = paint.height - BOTTOM;
  const y = (value: number) => base - (value / most) * (base - TOP);
  const text = isTimed ? formatSeconds : formatBytes;
  drawValueAxis(paint, scale, ticks(most, 3, isTimed ? 10 : 2), y, text, theme);
  withinPlot(paint, scale, () => {
    drawBars(paint, scale, state, bins, (step) => y(heights[step]), base);
    if (!predicted || !measured) return;
    paint.context.fillStyle = theme.measured;
    for (let bin = 0; bin < bins.count; bin++) {
      const x = scale.x(bins.x0[bin]);
      const width = scale.x(bins.x1[bin]) - x;
      paint.context.fillRect(x, y(measured[bins.step[bin]]) - 1, width, 2);
    }
  });
  drawStepAxis(paint, scale, range, base + 5, theme);
}

function drawBars(
  { context }: Paint,
  scale: StepScale,
  { program, theme }: ViewState,
  bins: ReturnType<typeof stepBins>,
  top: (step: number) => number,
  base: number,
): void {
  STEP_KINDS.forEach((kind, k) => {
    context.fillStyle = THEMES[theme].steps[kind];
    for (let bin = 0; bin < bins.count; bin++) {
      const step = bins.step[bin];
      if (program.stepKinds[step] !== k) continue;
      const x = scale.x(bins.x0[bin]);
      const width = scale.x(bins.x1[bin]) - x;
      const height = Math.max(1.5, base - top(step));
      context.fillRect(x, base - height, width > 4 ? width - 1 : width, height);
    }
  });
}
