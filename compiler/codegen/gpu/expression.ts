import { type StorageType, valueType } from '../../../ir/dtypes.ts';
import type {
  Affine,
  Bound,
  Expression,
  Indirection,
  Kernel,
  NodeIndex,
  Store,
} from '../../../ir/kernel.ts';
import { repeatedAxes } from '../../../ir/kernel-addresses.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { append } from '../../../ir/lists.ts';
import type { RandomDraw } from './dialect.ts';
import { literalText, scalarText, type Writer } from './writer.ts';

/** The index of an axis: `outer + inner + shift`, of names; what is outer does not change in the loop at hand. */
export interface AxisSum {
  readonly outer: string | null;
  readonly inner: string | null;
  readonly shift: number;
  /** The most that `outer + inner` is, which is 0 at least; absent: nothing is known but the axis's extent. */
  readonly most?: number;
}

/** Statements in front of a loop, and the names of sums that they compute. */
export interface Hoisted {
  readonly lines: string[];
  readonly names: Map<string, string>;
  /** In front of the names. */
  readonly prefix: string;
}

/** Where code is printed: the names that stand for axes and for nodes already computed there. */
export interface Scope {
  readonly kernel: Kernel;
  readonly writer: Writer;
  /** Per axis, its index, as an expression or as a sum; null where the axis has no value yet. */
  readonly axes: readonly (string | AxisSum | null)[];
  /** Takes the part of addresses that does not change in a loop; absent outside of such loops. */
  readonly hoisted?: Hoisted;
  /** Names of nodes, those of enclosing scopes included. */
  readonly names: Map<NodeIndex, string>;
  /** Behind the names of nodes that are defined here. */
  readonly suffix: string;
}

export function newScope(kernel: Kernel, writer: Writer, axes: Scope['axes'], suffix = ''): Scope {
  return { kernel, writer, axes, names: new Map(), suffix };
}

/** A block inside `scope`: what is computed there is not seen outside. `axes` overrides those that it gives. */
export function innerScope(scope: Scope, axes: Scope['axes'] = scope.axes): Scope {
  return {
    ...scope,
    axes: scope.axes.map((outer, axis) => axes[axis] ?? outer),
    names: new Map(scope.names),
  };
}

/** A scope behind the reductions, whose results are called `totals`: what the loop hoists is of no use there. */
export function scopeBehind(scope: Scope, totals: readonly string[]): Scope {
  const { hoisted: _, ...behind } = innerScope(scope);
  scope.kernel.nodes.forEach((node, index) => {
    if (node.kind === 'accumulator') behind.names.set(index, totals[node.reduction]);
  });
  return behind;
}

/** `offset + Σ c·axis` as an index expression. */
export function affineText(scope: Scope, { offset, coefficients }: Affine): string {
  const outer: string[] = [];
  const inner: string[] = [];
  let constant = offset;
  const scaled = (coefficient: number, name: string) =>
    coefficient === 1 ? name : `${coefficient} * ${name}`;
  coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const index = scope.axes[axis];
    if (index === null) throw new Error(`axis ${axis} has no value in this scope`);
    if (typeof index === 'string') inner.push(scaled(coefficient, index));
    else {
      if (index.outer !== null) outer.push(scaled(coefficient, index.outer));
      if (index.inner !== null) inner.push(scaled(coefficient, index.inner));
      constant += coefficient * index.shift;
    }
  });
  const terms = [...hoistedTerms(scope, outer), ...inner];
  if (constant !== 0 || terms.length === 0) terms.push(String(constant));
  return terms.join(' + ').replaceAll('+ -', '- ');
}

