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
    return taken(
      x,
      shape,
      permutation.map((axis) => strides[axis]),
    );
  },
  slice: ({ operands: [x], types: [type], attributes: { starts }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    return taken(x, shape, strides, dot(starts, strides));
  },
  pad: ({ operands: [x], types: [type], attributes: { low, value }, shape }) => {
    const strides = rowMajorStrides(type.shape);
    const start = dot(low, strides);
    return fill(shape, (at) => {
      const inside = at.every(
        (index, axis) => index >= low[axis] && index < low[axis] + type.shape[axis],
      );
      return inside ? x[dot(at, strides) - start] : value;
    });
  },
  broadcast: ({ operands: [x], types: [type], attributes: { axes }, shape }) => {
    const own = rowMajorStrides(type.shape);
    const strides = shape.map(() => 0);
    for (let k = 0; k < axes.length; k++) if (type.shape[k] > 1) strides[axes[k]] += own[k];
    return taken(x, shape, strides);
  },
  window: ({ operands: [x], types: [type], attributes, shape }) => {
    const { axis, low, value } = attributes;
    const own = rowMajorStrides(type.shape);
    const result = new Float64Array(elementCount(shape)).fill(value);
    let next = 0;
    forEachRow(
      shape,
      [around(own, axis), under(attributes, shape)],
      (length, [at, index], steps) => {
        for (let k = 0; k < length; k++, next++) {
          const element = index + k * steps[1] - low;
          if (element >= 0 && element < type.shape[axis])
            result[next] = x[at + k * steps[0] + element * own[axis]];
        }
      },
    );
    return result;
  },
  fold: ({ operands: [x], types: [type], attributes, shape }) => {
    const { axis, low, extent } = attributes;
    const own = rowMajorStrides(shape);
    const result = new Float64Array(elementCount(shape));
    let next = 0;
    const tables = [around(own, axis), under(attributes, type.shape)];
    forEachRow(type.shape, tables, (length, [at, index], steps) => {
      for (let k = 0; k < length; k++, next++) {
        const element = index + k * steps[1] - low;
        if (element >= 0 && element < extent)
          result[at + k * steps[0] + element * own[axis]] += x[next];
      }
    });
    return result;
  },
  concat: ({ operands, types, attributes: { axis }, shape }) => {
    const strides = types.map((type) => rowMajorStrides(type.shape));
    return fill(shape, (at) => {
      let part = 0;
      let index = at[axis];
      while (index >= types[part].shape[axis]) index -= types[part++].shape[axis];
      return operands[part][dot(at, strides[part]) + (index - at[axis]) * strides[part][axis]];
    });
  },
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

/** Strides of a tensor over axes of which two, `axis` and the next, are one of its own: nothing is said of that. */
const around = (strides: readonly number[], axis: number) => strides.toSpliced(axis, 1, 0, 0);

/** Over axes that are positions and taps: the element under a tap, plus `low`. */
function under({ axis, stride, dilation }: WindowSteps & { readonly axis: number }, shape: Shape) {
  return shape.map((_, k) => (k === axis ? stride : k === axis + 1 ? dilation : 0));
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

/**
 * Goes through a shape row by row, in row-major order: how long a row is, where it begins by each of some tables of strides, and
 * their steps along it.
 */
function forEachRow(
  shape: Shape,
  tables: readonly (readonly number[])[],
  visit: (length: number, starts: readonly number[], steps: readonly number[]) => void,
): void {
  const last = shape.length - 1;
  const [rows, length] = [shape.slice(0, -1), last < 0 ? 1 : shape[last]];
  const steps = tables.map((strides) => (last < 0 ? 0 : strides[last]));
  const at = rows.map(() => 0);
  const starts = tables.map(() => 0);
  for (let row = elementCount(rows); row > 0; row--) {
    visit(length, starts, steps);
    for (let axis = rows.length - 1; axis >= 0; axis--) {
      const isNext = ++at[axis] < rows[axis];
      if (!isNext) at[axis] = 0;
      const by = isNext ? 1 : 1 - rows[axis];
      for (let k = 0; k < tables.length; k++) starts[k] += by * tables[k][axis];
      if (isNext) break;
    }
  }
}

/** Of every multi-index of `shape`, the element that strides lead to. */
function taken(x: Float64Array, shape: Shape, strides: readonly number[], start = 0): Float64Array {
  const result = new Float64Array(elementCount(shape));
  let next = 0;
  forEachRow(shape, [strides], (length, [at], [step]) => {
    for (let k = 0; k < length; k++) result[next++] = x[start + at + k * step];
  });
  return result;
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
  const own = rowMajorStrides(shape);
  let kept = 0;
  const strides = type.shape.map((_, axis) => (axes.includes(axis) ? 0 : own[kept++]));
  const result = new Float64Array(elementCount(shape)).fill(identity);
  let next = 0;
  forEachRow(type.shape, [strides], (length, [at], [step]) => {
    for (let k = 0; k < length; k++, next++) {
      const index = at + k * step;
      result[index] = combine(result[index], x[next]);
    }
  });
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
  const [x, y] = operands;
  forEachRow(shape, [outputStrides, ...strides], (length, starts, steps) => {
    const [to, fromX, fromY] = starts;
    const [step, stepX, stepY] = steps;
    for (let k = 0; k < length; k++) {
      let product = x[fromX + k * stepX];
      if (operands.length > 1) product *= y[fromY + k * stepY];
      for (let i = 2; i < operands.length; i++)
        product *= operands[i][starts[i + 1] + k * steps[i + 1]];
      result[to + k * step] += product;
    }
  });
  return result;
}
