import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Graph, GraphBuilder, type Module, type Node, type ValueId } from '../../ir/graph.ts';
import { parseGraph, printGraph } from '../../ir/graph-text.ts';
import { verifyModule } from '../../ir/module-verify.ts';
import { inferType, OP_NAMES, type OpAttributes, type OpName } from '../../ir/ops.ts';
import { SCALAR_OP_NAMES, SCALAR_OPS } from '../../ir/scalar.ts';
import type { TensorType } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });
const i32 = (...shape: number[]): TensorType => ({ dtype: 'i32', shape });

/** A builder that infers the type of what it appends, each node on a line of its own. */
function typed(name: string) {
  const builder = new GraphBuilder(name);
  const add = <Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op],
  ): ValueId => {
    const types = operands.map((operand) => builder.typeOf(operand));
    const type = inferType(op, types, attributes);
    if ('reason' in type) throw new Error(`${op}: ${type.reason}`);
    const span = { file: 'src/my model.ts', line: builder.nodes.length + 1, column: 5 };
    return builder.append(op, operands, attributes, type, builder.source(span));
  };
  return { builder, add };
}

/** One graph in which every operation of the table stands at least once. */
function everyOperation(): Graph {
  const { builder, add } = typed('all');
  const x = builder.append('input', [], { name: 'x "quoted" \\ (1,2)' }, f32(2, 3), -1);
  const w = builder.append('parameter', [], { name: 'w' }, f32(3, 4), -1);
  const step = builder.append('input', [], { name: 'step' }, i32(), -1);
  const half = add('constant', [], { dtype: 'f32', shape: [2, 3], value: 0.5 });
  const index = add('iota', [], { shape: [2, 3], axis: 1 });
  add('random', [step], { shape: [2, 3], seed: 4294967295, stream: 7 });
  add('reshape', [x], { shape: [6] });
  add('transpose', [x], { permutation: [1, 0] });
  add('slice', [x], { starts: [0, 1], sizes: [2, 2] });
  add('pad', [x], { low: [1, 0], high: [0, 2], value: Number.NEGATIVE_INFINITY });
  const steps = { axis: 0, stride: 2, dilation: -1, low: -3 };
  add('fold', [add('window', [x], { ...steps, positions: 4, size: 3, value: 0 })], {
    ...steps,
    extent: 2,
  });
  add('broadcast', [x], { shape: [5, 2, 3], axes: [1, 2] });
  add('concat', [x, half, x], { axis: 0 });
  const product = add('contract', [x, w], { equation: 'ij,jk->ik' });
  const scalar = add('reduceSum', [product], { axes: [0, 1] });
  add('reduceMax', [x], { axes: [1] });
  add('reduceMin', [x], { axes: [] });
  const rows = add('iota', [], { shape: [2], axis: 0 });
  const picked = add('gather', [w, rows], {});
  add('scatterAdd', [picked, rows], { rows: 9 });
  add('stopGradient', [x], {});
  for (const op of SCALAR_OP_NAMES) {
    const { arity, dtypes } = SCALAR_OPS[op];
    const value = dtypes.includes('f32') ? x : index;
    const operands = op === 'select' ? [index, x, half] : Array(arity).fill(value);
    add(op, operands, {});
  }
  builder.outputs.push({ name: 'loss of "x" = %3', value: scalar });
  builder.updates.push({ parameter: 'w', value: w });
  return builder.finish();
}

describe('GraphBuilder', () => {
  it('numbers values in the order in which nodes are appended and knows their types', () => {
    const { builder, add } = typed('g');
    const x = builder.append('input', [], { name: 'x' }, f32(2, 3), -1);
    const sum = add('reduceSum', [x], { axes: [1] });
    expect([x, sum]).toEqual([0, 1]);
    expect(builder.typeOf(sum)).toEqual(f32(2));
    expect(builder.shapeOf(x)).toEqual([2, 3]);
    expect(builder.finish().nodes[1]).toMatchObject({ op: 'reduceSum', operands: [0] });
  });

  it('keeps each source position once', () => {
    const builder = new GraphBuilder('g');
    const spans = [
      { file: 'a.ts', line: 1, column: 2 },
      { file: 'a.ts', line: 12, column: 2 },
      { file: 'b.ts', line: 1, column: 2 },
    ];
    expect(spans.map((span) => builder.source(span))).toEqual([0, 1, 2]);
    expect(spans.map((span) => builder.source({ ...span }))).toEqual([0, 1, 2]);
    expect(builder.source(null)).toBe(-1);
    expect(builder.finish().sources).toMatchObject(spans.map((span) => ({ span })));
  });
});