/** The sum of terms that a loop does not change, under a name. */
function hoistedTerms({ hoisted, writer }: Scope, terms: readonly string[]): readonly string[] {
  const sum = terms.join(' + ').replaceAll('+ -', '- ');
  if (!hoisted || /^\w*$/.test(sum)) return terms;
  let name = hoisted.names.get(sum);
  if (name === undefined) {
    name = `${hoisted.prefix}${hoisted.names.size}`;
    hoisted.names.set(sum, name);
    hoisted.lines.push(writer.dialect.constant('index', name, sum));
  }
  return [name];
}

/**
 * The condition that all bounds hold; true or false where the axes' extents decide it, so that no constant is
 * compared, which a language may reject.
 */
export function boundsText(scope: Scope, bounds: readonly Bound[]): string | boolean {
  const open: string[] = [];
  for (const { index, extent } of bounds) {
    const [least, most] = affineRange(scope, index);
    if (most < 0 || least >= extent) return false;
    if (least < 0 || most >= extent)
      open.push(scope.writer.dialect.inside(affineText(scope, index), extent));
  }
  // Not &&, which is a branch within the load's own.
  return open.length < 2 ? (open[0] ?? true) : open.map((one) => `(${one})`).join(' & ');
}

type Load = Extract<Expression, { kind: 'load' }>;

/**
 * The condition that a load is inside of its bounds. False also where its bounds can never hold together: then its address, that of no
 * element, may be a constant, which a language may reject.
 */
export function insideText(
  scope: Scope,
  { index, indirect, bounds, buffer }: Load,
): string | boolean {
  const elements = scope.kernel.buffers[buffer]?.elements;
  if (bounds.length > 0 && !indirect && elements !== undefined) {
    const [least, most] = affineRange(scope, index);
    if (most < 0 || least >= elements) return false;
  }
  return boundsText(scope, bounds);
}

function affineRange({ kernel, axes }: Scope, { offset, coefficients }: Affine): [number, number] {
  let [least, most] = [offset, offset];
  coefficients.forEach((coefficient, axis) => {
    const index = axes[axis];
    const known = typeof index === 'object' && index?.most !== undefined;
    const first = known ? index.shift : 0;
    const reach = coefficient * (known ? index.most! : kernel.axes[axis].extent - 1);
    least += coefficient * first + Math.min(0, reach);
    most += coefficient * first + Math.max(0, reach);
  });
  return [least, most];
}

export function addressText(
  scope: Scope,
  index: Affine,
  indirect: Indirection | undefined,
): string {
  const base = affineText(scope, index);
  if (!indirect) return base;
  const row = scope.writer.dialect.clamped(scope.names.get(indirect.node)!, indirect.extent);
  const term = indirect.stride === 1 ? row : `${indirect.stride} * ${row}`;
  return base === '0' ? term : `${base} + ${term}`;
}

/** Statements that compute `roots` and all they need, each once; afterwards `scope.names` has their names. */
export function evaluate(scope: Scope, roots: readonly NodeIndex[]): string[] {
  const { nodes } = scope.kernel;
  const needed = new Uint8Array(nodes.length);
  let last = -1;
  for (const root of roots) {
    needed[root] = 1;
    last = Math.max(last, root);
  }
  for (let index = last; index >= 0; index--) {
    if (!needed[index] || scope.names.has(index)) continue;
    for (const operand of nodeOperands(nodes[index])) needed[operand] = 1;
  }
  const lines: string[] = [];
  for (let index = 0; index <= last; index++) {
    if (!needed[index] || scope.names.has(index)) continue;
    const name = `n${index}${scope.suffix}`;
    append(lines, nodeLines(scope, name, nodes[index]));
    scope.names.set(index, name);
  }
  return lines;
}

