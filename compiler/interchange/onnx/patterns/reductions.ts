import { elementCount, type Shape, sameShape } from '../../../../ir/tensor.ts';
import type { Matched } from './row.ts';
import { any, called, either, node, number, type Term } from './terms.ts';

// Reductions that keep their axes: by the attribute, or by a reshape behind them.

/** A reduction of a term over axes that stay, with extent 1. Its label says which; `<label>.kept` is the shape that a reshape states. */
export const kept = (label: string, op: string, of: Term): Term =>
  either(called(label, op, of), node('Reshape', called(label, op, of), any(`${label}.kept`)));

/** A mean over axes that stay: `<label>.share` is what a sum is multiplied by. */
export const mean = (label: string, of: Term): Term =>
  either(
    kept(label, 'ReduceMean', of),
    node('Mul', kept(label, 'ReduceSum', of), any(`${label}.share`)),
  );

/** The one axis of a shape that a reduction goes over and keeps; null where it does something else. */
export function keptAxis(matched: Matched, label: string, shape: Shape): number | null {
  const given = matched.ints(label, 'axes') ?? matched.input(label, 1);
  if (given?.length !== 1) return null;
  const [axis] = given.map((one) => (one < 0 ? one + shape.length : one));
  const wanted = shape.map((extent, k) => (k === axis ? 1 : extent));
  const stated = matched.list(`${label}.kept`);
  const isKept = matched.int(label, 'keepdims', 1) !== 0;
  if (stated ? !sameShape(stated, wanted) : !isKept) return null;
  return axis >= 0 && axis < shape.length ? axis : null;
}

/** As {@link keptAxis}, of a mean. */
export function meanAxis(matched: Matched, label: string, shape: Shape): number | null {
  const axis = keptAxis(matched, label, shape);
  if (axis === null) return null;
  const share = matched.list(`${label}.share`);
  const isMean = share === null || isShare(share, shape[axis]);
  return isMean ? axis : null;
}

const isShare = (values: readonly number[], count: number): boolean =>
  values.length === 1 && Math.fround(values[0]) === Math.fround(1 / count);

/** x² of a term, in the ways in which it is written. */
export const squared = (of: Term): Term => either(node('Mul', of, of), node('Pow', of, number(2)));

/** A term over the root of another. */
export const overRoot = (of: Term, square: Term): Term =>
  either(node('Div', of, node('Sqrt', square)), node('Mul', of, inverseRoot(square)));

/** 1 / √x of a term. */
export const inverseRoot = (square: Term): Term =>
  either(
    node('Div', number(1), node('Sqrt', square)),
    node('Reciprocal', node('Sqrt', square)),
    node('Pow', square, number(-0.5)),
  );

/** The axis of a shape along which a constant goes that is broadcast to it; null where it goes along none or several. */
export function lineAxis(constant: Shape, rank: number, size: number): number | null {
  if (elementCount(constant) !== size || size < 2 || constant.length > rank) return null;
  const at = constant.indexOf(size);
  return at < 0 ? null : at + rank - constant.length;
}
