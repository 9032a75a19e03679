import { expect } from 'vitest';
import { differentiate } from '../../compiler/gradient/index.ts';
import type { Graph, GraphBuilder, Node, ValueId } from '../../ir/graph.ts';
import { interpretGraph, type Values } from '../../ir/interpret.ts';
import { SCALAR_OPS, type ScalarOp } from '../../ir/scalar.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { type TypedBuilder, typedBuilder, weightedSum } from '../support/random-graph.ts';

const STEP = 1e-5;
const RELATIVE_ERROR = 1e-5;

export interface Gradients {
  /** Has the gradients as outputs. */
  readonly graph: Graph;
  readonly values: readonly (number[] | null)[];
}

/** Appends the gradients of `loss` and evaluates them; checks that the graph is valid and that they have the right types. */
export function gradientsOf(
  builder: GraphBuilder,
  loss: ValueId,
  wrt: readonly ValueId[],
  given: Values,
): Gradients {
  const gradients = differentiate(builder, loss, wrt);
  gradients.forEach((gradient, k) => {
    if (gradient === null) return;
    builder.outputs.push({ name: `gradient ${k}`, value: gradient });
    expect(builder.typeOf(gradient)).toEqual(builder.typeOf(wrt[k]));
  });
  const graph = builder.finish();
  expect(verifyGraph(graph)).toEqual([]);
  const { values } = interpretGraph(graph, given, given);
  return {
    graph,
    values: gradients.map((gradient) => (gradient === null ? null : Array.from(values[gradient]))),
  };
}

/** The graph up to `loss`, with what stops gradients held at its value: an input of its own. */
function withHeldValues(graph: Graph, loss: ValueId, given: Values): [Graph, Values] {
  const held: Record<string, ArrayLike<number>> = { ...given };
  const { values } = interpretGraph(graph, given, given);
  const nodes = graph.nodes.slice(0, loss + 1).map((node, value): Node => {
    if (node.op !== 'stopGradient') return node;
    const name = `held ${value}`;
    held[name] = values[value];
    return { op: 'input', operands: [], attributes: { name }, type: node.type, source: -1 };
  });
  return [{ ...graph, nodes, outputs: [{ name: 'loss', value: loss }], updates: [] }, held];
}

/** Central differences of a value in every element of the named inputs and parameters. */
function differences(graph: Graph, loss: ValueId, given: Values, names: readonly string[]) {
  const lossAt = (name: string, i: number, step: number) => {
    const moved = Float64Array.from(given[name]);
    moved[i] += step;
    const values = { ...given, [name]: moved };
    return interpretGraph(graph, values, values).values[loss][0];
  };
  return names.map((name) =>
    Array.from(
      given[name],
      (_, i) => (lossAt(name, i, STEP) - lossAt(name, i, -STEP)) / (2 * STEP),
    ),
  );
}

/** Compares all gradients with finite differences; no gradient counts as zero. */
export function expectGradients(
  builder: GraphBuilder,
  loss: ValueId,
  wrt: readonly ValueId[],
  given: Values,
): Gradients {
  const [forward, held] = withHeldValues(builder.finish(), loss, given);
  const names = wrt.map((value) => {
    const node = builder.nodes[value];
    if (node.op !== 'input' && node.op !== 'parameter') throw new Error('nothing to move');
    return node.attributes.name;
  });
  const wanted = differences(forward, loss, held, names);
  const gradients = gradientsOf(builder, loss, wrt, given);
  wanted.forEach((want, k) => {
    const got = gradients.values[k] ?? want.map(() => 0);
    want.forEach((number, i) => {
      const error = Math.abs(got[i] - number) / Math.max(1, Math.abs(number));
      expect(error, `${names[k]}[${i}] is ${got[i]}, not ${number}`).toBeLessThan(RELATIVE_ERROR);
    });
  });
  return gradients;
}

/** Builds a value; `x` declares the next of the inputs that its gradients are taken of. */
export type Build = (
  typed: TypedBuilder,
  x: (shape: Shape, values?: readonly number[], op?: 'input' | 'parameter') => ValueId,
) => ValueId;

/** Values without order, without ties, and away from the integers. */
const generic = (shape: Shape, seed: number) =>
  Array.from({ length: elementCount(shape) }, (_, i) => 2.3 * Math.sin(1.7 * i + seed + 0.4));

export function prepare(build: Build) {
  const typed = typedBuilder();
  const given: Record<string, readonly number[]> = {};
  const wrt: ValueId[] = [];
  const value = build(typed, (shape, values, op = 'input') => {
    const name = `x${wrt.length}`;
    given[name] = values ?? generic(shape, wrt.length);
    wrt.push(typed.builder.append(op, [], { name }, { dtype: 'f32', shape }, -1));
    return wrt[wrt.length - 1];
  });
  return { typed, given, wrt, value };
}

/** Compares the gradients of a value, each element weighted differently, with finite differences. */
export function check(build: Build) {
  const { typed, given, wrt, value } = prepare(build);
  return expectGradients(typed.builder, weightedSum(typed, [value]), wrt, given);
}

/** Gradients of the sum of a value, where finite differences do not exist or are not what is wanted. */
export function gradients(build: Build) {
  const { typed, given, wrt, value } = prepare(build);
  const axes = typed.builder.shapeOf(value).map((_, axis) => axis);
  const loss = typed.add('reduceSum', [value], { axes });
  return gradientsOf(typed.builder, loss, wrt, given).values;
}

/** A scalar operation on the given operands; those that must be integers are converted, and so is the result. */
export const pointwise =
  (op: ScalarOp, ...operands: readonly (readonly number[])[]): Build =>
  ({ builder, add }, x) => {
    const { rule } = SCALAR_OPS[op];
    const values = operands.map((numbers, k) => {
      const value = x([numbers.length], numbers);
      return rule === 'logical' || (rule === 'select' && k === 0) ? add('toI32', [value]) : value;
    });
    const result = add(op, values);
    return builder.typeOf(result).dtype === 'i32' ? add('toF32', [result]) : result;
  };

export const A = [-1.2, 2.3, 0.6];
export const B = [0.3, 1.1, 0.9];
