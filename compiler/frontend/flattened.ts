import { parseEquation } from '../../ir/einsum.ts';
import type { Node, NodeOf, ValueId } from '../../ir/graph.ts';
import { isScalarOp, type OpName, type StructuralOp } from '../../ir/ops.ts';
import type { FlattenedAxis } from '../../ir/plan.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';

// Which axes of parameters are images flattened, channels last. Systems with channels before height and width flatten to another order,
// so that the rows of a linear layer behind convolutions lie otherwise there, and the columns of one in front of them.
//
// Axes that an op relates one to one are one class. A reshape that joins several axes into one, or splits one into several, says what the
// class of the one is made of; that counts where the last of the several is the channels of an image.

/** The rank of the smallest input that is taken for images: [batch, height, width, channels]. */
const IMAGE_RANK = 4;

interface Join {
  /** The one axis. */
  readonly axis: number;
  /** Those that it is made of. */
  readonly parts: readonly number[];
  readonly extents: Shape;
  /** Whether these are all axes behind the batch. */
  readonly isWhole: boolean;
}

/** By name of a parameter its axes that are flattened images. `images` are values whose last axis is channels. */
export function flattenedAxes(
  nodes: readonly Node[],
  images: ReadonlySet<ValueId>,
): Map<string, readonly FlattenedAxis[]> {
  const given = nodes.flatMap((node, value) =>
    node.op === 'input' && node.type.shape.length >= IMAGE_RANK ? [value] : [],
  );
  if (images.size === 0 && given.length === 0) return new Map();
  const axes = new Axes(nodes);
  for (const [value, node] of nodes.entries()) relate(axes, nodes, value, node);
  axes.joinAlike();
  const seen = axes.closure([...images].map((value) => axes.last(value)));
  const inputs = axes.closure(given.map((value) => axes.last(value)));
  const made = new Map<number, Shape>();
  for (const { axis, parts, extents, isWhole } of axes.joins) {
    const channels = axes.find(parts[parts.length - 1]);
    const counts = seen.has(channels) || (isWhole && inputs.has(channels));
    if (counts && !made.has(axes.find(axis))) made.set(axes.find(axis), extents);
  }
  const found = new Map<string, readonly FlattenedAxis[]>();
  if (made.size === 0) return found;
  for (const [value, node] of nodes.entries()) {
    if (node.op !== 'parameter') continue;
    const flattened = node.type.shape.flatMap((_, axis) => {
      const extents = made.get(axes.find(axes.of(value, axis)));
      return extents ? [{ axis, extents }] : [];
    });
    if (flattened.length > 0) found.set(node.attributes.name, flattened);
  }
  return found;
}

/** All axes of all values in classes. */
class Axes {
  readonly joins: Join[] = [];
  readonly #first: number[] = [];
  readonly #ranks: number[];
  readonly #parent: Int32Array;
  /** Pairs of axes of which one is a part of the other: both are channels, or neither is. */
  readonly #kin: (readonly [number, number])[] = [];

  constructor(nodes: readonly Node[]) {
    let count = 0;
    this.#ranks = nodes.map(({ type }) => type.shape.length);
    for (const rank of this.#ranks) {
      this.#first.push(count);
      count += rank;
    }
    this.#parent = Int32Array.from({ length: count }, (_, axis) => axis);
  }

  of(value: ValueId, axis: number): number {
    return this.#first[value] + axis;
  }

  last(value: ValueId): number {
    return this.#first[value] + this.#ranks[value] - 1;
  }

  find(axis: number): number {
    const parent = this.#parent;
    while (parent[axis] !== axis) {
      parent[axis] = parent[parent[axis]];
      axis = parent[axis];
    }
    return axis;
  }

  join(a: number, b: number): void {
    this.#parent[this.find(a)] = this.find(b);
  }

  /** Axes that are made of the same axes are the same: channels that are split into groups and joined again. */
  joinAlike(): void {
    const first = new Map<string, number>();
    for (const { axis, parts } of this.joins) {
      const key = parts.map((part) => this.find(part)).join();
      const other = first.get(key);
      if (other === undefined) first.set(key, axis);
      else this.join(axis, other);
    }
  }

  relate(a: number, b: number): void {
    this.#kin.push([a, b]);
  }

  /** The classes of these axes and of all that are kin to them. */
  closure(axes: readonly number[]): Set<number> {
    const classes = new Set(axes.map((axis) => this.find(axis)));
    if (classes.size === 0) return classes;
    const kin = new Map<number, number[]>();
    for (const pair of this.#kin) {
      const [a, b] = pair.map((axis) => this.find(axis));
      kin.set(a, [...(kin.get(a) ?? []), b]);
      kin.set(b, [...(kin.get(b) ?? []), a]);
    }
    // Sets give what is added to them meanwhile too.
    for (const one of classes) for (const other of kin.get(one) ?? []) classes.add(other);
    return classes;
  }
}

/** A node whose axes are related to those of its operands. */
interface At<Op extends OpName> extends NodeOf<Op> {
  readonly axes: Axes;
  readonly value: ValueId;
  shapeOf(value: ValueId): Shape;
  /** Axis `from` of an operand is axis `to` of the result; where extents differ, one is a part of the other. */
  same(operand: ValueId, from: number, to: number): void;
}

