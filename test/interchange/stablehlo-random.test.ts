import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeModule } from '../../compiler/interchange/stablehlo/module.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { OP_NAMES, type OpName } from '../../ir/ops.ts';
import { graphCases } from '../support/random-graph.ts';
import { soaked } from '../support/soak.ts';
import { expectClose, runMain, validModule } from '../support/stablehlo/agreement.ts';

// The text is read by a parser and an interpreter that were written from StableHLO's specification.

/** The error function is a polynomial for float32; everything else is the same arithmetic. */
const TOLERANCE = 2e-6;

test('random programs over all ops are valid, and compute what the graph computes', () => {
  const seen = new Set<OpName>();
  const property = fc.property(graphCases, ({ module, graph, inputs, parameters }) => {
    for (const { op } of graph.nodes) seen.add(op);
    const exported = writeModule(module, graph, null, new Map());
    const made = runMain(exported, validModule(exported), inputs, parameters);
    const wanted = interpretGraph(graph, inputs, parameters);
    expectClose(made.outputs, wanted.outputs, TOLERANCE);
    expectClose(made.updates, wanted.updates, TOLERANCE);
  });
  fc.assert(property, soaked(400));
  expect(OP_NAMES.filter((op) => !seen.has(op))).toEqual([]);
});
