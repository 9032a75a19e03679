import type { Attribute, Attributes, Operation } from './syntax.ts';

// Attributes as the specification has them, whichever form they were written in.

export class Invalid extends Error {}

/** @throws Invalid when a constraint does not hold */
export function require(holds: boolean, constraint: string): asserts holds {
  if (!holds) throw new Invalid(constraint);
}

export function integer(attributes: Attributes, name: string): number {
  const value = attributes[name];
  require(typeof value === 'number', `${name} is an integer`);
  return value;
}

/** A list of integers, by default empty where the field may be left out. */
export function integers(
  attributes: Attributes,
  name: string,
  absent?: readonly number[],
): readonly number[] {
  const value: Attribute | undefined = attributes[name];
  if (value === undefined && absent) return absent;
  if (typeof value === 'object' && 'dense' in value) return value.dense.elements;
  require(Array.isArray(value), `${name} is a list`);
  require(value.every((one) => Number.isInteger(one)), `${name} is a list of integers`);
  return value as readonly number[];
}

export function record(attributes: Attributes, name: string): Attributes {
  const value = attributes[name];
  require(typeof value === 'object' && 'record' in value, `${name} is a record`);
  return value.record;
}

/** Pairs [low, high] by axis, from a dense constant or a list of lists. */
export function padding(
  attributes: Attributes,
  rank: number,
): readonly (readonly [number, number])[] {
  const value = attributes.padding ?? [];
  if (typeof value === 'object' && 'dense' in value) {
    const { elements, type } = value.dense;
    require(type.shape.join() === `${rank},2`, 'padding has two numbers for each axis');
    return Array.from({ length: rank }, (_, k) => [elements[2 * k], elements[2 * k + 1]] as const);
  }
  require(Array.isArray(value), 'padding is a list');
  const pairs = value as readonly (readonly [number, number])[];
  return pairs.length === 0 ? Array.from({ length: rank }, () => [0, 0] as const) : pairs;
}

export const ones = (count: number): readonly number[] => new Array<number>(count).fill(1);
export const isUnique = (values: readonly (number | string)[]) =>
  new Set(values).size === values.length;
export const isSorted = (values: readonly number[]) =>
  values.every((one, k) => k === 0 || values[k - 1] <= one);
export const isWithin = (values: readonly number[], end: number) =>
  values.every((one) => one >= 0 && one < end);
export const same = (a: readonly unknown[], b: readonly unknown[]) =>
  a.length === b.length && a.every((one, k) => one === b[k]);

/** How many windows there are along an axis (the formula of convolution and reduce_window). */
export function windowCount(
  extent: number,
  size: number,
  way: { stride: number; low: number; high: number; base: number; dilation: number },
): number {
  const dilated = extent === 0 ? 0 : (extent - 1) * way.base + 1;
  const padded = way.low + dilated + way.high;
  const window = size === 0 ? 0 : (size - 1) * way.dilation + 1;
  return padded === 0 || window > padded ? 0 : Math.floor((padded - window) / way.stride) + 1;
}

/** The dimension numbers of a convolution. */
export interface ConvolutionDimensions {
  readonly lhs: {
    readonly batch: number;
    readonly feature: number;
    readonly spatial: readonly number[];
  };
  readonly rhs: {
    readonly input: number;
    readonly output: number;
    readonly spatial: readonly number[];
  };
  readonly result: {
    readonly batch: number;
    readonly feature: number;
    readonly spatial: readonly number[];
  };
}

export function convolutionDimensions(
  { attributes }: Operation,
  rank: number,
): ConvolutionDimensions {
  const value = attributes.dimension_numbers;
  require(typeof value === 'object' &&
    'dimensions' in value, 'dimension_numbers are those of a convolution');
  const [lhs, rhs, result] = value.dimensions;
  const spatial = (dimensions: readonly string[]) =>
    Array.from({ length: rank - 2 }, (_, k) => dimensions.indexOf(String(k)));
  for (const dimensions of value.dimensions) {
    require(dimensions.length === rank, 'C1, C26: as many dimensions as the operands have');
    require(isUnique(dimensions), 'C13, C18, C20: each dimension once');
  }
  const made = {
    lhs: { batch: lhs.indexOf('b'), feature: lhs.indexOf('f'), spatial: spatial(lhs) },
    rhs: { input: rhs.indexOf('i'), output: rhs.indexOf('o'), spatial: spatial(rhs) },
    result: { batch: result.indexOf('b'), feature: result.indexOf('f'), spatial: spatial(result) },
  };
  for (const part of Object.values(made))
    require(isWithin(Object.values(part).flat(), rank), 'C13, C18, C20: all dimensions are there');
  return made;
}
