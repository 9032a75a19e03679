import { type ScalarOp, scalarResult } from '../../ir/scalar.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { asPart } from '../reporting/call-sites.ts';
import { broadcastShapes } from './broadcast.ts';
import { apply, atOneExpression, isPoisoned, mistake, poisoned } from './context.ts';
import { strangeText } from './misused.ts';
import { Tensor, type TensorLike } from './tensor.ts';
import * as views from './views.ts';

// What operations of no name of their own call.
const full = asPart('full', views.full, true);
const broadcastTo = asPart('broadcastTo', views.broadcastTo, true);

/** The dtype that plain numbers among the operands take. */
function commonDType(operands: readonly TensorLike[]): DType {
  for (const operand of operands) if (typeof operand !== 'number') return operand.dtype;
  return 'f32';
}

/** Applies a scalar operation to operands that are broadcast against each other; `values` take one common dtype. */
export function elementwise(
  name: string,
  op: ScalarOp,
  values: readonly TensorLike[],
  condition?: Tensor,
): Tensor {
  const all = condition === undefined ? values : [condition, ...values];
  const strange = all.find((one) => typeof one !== 'number' && !(one instanceof Tensor));
  if (strange !== undefined || all.includes(undefined as never)) {
    const args = { op: name, wanted: 'tensors and numbers', given: strangeText(strange) };
    return mistake(2003, args, { dtype: 'f32', shape: [] });
  }
  const dtype = commonDType(values);
  const tensors = all.filter((operand): operand is Tensor => typeof operand !== 'number');
  let shape: Shape = [];
  for (const tensor of tensors) {
    const joined = broadcastShapes(shape, tensor.shape);
    if (!joined) {
      const type: TensorType = { dtype, shape };
      if (tensors.some(isPoisoned)) return poisoned(type);
      return mistake(
        2001,
        { op: name, left: formatShape(shape), right: formatShape(tensor.shape) },
        type,
      );
    }
    shape = joined;
  }
  const result = scalarResult(
    op,
    all.map((operand) => (typeof operand === 'number' ? dtype : operand.dtype)),
  );
  if ('reason' in result) {
    if (tensors.some(isPoisoned)) return poisoned({ dtype, shape });
    return mistake(
      2002,
      {
        op: name,
        reason: result.reason.replace(`'${op}' is `, '').replace(`'${op}'`, `'${name}'`),
      },
      { dtype, shape },
    );
  }
  return atOneExpression(() =>
    apply(
      op,
      all.map((operand) =>
        typeof operand === 'number' ? full(shape, operand, dtype) : broadcastTo(operand, shape),
      ),
      {},
    ),
  );
}
