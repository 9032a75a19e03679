import { type ScalarOp, scalarResult } from '../../ir/scalar.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { broadcastShapes } from './broadcast.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import { broadcastTo, full } from './views.ts';

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
  const dtype = commonDType(values);
  const all = condition ? [condition, ...values] : values;
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
  return apply(
    op,
    all.map((operand) =>
      typeof operand === 'number' ? full(shape, operand, dtype) : broadcastTo(operand, shape),
    ),
    {},
  );
}
