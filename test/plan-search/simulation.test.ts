import { describe, expect, test } from 'vitest';
import { type SequenceModel, sequenceModel } from '../../compiler/plan-search/sequence/model.ts';
import { COPY_IN, RECOMPUTE_OP, Sequence } from '../../compiler/plan-search/sequence/sequence.ts';
import { Simulation } from '../../compiler/plan-search/sequence/simulation.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { soaked } from '../support/soak.ts';
import { randomValueProgram } from './random-value-program.ts';

const costs = (rate: number, overlap: number) => ({
  deviceToHostBytesPerSecond: rate,
  hostToDeviceBytesPerSecond: rate,
  transferSeconds: 0.01,
  overlap,
  stagingBytes: 2,
});

/** Inserts what could be at a random place, or takes something out. */
function change(sequence: Sequence, model: SequenceModel, below: (limit: number) => number): void {
  const extras = sequence
    .extraOps()
    .filter((op) => !model.hosted[sequence.value[op]] || sequence.placeOf(sequence.value[op], op));
  if (extras.length > 0 && below(10) < 4) {
    sequence.remove(extras[below(extras.length)]);
    return;
  }
  const stage = below(model.stepCount);
  const value = below(model.program.values.length);
  const recipe = model.recipes[value];
  if (below(2) === 0 && recipe && stage >= recipe.from && stage <= recipe.until)
    sequence.insert(RECOMPUTE_OP, value, stage);
  else if (
    model.counted[value] &&
    model.sentBehind[value] >= 0 &&
    stage > model.sentBehind[value] &&
    model.program.values[value].uses.some((use) => use >= stage)
  )
    sequence.insert(COPY_IN, value, stage);
}

describe('a simulation that goes on from the last one', () => {
  test.each([
    // Copies that hide behind computation, and copies that everything waits for.
    ['fast copies', 40, 1],
    ['copies as fast as steps', 1.2, 1],
    ['slow copies', 0.2, 1],
    ['copies that keep the device from computing', 1.2, 0.6],
  ])('takes as long as one from the first stage on: %s', (_, rate, overlap) => {
    for (let seed = 1; seed <= soaked(30).numRuns; seed++) {
      const below = randomBelow(1000 * seed);
      const program = randomValueProgram(seed, { steps: 60 + below(300), rich: true });
      const isHosted = below(2) === 0;
      const model = sequenceModel(
        program,
        (value) => isHosted && program.values[value].kind === 'persistent',
      );
      const sequence = new Sequence(model);
      const simulation = new Simulation(sequence, costs(rate, overlap));
      for (let step = 0; step < 60; step++) {
        const mark = sequence.mark;
        for (let k = 1 + below(3); k > 0; k--) change(sequence, model, below);
        const { onOp } = sequence;
        const seconds = simulation.seconds;
        const fresh = new Simulation(sequence, costs(rate, overlap)).seconds;
        sequence.onOp = onOp;
        expect(seconds, `seed ${seed}, step ${step}`).toBeCloseTo(fresh, 8);
        const what = below(4);
        if (what === 0) sequence.revert(mark);
        if (what === 1) sequence.commit();
      }
    }
  });
});
