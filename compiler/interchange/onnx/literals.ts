import { DTYPES, isFloat } from '../../../ir/dtypes.ts';
import { elementCount, rowMajorStrides } from '../../../ir/tensor.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import { shortest } from './attributes.ts';
import type { Language } from './recorder.ts';
import type { Constant } from './values.ts';

/** How many elements of a constant a model's text may hold; what is longer is a state of the model. */
export const MOST_LITERALS = 256;

/**
 * A constant as the language says it best: one number at every element, a progression along an axis (which follows the extents when
 * they are options), or a list. Null where it is too long for any.
 */
export function literal(f: Language, constant: Constant): Tensor | null {
  const { type, shape } = constant;
  const { round } = DTYPES[type.dtype];
  const values = Array.from(constant.values, (value) => shortest(round(value)));
  const count = elementCount(shape);
  if (values.every((value) => Object.is(value, values[0])))
    return f.full(shape, values[0], type.dtype);
  const steps = isFloat(type.dtype) ? null : progression(values, shape);
  if (steps) {
    const { axis, start, step } = steps;
    const index = f.iota(shape, axis);
    const scaled = step === 1 ? index : f.mul(index, step);
    return start === 0 ? scaled : f.add(scaled, start);
  }
  return count <= MOST_LITERALS ? f.constant(values, shape, type.dtype) : null;
}

/** Whether elements grow by one step along one axis, and stay along the others. */
function progression(values: readonly number[], shape: readonly number[]) {
  const strides = rowMajorStrides(shape);
  const axes = shape.flatMap((extent, axis) =>
    extent > 1 && values[strides[axis]] !== values[0] ? [axis] : [],
  );
  if (axes.length !== 1) return null;
  const [axis] = axes;
  const start = values[0];
  const step = values[strides[axis]] - start;
  const follows = values.every(
    (value, k) => value === start + step * (Math.floor(k / strides[axis]) % shape[axis]),
  );
  return follows && Number.isSafeInteger(step) ? { axis, start, step } : null;
}