describe('graph text', () => {
  it('is read back as the same graph, for every operation', () => {
    const graph = everyOperation();
    expect(new Set(graph.nodes.map((node) => node.op))).toEqual(new Set(OP_NAMES));
    expect(verifyGraph(graph)).toEqual([]);
    expect(parseGraph(printGraph(graph))).toEqual(graph);
  });

  it('stands one node to a line', () => {
    const { builder } = typed('train');
    const source = builder.source({ file: 'model.ts', line: 7, column: 10 });
    builder.append('input', [], { name: 'image' }, f32(32, 784), source);
    builder.append('parameter', [], { name: 'w' }, f32(784, 10), -1);
    builder.append('contract', [0, 1], { equation: 'ij,jk->ik' }, f32(32, 10), -1);
    builder.outputs.push({ name: 'y', value: 2 });
    builder.updates.push({ parameter: 'w', value: 1 });
    expect(printGraph(builder.finish())).toBe(`graph train {
  %0 = input name="image" : f32[32,784] @model.ts(7,10)
  %1 = parameter name="w" : f32[784,10]
  %2 = contract(%0, %1) equation="ij,jk->ik" : f32[32,10]
  output "y" = %2
  update "w" = %1
}
`);
  });

  it('keeps every number and every name', () => {
    const numbers = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Infinity, -Infinity));
    const names = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(numbers, names, names, names, (value, input, output, parameter) => {
        const { builder, add } = typed('g');
        builder.append('input', [], { name: input }, f32(), -1);
        add('constant', [], { dtype: 'f32', shape: [], value });
        builder.outputs.push({ name: output, value: 0 });
        builder.updates.push({ parameter, value: 1 });
        expect(parseGraph(printGraph(builder.finish()))).toEqual(builder.finish());
      }),
    );
  });

  it('keeps the name of a program whatever it is', () => {
    for (const name of ['train', 'größe', 'train step']) {
      const graph = new GraphBuilder(name).finish();
      expect(parseGraph(printGraph(graph)).name).toBe(name);
    }
  });

  it('passes over blank lines and comments', () => {
    const text = '# before\n\ngraph g {\n\n  # inside\n  %0 = input name="x" : f32[]\n}\n';
    expect(parseGraph(text).nodes).toHaveLength(1);
  });

  it.each([
    ['a line before the header', '%0 = input name="x" : f32[]', 1],
    ['no closing brace', 'graph g {\n  %0 = input name="x" : f32[]', 2],
    ['text behind the closing brace', 'graph g {\n}\nnonsense', 3],
    ['nonsense', 'graph g {\n  nonsense\n}', 2],
    ['an unknown operation', 'graph g {\n  %0 = frob : f32[]\n}', 2],
    ['an inherited name as operation', 'graph g {\n  %0 = toString : f32[]\n}', 2],
    ['an unknown element type', 'graph g {\n  %0 = input name="x" : f64[]\n}', 2],
    ['a number out of order', 'graph g {\n  %1 = input name="x" : f32[]\n}', 2],
    ['an operand that is not there yet', 'graph g {\n  %0 = neg(%0) : f32[]\n}', 2],
    [
      'an operand without number',
      'graph g {\n  %0 = iota shape=[2] axis=0 : i32[2]\n  %1 = neg(%) : i32[2]\n}',
      3,
    ],
    ['a negative operand', 'graph g {\n  %0 = neg(%-1) : f32[]\n}', 2],
    [
      'an operand that is no value',
      'graph g {\n  %0 = input name="x" : f32[]\n  %1 = neg(x0) : f32[]\n}',
      3,
    ],
    ['an attribute that is no JSON', 'graph g {\n\n  %0 = iota shape=[2,,] axis=0 : i32[2]\n}', 3],
    [
      'a number that is none',
      'graph g {\n  %0 = constant dtype="f32" shape=[] value=one : f32[]\n}',
      2,
    ],
    [
      'an inherited name as number',
      'graph g {\n  %0 = constant dtype="f32" shape=[] value=toString : f32[]\n}',
      2,
    ],
    ['an output of no value', 'graph g {\n  output "y" = %0\n}', 2],
    ['an update of no value', 'graph g {\n  update "w" = %3\n}', 2],
    [
      'a name that is no JSON',
      'graph g {\n  %0 = input name="x" : f32[]\n  output "\\q" = %0\n}',
      3,
    ],
  ])('refuses %s with its line', (_, text, line) => {
    expect(() => parseGraph(text)).toThrow(new RegExp(`^line ${line}: `));
  });
});

