import type { DType, Shape } from '../ir/tensor.ts';
import type { DeviceRange } from './executor.ts';
import type { GpuBufferLike, GpuBufferRange } from './gpu-types.ts';
import type { Session } from './session.ts';
import type { NarrowIntegers } from './values.ts';

// Types by which a generated loader tells the programs of its model.

declare const tensorType: unique symbol;

/** As DTYPES of ir/dtypes.ts says at run time. */
export interface TypedArrays {
  f32: Float32Array;
  i32: Int32Array;
}

/** A typed array; one that came from a session also tells its shape, and no other than it fits. */
export type TypedOutput<Type extends DType, Extents extends Shape> = TypedArrays[Type] & {
  readonly [tensorType]?: readonly [Type, Extents];
};

/** What else fits elements: masks may be booleans and bytes. */
export interface FurtherElements {
  f32: never;
  i32: boolean;
}
/** What else fits arrays, by dtype. */
export interface FurtherArrays {
  f32: never;
  i32: NarrowIntegers;
}

/** Arrays of arrays of elements, one level per axis. */
export type NestedOf<Element, Extents extends Shape> = Extents extends readonly [
  number,
  ...infer Rest extends Shape,
]
  ? readonly NestedOf<Element, Rest>[]
  : Element;

/** What fits an input: a typed array of its dtype, nested arrays of its rank, a number for one element; on WebGPU a buffer. */
export type TypedInput<Type extends DType, Extents extends Shape> =
  | GpuBufferLike
  | GpuBufferRange
  | TypedOutput<Type, Extents>
  | FurtherArrays[Type]
  | NestedOf<number | FurtherElements[Type], Extents>
  | (Extents extends readonly 1[] ? number | FurtherElements[Type] : never);

/** Inputs and outputs of programs, by name. */
export type ProgramTypes<Programs> = {
  [Name in keyof Programs]: { inputs: object; outputs: object };
};

/** The outputs that a run gives by its option `read`. */
export type ReadOutputs<Outputs, Read> = Read extends undefined
  ? Outputs
  : Read extends readonly [infer First, ...infer Rest]
    ? (First extends keyof Outputs ? Pick<Outputs, First> : never) & ReadOutputs<Outputs, Rest>
    : Read extends readonly []
      ? Record<never, never>
      : Read extends readonly (infer Name extends keyof Outputs)[]
        ? Partial<Pick<Outputs, Name>>
        : Record<never, never>;

/** Where the outputs of a program may go: arrays of their dtype, buffers, or 'device'. */
export type TypedPlaces<Outputs> = {
  readonly [Name in keyof Outputs]?: Outputs[Name] | GpuBufferLike | GpuBufferRange | 'device';
};

/** The outputs of a run: those with a place as that says, the others that it reads as arrays. */
export type TypedRunOutputs<Outputs, Read, Into> = keyof Into extends never
  ? ReadOutputs<Outputs, Read>
  : Omit<ReadOutputs<Outputs, Read>, keyof Into> & {
      [Name in keyof Into & keyof Outputs]: Into[Name] extends Outputs[Name]
        ? Outputs[Name]
        : DeviceRange;
    };

/** A session of a plan whose programs are known. */
export interface TypedSession<Programs extends ProgramTypes<Programs>>
  extends Omit<Session, 'run'> {
  /**
   * Runs a program once and gives its outputs, or those that `read` names; false reads none and does not wait for the
   * device. `into` says where outputs go. Inputs that are optional have defaults. Errors and what they leave: as `Session.run`.
   */
  run<
    Name extends keyof Programs,
    const Read extends readonly (keyof Programs[Name]['outputs'])[] | false | undefined = undefined,
    const Into extends TypedPlaces<Programs[Name]['outputs']> = Record<never, never>,
  >(
    program: Name,
    inputs: Programs[Name]['inputs'],
    options?: { readonly read?: Read; readonly into?: Into },
  ): Promise<TypedRunOutputs<Programs[Name]['outputs'], Read, Into>>;
}
