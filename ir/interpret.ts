import { letterExtents, parseEquation } from './einsum.ts';
import type { Graph, Node } from './graph.ts';
import { isScalarOp, type OpAttributes, type StructuralOp, type WindowSteps } from './ops.ts';
import { uniformElement } from './random.ts';
import { scalarMeaning } from './scalar.ts';
import { elementCount, rowMajorStrides, type Shape, type TensorType } from './tensor.ts';

/** Values by name; f32 tensors hold float64 numbers, i32 tensors integers. */
export type Values = Readonly<Record<string, ArrayLike<number>>>;

/** What {@link interpretGraph} computes: float64, row-major. */
export interface Interpretation {
  readonly outputs: Record<string, Float64Array>;
  /** New values of parameters and state, by name. */
  readonly updates: Record<string, Float64Array>;
  /** Every node's value. */
  readonly values: readonly Float64Array[];
}

/**
 * Evaluates a graph in float64: the reference that every target is compared with.
 *
 * @throws Error when an input or a parameter is missing or has another number of elements than its type
 */
export function interpretGraph(graph: Graph, inputs: Values, parameters: Values): Interpretation {
  const values: Float64Array[] = [];
  for (const node of graph.nodes) {
    const operands = node.operands.map((operand) => values[operand]);
    const types = node.operands.map((operand) => graph.nodes[operand].type);
    values.push(
      node.op === 'input'
        ? given(node, inputs, node.attributes.name)
        : node.op === 'parameter'
          ? given(node, parameters, node.attributes.name)
          : interpretNode(node, operands, types),
    );
  }
  return {
    outputs: Object.fromEntries(graph.outputs.map(({ name, value }) => [name, values[value]])),
    updates: Object.fromEntries(
      graph.updates.map(({ parameter, value }) => [parameter, values[value]]),
    ),
    values,
  };
}

function given(node: Node, values: Values, name: string): Float64Array {
  const data = Object.hasOwn(values, name) ? values[name] : undefined;
  const wanted = elementCount(node.type.shape);
  if (data?.length !== wanted)
    throw new Error(
      `${node.op} '${name}' needs ${wanted} elements, ${data?.length ?? 'none'} given`,
    );
  return Float64Array.from(data);
}

/** One operation on whole tensors. */
export function interpretNode(
  node: Node,
  operands: readonly Float64Array[],
  types: readonly TensorType[],
): Float64Array {
  if (isScalarOp(node.op)) {
    // The operand that carries the dtype: the condition of a select does not.
    const meaning = scalarMeaning(node.op, types[types.length - 1].dtype);
    const [a, b = a, c = a] = operands;
    const result = new Float64Array(elementCount(node.type.shape));
    for (let i = 0; i < result.length; i++) result[i] = meaning(a[i], b[i], c[i]);
    return result;
  }
  const rule = STRUCTURAL[node.op] as Rule<StructuralOp>;
  return rule({ operands, types, attributes: node.attributes as never, shape: node.type.shape });
}

interface Application<Op extends StructuralOp> {
  readonly operands: readonly Float64Array[];
  readonly types: readonly TensorType[];
  readonly attributes: OpAttributes[Op];
  /** Of the result. */
  readonly shape: Shape;
}
type Rule<Op extends StructuralOp> = (application: Application<Op>) => Float64Array;

const declared = (): never => {
  throw new Error('inputs and parameters are given, not computed');
};