const GRAPH = parseGraph(`graph train {
  %0 = input name="x" : f32[2,3]
  %1 = parameter name="w" : f32[2,3]
  %2 = add(%0, %1) : f32[2,3] @model.ts(1,1)
  output "y" = %2
  update "w" = %2
}`);
const MODULE: Module = {
  name: 'm',
  inputs: [{ name: 'x', type: f32(2, 3), default: null, counter: false }],
  parameters: [{ name: 'w', type: f32(2, 3), role: 'parameter', source: null }],
  programs: [GRAPH],
};
const withNode = (value: number, changes: Partial<Node>): Graph => ({
  ...GRAPH,
  nodes: GRAPH.nodes.map((node, i) => (i === value ? ({ ...node, ...changes } as Node) : node)),
});
const append = (...nodes: Node[]): Graph => ({ ...GRAPH, nodes: [...GRAPH.nodes, ...nodes] });
const [X, W] = GRAPH.nodes;

describe('verifyGraph', () => {
  it('finds nothing wrong with a right graph, alone and in its module', () => {
    expect(verifyGraph(GRAPH)).toEqual([]);
    expect(verifyGraph(GRAPH, MODULE)).toEqual([]);
    expect(verifyModule(MODULE)).toEqual([]);
  });

  const add = '%2 (add): ';
  it.each<[string, Graph, string]>([
    [
      'an operand is the node itself',
      withNode(2, { operands: [0, 2] }),
      `${add}operand 2 does not precede it`,
    ],
    [
      'an operand comes later',
      withNode(0, { op: 'neg', operands: [2], attributes: {} }),
      '%0 (neg): operand 2 does not precede it',
    ],
    [
      'an operand is negative',
      withNode(2, { operands: [-1, 1] }),
      `${add}operand -1 does not precede it`,
    ],
    [
      'an operand is no whole number',
      withNode(2, { operands: [0, 0.5] }),
      `${add}operand 0.5 does not precede it`,
    ],
    [
      'the shape is another than inferred',
      withNode(2, { type: f32(3, 2) }),
      `${add}its type is f32[3,2], its operands give f32[2,3]`,
    ],
    [
      'the dtype is another than inferred',
      withNode(2, { type: i32(2, 3) }),
      `${add}its type is i32[2,3], its operands give f32[2,3]`,
    ],
    ['operands are too few', withNode(2, { operands: [0] }), `${add}takes 2 operands, not 1`],
    [
      'operands do not fit each other',
      withNode(1, { type: f32(3, 2) }),
      `${add}operands differ in shape`,
    ],
    [
      'an extent is zero',
      withNode(0, { type: f32(2, 0) }),
      '%0 (input): f32[2,0] has an extent that is not a positive integer',
    ],
    [
      'an extent is broken',
      withNode(0, { type: f32(1.5) }),
      '%0 (input): f32[1.5] has an extent that is not a positive integer',
    ],
    [
      'an input has two types',
      append({ ...X, type: f32(6) }),
      "%3 (input): 'x' is f32[6] here and f32[2,3] elsewhere",
    ],
    [
      'a parameter has two types',
      append({ ...W, type: i32(2, 3) }),
      "%3 (parameter): 'w' is i32[2,3] here and f32[2,3] elsewhere",
    ],
    [
      'an output has no value',
      { ...GRAPH, outputs: [{ name: 'y', value: 3 }] },
      "output 'y' refers to %3, which does not exist",
    ],
    [
      'an update has no value',
      { ...GRAPH, updates: [{ parameter: 'w', value: -1 }] },
      "update 'w' refers to %-1, which does not exist",
    ],
    [
      'an output stands twice',
      { ...GRAPH, outputs: [...GRAPH.outputs, ...GRAPH.outputs] },
      "output 'y' is given twice",
    ],
    [
      'a parameter is updated twice',
      { ...GRAPH, updates: [...GRAPH.updates, ...GRAPH.updates] },
      "update 'w' is given twice",
    ],
    ['a source is missing', withNode(2, { source: 1 }), `${add}source 1 does not exist`],
    ['a source is negative', withNode(2, { source: -2 }), `${add}source -2 does not exist`],
  ])('reports that %s', (_, graph, problem) => {
    expect(verifyGraph(graph)).toContain(problem);
  });

  it('takes an update of a parameter that the graph does not read, unless a module lacks it', () => {
    const graph = { ...GRAPH, updates: [{ parameter: 'x', value: 2 }] };
    expect(verifyGraph(graph)).toEqual([]);
    const problems = verifyGraph(graph, { name: 'm', inputs: [], parameters: [], programs: [] });
    expect(problems).toContain("update 'x': there is no such parameter");
  });

  it('reports an update of another type than the parameter that the graph reads', () => {
    const sum: Node = {
      op: 'reduceSum',
      operands: [2],
      attributes: { axes: [0] },
      type: f32(3),
      source: -1,
    };
    const graph = { ...append(sum), updates: [{ parameter: 'w', value: 3 }] };
    expect(verifyGraph(graph)).toEqual(["update 'w' is f32[3], the parameter f32[2,3]"]);
  });

  it('lets an input and a parameter share a name, and one input be read twice', () => {
    const graph = append({ ...X, attributes: { name: 'w' }, type: i32() } as Node, X);
    expect(verifyGraph(graph)).toEqual([]);
  });
});

