import fc from 'fast-check';
import { formatEquation } from '../../ir/einsum.ts';
import { type Graph, GraphBuilder, type Module, type Node, type ValueId } from '../../ir/graph.ts';
import { interpretNode } from '../../ir/interpret.ts';
import { inferType, OP_NAMES, type OpAttributes, type OpName, opRow } from '../../ir/ops.ts';
import {
  type DType,
  elementCount,
  formatType,
  rowMajorStrides,
  type Shape,
  type TensorType,
} from '../../ir/tensor.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { moduleOf } from './module-of.ts';

// Random valid graphs whose values are far from every kink and pole, so that finite differences converge and two
// ways of rounding the same sum never decide a comparison differently.

export interface GraphCase {
  /** Declares the graph's inputs and parameters. */
  readonly module: Module;
  /** Everything that no other node reads is an output; each parameter is updated with the last value of its type. */
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Float64Array>>;
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

/** Distance of values that are compared, and of values from the jumps of floor and its like. */
const GAP = 0.05;
/** Distance from poles, and from where derivatives grow without bound. */
const POLE = 0.2;
const LARGEST = 10;
const LARGEST_INTEGER = 1000;
const ATTEMPTS = 300;
const NUMBERS = [0, 1, 2, -1, 0.5, -1.5];

/** What shapes a case begins with: few, so that operands often fit. */
interface Sizes {
  readonly shapes: readonly Shape[];
  /** Of whole numbers. */
  readonly indices: readonly Shape[];
  readonly mostElements: number;
}

const SIZES = {
  small: {
    shapes: [[2, 3], [], [3], [2, 3], [3, 2], [3, 3], [2, 1, 3], [2, 3]],
    indices: [[2, 3], [3], []],
    mostElements: 48,
  },
  /** Which fill vectors, tiles and workgroups, with a rest and without. */
  wide: {
    shapes: [[8, 8], [], [8], [4, 8], [8, 4], [8, 12], [2, 5, 8], [8, 8], [64, 3]],
    indices: [[8, 8], [8], []],
    mostElements: 2000,
  },
} as const satisfies Readonly<Record<string, Sizes>>;

/** What is known of each value besides its type. */
interface Fact {
  readonly value: Float64Array;
  /** Does not change when f32 inputs change a little. */
  readonly rigid: boolean;
  /** Made of constants alone, or (`partly`) with parts that are: folding must not round it. */
  readonly constant: 'no' | 'partly' | 'yes';
}

/** Takes the next random choice below a limit. */
type Pick = (limit: number) => number;

class CaseBuilder {
  readonly builder = new GraphBuilder('random');
  readonly facts: Fact[] = [];
  readonly inputs: Record<string, Float64Array> = {};
  readonly parameters: Record<string, Float64Array> = {};
  readonly sizes: Sizes;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  /** Adds an input or a parameter with values. */
  declare(op: 'input' | 'parameter', type: TensorType, value: Float64Array): ValueId {
    const values = op === 'input' ? this.inputs : this.parameters;
    const name = `${op[0]}${Object.keys(values).length}`;
    values[name] = value;
    this.facts.push({ value, rigid: type.dtype === 'i32', constant: 'no' });
    return this.builder.append(op, [], { name }, type, -1);
  }

  /** Appends a node when it is well-typed and its value is harmless; says whether it did. */
  append(op: OpName, operands: readonly ValueId[], attributes: OpAttributes[OpName]): boolean {
    const types = operands.map((operand) => this.builder.typeOf(operand));
    const type = inferType(op, types, attributes);
    if ('reason' in type || elementCount(type.shape) > this.sizes.mostElements) return false;
    const node = { op, operands, attributes, type, source: -1 } as Node;
    if (!this.isSmooth(node)) return false;
    const facts = operands.map((operand) => this.facts[operand]);
    const value = interpretNode(
      node,
      facts.map((fact) => fact.value),
      types,
    );
    const bound = type.dtype === 'f32' ? LARGEST : LARGEST_INTEGER;
    if (value.some((number) => !(Math.abs(number) <= bound))) return false;
    const constant = this.constancy(node, facts);
    if (constant === 'yes' && value.some((number) => number !== Math.fround(number))) return false;
    const rigid =
      type.dtype === 'i32' || ['sign', 'floor'].includes(op) || facts.every((fact) => fact.rigid);
    this.facts.push({ value, rigid, constant });
    this.builder.append(op, operands, attributes, type, -1);
    return true;
  }

