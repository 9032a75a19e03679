import type { Node, ValueId } from '../../ir/graph.ts';
import {
  formatIndexRange,
  type IndexRange,
  isAllowed,
  type PartAxis,
  visitPart,
} from '../../ir/index-range.ts';
import { interpretNode } from '../../ir/interpret.ts';
import { isScalarOp } from '../../ir/ops.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { report } from '../reporting/report.ts';
import { currentTrace, isPoisoned, type Trace } from './context.ts';
import { partsOf } from './index-parts.ts';
import type { Tensor } from './tensor.ts';

/** Values that an index may take. */
export type Allowed = Omit<IndexRange, 'part'>;

/** Elements of a value that are used as indices: all, a box of them, or those with a mark. */
type Selection = null | readonly PartAxis[] | Uint8Array;

/** Selections of more elements than this are not followed element by element. */
const MOST_ELEMENTS = 2 ** 22;
/** Values that are known at compile time are computed up to this size. */
const MOST_KNOWN = 2 ** 18;
/** So many nodes are followed for one use: indices at the end of a long computation are not known anyway. */
const MOST_NODES = 500;

/** Whether a tensor can be indices; BTC2003 where it is not i32. */
export function areIndices(op: string, indices: Tensor): boolean {
  if (indices.dtype === 'i32') return true;
  report(2003, { op, wanted: 'i32 indices', given: indices.dtype });
  return false;
}

/**
 * Notes that `indices` are used as indices: inputs that they are views, casts and shifts of must keep the range at run
 * time, before anything runs. Values that are known now are checked now (BTC2050).
 *
 * @returns whether every element is checked, now or by the runtime; one that is computed from inputs is not
 */
export function useAsIndices(op: string, indices: Tensor, allowed: Allowed): boolean {
  const trace = currentTrace(op);
  // A tensor of another program is reported by what uses it.
  if (isPoisoned(indices) || !trace.tensors.has(indices)) return true;
  const { low, high } = allowed;
  const outside = allowed.except?.filter((value) => value < low || value >= high) ?? [];
  const stated = { low, high, ...(outside.length > 0 ? { except: outside } : {}) };
  const use = { trace, op, allowed: stated, left: MOST_NODES };
  return follow(use, indices.value, stated, null);
}

interface Use {
  readonly trace: Trace;
  readonly op: string;
  /** As the user's call allows, for messages. */
  readonly allowed: Allowed;
  /** Nodes that may still be followed. */
  left: number;
}

function follow(use: Use, value: ValueId, allowed: Allowed, selection: Selection): boolean {
  if (--use.left < 0) return false;
  const { nodes } = use.trace.builder;
  const node = nodes[value];
  const { shape } = node.type;
  switch (node.op) {
    case 'input':
      return noteInput(use.trace, node.attributes.name, shape, allowed, selection);
    case 'constant':
      return checkKnown(use, allowed, [node.attributes.value]);
    case 'iota':
      if (selection === null) return checkKnown(use, allowed, [shape[node.attributes.axis] - 1, 0]);
      return checkSelected(use, value, allowed, selection);
    case 'stopGradient':
    case 'toI32':
    case 'toF32':
      return follow(use, node.operands[0], allowed, selection);
    case 'reshape':
    case 'transpose':
    case 'broadcast':
      if (selection === null) return follow(use, node.operands[0], allowed, null);
      return throughView(use, node, allowed, selection);
    case 'slice': {
      const [operand] = node.operands;
      if (selection instanceof Uint8Array) return throughView(use, node, allowed, selection);
      const { starts, sizes } = node.attributes;
      const box = starts.map((start, axis): PartAxis => {
        const [from, count, step] = selection?.[axis] ?? [0, sizes[axis], 1];
        return [start + from, count, step];
      });
      return follow(use, operand, allowed, box);
    }
    case 'pad':
    case 'window':
    case 'concat':
      return throughView(use, node, allowed, selection);
    case 'add':
    case 'sub':
    case 'select':
      return throughScalar(use, value, allowed, selection);
    default:
      return checkSelected(use, value, allowed, selection);
  }
}

/** An index shifted by a number, or a number in the place of one value of an input. */
function throughScalar(use: Use, value: ValueId, allowed: Allowed, selection: Selection): boolean {
  const { nodes } = use.trace.builder;
  const node = nodes[value];
  const [a, b, c] = node.operands;
  if (node.type.dtype !== 'i32') return checkSelected(use, value, allowed, selection);
  if (node.op !== 'select') {
    const [left, right] = [numberOf(nodes, a), numberOf(nodes, b)];
    if (right !== null)
      return follow(use, a, shifted(allowed, node.op === 'add' ? -right : right), selection);
    if (left !== null && node.op === 'add')
      return follow(use, b, shifted(allowed, -left), selection);
  } else {
    const replaced = replacement(nodes, a, b, c);
    if (replaced && isAllowed(allowed, replaced.by)) {
      const except = [...(allowed.except ?? []), replaced.value];
      const wider = isAllowed(allowed, replaced.value) ? allowed : { ...allowed, except };
      return follow(use, replaced.of, wider, selection);
    }
  }
  return checkSelected(use, value, allowed, selection);
}

const shifted = ({ low, high, except }: Allowed, by: number): Allowed => ({
  low: low + by,
  high: high + by,
  ...(except ? { except: except.map((value) => value + by) } : {}),
});