const STRUCTURAL: { readonly [Op in StructuralOp]: Rule<Op> } = {
  input: declared,
  parameter: declared,
  constant: ({ attributes, shape }) => new Float64Array(elementCount(shape)).fill(attributes.value),
  iota: ({ attributes, shape }) => fill(shape, (at) => at[attributes.axis]),
  random: ({ operands: [step], attributes, shape }) =>
    Float64Array.from({ length: elementCount(shape) }, (_, i) =>
      uniformElement(attributes.seed, attributes.stream, i, step[0]),
    ),
  reshape: ({ operands: [x] }) => x.slice(),
  stopGradient: ({ operands: [x] }) => x.slice(),
  transpose: ({ operands: [x], types: [type], attributes: { permutation }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    return fill(
      shape,
      (at) =>
        x[
          dot(
            at,
            permutation.map((axis) => strides[axis]),
          )
        ],
    );
  },
  slice: ({ operands: [x], types: [type], attributes: { starts }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    return fill(shape, (at) => x[dot(at, strides) + dot(starts, strides)]);
  },
  pad: ({ operands: [x], types: [type], attributes: { low, value }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    return fill(shape, (at) => {
      const inside = at.every(
        (index, axis) => index >= low[axis] && index < low[axis] + type.shape[axis],
      );
      return inside ? x[dot(at, strides) - dot(low, strides)] : value;
    });
  },
  broadcast: ({ operands: [x], types: [type], attributes: { axes }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    return fill(shape, (at) => {
      let index = 0;
      for (let k = 0; k < axes.length; k++)
        if (type.shape[k] > 1) index += at[axes[k]] * strides[k];
      return x[index];
    });
  },
  window: ({ operands: [x], types: [type], attributes, shape }) => {
    const { axis } = attributes;
    const strides = rowMajorStrides(type.shape);
    return fill(shape, (at) => {
      const index = elementUnder(attributes, at[axis], at[axis + 1]);
      const inside = index >= 0 && index < type.shape[axis];
      return inside ? x[dot(at.toSpliced(axis, 2, index), strides)] : attributes.value;
    });
  },
  fold: ({ operands: [x], types: [type], attributes, shape }) => {
    const { axis, extent } = attributes;
    const strides = rowMajorStrides(shape);
    const result = new Float64Array(elementCount(shape));
    const at = new Array<number>(type.shape.length).fill(0);
    for (let i = 0; i < x.length; i++) {
      const index = elementUnder(attributes, at[axis], at[axis + 1]);
      if (index >= 0 && index < extent) result[dot(at.toSpliced(axis, 2, index), strides)] += x[i];
      advance(at, type.shape);
    }
    return result;
  },
  concat: ({ operands, types, attributes: { axis }, shape }) =>
    fill(shape, (at) => {
      let part = 0;
      let index = at[axis];
      while (index >= types[part].shape[axis]) index -= types[part++].shape[axis];
      const place = at.slice();
      place[axis] = index;
      return operands[part][dot(place, rowMajorStrides(types[part].shape))];
    }),
  contract: ({ operands, types, attributes }) => contract(operands, types, attributes.equation),
  reduceSum: (application) => {
    const add = scalarMeaning('add', application.types[0].dtype);
    return reduce(application, 0, (a, b) => add(a, b, 0));
  },
  reduceMax: (application) => reduce(application, Number.NEGATIVE_INFINITY, Math.max),
  reduceMin: (application) => reduce(application, Number.POSITIVE_INFINITY, Math.min),
  gather: ({ operands: [table, indices], types: [type], shape }) => {
    const row = elementCount(type.shape.slice(1));
    const result = new Float64Array(elementCount(shape));
    for (let i = 0; i < indices.length; i++) {
      const index = Math.max(0, Math.min(type.shape[0] - 1, indices[i]));
      result.set(table.subarray(index * row, (index + 1) * row), i * row);
    }
    return result;
  },
  scatterAdd: ({ operands: [updates, indices], attributes: { rows }, shape }) => {
    const row = elementCount(shape.slice(1));
    const result = new Float64Array(elementCount(shape));
    for (let i = 0; i < indices.length; i++) {
      if (indices[i] < 0 || indices[i] >= rows) continue;
      for (let k = 0; k < row; k++) result[indices[i] * row + k] += updates[i * row + k];
    }
    return result;
  },
};

function elementUnder({ stride, dilation, low }: WindowSteps, position: number, tap: number) {
  return position * stride + tap * dilation - low;
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

/** Evaluates `element` at every multi-index of `shape`, in row-major order. */
function fill(shape: Shape, element: (at: number[]) => number): Float64Array {
  const result = new Float64Array(elementCount(shape));
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < result.length; i++) {
    result[i] = element(at);
    advance(at, shape);
  }
  return result;
}

/** Steps a multi-index to the next one in row-major order, wrapping to zeros at the end. */
function advance(at: number[], shape: Shape): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (++at[axis] < shape[axis]) return;
    at[axis] = 0;
  }
}

function reduce(
  {
    operands: [x],
    types: [type],
    attributes: { axes },
    shape,
  }: Application<'reduceSum' | 'reduceMax' | 'reduceMin'>,
  identity: number,
  combine: (a: number, b: number) => number,
): Float64Array {
  const kept = type.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const strides = rowMajorStrides(shape);
  const result = new Float64Array(elementCount(shape)).fill(identity);
  const at = new Array<number>(type.shape.length).fill(0);
  for (let i = 0; i < x.length; i++) {
    let index = 0;
    for (let k = 0; k < kept.length; k++) index += at[kept[k]] * strides[k];
    result[index] = combine(result[index], x[i]);
    advance(at, type.shape);
  }
  return result;
}

/** Sums the product of all operands over every letter, with no cleverness about the order. */
function contract(
  operands: readonly Float64Array[],
  types: readonly TensorType[],
  text: string,
): Float64Array {
  const equation = parseEquation(text);
  if ('reason' in equation) throw new Error(equation.reason);
  const extents = letterExtents(
    equation,
    types.map((type) => type.shape),
  );
  if (!(extents instanceof Map))
    throw new Error(`letter '${extents.letter}' has two extents in '${text}'`);
  const letters = [...extents.keys()];
  const shape = letters.map((letter) => extents.get(letter)!);
  const stridesOf = (term: string, termShape: Shape) => {
    const own = rowMajorStrides(termShape);
    return letters.map((letter) =>
      own.reduce((sum, stride, axis) => sum + (term[axis] === letter ? stride : 0), 0),
    );
  };
  const strides = operands.map((_, i) => stridesOf(equation.operands[i], types[i].shape));
  const outputShape = [...equation.output].map((letter) => extents.get(letter)!);
  const outputStrides = stridesOf(equation.output, outputShape);
  const result = new Float64Array(elementCount(outputShape));
  const at = new Array<number>(letters.length).fill(0);
  const points = elementCount(shape);
  for (let point = 0; point < points; point++) {
    let product = 1;
    for (let i = 0; i < operands.length; i++) product *= operands[i][dot(at, strides[i])];
    result[dot(at, outputStrides)] += product;
    advance(at, shape);
  }
  return result;
}
