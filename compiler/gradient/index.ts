import type { GraphBuilder, Node, NodeOf, ValueId } from '../../ir/graph.ts';
import { append } from '../../ir/lists.ts';
import { endIfInterrupted } from '../interruption.ts';
import { createEmit, type Emit } from './emit.ts';
import { GRADIENT_RULES } from './rules.ts';

export { passesGradient } from './rules.ts';

/**
 * Reverse-mode differentiation: appends to the builder the nodes that compute the gradients of a scalar.
 * Only values on a path from `wrt` to `loss` get one.
 * Each node carries the source of the forward node that it belongs to, its name with `.backward`; the gradient of a value is
 * named after the value, `hidden/output.grad`.
 *
 * @param loss a scalar f32 value
 * @param wrt the values with respect to which the gradients are taken
 * @param seed the gradient of the loss itself; 1 where none is given
 * @returns one value per entry of `wrt`, of its type; null where the loss does not depend on it
 */
export function differentiate(
  builder: GraphBuilder,
  loss: ValueId,
  wrt: readonly ValueId[],
  seed: ValueId | null = null,
): (ValueId | null)[] {
  const active = findActive(builder, loss, wrt);
  const contributions: ValueId[][] = Array.from({ length: loss + 1 }, () => []);
  const masks = new Set<ValueId>();
  contributions[loss].push(
    seed ??
      createEmit(builder, sourceOf(builder, loss, BACKWARD), masks).node('constant', [], {
        ...builder.typeOf(loss),
        value: 1,
      }),
  );
  const gradients = new Map<ValueId, ValueId>();
  for (let value = loss; value >= 0; value--) {
    endIfInterrupted();
    if (!active[value] || contributions[value].length === 0) continue;
    const node = builder.nodes[value];
    const emit = createEmit(builder, sourceOf(builder, value, BACKWARD), masks);
    const gradient = accumulate(builder, emit, contributions[value]);
    nameGradient(builder, gradient, value);
    gradients.set(value, gradient);
    const wanted = (k: number) => active[node.operands[k]] === 1;
    const rule = GRADIENT_RULES[node.op];
    rule({ node, value, gradient, emit, wanted }).forEach((contribution, k) => {
      if (contribution !== null && wanted(k)) contributions[node.operands[k]].push(contribution);
    });
  }
  return wrt.map((value) => gradients.get(value) ?? null);
}

const BACKWARD = '.backward';

/** The source of a value, for something that its gradient takes. */
function sourceOf(builder: GraphBuilder, value: ValueId, suffix: string): number {
  const { source } = builder.nodes[value];
  const origin = builder.sources[source];
  if (!origin || origin.name === '') return source;
  return builder.source(origin.span, { ...origin, name: origin.name + suffix, pass: 'gradient' });
}

/** What is the gradient of several values is named after the one nearest to the loss; a value of the user's keeps its name. */
function nameGradient(builder: GraphBuilder, gradient: ValueId, of: ValueId): void {
  const node = builder.nodes[gradient];
  const name = builder.sources[node.source]?.name ?? '';
  if (name.endsWith(BACKWARD))
    builder.nodes[gradient] = { ...node, source: sourceOf(builder, of, '.grad') };
}

/** Marks f32 values that depend on `wrt` and on which `loss` depends. */
function findActive(builder: GraphBuilder, loss: ValueId, wrt: readonly ValueId[]): Uint8Array {
  const { nodes } = builder;
  const forward = new Uint8Array(loss + 1);
  for (const value of wrt) if (value <= loss) forward[value] = 1;
  for (let value = 0; value <= loss; value++) {
    if (
      nodes[value].type.dtype === 'f32' &&
      nodes[value].operands.some((operand) => forward[operand])
    )
      forward[value] = 1;
  }
  const backward = new Uint8Array(loss + 1);
  backward[loss] = 1;
  for (let value = loss; value >= 0; value--) {
    if (backward[value]) for (const operand of nodes[value].operands) backward[operand] = 1;
  }
  return forward.map((flag, value) => flag & backward[value]);
}

/** From this many equal contractions on, one contraction over joined operands replaces them. */
const MIN_JOINED = 3;

/** The sum of all contributions to one value's gradient. */
function accumulate(builder: GraphBuilder, emit: Emit, contributions: readonly ValueId[]): ValueId {
  if (contributions.length === 1) return contributions[0];
  return (
    joinSlices(builder, emit, contributions) ??
    sum(emit, joinContractions(builder, emit, contributions))
  );
}

/** A balanced tree of additions: rounding errors and dependencies stay logarithmic. */
function sum(emit: Emit, terms: readonly ValueId[]): ValueId {
  let level = [...terms];
  while (level.length > 1) {
    const next: ValueId[] = [];
    for (let k = 0; k + 1 < level.length; k += 2)
      next.push(emit.apply('add', level[k], level[k + 1]));
    if (level.length % 2 === 1) next.push(level[level.length - 1]);
    level = next;
  }
  return level[0];
}

