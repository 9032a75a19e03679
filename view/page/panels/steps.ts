import { formatAmount, formatBytes, formatSeconds } from '../../../compiler/format.ts';
import { STEP_KINDS, STEP_WORDS } from '../../data/kinds.ts';
import { kindsOf } from '../../data/step-shares.ts';
import { drawStepMark } from '../axis-marks.ts';
import { copyAt, copyLines, drawCopies, LANES_TOP, lanesHeight, timesOf } from '../copies-draw.ts';
import { fill, h } from '../dom.ts';
import { calmly } from '../frames.ts';
import { pointerTip, stepMark } from '../hover-marks.ts';
import { has, type Panel } from '../panel.ts';
import { attachStepAxis, stepScale } from '../step-axis.ts';
import { drawSteps, STRIP } from '../steps-draw.ts';
import { modelOf, type Store, selectStep, selectTensor, type ViewState } from '../store.ts';
import { createSurface, type Paint } from '../surface.ts';
import { THEMES, type Theme } from '../theme.ts';
import { hoverStep, READ_EVERY, stepAt } from './live.ts';

/** Steps by kind and time, and copies between them. */
export const stepsPanel: Panel = {
  id: 'steps',
  title: 'Time of each step',
  legend:
    'Each bar is a step, in the order in which they run: as tall as the seconds that it should take, in the colours of what it is for. A bar of several colours is one dispatch that several steps share, each with its part of the work. With a trace, the thin line is what was measured. Below, copies in from the host and out to it, over the steps that run meanwhile.',
  place: 'axis',
  shows: ['models', 'program', 'step', 'tensor', 'hover', 'range', 'theme'],
  mount: (element, store) => {
    const key = h('ul', { class: 'bv-key', 'aria-label': 'colours' });
    const readout = h('p', { class: 'bv-readout' });
    const scaleOf = ({ width }: Pick<Paint, 'width'>) => stepScale(store.state().range, width);
    const surface = createSurface('Bars of the time of each step', {
      height: () => LANES_TOP + lanesHeight(store.state().program.copies) + STRIP.foot,
      picture: {
        key: () => {
          const { program, range, theme } = store.state();
          return [program, range, theme];
        },
        paint: (paint) => drawSteps(paint, scaleOf(paint), store.state()),
      },
      marks: {
        key: () => [store.state().step, store.state().tensor],
        paint: (paint) => {
          if (store.state().program.copies.length > 0)
            drawCopies(paint, scaleOf(paint), store.state());
          drawStepMark(paint, scaleOf(paint), store.state());
        },
      },
    });
    element.append(surface.element, readout, key);
    const over = stepMark(surface);
    const tip = pointerTip(surface);
    const say = calmly(READ_EVERY, () => {
      readout.textContent = readoutText(store);
    });
    const at = (x: number, y: number) => {
      const { width } = surface.size();
      const step = stepAt(store, width, x);
      const { copies } = store.state().program;
      return { step, copy: step === null ? null : copyAt(copies, scaleOf({ width }), x, y) };
    };
    const end = attachStepAxis(surface.canvas, store, {
      onHover: (x, y) => {
        const { copy, step } = at(x, y);
        hoverStep(store, step);
        tip.element.hidden = copy === null;
        if (!copy) return;
        const lines = copyLines(modelOf(store), copy);
        fill(tip.element, ...lines.map((line, k) => h(k === 0 ? 'strong' : 'div', {}, line)));
        tip.place(x, y, surface.size().width);
      },
      onClick: (x, y) => {
        const { copy, step } = at(x, y);
        if (copy?.tensors.length === 1) selectTensor(store, copy.tensors[0]);
        else selectStep(store, step);
      },
    });
    return {
      update: (changes) => {
        const { hover, program } = store.state();
        if (has(changes, 'program', 'theme')) fill(key, ...keyItems(store.state()));
        if (has(changes, 'program')) surface.resize();
        if (has(changes, 'program')) readout.textContent = readoutText(store);
        else if (has(changes, 'hover', 'step')) say();
        if (has(changes, 'step', 'program')) {
          surface.canvas.setAttribute('aria-label', `Times of steps: ${readoutText(store)}`);
          surface.canvas.dataset['copies'] = String(program.copies.length);
        }
        if (has(changes, 'hover', 'range', 'program')) over(scaleOf(surface.size()), hover.step);
        if (hover.step === null) tip.element.hidden = true;
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

/** What each colour is, with how many steps have it as most of their work. */
function keyItems({ program, theme }: ViewState): HTMLElement[] {
  const colours = THEMES[theme];
  const item = (colour: string, text: string, isLine = false) => {
    const swatch = h('span', { class: isLine ? 'bv-swatch bv-line' : 'bv-swatch' });
    swatch.style.background = colour;
    return h('li', {}, swatch, text);
  };
  const kinds = STEP_KINDS.flatMap((kind, k) => {
    const main = program.stepKinds.reduce((sum, each) => sum + Number(each === k), 0);
    const isPart = program.shares.some((shares) => shares[k] > 0);
    if (!isPart) return [];
    const text = main > 0 ? `${STEP_WORDS[kind]}, ${main}` : `${STEP_WORDS[kind]}, parts of others`;
    return [item(colours.steps[kind], text)];
  });
  return [...kinds, ...otherItems(program, colours, item)];
}

function otherItems(
  { times, copies }: ViewState['program'],
  colours: Theme,
  item: (colour: string, text: string, isLine?: boolean) => HTMLElement,
): HTMLElement[] {
  const lane = (direction: 'in' | 'out', colour: string, ofCaller: string) => {
    const own = copies.filter((copy) => copy.direction === direction);
    const swaps = own.filter(({ place }) => place !== 'caller').length;
    const texts = [
      ...(swaps > 0 ? [`copies ${direction}, ${swaps}`] : []),
      ...(own.length > swaps ? [ofCaller] : []),
    ];
    return texts.length === 0 ? [] : [item(colour, texts.join(', and '))];
  };
  return [
    ...(times.predicted && times.waits ? [item(colours.wait, 'waits for copies')] : []),
    ...lane('in', colours.moveIn, 'inputs'),
    ...lane('out', colours.moveOut, 'outputs'),
    ...(times.predicted && times.measured ? [item(colours.measured, 'measured', true)] : []),
  ];
}

const sum = (times: Float64Array) => times.reduce((total, seconds) => total + seconds, 0);

/** The step under the pointer, else the selected one, else the sum of all. */
function readoutText(store: Store): string {
  const { program, hover, step } = store.state();
  const { predicted, measured, waits } = program.times;
  const at = hover.step ?? step;
  if (at === null) {
    const times = timesOf(predicted && sum(predicted), measured && sum(measured));
    const waiting = waits ? `, and ${formatSeconds(sum(waits))} of waiting for copies` : '';
    return `${formatAmount(program.steps.length, 'step')}${times === '' ? '' : `, ${times}`}${waiting}`;
  }
  const { kernel, label, bytesMoved } = program.steps[at];
  const name = modelOf(store).plan.kernels[kernel].name;
  const times = timesOf(predicted?.[at] ?? null, measured?.[at] ?? null);
  const wait = waits?.[at] ? `after waiting ${formatSeconds(waits[at])} for copies` : '';
  return [
    `step ${at}: ${label || name}`,
    kindsText(kindsOf(program.shares[at])),
    `${formatBytes(bytesMoved)} moved`,
    ...[times, wait].filter((text) => text !== ''),
  ].join(', ');
}

/** `backward (gradients) 93 %, update of parameters 7 %`; without shares where there is one. */
export function kindsText(kinds: ReturnType<typeof kindsOf>): string {
  if (kinds.length === 1) return STEP_WORDS[kinds[0].kind];
  return kinds
    .map(({ kind, share }) => `${STEP_WORDS[kind]} ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`)
    .join(' and ');
}