  /** Which results a compiler may know to be constant: views may pick the constant part of a value. */
  private constancy({ op }: Node, facts: readonly Fact[]): Fact['constant'] {
    const known = facts.map(({ constant }) => constant);
    if (op === 'constant') return 'yes';
    if (op === 'input' || op === 'parameter' || op === 'iota' || op === 'random') return 'no';
    if (known.every((constant) => constant === 'yes')) return 'yes';
    if (op === 'select') return known[0] !== 'no' && known.includes('yes', 1) ? 'yes' : 'no';
    if (op === 'slice' || op === 'window') return known[0] === 'partly' ? 'yes' : known[0];
    if (op === 'concat') return known.some((constant) => constant !== 'no') ? 'partly' : 'no';
    return 'no';
  }

  /** Whether the operands are far from every kink and pole of an operation. */
  private isSmooth({ op, operands, attributes }: Node): boolean {
    const facts = operands.map((operand) => this.facts[operand]);
    if (facts.length === 0) return true;
    const [a, b] = facts.map((fact) => fact.value);
    // Rigid values on a grid are exact: they are compared as they are.
    const exact = facts.every((fact) => fact.rigid && fact.value.every((x) => x % 2 ** -6 === 0));
    const clear = (distance: (i: number) => number) =>
      exact || a.every((_, i) => Math.abs(distance(i)) >= GAP);
    const toInteger = (x: number) => x - Math.round(x);
    switch (op) {
      case 'abs':
      case 'sign':
        return clear((i) => a[i]);
      case 'roundF16':
        return exact;
      case 'floor':
      case 'toI32':
        return clear((i) => toInteger(a[i]));
      case 'log':
      case 'sqrt':
      case 'pow':
        return a.every((x) => x >= POLE);
      case 'div':
        return this.isInteger(operands[0]) || b.every((x) => Math.abs(x) >= POLE);
      case 'mod':
        return (
          this.isInteger(operands[0]) ||
          (b.every((x) => Math.abs(x) >= POLE) && clear((i) => toInteger(a[i] / b[i])))
        );
      case 'max':
      case 'min':
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return operands[0] === operands[1] || clear((i) => a[i] - b[i]);
      case 'reduceMax':
      case 'reduceMin': {
        const { axes } = attributes as OpAttributes['reduceMax'];
        return exact || groups(this.builder.shapeOf(operands[0]), axes, a).every(isSpread);
      }
      default:
        return true;
    }
  }

