import { describe, expect, it } from 'vitest';
import { rewriteGraph } from '../../compiler/rewrite.ts';
import { simplify } from '../../compiler/simplify/index.ts';
import { joinLogarithms, LOGARITHM_RULES } from '../../compiler/simplify/logarithms.ts';
import { SIMPLIFY_RULES, simplifyNode } from '../../compiler/simplify/rules.ts';
import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import { printGraph } from '../../ir/graph-text.ts';
import { type Case, readCases, testCases } from '../support/cases.ts';
import { graphOf, sameMeaning } from '../support/graph-cases.ts';
import { rowsThatGive } from '../support/table-rows.ts';

const simplified = ({ input, options }: Case) => {
  const graph = graphOf(input);
  const simple = simplify(graph, { differentiated: options.differentiated === 'yes' });
  // The interpreter computes in float64, with constants as they are written.
  return options.rounds === 'yes' ? printGraph(simple) : sameMeaning(graph, simple);
};

describe('simplify', () => testCases('simplify', 'rules', simplified));

describe('common subexpressions', () => testCases('simplify', 'common-subexpressions', simplified));

const joined = ({ input }: Case) => {
  const graph = graphOf(input);
  return sameMeaning(graph, joinLogarithms(graph));
};

describe('joinLogarithms', () => testCases('simplify', 'logarithms', joined));

/** The ops whose rule gives another value somewhere in a graph. */
function rulesThatApply(graph: Graph): Set<string> {
  const applied = new Set<string>();
  rewriteGraph(graph, (node, _, rewriter) => {
    const operands = node.operands.map((operand) => rewriter.image[operand]);
    const rule = SIMPLIFY_RULES[node.op] as
      | ((node: Node, operands: readonly ValueId[], r: typeof rewriter) => ValueId | null)
      | undefined;
    if (rule && rule(node, operands, rewriter) !== null) applied.add(node.op);
    return simplifyNode(node, operands, rewriter);
  });
  return applied;
}

describe('every row is reached by a case', () => {
  it('of the rules of simplify', () => {
    const reached = new Set(
      readCases('simplify', 'rules').flatMap(({ input }) => [...rulesThatApply(graphOf(input))]),
    );
    expect([...reached].sort()).toEqual(Object.keys(SIMPLIFY_RULES).sort());
  });

  it('of the rules of logarithms', () => {
    const reached = rowsThatGive(LOGARITHM_RULES, () => {
      for (const example of readCases('simplify', 'logarithms')) joined(example);
    });
    expect([...reached].sort()).toEqual(Object.keys(LOGARITHM_RULES).sort());
  });
});
