import { expect } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import type { DType, Shape } from '../../ir/tensor.ts';
import { graphsOf } from '../support/passes.ts';
import { runSchedule } from '../support/run-schedule.ts';

/** A tensor as nested arrays, as one would write it down. */
export type Nested = number | readonly Nested[];
interface Integers {
  readonly integers: Nested;
}
/** Nested arrays are f32. */
export type Value = Nested | Integers;
export type Tensors = Readonly<Record<string, btc.Tensor>>;
export type Vector = readonly number[];
export type Matrix = readonly Vector[];

export const i32 = (integers: Nested): Integers => ({ integers });
const isIntegers = (value: Value): value is Integers =>
  typeof value === 'object' && 'integers' in value;
const nestedOf = (value: Value): Nested => (isIntegers(value) ? value.integers : value);
const dtypeOf = (value: Value): DType => (isIntegers(value) ? 'i32' : 'f32');
const shapeOf = (x: Nested): number[] =>
  typeof x === 'number' ? [] : [x.length, ...shapeOf(x[0])];
export const flat = (x: Nested): number[] => (typeof x === 'number' ? [x] : x.flatMap(flat));

/** The tensor whose element at `(i, j, …)` is `element(i, j, …)`. */
export function tabulate<T extends Nested>(shape: Shape, element: (...at: number[]) => number): T {
  const build = (at: number[]): Nested =>
    at.length === shape.length
      ? element(...at)
      : Array.from({ length: shape[at.length] }, (_, i) => build([...at, i]));
  return build([]) as T;
}

/** Numbers in (-2, 2) without symmetries; another `salt`, other numbers. */
export function numbers<T extends Nested>(shape: Shape, salt = 0): T {
  let k = 0;
  return tabulate<T>(shape, () => 2 * Math.sin(1.3 + salt + 2.7 * k++));
}

export const total = (x: Vector): number => x.reduce((a, b) => a + b, 0);
export const plus = (a: Vector, b: Vector): number[] => a.map((x, k) => x + b[k]);
export const dot = (a: Vector, b: Vector): number => total(a.map((x, k) => x * b[k]));
export const column = (m: Matrix, j: number): number[] => m.map((row) => row[j]);
export const timesMatrix = (v: Vector, m: Matrix): number[] =>
  m[0].map((_, j) => dot(v, column(m, j)));
/** By another formula than the compiler's. */
export const sigmoid = (x: number): number => (1 + Math.tanh(x / 2)) / 2;

interface Program {
  readonly inputs?: Readonly<Record<string, Value>>;
  /** By full name; parameters that are not named get {@link numbers}. */
  readonly parameters?: Readonly<Record<string, Nested>>;
  readonly build: (inputs: Tensors) => Tensors;
}

function expectClose(given: ArrayLike<number>, wanted: readonly number[], relative: number): void {
  expect(given.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    const error = Math.abs(given[i] - value) / Math.max(1, Math.abs(value));
    expect(error, `element ${i} is ${given[i]}, not ${value}`).toBeLessThan(relative);
  });
}

/**
 * Compares the outputs of a program with what they should be: as traced to all digits, and again after all passes and
 * lowered to kernels, where constants are rounded to float32.
 */
export function expectOutputs(program: Program, wanted: Readonly<Record<string, Value>>): void {
  const { inputs = {}, build } = program;
  const specs = Object.entries(inputs).map(([name, value]) => [
    name,
    btc.tensor(shapeOf(nestedOf(value)), dtypeOf(value)),
  ]);
  const model = btc.defineModel({ name: 'm', inputs: Object.fromEntries(specs), build });
  const traced = traceModel(model);
  expect(traced.diagnostics).toEqual([]);
  const parameters = Object.fromEntries(
    traced.parameters.map(({ declaration: { name, type, data } }, k) => {
      if (data) return [name, Float64Array.from(data)];
      const value = program.parameters?.[name] ?? numbers(type.shape, k);
      expect(shapeOf(value), name).toEqual(type.shape);
      return [name, Float64Array.from(flat(value))];
    }),
  );
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, flat(nestedOf(value))]),
  );
  const { graph } = traced.programs[0];
  const asTraced = interpretGraph(graph, given, parameters).outputs;
  const { module, diagnostics } = graphsOf(model);
  expect(diagnostics).toEqual([]);
  const schedule = lowerModule(module, { maxStorageBuffers: 8, fusion: orderProgram });
  const asScheduled = runSchedule(schedule, 'predict', given, parameters);
  expect(Object.keys(asTraced)).toEqual(Object.keys(wanted));
  for (const { name, value } of graph.outputs) {
    const expected = nestedOf(wanted[name]);
    expect(graph.nodes[value].type, name).toEqual({
      dtype: dtypeOf(wanted[name]),
      shape: shapeOf(expected),
    });
    expectClose(asTraced[name], flat(expected), 1e-12);
    expectClose(asScheduled[name], flat(expected), 1e-5);
  }
}

/** One function of its inputs, which are `a`, `b`, … in order. */
export function expectValue(
  values: readonly Value[],
  f: (...x: btc.Tensor[]) => btc.Tensor,
  y: Value,
): void {
  const names = values.map((_, k) => 'abcdef'[k]);
  const inputs = Object.fromEntries(values.map((value, k) => [names[k], value]));
  expectOutputs({ inputs, build: (x) => ({ y: f(...names.map((name) => x[name])) }) }, { y });
}
