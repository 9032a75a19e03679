import { describe, expect } from 'vitest';
import { orderContractions } from '../../compiler/contract/index.ts';
import { MACS } from '../../compiler/contract/objective.ts';
import { sliceContractions } from '../../compiler/contract/sliced-graph.ts';
import { dropDead } from '../../compiler/simplify/index.ts';
import { TARGETS } from '../../compiler/targets/index.ts';
import type { Graph } from '../../ir/graph.ts';
import { opRow } from '../../ir/ops.ts';
import { type Case, testCases } from '../support/cases.ts';
import { graphOf, sameMeaning } from '../support/graph-cases.ts';

const OBJECTIVES = {
  macs: MACS,
  webgpu: TARGETS.webgpu.objective,
  wasm: TARGETS.wasm.objective,
};

/** Multiply-adds of all contractions of two operands. */
function macsOf({ nodes }: Graph): number {
  return nodes.reduce((sum, { op, operands, attributes, type }) => {
    const types = operands.map((operand) => nodes[operand].type);
    const counted = op === 'contract' && operands.length === 2;
    return counted ? sum + opRow(op).flops(types, attributes, type) / 2 : sum;
  }, 0);
}

/** `trains`: gradients are counted; `most`: elements at once; `objective`: macs, webgpu or wasm. */
function ordered({ input, options }: Case): string {
  const { trains, most, objective } = options;
  const graph = graphOf(input);
  const result = dropDead(
    orderContractions(graph, {
      trains: trains === 'yes',
      ...(most ? { most: Number(most) } : {}),
      ...(objective ? { objective: OBJECTIVES[objective as keyof typeof OBJECTIVES] } : {}),
    }),
  );
  return `${sameMeaning(graph, result)}# ${macsOf(result)} multiply-adds`;
}

describe('orderContractions', () => testCases('contract', 'order', ordered));

/** Slices of a graph whose contractions have two operands, within `most` elements beside the result. */
function sliced({ input, options }: Case): string {
  const graph = graphOf(input);
  const result = dropDead(sliceContractions(graph, Number(options.most)));
  expect(macsOf(result)).toBe(macsOf(graph));
  return sameMeaning(graph, result);
}

describe('sliceContractions', () => testCases('contract', 'slice', sliced));
