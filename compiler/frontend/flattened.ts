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
  const found = new Map<string, readonly FlattenedAxis[]>();
  // Nothing else joins axes or splits them.
  if (nodes.every(({ op }) => op !== 'reshape')) return found;
  const given = nodes.flatMap((node, value) =>
    node.op === 'input' && node.type.shape.length >= IMAGE_RANK ? [value] : [],
  );
  if (images.size === 0 && given.length === 0) return found;
  const axes = new Axes(nodes);
  for (const [value, node] of nodes.entries()) relate(axes, node, value);
  if (axes.joins.length === 0) return found;
  axes.joinAlike();
  const seen = axes.closure([...images].map((value) => axes.last(value)));
  const inputs = axes.closure(given.map((value) => axes.last(value)));
  const made = new Map<number, Shape>();
  for (const { axis, parts, extents, isWhole } of axes.joins) {
    const channels = axes.find(parts[parts.length - 1]);
    const counts = seen.has(channels) || (isWhole && inputs.has(channels));
    if (counts && !made.has(axes.find(axis))) made.set(axes.find(axis), extents);
  }
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
  readonly #nodes: readonly Node[];
  readonly #first: number[] = [];
  readonly #ranks: number[];
  readonly #parent: Int32Array;
  /** Pairs of axes of which one is a part of the other: both are channels, or neither is. */
  readonly #kin: (readonly [number, number])[] = [];

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
    let count = 0;
    this.#ranks = nodes.map(({ type }) => type.shape.length);
    for (const rank of this.#ranks) {
      this.#first.push(count);
      count += rank;
    }
    this.#parent = Int32Array.from({ length: count }, (_, axis) => axis);
  }

  shapeOf(value: ValueId): Shape {
    return this.#nodes[value].type.shape;
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

  /** Axis `from` of an operand is axis `to` of the result; where extents differ, one is a part of the other. */
  same(operand: ValueId, from: number, value: ValueId, to: number): void {
    const [a, b] = [this.of(operand, from), this.of(value, to)];
    if (this.shapeOf(operand)[from] === this.shapeOf(value)[to]) this.join(a, b);
    else this.#kin.push([a, b]);
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

/** Relates the axes of a node to those of its operands. */
type Relate<Op extends OpName> = (axes: Axes, node: NodeOf<Op>, value: ValueId) => void;

function relate(axes: Axes, node: Node, value: ValueId): void {
  const relation = isScalarOp(node.op) ? pointwise : RELATIONS[node.op];
  (relation as Relate<OpName>)(axes, node, value);
}

function pointwise(axes: Axes, { operands, type }: NodeOf<OpName>, value: ValueId): void {
  for (const operand of operands)
    for (let axis = 0; axis < type.shape.length; axis++) axes.same(operand, axis, value, axis);
}

function reduced(
  axes: Axes,
  { operands: [x], attributes }: NodeOf<'reduceSum' | 'reduceMax' | 'reduceMin'>,
  value: ValueId,
): void {
  const kept = [...axes.shapeOf(x).keys()].filter((axis) => !attributes.axes.includes(axis));
  for (const [to, from] of kept.entries()) axes.same(x, from, value, to);
}

const unrelated = () => {};

const RELATIONS: { readonly [Op in StructuralOp]: Relate<Op> } = {
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
  broadcast: (axes, { operands: [x], attributes, type }, value) => {
    for (const [from, to] of attributes.axes.entries())
      if (axes.shapeOf(x)[from] === type.shape[to]) axes.same(x, from, value, to);
  },
  transpose: (axes, { operands: [x], attributes }, value) => {
    for (const [to, from] of attributes.permutation.entries()) axes.same(x, from, value, to);
  },
  reshape: (axes, { operands: [x] }, value) => relateReshape(axes, x, value),
  window: (axes, { operands: [x], attributes }, value) =>
    relateWindow(axes, attributes.axis, x, value),
  fold: (axes, { operands: [x], attributes }, value) =>
    relateWindow(axes, attributes.axis, value, x),
  contract: (axes, { operands, attributes }, value) =>
    relateLetters(axes, operands, value, attributes.equation),
  gather: (axes, { operands: [table, indices] }, value) => {
    const lead = axes.shapeOf(indices).length;
    for (let axis = 0; axis < lead; axis++) axes.same(indices, axis, value, axis);
    for (let axis = 1; axis < axes.shapeOf(table).length; axis++)
      axes.same(table, axis, value, lead + axis - 1);
  },
};

/** Of the one axis that is two under windows, neither is it. */
function relateWindow(axes: Axes, axis: number, outside: ValueId, inside: ValueId): void {
  for (const k of axes.shapeOf(outside).keys())
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
function relateReshape(axes: Axes, x: ValueId, value: ValueId): void {
  const [before, after] = [axes.shapeOf(x), axes.shapeOf(value)];
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
