import { applyDecisions, isInfeasible } from './apply.ts';
import { type Decisions, KEEP, noDecisions, RECOMPUTE, SWAP } from './decisions.ts';
import type { ValueProgram } from './program.ts';
import { findSegments, turnUse } from './segments.ts';

// The strategies of SuperNeurons (Wang et al., "Dynamic GPU Memory Management for Training Deep Neural Networks", PPoPP 2018,
// sections 3.3 and 3.4), whatever the budget. Results of cheap steps of the forward pass are evicted after their last use there and
// rematerialised for their first use in the backward pass. They are recomputed from checkpoints: results of expensive steps, and only
// of those that are resident anyway. A segment is a set of values that are computed from one another.

export type NamedRecompute = 'speed' | 'memory' | 'cost';

/**
 * Speed-centric recomputes a segment once and holds it: as many extra steps as it has. Memory-centric frees intermediate values
 * and starts at the checkpoint for every backward step: n(n + 1)/2 extra steps where each gradient needs its layer's input.
 * Cost-aware is memory-centric where holding the segment takes more than the largest step's operands, and speed-centric elsewhere.
 */
export function recomputeSegments(program: ValueProgram, strategy: NamedRecompute): Decisions {
  const decisions = noDecisions(program);
  for (const segment of findSegments(program)) {
    const isHeld =
      strategy === 'speed' || (strategy === 'cost' && segment.heldBytes <= largestStep(program));
    for (const value of segment.values) {
      const gap = decisions.gapOffsets[value] + turnUse(program, value);
      decisions.method[gap] = RECOMPUTE;
      decisions.release[gap] = isHeld ? 0 : 1;
    }
  }
  keepUntilFeasible(program, decisions);
  return decisions;
}

/** Swaps results of expensive steps between the forward and the backward pass, unless they are recomputed. */
export function swapCheckpoints(program: ValueProgram, decisions: Decisions): void {
  const { steps, values, turn } = program;
  values.forEach(({ kind, writers }, value) => {
    const use = turnUse(program, value);
    if (kind !== 'temporary' || use === 0) return;
    if (!writers.every((writer) => writer < turn && steps[writer].checkpoint)) return;
    const gap = decisions.gapOffsets[value] + use;
    if (decisions.method[gap] === KEEP) decisions.method[gap] = SWAP;
  });
}

/** Bytes of the operands of the step that has most, parameters and state excepted. */
function largestStep({ steps, values }: ValueProgram): number {
  return steps.reduce((most, { reads, writes }) => {
    let bytes = 0;
    for (const value of new Set([...reads, ...writes]))
      if (values[value].kind !== 'persistent') bytes += values[value].bytes;
    return Math.max(most, bytes);
  }, 0);
}

/** Nearly all segments are feasible; rare orders of updates are the exception. What makes decisions infeasible is kept. */
function keepUntilFeasible(program: ValueProgram, decisions: Decisions): void {
  const { gapOffsets, method, release } = decisions;
  for (;;) {
    const result = applyDecisions(program, decisions, () => false);
    if (!isInfeasible(result)) return;
    for (const value of [result.value, ...program.steps[result.step].reads]) {
      method.fill(KEEP, gapOffsets[value], gapOffsets[value + 1]);
      release.fill(0, gapOffsets[value], gapOffsets[value + 1]);
    }
  }
}
