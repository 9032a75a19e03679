import { formatAmount, formatBytes, formatType } from '../../../compiler/format.ts';
import { boxAt } from '../../data/boxes.ts';
import { MEMORY_KINDS, MEMORY_WORDS } from '../../data/kinds.ts';
import { bandImages, drawArena } from '../arena-draw.ts';
import {
  type Band,
  type ByteRange,
  bandByte,
  bandsOf,
  boxFrame,
  mapHeight,
  zoomBytes,
} from '../arena-layout.ts';
import { drawArenaMarks } from '../arena-marks.ts';
import { button, fill, h } from '../dom.ts';
import { type Frame, frameMark, pointerTip, stepMark } from '../hover-marks.ts';
import { has, type Panel } from '../panel.ts';
import { attachStepAxis, type StepScale, stepScale } from '../step-axis.ts';
import { modelOf, type Store, selectTensor } from '../store.ts';
import { createSurface, type Paint } from '../surface.ts';
import { stepAt } from './live.ts';

/** How near a pointer must be to a tensor. */
const REACH_PIXELS = 5;

/** Offsets by steps. */
export const arenaPanel: Panel = {
  id: 'arena',
  title: 'Where every tensor lies',
  legend:
    'Each rectangle is a tensor: as wide as the steps in which it is needed, as tall as its bytes, at its place in device memory. Tensors that are not needed at the same time share a place. Hatched: nothing lies there. Striped: computed once more, or brought back from the host. Below, where the plan uses them, are the memory of the host and its spill file, with an arrow for every copy.',
  place: 'axis',
  shows: ['models', 'program', 'step', 'tensor', 'hover', 'range', 'theme'],
  mount: (element, store) => {
    let bytes: ByteRange = { low: 0, high: 1 };
    /** The tensor that the tip is of. */
    let told: number | null = null;
    const all = () => Math.max(1, store.state().program.arena.bytes);
    const bands = () => bandsOf(store.state().program.arena, surface.size().width, bytes);
    const show = (wanted: ByteRange) => {
      bytes = wanted;
      // Where bytes are out of sight, a finger moves the map and not the page.
      surface.canvas.style.touchAction = bytes.high - bytes.low < all() ? 'none' : '';
      surface.redraw();
    };
    const zoom = (by: number, at = (bytes.low + bytes.high) / 2) =>
      show(zoomBytes(bytes, by, at, all()));
    const images = bandImages();
    const scaleOf = ({ width }: Pick<Paint, 'width'>) => stepScale(store.state().range, width);
    const readout = h('p', { class: 'bv-readout' });
    const surface = createSurface('Map of the device memory over the steps', {
      height: (width) => mapHeight(store.state().program.arena, width),
      picture: {
        key: () => {
          const { model, program, range, theme } = store.state();
          return [model, program, range, theme, bytes];
        },
        paint: (paint) => {
          const seen = drawArena(paint, scaleOf(paint), store.state(), bands(), images);
          surface.canvas.dataset['seen'] = String(seen);
        },
      },
      marks: {
        key: () => [store.state().step, store.state().tensor],
        paint: (paint) => drawArenaMarks(paint, scaleOf(paint), store.state(), bands()),
      },
    });
    const over = stepMark(surface);
    const frame = frameMark(surface);
    const tip = pointerTip(surface);
    const zooms = h(
      'div',
      { class: 'bv-group', role: 'group', 'aria-label': 'Zoom of the bytes' },
      h('span', { class: 'bv-muted' }, 'bytes'),
      button('−', 'show more bytes', () => zoom(1 / 1.6)),
      button('+', 'show fewer bytes, larger', () => zoom(1.6)),
      button('all', 'show all bytes', () => show({ low: 0, high: all() })),
    );
    element.append(zooms, surface.element, readout);
    const hitAt = (x: number, y: number) => hit(bands(), scaleOf(surface.size()), x, y);
    const end = attachStepAxis(surface.canvas, store, {
      onHover: (x, y) => {
        const under = hitAt(x, y);
        const tensor = under?.tensor ?? null;
        const before = store.state().hover;
        const step = stepAt(store, surface.size().width, x);
        frame(under);
        tip.place(x, y, surface.size().width);
        if (before.step !== step || before.tensor !== tensor)
          store.set({ hover: { step, tensor } });
      },
      onClick: (x, y) => selectTensor(store, hitAt(x, y)?.tensor ?? null),
      onZoomAcross: (by, y) => zoom(by, bandByte(bands()[0], y)),
      onPanAcross: (pixels) => {
        const shown = bytes.high - bytes.low;
        const by = (-pixels / bands()[0].height) * shown;
        const low = Math.min(all() - shown, Math.max(0, bytes.low + by));
        show({ low, high: low + shown });
      },
    });
    return {
      update: (changes) => {
        if (has(changes, 'program', 'models')) {
          show({ low: 0, high: all() });
          surface.resize();
          readout.textContent = mapText(store);
          surface.canvas.setAttribute('aria-label', mapText(store));
        }
        const { hover } = store.state();
        if (has(changes, 'hover', 'range', 'program')) over(scaleOf(surface.size()), hover.step);
        if (hover.tensor === null || has(changes, 'range', 'program')) frame(null);
        if (has(changes, 'program', 'models') || hover.tensor !== told) {
          told = hover.tensor;
          fillTip(tip.element, store);
        }
        surface.redraw(has(changes, 'theme'));
      },
      destroy: () => {
        end();
        surface.destroy();
      },
    };
  },
};

