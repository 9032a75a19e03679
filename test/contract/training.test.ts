import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { orderContractions } from '../../compiler/contract/index.ts';
import { contractionOrder } from '../../compiler/contract/tree.ts';
import { differentiate } from '../../compiler/gradient/index.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import { simplify } from '../../compiler/simplify/index.ts';
import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import { type Graph, GraphBuilder } from '../../ir/graph.ts';
import { inferType, type OpAttributes, type OpName } from '../../ir/ops.ts';

interface Fixture {
  readonly name: string;
  readonly equation: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly trainMacsAllGrads: number | null;
  readonly trainMacsNoInputGrad: number;
}

const FIXTURES: readonly Fixture[] = JSON.parse(
  readFileSync(new URL('../fixtures/contraction.json', import.meta.url), 'utf8'),
);

/** The einsum with its operands as parameters, the first as an input where it takes no gradient, and a scalar loss. */
function lossGraph({ equation, sizes }: Fixture, firstIsInput: boolean): Graph {
  const [terms, output] = equation.split('->');
  const builder = new GraphBuilder('train');
  const add = <Op extends OpName>(op: Op, operands: number[], attributes: OpAttributes[Op]) => {
    const types = operands.map((operand) => builder.typeOf(operand));
    const type = inferType(op, types, attributes);
    if ('reason' in type) throw new Error(type.reason);
    return builder.append(op, operands, attributes, type, -1);
  };
  const declare = (op: 'input' | 'parameter', name: string, term: string) => {
    const shape = [...term].map((letter) => sizes[letter]);
    return builder.append(op, [], { name }, { dtype: 'f32', shape }, -1);
  };
  const operands = terms
    .split(',')
    .map((term, k) => declare(firstIsInput && k === 0 ? 'input' : 'parameter', `p${k}`, term));
  const result = add('contract', operands, { equation });
  const axes = [...output].map((_, axis) => axis);
  const weighted = add('mul', [result, declare('input', 'dy', output)], {});
  builder.outputs.push({ name: 'loss', value: add('reduceSum', [weighted], { axes }) });
  return builder.finish();
}

/** The graph with the gradients of all parameters, through the passes of the compiler. */
function withGradients(graph: Graph): Graph {
  const ordered = orderContractions(simplify(graph), { trains: true });
  const builder = extendGraph(ordered);
  const parameters = ordered.nodes.flatMap(({ op }, value) => (op === 'parameter' ? [value] : []));
  differentiate(builder, ordered.outputs[0].value, parameters).forEach((gradient, k) => {
    builder.outputs.push({ name: `gradient${k}`, value: gradient! });
  });
  return simplify(builder.finish(), { differentiated: true });
}

/** Multiply-adds of all contractions of two operands. */
function contractionMacs({ nodes }: Graph): number {
  let macs = 0;
  for (const node of nodes) {
    if (node.op !== 'contract' || node.operands.length < 2) continue;
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) throw new Error(equation.reason);
    const shapes = node.operands.map((operand) => nodes[operand].type.shape);
    const extents = letterExtents(equation, shapes) as Map<string, number>;
    macs += [...extents.values()].reduce((product, extent) => product * extent, 1);
  }
  return macs;
}

const ALL = FIXTURES.filter(({ trainMacsAllGrads }) => trainMacsAllGrads !== null);

describe('forward and backward together', () => {
  test.each(ALL)('$name with all gradients: $trainMacsAllGrads multiply-adds', (fixture) => {
    expect(contractionMacs(withGradients(lossGraph(fixture, false)))).toBe(
      fixture.trainMacsAllGrads,
    );
  });

  test.each(FIXTURES)('$name but that of the input: $trainMacsNoInputGrad', (fixture) => {
    expect(contractionMacs(withGradients(lossGraph(fixture, true)))).toBe(
      fixture.trainMacsNoInputGrad,
    );
  });

  test.each(FIXTURES)('$name: the search says what the graph does', (fixture) => {
    const [terms, output] = fixture.equation.split('->');
    const operands = terms.split(',');
    const { trainMacs } = contractionOrder(
      operands,
      output,
      new Map(Object.entries(fixture.sizes)),
      {
        wanted: operands.map((_, k) => k > 0),
      },
    );
    expect(trainMacs).toBe(fixture.trainMacsNoInputGrad);
  });
});
