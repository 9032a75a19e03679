import { type Neighbour, neighbourhood } from '../../data/neighbourhood.ts';
import { button, fill, h } from '../dom.ts';
import type { Panel } from '../panel.ts';
import { modelOf, type Store, selectStep, selectTensor } from '../store.ts';
import { clipped, pressable, s } from '../svg.ts';

const BOX = { width: 150, height: 30, column: 188, row: 40 } as const;
const MOST_HOPS = 4;

/** What is around the selected tensor or step. */
export const neighbourhoodPanel: Panel = {
  id: 'neighbourhood',
  title: 'Around the selection',
  legend:
    'What it is made of stands to the left, what is made of it to the right: steps are boxes, tensors are rounded; a thick line is a tensor that the step updates. Click one to go there.',
  place: 'below',
  shows: ['models', 'program', 'step', 'tensor'],
  isShown: (store) => selectionOf(store) !== null,
  mount: (element, store) => {
    let hops = 2;
    const picture = h('div', { class: 'bv-scroll' });
    const note = h('p', { class: 'bv-muted' });
    const count = h('span', { class: 'bv-muted' });
    const draw = () => {
      const selected = selectionOf(store);
      if (!selected) return;
      const graph = neighbourhood(modelOf(store), store.state().program, selected, hops);
      count.textContent = hops === 1 ? 'direct neighbours' : `up to ${hops} hops away`;
      note.textContent =
        graph.left > 0 ? `${graph.left} more are within this distance, and left out.` : '';
      fill(picture, graphPicture(store, graph));
      centre(picture);
    };
    const change = (by: number) => {
      hops = Math.min(MOST_HOPS, Math.max(1, hops + by));
      draw();
    };
    element.append(
      h(
        'div',
        { class: 'bv-group', role: 'group', 'aria-label': 'Distance' },
        button('−', 'show less', () => change(-1)),
        button('+', 'show more', () => change(1)),
        count,
      ),
      picture,
      note,
    );
    return { update: draw };
  },
};

/** The selected tensor, else the selected step. */
function selectionOf(store: Store): Pick<Neighbour, 'kind' | 'index'> | null {
  const { tensor, step } = store.state();
  if (tensor !== null) return { kind: 'tensor', index: tensor };
  return step === null ? null : { kind: 'step', index: step };
}

/** Scrolls to what is selected, where the picture is wider than its place. */
function centre(picture: HTMLElement): void {
  const own = picture.querySelector('.bv-own');
  if (!own) return;
  const [box, frame] = [own.getBoundingClientRect(), picture.getBoundingClientRect()];
  picture.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
}

function graphPicture(
  store: Store,
  { nodes, edges }: ReturnType<typeof neighbourhood>,
): SVGSVGElement {
  const least = nodes.reduce((most, { column }) => Math.min(most, column), 0);
  const most = nodes.reduce((last, { column }) => Math.max(last, column), 0);
  const rows = nodes.reduce((last, { row }) => Math.max(last, row), 0);
  const x = (column: number) => 6 + (column - least) * BOX.column;
  const y = (row: number) => 6 + row * BOX.row;
  const width = x(most) + BOX.width + 6;
  const height = y(rows) + BOX.height + 6;
  const all = new Set(edges.map((edge) => edge.join()));
  const isUpdated = ([from, to]: readonly [number, number]) => all.has(`${to},${from}`);
  // What a step updates in place is read and written by it: one line, drawn where it goes to the right.
  const drawn = edges.filter(
    (edge) => !isUpdated(edge) || nodes[edge[0]].column < nodes[edge[1]].column,
  );
  const lines = drawn.map((edge) => {
    const [from, to] = edge;
    const [a, b] = [nodes[from], nodes[to]];
    const [x1, x2] = [x(a.column) + BOX.width, x(b.column)];
    const [y1, y2] = [y(a.row) + BOX.height / 2, y(b.row) + BOX.height / 2];
    const bend = Math.max(24, Math.abs(x2 - x1) / 2);
    return s('path', {
      class: isUpdated(edge) ? 'bv-edge bv-updated' : 'bv-edge',
      d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
    });
  });
  const { model, program } = store.state();
  const boxes = nodes.map((node) => {
    const go = () => {
      if (node.kind === 'tensor') return selectTensor(store, node.index, model);
      store.set({ tensor: null });
      selectStep(store, node.index, program);
    };
    return s(
      'g',
      {
        ...{ class: node === nodes[0] ? 'bv-box bv-own' : 'bv-box', 'data-kind': node.kind },
        transform: `translate(${x(node.column)} ${y(node.row)})`,
        ...pressable(`${node.kind} ${node.label}`, go),
      },
      s('title', {}, node.label),
      s('rect', { width: BOX.width, height: BOX.height, rx: node.kind === 'tensor' ? 15 : 3 }),
      s(
        'text',
        { x: BOX.width / 2, y: BOX.height / 2 + 4 },
        clipped(node.label, 20, node.kind === 'tensor' ? 'end' : 'begin'),
      ),
    );
  });
  return s(
    'svg',
    {
      class: 'bv-graph',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: 'group',
      'aria-label': 'Graph around the selection',
    },
    ...lines,
    ...boxes,
  );
}
