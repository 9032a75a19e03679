import type { Graph, Node } from '../../ir/graph.ts';
import { isScalarOp, type OpKind, opRow, type StructuralOp } from '../../ir/ops.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { elementCount } from '../../ir/tensor.ts';

/** What becomes of a stored result: a half, or f32. */
type Storage = 'half' | 'f32';

/**
 * Functions whose results may be far from 1, or are only good with all digits: the list of PyTorch's autocast. All others give a
 * half where they are stored.
 */
const SCALARS: Readonly<Record<ScalarOp, Storage>> = {
  ...{ neg: 'half', abs: 'half', sign: 'half', floor: 'half', roundF16: 'half', select: 'half' },
  ...{ add: 'half', sub: 'half', mul: 'half', div: 'half', max: 'half', min: 'half', mod: 'half' },
  ...{ tanh: 'half', sigmoid: 'half', softplus: 'f32', erf: 'half', erfc: 'half' },
  ...{ sin: 'half', cos: 'half', toF32: 'half' },
  ...{ exp: 'f32', expm1: 'f32', log: 'f32', log1p: 'f32', sqrt: 'f32', pow: 'f32' },
  // Their results are i32.
  ...{ isNan: 'f32', eq: 'f32', ne: 'f32', lt: 'f32', le: 'f32', gt: 'f32', ge: 'f32' },
  ...{ and: 'f32', or: 'f32', not: 'f32', toI32: 'f32' },
};

/** Sums and extrema are statistics: few, and the base of what follows. Views and what others hold have no memory of their own. */
const STRUCTURAL: Readonly<Record<StructuralOp, Storage>> = {
  ...{ input: 'f32', parameter: 'f32', constant: 'f32', iota: 'f32', random: 'f32' },
  ...{
    reshape: 'f32',
    transpose: 'f32',
    slice: 'f32',
    pad: 'f32',
    broadcast: 'f32',
    window: 'f32',
  },
  ...{ stopGradient: 'f32', concat: 'f32', fold: 'f32', contract: 'half', gather: 'half' },
  ...{ reduceSum: 'f32', reduceMax: 'f32', reduceMin: 'f32', scatterAdd: 'f32' },
};

/** As halves, fewer elements would take no less memory: bindings and tensors start at multiples of 256 bytes. */
const LEAST_ELEMENTS = 64;

/** Whether a result of the op at this value is a half where it is stored. */
export function mayBeHalf({ nodes }: Graph, value: number): boolean {
  const { op, type } = nodes[value];
  if (type.dtype !== 'f32' || elementCount(type.shape) < LEAST_ELEMENTS) return false;
  if (opRow(op).kind === 'reduction') return isPooled(nodes, nodes[value]);
  return (isScalarOp(op) ? SCALARS[op] : STRUCTURAL[op]) === 'half';
}

/** Elements of a pool, at most. */
const MOST_POOLED = 16;

/** Whether a reduction is no statistic but an activation: of windows, or of few positions, with examples and features kept apart. */
function isPooled(nodes: Graph['nodes'], node: Node): boolean {
  const [operand] = node.operands;
  if (isUnderWindow(nodes, operand, MOST_STEPS)) return true;
  const { shape } = nodes[operand].type;
  const isSmall = elementCount(shape) <= MOST_POOLED * elementCount(node.type.shape);
  const axes =
    node.op === 'reduceSum' || node.op === 'reduceMax' || node.op === 'reduceMin'
      ? node.attributes.axes
      : [];
  return isSmall && !axes.includes(0) && !axes.includes(shape.length - 1);
}

/** How far from a reduction a window is looked for. */
const MOST_STEPS = 6;

/** Whether a window lies behind views and arithmetic. */
function isUnderWindow(nodes: Graph['nodes'], value: number, steps: number): boolean {
  const { op, operands } = nodes[value];
  if (op === 'window') return true;
  const { kind } = opRow(op);
  const isOnWay = kind === 'view' || kind === 'elementwise';
  return isOnWay && steps > 0 && operands.some((one) => isUnderWindow(nodes, one, steps - 1));
}

/** Ops through which a value that must be exact asks the same of its operands. Sums and products are accumulated in f32 anyway. */
const PASSES_ON: Readonly<Record<OpKind, boolean>> = {
  ...{ source: false, elementwise: true, view: true, concat: true },
  ...{ contraction: false, reduction: false, gather: false, scatter: false },
};

/**
 * 1 for values that stay f32 whatever holds them: what a caller gets, the new values of parameters and states, and what these are
 * computed from element by element, gradients of parameters included.
 */
export function exactValues({ nodes, outputs, updates }: Graph): Uint8Array {
  const exact = new Uint8Array(nodes.length);
  for (const { value } of [...outputs, ...updates]) exact[value] = 1;
  for (let value = nodes.length - 1; value >= 0; value--) {
    const { op, operands } = nodes[value];
    if (!exact[value] || !PASSES_ON[opRow(op).kind]) continue;
    for (const operand of operands) exact[operand] = 1;
  }
  return exact;
}
