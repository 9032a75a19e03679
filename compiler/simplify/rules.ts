import { DTYPES } from '../../ir/dtypes.ts';
import type { Node, NodeOf, ValueId } from '../../ir/graph.ts';
import { isScalarOp, type OpName } from '../../ir/ops.ts';
import { evaluateScalar, type ScalarOp } from '../../ir/scalar.ts';
import { elementCount, sameShape } from '../../ir/tensor.ts';
import type { Rewriter } from '../rewrite.ts';

/** Gives a simpler value for a node over the given operands (values of the new graph), or null. */
type Rule<Op extends OpName> = (
  node: NodeOf<Op>,
  operands: readonly ValueId[],
  rewriter: Rewriter,
) => ValueId | null;

/**
 * Algebraic rules, by op. They hold for infinities and NaN too (x·0 stays, and so does x - x), up to the sign of a zero, and
 * sums are not reassociated.
 */
export const SIMPLIFY_RULES: { readonly [Op in OpName]?: Rule<Op> } = {
  add: (_, [a, b], r) => (isNumber(r, b, 0) ? a : isNumber(r, a, 0) ? b : null),
  sub: (_, [a, b], r) => (isNumber(r, b, 0) ? a : null),
  mul: (_, [a, b], r) => (isNumber(r, b, 1) ? a : isNumber(r, a, 1) ? b : null),
  div: (_, [a, b], r) => (isNumber(r, b, 1) ? a : null),
  pow: (_, [a, b], r) => (isNumber(r, b, 1) ? a : null),
  neg: (_, [a], r) => (r.builder.nodes[a].op === 'neg' ? r.builder.nodes[a].operands[0] : null),
  toF32: (_, [a], r) => (r.builder.typeOf(a).dtype === 'f32' ? a : null),
  toI32: (_, [a], r) => (r.builder.typeOf(a).dtype === 'i32' ? a : null),
  select: (_, [condition, a, b], r) => {
    const value = numberOf(r, condition);
    return a === b ? a : value === null ? null : value !== 0 ? a : b;
  },
  reshape: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    if (sameShape(inner.type.shape, node.type.shape)) return x;
    if (inner.op === 'reshape')
      return sameShape(r.builder.shapeOf(inner.operands[0]), node.type.shape)
        ? inner.operands[0]
        : r.append('reshape', inner.operands, node.attributes, node.source);
    return constantOf(inner, node, r);
  },
  transpose: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    const { permutation } = node.attributes;
    if (permutation.every((axis, k) => axis === k)) return x;
    if (inner.op === 'transpose') {
      return r.append(
        'transpose',
        inner.operands,
        { permutation: permutation.map((axis) => inner.attributes.permutation[axis]) },
        node.source,
      );
    }
    return constantOf(inner, node, r);
  },
  slice: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    const { starts, sizes } = node.attributes;
    if (sameShape(inner.type.shape, sizes)) return x;
    if (inner.op === 'slice') {
      return r.append(
        'slice',
        inner.operands,
        { starts: starts.map((start, k) => start + inner.attributes.starts[k]), sizes },
        node.source,
      );
    }
    if (inner.op === 'concat') return sliceOfConcat(node, inner, r);
    return constantOf(inner, node, r);
  },
  pad: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    const { low, high, value } = node.attributes;
    if ([...low, ...high].every((width) => width === 0)) return x;
    return inner.op === 'constant' && inner.attributes.value === value
      ? constantOf(inner, node, r)
      : null;
  },
  // Windows that lie side by side are the axis cut into equal parts.
  window: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    const { axis, positions, size, stride, dilation, low, value } = node.attributes;
    const sideBySide = (positions === 1 || stride === size) && (size === 1 || dilation === 1);
    if (sideBySide && low === 0 && positions * size === inner.type.shape[axis])
      return r.append('reshape', [x], { shape: node.type.shape }, node.source);
    return inner.op === 'constant' && inner.attributes.value === value
      ? constantOf(inner, node, r)
      : null;
  },
  broadcast: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    if (sameShape(inner.type.shape, node.type.shape)) return x;
    if (inner.op === 'broadcast') {
      return r.append(
        'broadcast',
        inner.operands,
        {
          shape: node.attributes.shape,
          axes: inner.attributes.axes.map((axis) => node.attributes.axes[axis]),
        },
        node.source,
      );
    }
    return constantOf(inner, node, r);
  },
  reduceSum: (node, [x], r) => {
    const inner = r.builder.nodes[x];
    if (node.attributes.axes.length === 0) return x;
    if (inner.op !== 'constant') return null;
    const count = elementCount(inner.type.shape) / elementCount(node.type.shape);
    const { dtype } = node.type;
    return r.append(
      'constant',
      [],
      {
        ...node.type,
        value: DTYPES[dtype].round(evaluateScalar('mul', dtype, inner.attributes.value, count)),
      },
      node.source,
    );
  },
  reduceMax: (node, [x], r) =>
    node.attributes.axes.length === 0 ? x : constantOf(r.builder.nodes[x], node, r),
  reduceMin: (node, [x], r) =>
    node.attributes.axes.length === 0 ? x : constantOf(r.builder.nodes[x], node, r),
  concat: (_, operands) => (operands.length === 1 ? operands[0] : null),
  contract: (node, operands, r) => transposesIntoContraction(node, operands, r),
};