/** `select(x = value, by, x)`, or with the branches exchanged `select(x ≠ value, x, by)`. */
function replacement(nodes: readonly Node[], condition: ValueId, a: ValueId, b: ValueId) {
  const test = nodes[condition];
  if (test.op !== 'eq' && test.op !== 'ne') return null;
  const [of, by] = test.op === 'eq' ? [b, numberOf(nodes, a)] : [a, numberOf(nodes, b)];
  if (by === null) return null;
  const side = test.operands.indexOf(of);
  const value = side < 0 ? null : numberOf(nodes, test.operands[1 - side]);
  return value === null ? null : { of, by, value };
}

function numberOf(nodes: readonly Node[], value: ValueId): number | null {
  let node = nodes[value];
  while (node.op === 'broadcast' || node.op === 'reshape') node = nodes[node.operands[0]];
  return node.op === 'constant' ? node.attributes.value : null;
}

/** Follows what is selected of a view to the elements of its operands that it shows. */
function throughView(use: Use, node: Node, allowed: Allowed, selection: Selection): boolean {
  const types = node.operands.map((operand) => use.trace.builder.typeOf(operand));
  const counts = types.map(({ shape }) => elementCount(shape));
  const total = elementCount(node.type.shape);
  if (total + counts.reduce((sum, count) => sum + count, 0) > MOST_ELEMENTS) return false;
  // Elements are numbered through all operands; 0 stands for padding.
  let first = 1;
  const numbered = counts.map((count) => {
    const numbers = Float64Array.from({ length: count }, (_, i) => first + i);
    first += count;
    return numbers;
  });
  const padded = node.op === 'pad' || node.op === 'window';
  const attributes = padded ? { ...node.attributes, value: 0 } : node.attributes;
  const shown = interpretNode({ ...node, attributes } as Node, numbered, types);
  const marks = new Uint8Array(first);
  visitSelection(selection, node.type.shape, (element) => {
    marks[shown[element]] = 1;
    return true;
  });
  let isChecked = true;
  if (padded && marks[0] === 1)
    isChecked = checkKnown(use, allowed, [(node.attributes as { value: number }).value]);
  first = 1;
  node.operands.forEach((operand, k) => {
    const own = marks.subarray(first, first + counts[k]);
    first += counts[k];
    if (!own.includes(1)) return;
    const checked = follow(use, operand, allowed, own.includes(0) ? own : null);
    isChecked &&= checked;
  });
  return isChecked;
}

function visitSelection(
  selection: Selection,
  shape: Shape,
  visit: (element: number) => boolean,
): void {
  if (selection instanceof Uint8Array) {
    for (let i = 0; i < selection.length; i++) if (selection[i] === 1 && !visit(i)) return;
  } else {
    const all = shape.map((extent): PartAxis => [0, extent, 1]);
    visitPart(selection ?? all, shape, visit);
  }
}

/** Checks a value that depends on no input; false where it does, or where it is too large to compute. */
function checkSelected(use: Use, value: ValueId, allowed: Allowed, selection: Selection): boolean {
  const known = computed(use, value);
  if (!known) return false;
  const values: number[] = [];
  visitSelection(selection, use.trace.builder.shapeOf(value), (element) => {
    if (!isAllowed(allowed, known[element])) values.push(known[element]);
    return values.length === 0;
  });
  return checkKnown(use, allowed, values);
}

function checkKnown(use: Use, allowed: Allowed, values: readonly number[]): boolean {
  const bad = values.find((value) => !isAllowed(allowed, value));
  if (bad !== undefined) {
    // In terms of the index itself, before shifts.
    const value = bad + use.allowed.low - allowed.low;
    report(2050, { op: use.op, value, range: formatIndexRange(use.allowed) });
  }
  return true;
}

/** The elements of a value of constants alone, by the reference; null for any other. */
function computed(
  use: Use,
  value: ValueId,
  done = new Map<ValueId, Float64Array>(),
): Float64Array | null {
  const before = done.get(value);
  if (before) return before;
  if (--use.left < 0) return null;
  const { nodes } = use.trace.builder;
  const node = nodes[value];
  const isKnown =
    isScalarOp(node.op) ||
    ['constant', 'iota', 'reshape', 'transpose', 'broadcast', 'slice', 'pad', 'concat'].includes(
      node.op,
    );
  if (elementCount(node.type.shape) > MOST_KNOWN) return null;
  if (node.op === 'parameter') {
    const { data } = use.trace.parameters.get(node.attributes.name)?.declaration ?? {};
    return data ? Float64Array.from(data) : null;
  }
  if (!isKnown) return null;
  const operands: Float64Array[] = [];
  for (const operand of node.operands) {
    const known = computed(use, operand, done);
    if (!known) return null;
    operands.push(known);
  }
  const types = node.operands.map((operand) => nodes[operand].type);
  const result = interpretNode(node, operands, types);
  done.set(value, result);
  return result;
}

function noteInput(
  trace: Trace,
  name: string,
  shape: Shape,
  allowed: Allowed,
  selection: Selection,
): boolean {
  const declaration = trace.inputs.get(name);
  // The session counts on its own: nobody gives these values.
  if (!declaration || declaration.counter) return false;
  const parts = selection instanceof Uint8Array ? partsOf(selection, shape) : [selection];
  if (!parts) return false;
  const ranges = trace.indexRanges.get(name) ?? [];
  for (const part of parts) ranges.push({ ...allowed, ...(part ? { part } : {}) });
  trace.indexRanges.set(name, ranges);
  return true;
}