/** The tensor at a place of the map, with its edges; null where none is near. */
function hit(
  bands: readonly Band[],
  scale: StepScale,
  x: number,
  y: number,
): (Frame & { readonly tensor: number }) | null {
  const band = bands.find(({ top, height }) => y >= top && y <= top + height);
  if (!band || x < scale.left || x > scale.right) return null;
  const perByte = band.height / (band.high - band.low);
  const box = boxAt(band.boxes, scale.at(x), bandByte(band, y), {
    x: REACH_PIXELS / scale.perStep,
    y: REACH_PIXELS / perByte,
  });
  return box < 0 ? null : { tensor: band.boxes.tensor[box], ...boxFrame(scale, band, box) };
}

function fillTip(tip: HTMLElement, store: Store): void {
  const { tensor } = store.state().hover;
  tip.hidden = tensor === null;
  if (tensor === null) return;
  const { plan, kinds } = modelOf(store);
  const { name, bytes, dtype, shape, program, firstStep, lastStep, copyOf } = plan.tensors[tensor];
  const life = program === null ? 'all steps' : `steps ${firstStep} to ${lastStep}`;
  const how = { recompute: ', computed once more', swap: ', brought back from the host' } as const;
  fill(
    tip,
    h('strong', {}, name),
    h('div', {}, `${formatBytes(bytes)}, ${formatType({ dtype, shape })}`),
    h(
      'div',
      {},
      `${MEMORY_WORDS[MEMORY_KINDS[kinds[tensor]]]}, ${life}${copyOf ? how[copyOf.by] : ''}`,
    ),
  );
}

function mapText(store: Store): string {
  const { arena } = store.state().program;
  const { packing, peakLiveBytes, arenaBytes } = modelOf(store).plan.memory;
  const moves = arena.lanes.reduce((sum, lane) => sum + lane.moves.length, 0);
  const borders = arena.slabs.length > 1 ? ' Dotted: the borders of the buffers.' : '';
  const gap =
    packing.gapBytes === 0
      ? 'no packing can be smaller'
      : `${formatBytes(packing.gapBytes)} above the ${formatBytes(peakLiveBytes)} that are live at the peak`;
  return `${formatAmount(arena.boxes.count, 'tensor')}; the values of a run take ${formatBytes(arenaBytes)}, ${gap}${moves > 0 ? `; ${formatAmount(moves, 'copy', 'copies')} to and from the host` : ''}.${borders} Drag to move, Ctrl and wheel to zoom steps, Alt and wheel to zoom bytes, click a tensor for more.`;
}