/** A simpler value for `node`, or null to keep it. */
export function simplifyNode(
  node: Node,
  operands: readonly ValueId[],
  rewriter: Rewriter,
): ValueId | null {
  const folded = isScalarOp(node.op)
    ? fold(node as NodeOf<ScalarOp>, node.op, operands, rewriter)
    : null;
  if (folded !== null) return folded;
  const rule = SIMPLIFY_RULES[node.op] as Rule<OpName> | undefined;
  return rule ? rule(node as NodeOf<OpName>, operands, rewriter) : null;
}

/** A scalar operation on constants is a constant: operands and result are rounded to float32, as the devices would. */
function fold(
  node: NodeOf<ScalarOp>,
  op: ScalarOp,
  operands: readonly ValueId[],
  rewriter: Rewriter,
): ValueId | null {
  const values = operands.map((operand) => numberOf(rewriter, operand));
  if (values.some((value) => value === null)) return null;
  const dtype = rewriter.builder.typeOf(operands[operands.length - 1]).dtype;
  const [a, b, c] = (values as number[]).map(DTYPES[dtype].round);
  const exact = evaluateScalar(op, dtype, a, b, c);
  const value = DTYPES[node.type.dtype].round(exact);
  return rewriter.append('constant', [], { ...node.type, value }, node.source);
}

function numberOf(rewriter: Rewriter, value: ValueId): number | null {
  const node = rewriter.builder.nodes[value];
  return node.op === 'constant' ? node.attributes.value : null;
}

function isNumber(rewriter: Rewriter, value: ValueId, wanted: number): boolean {
  return numberOf(rewriter, value) === wanted;
}

/** Any view of a constant is the constant in another shape. */
function constantOf(inner: Node, node: Node, rewriter: Rewriter): ValueId | null {
  return inner.op === 'constant'
    ? rewriter.append('constant', [], { ...node.type, value: inner.attributes.value }, node.source)
    : null;
}

/** A slice that lies inside one part of a concatenation is a slice of that part. */
function sliceOfConcat(
  node: NodeOf<'slice'>,
  inner: NodeOf<'concat'>,
  rewriter: Rewriter,
): ValueId | null {
  const { axis } = inner.attributes;
  const { starts, sizes } = node.attributes;
  let begin = 0;
  for (const operand of inner.operands) {
    const shape = rewriter.builder.shapeOf(operand);
    const end = begin + shape[axis];
    if (starts[axis] >= begin && starts[axis] + sizes[axis] <= end) {
      if (sameShape(shape, sizes)) return operand;
      return rewriter.append(
        'slice',
        [operand],
        { starts: starts.map((start, k) => (k === axis ? start - begin : start)), sizes },
        node.source,
      );
    }
    begin = end;
  }
  return null;
}

/** A transposed operand of a contraction is the operand with its letters in another order. */
function transposesIntoContraction(
  node: NodeOf<'contract'>,
  operands: readonly ValueId[],
  rewriter: Rewriter,
): ValueId | null {
  const inners = operands.map((operand) => rewriter.builder.nodes[operand]);
  if (!inners.some((inner) => inner.op === 'transpose')) return null;
  const [terms, output] = node.attributes.equation.replaceAll(/\s/g, '').split('->');
  const renamed = terms.split(',').map((term, k) => {
    const inner = inners[k];
    if (inner.op !== 'transpose') return term;
    const letters = new Array<string>(term.length);
    inner.attributes.permutation.forEach((axis, position) => {
      letters[axis] = term[position];
    });
    return letters.join('');
  });
  const sources = operands.map((operand, k) =>
    inners[k].op === 'transpose' ? inners[k].operands[0] : operand,
  );
  return rewriter.append(
    'contract',
    sources,
    { equation: `${renamed.join(',')}->${output}` },
    node.source,
  );
}