/** Gradients of disjoint slices along one axis are the parts of one concatenation. */
function joinSlices(
  builder: GraphBuilder,
  emit: Emit,
  contributions: readonly ValueId[],
): ValueId | null {
  const pads = contributions.map((value) => builder.nodes[value]);
  if (!pads.every((node) => node.op === 'pad' && node.attributes.value === 0)) return null;
  const padded = pads as Extract<Node, { op: 'pad' }>[];
  const { shape } = padded[0].type;
  const axes = shape
    .map((_, axis) => axis)
    .filter((axis) => padded.some(({ attributes: { low, high } }) => low[axis] + high[axis] > 0));
  if (axes.length !== 1) return null;
  const [axis] = axes;
  const parts = padded.map(({ attributes, operands: [operand] }) => ({
    start: attributes.low[axis],
    end: shape[axis] - attributes.high[axis],
    operand,
  }));
  parts.sort((a, b) => a.start - b.start);
  const pieces: ValueId[] = [];
  let end = 0;
  const zeros = (from: number, to: number) => {
    if (to > from)
      pieces.push(
        emit.node('constant', [], {
          dtype: 'f32',
          shape: shape.map((extent, k) => (k === axis ? to - from : extent)),
          value: 0,
        }),
      );
  };
  for (const part of parts) {
    if (part.start < end) return null;
    zeros(end, part.start);
    pieces.push(part.operand);
    end = part.end;
  }
  zeros(end, shape[axis]);
  return emit.node('concat', pieces, { axis });
}

/**
 * A weight that is used in many time steps gets one contribution per step, all with the same equation. Their sum is one
 * contraction over operands joined along a summed letter, which stands first in both operands' memory or becomes so by
 * stacking: Σ_t A_t·B_t = [A_1 … A_T]·[B_1; …; B_T].
 */
function joinContractions(
  builder: GraphBuilder,
  emit: Emit,
  contributions: readonly ValueId[],
): ValueId[] {
  const groups = new Map<string, ValueId[]>();
  const rest: ValueId[] = [];
  for (const value of contributions) {
    const node = builder.nodes[value];
    if (node.op !== 'contract' || node.operands.length !== 2) {
      rest.push(value);
      continue;
    }
    const key = `${node.attributes.equation} ${node.operands.map((operand) => layoutOf(builder, operand)).join(' ')}`;
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  for (const group of groups.values()) {
    if (group.length < MIN_JOINED) append(rest, group);
    else rest.push(joinGroup(builder, emit, group));
  }
  return rest;
}

function joinGroup(builder: GraphBuilder, emit: Emit, group: readonly ValueId[]): ValueId {
  // Contributions come last step first. In the order of time the stack is often the one that joined slices make.
  const nodes = group
    .map((value) => builder.nodes[value] as Extract<Node, { op: 'contract' }>)
    .reverse();
  const { equation } = nodes[0].attributes;
  const letter = unusedLetter(equation);
  const [terms, output] = equation.split('->');
  const joined = terms
    .split(',')
    .map((term) => letter + term)
    .join(',');
  const operands = [0, 1].map((k) =>
    stack(
      builder,
      emit,
      nodes.map((node) => node.operands[k]),
    ),
  );
  return emit.contract(`${joined}->${output}`, operands);
}

/** Equal for values that can be stacked: their shapes, and the windows that they are looked at through. */
function layoutOf(builder: GraphBuilder, value: ValueId): string {
  const windows: string[] = [];
  let node = builder.nodes[value];
  for (; node.op === 'window'; node = builder.nodes[node.operands[0]])
    windows.push(JSON.stringify(node.attributes));
  return `${node.type.shape.join('x')}${windows.join('')}`;
}

/** Values of one layout along a new first axis. Windows go over the stack, so that what they look at is stacked. */
function stack(builder: GraphBuilder, emit: Emit, values: readonly ValueId[]): ValueId {
  const windows: NodeOf<'window'>[] = [];
  let parts = values;
  for (let node = builder.nodes[parts[0]]; node.op === 'window'; node = builder.nodes[parts[0]]) {
    windows.push(node);
    parts = parts.map((part) => builder.nodes[part].operands[0]);
  }
  const apart = parts.map((part) => emit.reshape(part, [1, ...builder.shapeOf(part)]));
  return windows.reduceRight(
    (view, { attributes }) => {
      return emit.node('window', [view], { ...attributes, axis: attributes.axis + 1 });
    },
    emit.node('concat', apart, { axis: 0 }),
  );
}

function unusedLetter(equation: string): string {
  for (const letter of 'tTsSuUvVwWxXyYzZabcdefghijklmnopqrABCDEFGHIJKLMNOPQR')
    if (!equation.includes(letter)) return letter;
  throw new Error(`no letter is left for '${equation}'`);
}