describe('verifyModule', () => {
  const [x] = MODULE.inputs;
  const [w] = MODULE.parameters;
  const written = { ...GRAPH, nodes: [X], outputs: [], updates: [{ parameter: 'w', value: 0 }] };

  it.each<[string, Partial<Module>, string]>([
    ['an input is not declared', { inputs: [] }, "train: %0 (input): 'x' is not declared"],
    [
      'a parameter is not declared',
      { parameters: [] },
      "train: %1 (parameter): 'w' is not declared",
    ],
    [
      'an input is declared with another type',
      { inputs: [{ ...x, type: i32(2, 3) }] },
      "train: %0 (input): 'x' is f32[2,3] here and i32[2,3] elsewhere",
    ],
    [
      'a parameter is declared with another type',
      { parameters: [{ ...w, type: f32(6) }] },
      "train: %1 (parameter): 'w' is f32[2,3] here and f32[6] elsewhere",
    ],
    [
      'an update has another type than the declared parameter, which no node reads',
      { programs: [written], parameters: [{ ...w, type: f32(6) }] },
      "train: update 'w' is f32[2,3], the parameter f32[6]",
    ],
    [
      'only the second program is wrong',
      { programs: [GRAPH, { ...withNode(2, { source: 9 }), name: 'test' }] },
      'test: %2 (add): source 9 does not exist',
    ],
  ])('reports that %s', (_, changes, problem) => {
    expect(verifyModule({ ...MODULE, ...changes })).toContain(problem);
  });

  it('takes an update of a declared parameter that the program does not read', () => {
    expect(verifyModule({ ...MODULE, programs: [written] })).toEqual([]);
  });

  it('reports that one name is declared with two types', () => {
    const inputs = [{ ...x, type: f32(7) }, x];
    const parameters = [{ ...w, type: f32(7) }, w];
    expect(verifyModule({ ...MODULE, inputs }).join()).toContain("'x'");
    expect(verifyModule({ ...MODULE, parameters }).join()).toContain("'w'");
  });
});