export function nodeLines(scope: Scope, name: string, node: Expression): string[] {
  const { dialect, use } = scope.writer;
  const define = (value: string) => [dialect.constant(node.dtype, name, value)];
  switch (node.kind) {
    case 'load': {
      const { dtype } = node;
      const address = addressText(scope, node.index, node.indirect);
      // The array of a stage holds values.
      const stored = scope.kernel.buffers[node.buffer]?.dtype ?? dtype;
      const load = scope.writer.quads.has(node.buffer) ? dialect.loadLane : dialect.load;
      const element = load(stored, `b${node.buffer}`, address);
      const inside = insideText(scope, node);
      if (inside === true) return define(element);
      if (inside === false) return define(dialect.nothing(dtype));
      return [
        dialect.variable(dtype, name, dialect.nothing(dtype)),
        `if (${inside}) { ${name} = ${element}; }`,
      ];
    }
    case 'constant':
      return define(literalText(scope.writer, node.dtype, node.value));
    case 'index':
      return define(dialect.integer(affineText(scope, node.index)));
    case 'inBounds':
      return define(dialect.flag(boundsText(scope, node.bounds)));
    case 'apply': {
      // The dtype of the operands; a condition in front does not count.
      const typed = scope.kernel.nodes[node.operands[node.op === 'select' ? 1 : 0]];
      const operands = node.operands.map((operand) => scope.names.get(operand)!);
      return define(scalarText(scope.writer, node.op, typed.dtype, operands));
    }
    case 'random':
      return define(dialect.random(use, drawOf(scope, node)));
    case 'accumulator':
      throw new Error('the accumulator is named by the loop that computes it');
  }
}

/** The number that a node draws at the point of `scope`, whose step has a name there. */
export function drawOf(scope: Scope, node: Extract<Expression, { kind: 'random' }>): RandomDraw {
  const { seed, stream, counter, step } = node;
  return { seed, stream, counter: affineText(scope, counter), step: scope.names.get(step)! };
}

/** Statements that evaluate and do all stores of the kernel at the point of `scope`. */
export function storeLines(scope: Scope): string[] {
  const { stores } = scope.kernel;
  return [
    ...evaluate(scope, storedValues(scope.kernel)),
    ...stores.flatMap((store) => storeLine(scope, store)),
  ];
}

/** What is put into memory: a value of its type. */
export function storedText(scope: Scope, type: StorageType, value: NodeIndex): string {
  const name = scope.names.get(value)!;
  const node = scope.kernel.nodes[value];
  if (type !== 'f16' || (node.kind === 'apply' && node.op === 'roundF16')) return name;
  return scalarText(scope.writer, 'roundF16', valueType(type), [name]);
}

/** A store at the point of `scope`; nothing where it is another point that does it. */
export function storeLine(scope: Scope, store: Store): string[] {
  const { buffer, indirect, accumulate } = store;
  const { dialect } = scope.writer;
  const { dtype, access } = scope.kernel.buffers[buffer];
  const write = accumulate
    ? dialect.accumulate
    : scope.writer.quads.has(buffer)
      ? dialect.storeLane
      : dialect.store;
  const address = addressText(scope, store.index, indirect);
  const assignment = write(dtype, `b${buffer}`, address, storedText(scope, dtype, store.value));
  if (indirect) {
    const inside = dialect.inside(scope.names.get(indirect.node)!, indirect.extent);
    return [`if (${inside}) { ${assignment} }`];
  }
  // The arrays of stages, which are loaded, lie alike in all tiles.
  const repeated = access === 'write' ? repeatedAxes(scope.kernel, store) : [];
  const isHere = boundsText(scope, firstAlong(scope.kernel, repeated));
  if (isHere === true) return [assignment];
  return isHere === false ? [] : [`if (${isHere}) { ${assignment} }`];
}

/** The condition of the first index of all of some axes. */
const firstAlong = ({ axes }: Kernel, some: readonly number[]): Bound[] =>
  some.map((own) => ({
    index: { offset: 0, coefficients: axes.map((_, axis) => Number(axis === own)) },
    extent: 1,
  }));

/** The nodes that the stores of a kernel need directly. */
export const storedValues = ({ stores }: Kernel): NodeIndex[] =>
  stores.flatMap(({ value, indirect }) => (indirect ? [value, indirect.node] : [value]));
