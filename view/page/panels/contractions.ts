import { formatCount } from '../../../compiler/format.ts';
import { type ContractionTree, contractionTrees } from '../../data/contraction-trees.ts';
import { fill, h } from '../dom.ts';
import type { Panel } from '../panel.ts';
import { modelOf } from '../store.ts';
import { clipped, s } from '../svg.ts';

const MOST_TREES = 12;
const COLUMN = 76;
const ROW = 58;
const MARGIN = 44;

/** The orders of contractions as trees. */
export const contractionsPanel: Panel = {
  id: 'contractions',
  title: 'Contractions: the order that was chosen',
  legend:
    'An einsum of many operands is computed in steps of two. Operands are at the bottom, by the letters of their axes; each circle is a step, as large as its part of the multiply-adds.',
  place: 'below',
  shows: ['program'],
  isShown: (store) =>
    Object.values(modelOf(store).plan.programs).some(({ contractions }) => contractions?.length),
  mount: (element, store) => {
    const picture = h('div');
    const select = h('select', { 'aria-label': 'contraction' });
    let trees: readonly ContractionTree[] = [];
    const show = () => {
      const tree = trees[Number(select.value)] ?? trees[0];
      if (tree) fill(picture, ...treeContent(tree));
    };
    select.addEventListener('change', show);
    element.append(select, picture);
    return {
      update: () => {
        const all = contractionTrees(modelOf(store));
        trees = all.slice(0, MOST_TREES);
        fill(
          select,
          ...trees.map(({ equation, places, scope }, k) =>
            h(
              'option',
              { value: k },
              `${clipped(equation, 60)}  ${[scope, ...places].filter((text) => text !== null).join(', ')}`,
            ),
          ),
        );
        select.hidden = trees.length < 2;
        show();
      },
    };
  },
};

const METHODS: Readonly<Record<ContractionTree['method'], string>> = {
  exact: 'no order takes fewer',
  heuristic: 'the best that was found',
  bounded: 'the best that was found within the budget',
};

function treeContent(tree: ContractionTree): HTMLElement[] {
  const { equation, macs, leftToRightMacs, denseMacs, trainMacs, method, source, places } = tree;
  const facts: (readonly [string, string])[] = [
    ['this order', `${formatCount(macs).trim()} multiply-adds: ${METHODS[method]}`],
    ['from left to right', beside(leftToRightMacs, macs)],
    ['the dense tensor', beside(denseMacs, macs)],
    ...(trainMacs === null
      ? []
      : [['with its gradients', `${formatCount(trainMacs).trim()} multiply-adds`] as const]),
    ['where', [...places, source ?? ''].filter((text) => text !== '').join(', ')],
  ];
  return [
    h('p', { class: 'bv-code' }, equation),
    h(
      'dl',
      { class: 'bv-facts' },
      ...facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]),
    ),
    h('div', { class: 'bv-scroll' }, treePicture(tree)),
  ];
}

const beside = (other: number, macs: number) =>
  `${formatCount(other).trim()} multiply-adds, ${(other / Math.max(1, macs)).toPrecision(3)} times as many`;

function treePicture({ equation, nodes }: ContractionTree): SVGSVGElement {
  const height = nodes.reduce((most, { level }) => Math.max(most, level), 0);
  const leaves = nodes.filter(({ children }) => children === null).length;
  const x = (at: number) => MARGIN + at * COLUMN;
  const y = (level: number) => 30 + (height - level) * ROW;
  const [width, tall] = [x(leaves - 1) + MARGIN + 40, y(0) + 30];
  const lines = nodes.flatMap(({ children, ...node }) =>
    (children ?? []).map((child) =>
      s('line', {
        ...{ class: 'bv-edge', x1: x(node.x), y1: y(node.level) },
        ...{ x2: x(nodes[child].x), y2: y(nodes[child].level) },
      }),
    ),
  );
  const marks = nodes.map(({ letters, children, macs, share, elements, ...node }) => {
    const shown = clipped(letters === '' ? 'scalar' : letters, 9);
    const title = `${letters === '' ? 'a scalar' : letters}, ${formatCount(elements).trim()} elements${children ? `, ${formatCount(macs).trim()} multiply-adds (${(100 * share).toFixed(1)} %)` : ''}`;
    const place = { transform: `translate(${x(node.x)} ${y(node.level)})` };
    if (!children)
      return s(
        'g',
        place,
        s('title', {}, title),
        s('text', { class: 'bv-leaf', y: 16 }, shown),
        s('circle', { class: 'bv-operand', r: 3 }),
      );
    const radius = 4 + 14 * Math.sqrt(share);
    return s(
      'g',
      place,
      s('title', {}, title),
      s('circle', { class: 'bv-step-node', r: radius }),
      s('text', { x: radius + 4, y: -3 }, shown),
      s(
        'text',
        { class: 'bv-cost', x: radius + 4, y: 10 },
        macs === 0 ? 'free' : formatCount(macs).trim(),
      ),
    );
  });
  return s(
    'svg',
    {
      class: 'bv-tree',
      width,
      height: tall,
      viewBox: `0 0 ${width} ${tall}`,
      role: 'img',
      'aria-label': `The tree of ${equation}`,
    },
    ...lines,
    ...marks,
  );
}
