import { parseEquation } from '../../ir/einsum.ts';
import type { Node, NodeOf } from '../../ir/graph.ts';
import { isScalarOp, type OpAttributes, type OpName, type StructuralOp } from '../../ir/ops.ts';
import type { Shape } from '../../ir/tensor.ts';
import { type Layout, partShape, reshapedLayout, sameLayout } from './layout.ts';

/** How values of all parts become that of the whole. */
export type Combine = 'add' | 'max' | 'min';

/** How a node is computed part by part. */
export interface Reading {
  /** By operand: how it is cut; null where every part reads it as a whole. */
  readonly operands: readonly (Layout | null)[];
  /** How the result is cut, or how the results of all parts are combined. */
  readonly result: Layout | Combine;
  /** Those of the node over one part. */
  readonly attributes: OpAttributes[OpName];
}

interface Cut {
  /** By operand; null for one that is not cut yet. */
  readonly layouts: readonly (Layout | null)[];
  readonly shapes: readonly Shape[];
  readonly parts: number;
}

/** Null where the op mixes parts. */
type Rule<Op extends OpName> = (node: NodeOf<Op>, cut: Cut) => Reading | null;

const kept = (node: Node, operands: Reading['operands'], result: Reading['result']): Reading => ({
  operands,
  result,
  attributes: node.attributes,
});

/** The one layout of all operands that are cut; null where they differ. */
function agreed(layouts: readonly (Layout | null)[]): Layout | null {
  const cut = layouts.filter((layout) => layout !== null);
  return cut.every((layout) => sameLayout(layout, cut[0])) ? cut[0] : null;
}

const elementwise = (node: Node, { layouts }: Cut): Reading | null => {
  const layout = agreed(layouts);
  return (
    layout &&
    kept(
      node,
      node.operands.map(() => layout),
      layout,
    )
  );
};

const reduction =
  (combine: Combine): Rule<'reduceSum' | 'reduceMax' | 'reduceMin'> =>
  (node, { layouts: [layout] }) => {
    const { axes } = node.attributes;
    if (axes.includes(layout!.axis)) return kept(node, [layout], combine);
    const axis = layout!.axis - axes.filter((one) => one < layout!.axis).length;
    return kept(node, [layout], { ...layout!, axis });
  };

/** A source has no operand that could be cut. */
const never = () => null;

/** By op that is not elementwise. One operand or more is cut. */
const RULES: { readonly [Op in StructuralOp]: Rule<Op> } = {
  input: never,
  parameter: never,
  constant: never,
  iota: never,
  random: never,
  stopGradient: elementwise,
  reshape: (node, { layouts: [layout], shapes: [shape], parts }) => {
    const to = node.attributes.shape;
    const result = reshapedLayout(shape, layout!, to, parts);
    return result && { operands: [layout], result, attributes: { shape: partShape(to, result) } };
  },
  transpose: (node, { layouts: [layout] }) => {
    const axis = node.attributes.permutation.indexOf(layout!.axis);
    return kept(node, [layout], { ...layout!, axis });
  },
  slice: (node, { layouts: [layout], parts }) => {
    const { axis, inner } = layout!;
    const { starts, sizes } = node.attributes;
    const block = parts * inner;
    if (starts[axis] % block !== 0 || sizes[axis] % block !== 0) return null;
    return {
      operands: [layout],
      result: { ...layout!, outer: sizes[axis] / block },
      attributes: {
        starts: starts.with(axis, starts[axis] / parts),
        sizes: sizes.with(axis, sizes[axis] / parts),
      },
    };
  },
  pad: (node, { layouts: [layout], parts }) => {
    const { axis, outer, inner } = layout!;
    const { low, high, value } = node.attributes;
    const block = parts * inner;
    if (low[axis] % block !== 0 || high[axis] % block !== 0) return null;
    return {
      operands: [layout],
      result: { ...layout!, outer: outer + (low[axis] + high[axis]) / block },
      attributes: {
        low: low.with(axis, low[axis] / parts),
        high: high.with(axis, high[axis] / parts),
        value,
      },
    };
  },
  broadcast: (node, { layouts: [layout] }) => {
    const { shape, axes } = node.attributes;
    const result = { ...layout!, axis: axes[layout!.axis] };
    return { operands: [layout], result, attributes: { shape: partShape(shape, result), axes } };
  },
  window: (node, { layouts: [layout] }) => {
    const { axis } = node.attributes;
    if (layout!.axis === axis) return null;
    return kept(node, [layout], {
      ...layout!,
      axis: layout!.axis > axis ? layout!.axis + 1 : layout!.axis,
    });
  },
  fold: (node, { layouts: [layout] }) => {
    const { axis } = node.attributes;
    if (layout!.axis === axis || layout!.axis === axis + 1) return null;
    return kept(node, [layout], {
      ...layout!,
      axis: layout!.axis > axis ? layout!.axis - 1 : layout!.axis,
    });
  },
  concat: (node, cut) => {
    const { layouts, shapes, parts } = cut;
    const { axis } = node.attributes;
    const first = layouts.find((layout) => layout !== null)!;
    if (first.axis !== axis) return elementwise(node, cut);
    // Along the axis that is cut: whole turns of the digit of the parts follow one another.
    const { inner } = first;
    const fits = shapes.every(
      (shape, k) =>
        shape[axis] % (parts * inner) === 0 &&
        (layouts[k] === null || (layouts[k].axis === axis && layouts[k].inner === inner)),
    );
    if (!fits) return null;
    const operands = shapes.map((shape) => ({ axis, outer: shape[axis] / (parts * inner), inner }));
    const outer = operands.reduce((sum, layout) => sum + layout.outer, 0);
    return kept(node, operands, { axis, outer, inner });
  },
  contract: (node, { layouts }) => {
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) return null;
    const { operands: terms, output } = equation;
    const named = layouts.flatMap((layout, k) =>
      layout ? [{ letter: terms[k][layout.axis], layout }] : [],
    );
    const [{ letter, layout }] = named;
    const agree = named.every(
      (one) => one.letter === letter && sameLayout({ ...one.layout, axis: layout.axis }, layout),
    );
    // A letter that an operand has twice is a diagonal.
    if (!agree || terms.some((term) => term.indexOf(letter) !== term.lastIndexOf(letter)))
      return null;
    const along = (term: string) =>
      term.includes(letter) ? { ...layout, axis: term.indexOf(letter) } : null;
    return kept(node, terms.map(along), along(output) ?? 'add');
  },
  reduceSum: reduction('add'),
  reduceMax: reduction('max'),
  reduceMin: reduction('min'),
  gather: (node, { layouts: [table, indices], shapes }) => {
    if (table && (indices || table.axis === 0)) return null;
    return table
      ? kept(node, [table, null], { ...table, axis: shapes[1].length + table.axis - 1 })
      : kept(node, [null, indices], indices!);
  },
  scatterAdd: (node, { layouts: [updates, indices], shapes }) => {
    const lead = shapes[1].length;
    if (updates && updates.axis >= lead)
      return indices
        ? null
        : kept(node, [updates, null], { ...updates, axis: updates.axis - lead + 1 });
    const layout = agreed([updates, indices]);
    return layout && kept(node, [layout, layout], 'add');
  },
};

/** How a node of which some operands are cut is computed part by part; null where it mixes parts. */
export function readingOf(node: Node, cut: Cut): Reading | null {
  if (isScalarOp(node.op)) return elementwise(node, cut);
  return (RULES[node.op] as Rule<OpName>)(node as NodeOf<OpName>, cut);
}