function relate(axes: Axes, nodes: readonly Node[], value: ValueId, node: Node): void {
  const shapeOf = (of: ValueId) => nodes[of].type.shape;
  const same = (operand: ValueId, from: number, to: number) => {
    const [a, b] = [axes.of(operand, from), axes.of(value, to)];
    if (shapeOf(operand)[from] === node.type.shape[to]) axes.join(a, b);
    else axes.relate(a, b);
  };
  if (isScalarOp(node.op)) pointwise({ operands: node.operands, type: node.type, same });
  else (RELATIONS[node.op] as (at: unknown) => void)({ ...node, axes, value, shapeOf, same });
}

function pointwise({ operands, type, same }: Pick<At<OpName>, 'operands' | 'type' | 'same'>): void {
  for (const operand of operands) for (const axis of type.shape.keys()) same(operand, axis, axis);
}

function reduced({
  operands: [x],
  attributes,
  shapeOf,
  same,
}: At<'reduceSum' | 'reduceMax' | 'reduceMin'>): void {
  const kept = [...shapeOf(x).keys()].filter((axis) => !attributes.axes.includes(axis));
  for (const [to, from] of kept.entries()) same(x, from, to);
}

const unrelated = () => {};

const RELATIONS: { readonly [Op in StructuralOp]: (at: At<Op>) => void } = {
  input: unrelated,
  parameter: unrelated,
  constant: unrelated,
  iota: unrelated,
  random: unrelated,
  scatterAdd: unrelated,
  stopGradient: pointwise,
  pad: pointwise,
  slice: pointwise,
  concat: pointwise,
  reduceSum: reduced,
  reduceMax: reduced,
  reduceMin: reduced,
  broadcast: ({ operands: [x], attributes, type, shapeOf, same }) => {
    for (const [from, to] of attributes.axes.entries())
      if (shapeOf(x)[from] === type.shape[to]) same(x, from, to);
  },
  transpose: ({ operands: [x], attributes, same }) => {
    for (const [to, from] of attributes.permutation.entries()) same(x, from, to);
  },
  reshape: ({ axes, operands: [x], value, type, shapeOf }) =>
    relateReshape(axes, x, shapeOf(x), value, type.shape),
  window: (at) => relateWindow(at, at.operands[0], at.value),
  fold: (at) => relateWindow(at, at.value, at.operands[0]),
  contract: ({ axes, operands, value, attributes }) =>
    relateLetters(axes, operands, value, attributes.equation),
  gather: ({ operands: [table, indices], shapeOf, same }) => {
    const lead = shapeOf(indices).length;
    for (let axis = 0; axis < lead; axis++) same(indices, axis, axis);
    for (let axis = 1; axis < shapeOf(table).length; axis++) same(table, axis, lead + axis - 1);
  },
};

/** Of the one axis that is two under windows, neither is it. */
function relateWindow(
  { axes, attributes: { axis }, shapeOf }: At<'window' | 'fold'>,
  outside: ValueId,
  inside: ValueId,
): void {
  for (const k of shapeOf(outside).keys())
    if (k !== axis) axes.join(axes.of(outside, k), axes.of(inside, k < axis ? k : k + 1));
}

/** Axes with the same letter. */
function relateLetters(
  axes: Axes,
  operands: readonly ValueId[],
  value: ValueId,
  equation: string,
): void {
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return;
  const first = new Map<string, number>();
  const all = [...parsed.operands.map((letters, k) => [letters, operands[k]] as const)];
  for (const [letters, operand] of [...all, [parsed.output, value] as const])
    for (const [axis, letter] of [...letters].entries()) {
      const own = axes.of(operand, axis);
      const other = first.get(letter);
      if (other === undefined) first.set(letter, own);
      else axes.join(own, other);
    }
}

/** Axes of extent 1 hold no order: the others are matched in runs that hold the same elements. */
function relateReshape(axes: Axes, x: ValueId, before: Shape, value: ValueId, after: Shape): void {
  const wide = (shape: Shape) => [...shape.keys()].filter((axis) => shape[axis] > 1);
  const [from, to] = [wide(before), wide(after)];
  let [i, j] = [0, 0];
  while (i < from.length && j < to.length) {
    const [firstFrom, firstTo] = [i, j];
    let [left, right] = [before[from[i++]], after[to[j++]]];
    while (left !== right)
      if (left < right) left *= before[from[i++]];
      else right *= after[to[j++]];
    const [many, one] = [from.slice(firstFrom, i), to.slice(firstTo, j)];
    if (many.length === 1 && one.length === 1)
      axes.join(axes.of(x, many[0]), axes.of(value, one[0]));
    else if (one.length === 1) joined(axes, x, before, many, axes.of(value, one[0]));
    else if (many.length === 1) joined(axes, value, after, one, axes.of(x, many[0]));
  }
}

/** Notes that an axis is made of several axes of a value. */
function joined(
  axes: Axes,
  value: ValueId,
  shape: Shape,
  several: readonly number[],
  axis: number,
) {
  axes.joins.push({
    axis,
    parts: several.map((k) => axes.of(value, k)),
    extents: several.map((k) => shape[k]),
    isWhole:
      !several.includes(0) &&
      elementCount(several.map((k) => shape[k])) === elementCount(shape.slice(1)),
  });
}
