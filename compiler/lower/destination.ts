import { type Affine, type Axis, type AxisKind, constantAffine } from '../../ir/kernel.ts';
import type { Shape } from '../../ir/tensor.ts';
import { axisAffine, flatten, shiftAffine } from './affine.ts';

/** Where a kernel's single store goes. */
export interface Destination {
  readonly tensor: number;
  /** Element of the tensor, given a coordinate per axis of the value. */
  readonly index: (coordinates: readonly Affine[], axisCount: number) => Affine;
}

export function rowMajor(tensor: number, shape: Shape, offset = 0): Destination {
  return {
    tensor,
    index: (coordinates, axisCount) => shiftAffine(flatten(coordinates, shape, axisCount), offset),
  };
}

export function parallelAxes(shape: Shape): Axis[] {
  return shape.map((extent) => ({ extent, kind: 'parallel' as AxisKind }));
}

/** The index of each axis. An axis of one point has index 0, so that equal addresses are equal affines. */
export function identity(axes: readonly Axis[]): Affine[] {
  return axes.map(({ extent }, axis) =>
    extent === 1 ? constantAffine(0, axes.length) : axisAffine(axis, axes.length),
  );
}
