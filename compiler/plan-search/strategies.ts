import { applyDecisions, isInfeasible } from './apply.ts';
import { type Decisions, KEEP, noDecisions, RECOMPUTE, SWAP } from './decisions.ts';
import type { ValueProgram } from './program.ts';
import { findSegments, turnUse } from './segments.ts';

// The strategies of SuperNeurons (Wang et al., "Dynamic GPU Memory Management for Training Deep Neural Networks", PPoPP 2018,
// sections 3.3 and 3.4), whatever the budget. What cheap steps made in the forward pass is let go behind its last use there
// and computed again for its first use in the backward pass, from checkpoints: results of dear steps, and of those alone that
// are there anyway. A segment are values that are computed from one another.

export type NamedRecompute = 'speed' | 'memory' | 'cost';

/**
 * Speed-centric computes a segment again once and holds it: as many steps as it has. Memory-centric lets go what is only on
 * the way, and starts at the checkpoint for every backward step: n(n + 1)/2 where each gradient needs its layer's input.
 * Cost-aware is memory-centric where holding the segment takes more than the largest step's operands, else speed-centric.
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
  keepWhatCannotComeBack(program, decisions);
  return decisions;
}

/** Results of dear steps are on the host between the forward and the backward pass, unless they are computed again. */
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

/** Segments are found so that all can be applied but for rare orders of updates: whatever stands in the way stays. */
function keepWhatCannotComeBack(program: ValueProgram, decisions: Decisions): void {
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