  private isInteger(value: ValueId): boolean {
    return this.builder.typeOf(value).dtype === 'i32';
  }
}

/** The elements that a reduction takes together. */
function groups(shape: Shape, axes: readonly number[], value: Float64Array): number[][] {
  const strides = rowMajorStrides(shape);
  const grouped = new Map<string, number[]>();
  value.forEach((x, i) => {
    const at = shape.map((extent, axis) => Math.floor(i / strides[axis]) % extent);
    const key = at.filter((_, axis) => !axes.includes(axis)).join();
    grouped.set(key, [...(grouped.get(key) ?? []), x]);
  });
  return [...grouped.values()];
}

function isSpread(values: readonly number[]): boolean {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.every((x, i) => i === 0 || x - sorted[i - 1] >= GAP);
}

/** Random attributes for an operation on operands of given shapes. */
const ATTRIBUTES: {
  readonly [Op in OpName]?: (pick: Pick, shapes: readonly Shape[], sizes: Sizes) => unknown;
} = {
  constant: (pick, _, { shapes }) => {
    const dtype = pick(4) === 0 ? 'i32' : 'f32';
    const number = NUMBERS[pick(NUMBERS.length)];
    const value = dtype === 'i32' ? Math.trunc(number) : number;
    return { dtype, shape: shapes[pick(shapes.length)], value };
  },
  iota: (pick, _, { shapes }) => {
    const shape = shapes[pick(shapes.length)];
    return { shape, axis: pick(Math.max(1, shape.length)) };
  },
  random: (pick, _, { shapes }) => ({
    shape: shapes[pick(shapes.length)],
    seed: pick(5),
    stream: pick(3),
  }),
  reshape: (pick, [shape]) => {
    const count = elementCount(shape);
    const divisors = [1, 2, 3, 4, 6].filter((n) => count % n === 0);
    const rows = divisors[pick(divisors.length)];
    return { shape: [[count], [rows, count / rows], [rows, 1, count / rows]][pick(3)] };
  },
  transpose: (pick, [shape]) => ({ permutation: shuffled(pick, indices(shape)) }),
  slice: (pick, [shape]) => {
    const starts = shape.map((extent) => pick(extent));
    return { starts, sizes: shape.map((extent, axis) => 1 + pick(extent - starts[axis])) };
  },
  pad: (pick, [shape]) => ({
    low: shape.map(() => pick(2)),
    high: shape.map(() => pick(2)),
    value: pick(3) - 1,
  }),
  window: (pick, [shape]) => ({
    ...steps(pick, shape),
    positions: 1 + pick(4),
    size: 1 + pick(3),
    value: pick(3) - 1,
  }),
  fold: (pick, [shape]) => ({ ...steps(pick, shape.slice(1)), extent: 1 + pick(6) }),
  broadcast: (pick, [shape]) => {
    const result = shape.map((extent) => (extent === 1 ? 1 + pick(3) : extent));
    const axes = indices(shape);
    if (pick(2) === 0) return { shape: result, axes };
    const place = pick(shape.length + 1);
    return {
      shape: result.toSpliced(place, 0, 1 + pick(3)),
      axes: axes.map((axis) => (axis < place ? axis : axis + 1)),
    };
  },
  concat: (pick, [shape]) => ({ axis: pick(Math.max(1, shape.length)) }),
  contract: (pick, shapes) => {
    const letters: { name: string; extent: number }[] = [];
    const letterOf = (extent: number) => {
      const known = letters.filter((letter) => letter.extent === extent);
      const choice = pick(known.length + 1);
      if (choice < known.length) return known[choice].name;
      const name = 'abcdefghijklm'[letters.length];
      letters.push({ name, extent });
      return name;
    };
    const operands = shapes.map((shape) => shape.map(letterOf).join(''));
    const kept = shuffled(pick, letters).filter(() => pick(2) === 0);
    return { equation: formatEquation({ operands, output: kept.map((l) => l.name).join('') }) };
  },
  reduceSum: (pick, [shape]) => ({ axes: indices(shape).filter(() => pick(2) === 0) }),
  reduceMax: (pick, [shape]) => ({ axes: indices(shape).filter(() => pick(2) === 0) }),
  reduceMin: (pick, [shape]) => ({ axes: indices(shape).filter(() => pick(2) === 0) }),
  scatterAdd: (pick) => ({ rows: 1 + pick(4) }),
};

/** How a window walks; often one that tiles the axis. */
const steps = (pick: Pick, shape: Shape) => ({
  axis: pick(Math.max(1, shape.length)),
  stride: 1 + pick(3),
  dilation: [1, 1, 2, 3, -1][pick(5)],
  low: [0, 0, 1, 2, -1][pick(5)],
});

const indices = (shape: Shape) => shape.map((_, axis) => axis);

function shuffled<T>(pick: Pick, items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(pick(rest.length), 1)[0]);
}

/** Tries operand tuples until one makes a harmless node; at first only those that make the graph deeper. */
function appendSome(cased: CaseBuilder, op: OpName, pick: Pick): void {
  const { arity } = opRow(op);
  const { nodes } = cased.builder;
  const count = arity === 'many' ? 1 + pick(3) : arity;
  const read = new Set(nodes.flatMap((node) => node.operands));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const operands = Array.from({ length: count }, () => pick(nodes.length));
    const deepens =
      new Set(operands).size === count && operands.some((operand) => !read.has(operand));
    if (count > 0 && attempt < ATTEMPTS / 2 && !deepens) continue;
    const shapes = operands.map((operand) => cased.builder.shapeOf(operand));
    const attributes = (ATTRIBUTES[op]?.(pick, shapes, cased.sizes) ?? {}) as OpAttributes[OpName];
    if (cased.append(op, operands, attributes)) return;
  }
}

/** Appends a copy of a node that is already there: a common subexpression. */
function repeatSome(cased: CaseBuilder, pick: Pick): void {
  const computed = cased.builder.nodes.filter(({ op }) => op !== 'input' && op !== 'parameter');
  if (computed.length === 0) return;
  const { op, operands, attributes } = computed[pick(computed.length)];
  cased.append(op, operands, attributes);
}

/** Values of a declaration; some are all positive, for logarithms and roots. */
const numbers = ({ dtype, shape }: TensorType): fc.Arbitrary<Float64Array> => {
  const real = (min: number, max: number) =>
    fc.double({ min, max, noNaN: true }).filter((x) => Math.abs(x) >= GAP);
  const element =
    dtype === 'i32' ? [fc.integer({ min: -2, max: 4 })] : [real(-2, 2), real(2 * POLE, 2)];
  const count = elementCount(shape);
  return fc
    .oneof(...element.map((one) => fc.array(one, { minLength: count, maxLength: count })))
    .map((values) => Float64Array.from(values));
};

