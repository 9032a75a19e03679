import { describe, expect, test } from 'vitest';
import { orderContractions } from '../../compiler/contract/index.ts';
import { contractionOrder } from '../../compiler/contract/tree.ts';
import type { Graph } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { type OpAttributes, opRow } from '../../ir/ops.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { typedBuilder } from '../support/random-graph.ts';

/** An einsum whose first operand is an input under windows, the others are inputs. */
interface Windowed {
  readonly equation: string;
  readonly x: Shape;
  readonly windows: readonly OpAttributes['window'][];
  readonly others: readonly Shape[];
}

function graphOf({ equation, x, windows, others }: Windowed): Graph {
  const typed = typedBuilder();
  const view = windows.reduce(
    (value, attributes) => typed.append('window', [value], attributes),
    typed.input('x', x),
  );
  const cores = others.map((shape, k) => typed.input(`u${k}`, shape));
  const value = typed.add('contract', [view, ...cores], { equation });
  typed.builder.outputs.push({ name: 'y', value });
  return typed.builder.finish();
}

/** Of pairwise contractions; windows cost nothing. */
const macsOf = ({ nodes }: Graph) =>
  nodes.reduce((sum, { op, operands, attributes, type }) => {
    const types = operands.map((operand) => nodes[operand].type);
    return sum + (op === 'contract' ? opRow(op).flops(types, attributes, type) / 2 : 0);
  }, 0);

const along = (axis: number, positions: number, size: number, more = {}) => ({
  ...{ axis, positions, size, stride: 1, dilation: 1, low: 1, value: 0 },
  ...more,
});

const CASES: Readonly<Record<string, Windowed>> = {
  'channels are contracted before both windows, taps one by one': {
    equation: 'nxuyvc,cr,ur,vr,rd->nxyd',
    x: [2, 5, 4, 6],
    windows: [along(2, 4, 3), along(1, 5, 3)],
    others: [
      [6, 2],
      [3, 2],
      [3, 2],
      [2, 5],
    ],
  },
  'a window over channels that grow is taken first': {
    equation: 'nxuc,uc,cd->nxd',
    x: [2, 6, 2],
    windows: [along(1, 3, 2, { stride: 2, low: 0 })],
    others: [
      [2, 2],
      [2, 7],
    ],
  },
  'what the window carries to the output stays': {
    equation: 'nxuc,cr,rd->nxud',
    x: [2, 5, 4],
    windows: [along(1, 5, 3)],
    others: [
      [4, 2],
      [2, 3],
    ],
  },
  'a tap that nothing else has is summed': {
    equation: 'nxuc,cr,rd->nxd',
    x: [2, 5, 4],
    windows: [along(1, 5, 3)],
    others: [
      [4, 2],
      [2, 3],
    ],
  },
  'a window that is not zero outside stays where it is': {
    equation: 'nxuc,cr,ur->nxr',
    x: [2, 5, 4],
    windows: [along(1, 5, 3, { value: -2 })],
    others: [
      [4, 2],
      [3, 2],
    ],
  },
  'positions that another operand has': {
    equation: 'nxuc,cr,xur->nr',
    x: [2, 5, 4],
    windows: [along(1, 5, 3, { dilation: -1, low: -1 })],
    others: [
      [4, 2],
      [5, 3, 2],
    ],
  },
  'a diagonal of positions and taps': {
    equation: 'nxxc,cr,xr->nr',
    x: [2, 5, 4],
    windows: [along(1, 3, 3)],
    others: [
      [4, 2],
      [3, 2],
    ],
  },
  'more operands than an exact search takes': {
    equation: `nxuc,${'cu,'.repeat(16)}cr->nxr`,
    x: [2, 5, 2],
    windows: [along(1, 5, 2)],
    others: [...new Array(16).fill([2, 2]), [2, 3]],
  },
};

describe('windows in einsums', () => {
  test.each(Object.entries(CASES))('%s', (_, cased) => {
    const graph = graphOf(cased);
    const ordered = orderContractions(graph);
    expect(verifyGraph(ordered)).toEqual([]);
    const shapes = { x: cased.x, ...Object.fromEntries(cased.others.map((s, k) => [`u${k}`, s])) };
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        Float64Array.from({ length: elementCount(shape) }, (_, k) => Math.sin(k + name.length)),
      ]),
    );
    const { y: wanted } = interpretGraph(graph, inputs, {}).outputs;
    const { y } = interpretGraph(ordered, inputs, {}).outputs;
    wanted.forEach((value, i) => {
      expect(y[i]).toBeCloseTo(value, 9);
    });
    for (const { op, operands } of ordered.nodes)
      if (op === 'contract') expect(operands.length).toBeLessThanOrEqual(2);
  });

  test('cost what the contractions on either side of them cost', () => {
    const cased = CASES['channels are contracted before both windows, taps one by one'];
    const [batch, height, width, channels] = cased.x;
    const pixels = batch * height * width;
    const staged = pixels * channels * 2 + 2 * pixels * 3 * 2 + pixels * 2 * 5;
    expect(macsOf(orderContractions(graphOf(cased)))).toBe(staged);
  });

  test('join only what carries their axis and neither their positions nor their taps', () => {
    const extents = new Map(Object.entries({ h: 10, x: 10, u: 3, c: 4, r: 1 }));
    const operands = ['hc', 'cur', 'hxu'];
    const { tree, macs } = contractionOrder(operands, 'xr', extents, { windows: [2] });
    // Channels and taps go together, so nothing can be done before the window.
    expect(tree).toEqual([[0, 2], 1]);
    expect(macs).toBe(10 * 3 * 4);
  });
});
