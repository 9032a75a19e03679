import type {
  Affine,
  Bound,
  Expression,
  Indirection,
  Kernel,
  NodeIndex,
  Store,
} from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { append } from '../../../ir/lists.ts';
import type { Helper } from './helpers.ts';
import { literalText, scalarText, type UseHelper } from './scalar-text.ts';

/** Where code is printed: the names that stand for axes and for nodes already computed there. */
export interface Scope {
  readonly kernel: Kernel;
  readonly helpers: Set<Helper>;
  /** Per axis, the name of its i32 index; null where the axis has no value yet. */
  readonly axes: readonly (string | null)[];
  /** Names of nodes, those of enclosing scopes included. */
  readonly names: Map<NodeIndex, string>;
  /** Behind the names of nodes that are defined here. */
  readonly suffix: string;
}

export function newScope(
  kernel: Kernel,
  helpers: Set<Helper>,
  axes: readonly (string | null)[],
  suffix = '',
): Scope {
  return { kernel, helpers, axes, names: new Map(), suffix };
}

/** A block inside `scope`: what is computed there is not seen outside. `axes` overrides those that it gives. */
export function innerScope(scope: Scope, axes: readonly (string | null)[] = scope.axes): Scope {
  return {
    ...scope,
    axes: scope.axes.map((outer, axis) => axes[axis] ?? outer),
    names: new Map(scope.names),
  };
}

export function helperUser(helpers: Set<Helper>): UseHelper {
  return (helper) => {
    helpers.add(helper);
    return helper;
  };
}

/** `offset + Σ c·axis` as an i32 expression. */
export function affineText(scope: Scope, { offset, coefficients }: Affine): string {
  const terms: string[] = [];
  coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const name = scope.axes[axis];
    if (name === null) throw new Error(`axis ${axis} has no value in this scope`);
    terms.push(coefficient === 1 ? name : `${coefficient} * ${name}`);
  });
  if (offset !== 0 || terms.length === 0) terms.push(String(offset));
  return terms.join(' + ').replaceAll('+ -', '- ');
}

/**
 * The condition that all bounds hold; true or false where the axes' extents decide it, so that no constant is
 * compared, which WGSL may reject.
 */
function boundsText(scope: Scope, bounds: readonly Bound[]): string | boolean {
  const open: string[] = [];
  for (const { index, extent } of bounds) {
    const [least, most] = affineRange(scope.kernel, index);
    if (most < 0 || least >= extent) return false;
    // One comparison: a negative i32 is a large u32.
    if (least < 0 || most >= extent) open.push(`u32(${affineText(scope, index)}) < ${extent}u`);
  }
  return open.length === 0 || open.join(' && ');
}

function affineRange(kernel: Kernel, { offset, coefficients }: Affine): [number, number] {
  let [least, most] = [offset, offset];
  coefficients.forEach((coefficient, axis) => {
    const reach = coefficient * (kernel.axes[axis].extent - 1);
    if (reach < 0) least += reach;
    else most += reach;
  });
  return [least, most];
}

function addressText(scope: Scope, index: Affine, indirect: Indirection | undefined): string {
  const base = affineText(scope, index);
  if (!indirect) return base;
  const row = `clamp(${scope.names.get(indirect.node)}, 0i, ${indirect.extent - 1}i)`;
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

function nodeLines(scope: Scope, name: string, node: Expression): string[] {
  const define = (value: string) => [`let ${name} = ${value};`];
  const use = helperUser(scope.helpers);
  switch (node.kind) {
    case 'load': {
      const element = `b${node.buffer}[${addressText(scope, node.index, node.indirect)}]`;
      const inside = boundsText(scope, node.bounds);
      if (inside === true) return define(element);
      if (inside === false) return define(`${node.dtype}(0)`);
      return [`var ${name} = ${node.dtype}(0);`, `if (${inside}) { ${name} = ${element}; }`];
    }
    case 'constant':
      return define(literalText(use, node.dtype, node.value));
    case 'index':
      return define(`i32(${affineText(scope, node.index)})`);
    case 'inBounds':
      return define(`i32(${boundsText(scope, node.bounds)})`);
    case 'apply': {
      // The dtype of the operands; a condition in front does not count.
      const typed = scope.kernel.nodes[node.operands[node.op === 'select' ? 1 : 0]];
      const operands = node.operands.map((operand) => scope.names.get(operand)!);
      return define(scalarText(use, node.op, typed.dtype, operands));
    }
    case 'random': {
      const counter = `bitcast<u32>(i32(${affineText(scope, node.counter)}))`;
      const step = `u32(${scope.names.get(node.step)})`;
      return define(
        `${use('random_uniform')}(${node.seed >>> 0}u, ${node.stream >>> 0}u, ${counter}, ${step})`,
      );
    }
    case 'accumulator':
      throw new Error('the accumulator is named by the loop that computes it');
  }
}

/** Statements that evaluate and do all stores of the kernel at the point of `scope`. */
export function storeLines(scope: Scope): string[] {
  const { stores } = scope.kernel;
  const roots = stores.flatMap(({ value, indirect }) =>
    indirect ? [value, indirect.node] : [value],
  );
  return [...evaluate(scope, roots), ...stores.map((store) => storeLine(scope, store))];
}

function storeLine(scope: Scope, store: Store): string {
  const { buffer, indirect, accumulate } = store;
  const element = `b${buffer}[${addressText(scope, store.index, indirect)}]`;
  const assignment = `${element} ${accumulate ? '+=' : '='} ${scope.names.get(store.value)};`;
  if (!indirect) return assignment;
  const row = scope.names.get(indirect.node);
  return `if (u32(${row}) < ${indirect.extent}u) { ${assignment} }`;
}