const declared = ({ shapes, indices }: Sizes): readonly TensorType[] => [
  ...shapes.map((shape): TensorType => ({ dtype: 'f32', shape })),
  ...indices.map((shape): TensorType => ({ dtype: 'i32', shape })),
];

const declaration = (sizes: Sizes) =>
  fc
    .constantFrom(...declared(sizes))
    .chain((type) =>
      fc.record({ type: fc.constant(type), value: numbers(type), learnt: fc.boolean() }),
    );

const instruction = fc.record({
  op: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...OP_NAMES) },
    { weight: 1, arbitrary: fc.constant('repeat' as const) },
  ),
  seed: fc.nat(),
});

/** A graph over every operation of at most so many, with values for its inputs and parameters, of which there are one to four. */
export const graphCasesOf = (
  most: number,
  size: keyof typeof SIZES = 'small',
): fc.Arbitrary<GraphCase> =>
  fc
    .record({
      declarations: fc.array(declaration(SIZES[size]), { minLength: 1, maxLength: 4, size: 'max' }),
      instructions: fc.array(instruction, { minLength: 4, maxLength: most, size: 'max' }),
    })
    .map(({ declarations, instructions }) => graphCase(declarations, instructions, SIZES[size]));

/** A graph of at most 15 nodes. */
export const graphCases = graphCasesOf(11);

type Drawn<T> = T extends fc.Arbitrary<infer One> ? One : never;

function graphCase(
  declarations: readonly Drawn<ReturnType<typeof declaration>>[],
  instructions: readonly Drawn<typeof instruction>[],
  sizes: Sizes,
): GraphCase {
  const cased = new CaseBuilder(sizes);
  for (const { type, value, learnt } of declarations)
    cased.declare(learnt && type.dtype === 'f32' ? 'parameter' : 'input', type, value);
  for (const { op, seed } of instructions) {
    const pick = randomBelow(seed);
    if (op === 'repeat') repeatSome(cased, pick);
    else if (op !== 'input' && op !== 'parameter') appendSome(cased, op, pick);
  }
  const { builder, inputs, parameters } = cased;
  const read = new Set(builder.nodes.flatMap((node) => node.operands));
  builder.nodes.forEach((node, value) => {
    if (!read.has(value)) builder.outputs.push({ name: `o${value}`, value });
    if (node.op !== 'parameter') return;
    const twin = builder.nodes.findLastIndex(
      ({ type }) => formatType(type) === formatType(node.type),
    );
    builder.updates.push({ parameter: node.attributes.name, value: twin });
  });
  const graph = builder.finish();
  return { module: moduleOf(graph), graph, inputs, parameters };
}

/** A builder that types what it appends. */
export function typedBuilder(builder = new GraphBuilder('test')) {
  const append = <Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op],
  ): ValueId => {
    const types = operands.map((operand) => builder.typeOf(operand));
    const type = inferType(op, types, attributes);
    if ('reason' in type) throw new Error(`${op}: ${type.reason}`);
    return builder.append(op, operands, attributes, type, -1);
  };
  const add = <Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    ...[attributes = {} as OpAttributes[Op]]: Record<never, never> extends OpAttributes[Op]
      ? []
      : [OpAttributes[Op]]
  ): ValueId => append(op, operands, attributes);
  const input = (name: string, shape: Shape, dtype: DType = 'f32'): ValueId =>
    builder.append('input', [], { name }, { dtype, shape }, -1);
  const constant = (value: number, shape: Shape = [], dtype: DType = 'f32'): ValueId =>
    add('constant', [], { dtype, shape, value });
  return { builder, append, add, input, constant };
}

export type TypedBuilder = ReturnType<typeof typedBuilder>;

/** A scalar that depends on every element of the given f32 values, on each with another weight. */
export function weightedSum({ builder, add, constant }: TypedBuilder, values: readonly ValueId[]) {
  let sum = constant(0);
  for (const value of values) {
    const shape = [elementCount(builder.shapeOf(value))];
    const weights = add('cos', [add('toF32', [add('iota', [], { shape, axis: 0 })])]);
    const weighted = add('mul', [add('reshape', [value], { shape }), weights]);
    sum = add('add', [sum, add('reduceSum', [weighted], { axes: [0] })]);
  }
  return sum;
}
