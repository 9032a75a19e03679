import { describe, expect, test } from 'vitest';
import { liveCurve } from '../../compiler/plan-search/curve.ts';
import type { ValueProgram, ValueStep } from '../../compiler/plan-search/program.ts';
import { withUses } from '../../compiler/plan-search/program.ts';
import { appliedProgram, sequenceOf } from '../../compiler/plan-search/sequence/export.ts';
import { sequenceModel } from '../../compiler/plan-search/sequence/model.ts';
import { COPY_IN, RECOMPUTE_OP, Sequence } from '../../compiler/plan-search/sequence/sequence.ts';
import { soaked } from '../support/soak.ts';

/** Uniform numbers, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A program with inputs, parameters, steps of several results, values of several writers, pairs in place and an update. */
function randomProgram(seed: number): ValueProgram {
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const values: {
    name: string;
    bytes: number;
    kind: 'input' | 'output' | 'temporary' | 'persistent';
  }[] = [];
  const add = (kind: 'input' | 'output' | 'temporary' | 'persistent') =>
    values.push({ name: `v${values.length}`, bytes: 256 * (1 + below(8)), kind }) - 1;
  const inputs = [add('input'), add('input')];
  const parameters = [add('persistent'), add('persistent')];
  const made: number[] = [...inputs];
  const steps: ValueStep[] = [];
  const count = 4 + below(14);
  let shared = -1;
  for (let s = 0; s < count; s++) {
    const reads = new Set<number>();
    for (let r = 0; r < 1 + below(3); r++)
      reads.add(made[made.length - 1 - below(Math.min(made.length, 6))]);
    if (random() < 0.4) reads.add(parameters[below(2)]);
    const writes: number[] = [];
    if (random() < 0.15) {
      // Parts of one value by several steps.
      if (shared < 0) shared = add('temporary');
      if (!reads.has(shared)) writes.push(shared);
    }
    const results = random() < 0.2 ? 2 : 1;
    for (let w = 0; w < results; w++)
      writes.push(add(s === count - 1 && w === 0 ? 'output' : 'temporary'));
    const pairs = [];
    const [from] = reads;
    const to = writes[writes.length - 1];
    if (random() < 0.5 && values[from].kind === 'temporary') {
      values[to].bytes = values[from].bytes;
      pairs.push({ from, to });
    }
    steps.push({
      reads: [...reads],
      writes,
      pairs,
      seconds: 1 + below(9),
      repeatable: true,
      checkpoint: random() < 0.5,
    });
    made.push(...writes.filter((w) => w !== shared));
    if (shared >= 0 && random() < 0.2) made.push(shared);
  }
  if (random() < 0.7)
    steps.push({
      reads: [parameters[0], made[made.length - 2]],
      writes: [parameters[0]],
      pairs: [],
      seconds: 1,
      repeatable: false,
      checkpoint: false,
    });
  return { name: 'random', steps, values: withUses(steps, values), turn: steps.length >> 1 };
}

describe('sequence', () => {
  test('counts what a recount from scratch counts, under any changes and behind any reverts', () => {
    for (let seed = 1; seed < soaked(400).numRuns; seed++) {
      const program = randomProgram(seed);
      const random = randomOf(seed * 7919);
      const below = (limit: number) => Math.floor(random() * limit);
      const isHosted = random() < 0.5;
      const onHost = (value: number) => isHosted && program.values[value].kind === 'persistent';
      const model = sequenceModel(program, onHost);
      const sequence = new Sequence(model);
      const check = () => {
        // A copy that nothing touches is no plan.
        if (
          sequence.extraOps().some((op) => sequence.kind[op] === COPY_IN && sequence.isUnused(op))
        )
          return;
        const applied = appliedProgram(sequence);
        const { peak } = liveCurve(program, applied, onHost);
        const isExact = sequence
          .extraOps()
          .every((op) => (model.recipes[sequence.value[op]]?.steps.length ?? 1) === 1);
        if (isExact) expect(sequence.peakBytes, `seed ${seed}`).toBe(peak);
        else expect(sequence.peakBytes, `seed ${seed}`).toBeGreaterThanOrEqual(peak);
      };
      check();
      const plain = sequence.peakBytes;
      for (let change = 0; change < 25; change++) {
        const extras = sequence.extraOps();
        const removable = extras.filter(
          (op) =>
            !(model.hosted[sequence.value[op]] && sequence.placeOf(sequence.value[op], op) === 0),
        );
        if (removable.length > 0 && random() < 0.3) {
          sequence.remove(removable[below(removable.length)]);
        } else {
          const stage = below(program.steps.length);
          const value = below(program.values.length);
          const recipe = model.recipes[value];
          if (recipe && stage >= recipe.from && stage <= recipe.until)
            sequence.insert(RECOMPUTE_OP, value, stage);
          else if (
            model.counted[value] &&
            model.sentBehind[value] >= 0 &&
            stage > model.sentBehind[value] &&
            program.values[value].kind !== 'output' &&
            program.values[value].uses[0] < stage
          )
            sequence.insert(COPY_IN, value, stage);
        }
        check();
      }
      const applied = appliedProgram(sequence);
      const again = sequenceOf(model, applied);
      expect(again.peakBytes).toBeLessThanOrEqual(sequence.peakBytes);
      sequence.revert(0);
      expect(sequence.peakBytes).toBe(plain);
      check();
    }
  });
});
