import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { liveCurve } from '../../compiler/plan-search/curve.ts';
import type { ValueProgram } from '../../compiler/plan-search/program.ts';
import { withUses } from '../../compiler/plan-search/program.ts';
import { ModuleSearch } from '../../compiler/plan-search/sequence/module-search.ts';
import { ProgramSearch } from '../../compiler/plan-search/sequence/program-search.ts';
import { simulateRun } from '../../compiler/plan-search/simulate.ts';
import { transferTime } from '../../compiler/plan-search/transfer-costs.ts';
import { soaked } from '../support/soak.ts';
import { randomValueProgram } from './random-value-program.ts';

const COSTS = {
  deviceToHostBytesPerSecond: 200,
  hostToDeviceBytesPerSecond: 300,
  transferSeconds: 0.5,
  overlap: 1,
};
const BOTH = { mayRecompute: true, mayCopy: true };
const RECOMPUTE = { mayRecompute: true, mayCopy: false };
const COPY = { mayRecompute: false, mayCopy: true };

/** A network of layers with skip connections, forward and back, whose sizes and times are given by numbers. */
function network(sizes: readonly number[], skips: readonly number[]): ValueProgram {
  const count = sizes.length;
  const values: { name: string; bytes: number; kind: 'input' | 'output' | 'temporary' }[] = [
    { name: 'x', bytes: 256, kind: 'input' },
  ];
  const steps: ValueProgram['steps'][number][] = [];
  const step = (reads: number[], bytes: number, seconds: number, isOutput = false) => {
    const value =
      values.push({ name: `v${values.length}`, bytes, kind: isOutput ? 'output' : 'temporary' }) -
      1;
    const all = [...new Set(reads)];
    steps.push({
      reads: all,
      writes: [value],
      pairs: [],
      seconds,
      repeatable: true,
      checkpoint: seconds > 4,
    });
    return value;
  };
  const forward: number[] = [0];
  for (let layer = 0; layer < count; layer++) {
    const skip = forward[Math.max(0, forward.length - 1 - (skips[layer] % 4))];
    forward.push(
      step([forward[layer], skip], 256 * (1 + (sizes[layer] % 7)), 1 + (sizes[layer] % 9)),
    );
  }
  const turn = steps.length;
  let gradient = step([forward[count]], 256, 1);
  for (let layer = count - 1; layer >= 0; layer--)
    gradient = step(
      [gradient, forward[layer], forward[layer + 1]],
      256 * (1 + (sizes[layer] % 7)),
      1 + (sizes[layer] % 9),
      layer === 0,
    );
  return { name: 'network', steps, values: withUses(steps, values), turn };
}

const networks = fc
  .array(fc.nat(1000), { minLength: 3, maxLength: 14 })
  .chain((sizes) =>
    fc.tuple(
      fc.constant(sizes),
      fc.array(fc.nat(1000), { minLength: sizes.length, maxLength: sizes.length }),
    ),
  )
  .map(([sizes, skips]) => network(sizes, skips));

const search = (program: ValueProgram) => new ProgramSearch(program, () => false, COSTS);

/** Live bytes and seconds of a plan, counted without the search's own state. */
function recount(program: ValueProgram, planned: ReturnType<ProgramSearch['applied']>) {
  const { peak, times } = liveCurve(program, planned, () => false);
  const steps = planned.ops.filter((op) => op.kind === 'step');
  const copies = planned.ops.flatMap((op, i) => {
    if (op.kind === 'step') return [];
    const { value } = planned.versions[op.version];
    return [
      {
        kind: op.kind,
        tensor: op.version,
        slot: value,
        step: times[i],
        bytes: program.values[value].bytes,
      },
    ];
  });
  const seconds = simulateRun({
    seconds: steps.map(({ step }) => program.steps[step].seconds),
    touched: (step) => [...steps[step].reads, ...steps[step].writes],
    copies,
    copySeconds: ({ kind, bytes }) => transferTime(COSTS, kind, bytes),
    pieceSeconds: ({ kind, bytes }) => transferTime(COSTS, kind, bytes),
    overlap: COSTS.overlap,
  });
  return { peak, seconds };
}

describe('the search for one program', () => {
  test('keeps its room, costs what a recount says, and each set of actions is beaten by none of its parts', () => {
    fc.assert(
      fc.property(networks, fc.double({ min: 0.3, max: 1, noNaN: true }), (program, share) => {
        const { peak } = recount(
          program,
          search(program).applied(search(program).fewest({ mayRecompute: false, mayCopy: false })),
        );
        const room = Math.floor(share * peak);
        const found = [RECOMPUTE, COPY, BOTH].map((ways) => {
          const one = search(program);
          const reached = one.reach(ways, room);
          const best = reached && one.improve(reached, ways, room, 3000);
          if (!best) return Number.POSITIVE_INFINITY;
          const counted = recount(program, one.applied(best));
          expect(counted.peak).toBeLessThanOrEqual(room);
          expect(counted.peak).toBe(best.peakBytes);
          expect(counted.seconds).toBeCloseTo(best.seconds, 9);
          return best.seconds;
        });
        const shared = search(program);
        const both = shared.reach(BOTH, room);
        const alone = [RECOMPUTE, COPY].map(
          (ways) => search(program).reach(ways, room)?.seconds ?? Number.POSITIVE_INFINITY,
        );
        expect(both?.seconds ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(
          Math.min(...alone) + 1e-9,
        );
        expect(found.length).toBe(3);
      }),
      // A copy became needless there, as its value was copied again behind it.
      {
        ...soaked(40),
        examples: [
          [
            network([53, 47, 51, 9, 2, 33, 8, 24, 28, 47], new Array(10).fill(0)),
            0.5136303191489362,
          ],
        ],
      },
    );
  });

  test('counts the bytes of what it finds in programs of any form, parameters on the host or not', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 4, max: 24 }),
        fc.boolean(),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        (seed, steps, hosted, share) => {
          const program = randomValueProgram(seed, { steps, rich: true });
          const onHost = (value: number) => hosted && program.values[value].kind === 'persistent';
          const one = new ProgramSearch(program, onHost, COSTS);
          const peakOf = (found: Parameters<ProgramSearch['applied']>[0]) =>
            liveCurve(program, one.applied(found), onHost).peak;
          const none = { mayRecompute: false, mayCopy: false };
          const room = Math.floor(share * one.fewest(none).peakBytes);
          for (const ways of [RECOMPUTE, COPY, BOTH]) {
            const reached = one.reach(ways, room);
            if (!reached) continue;
            const best = one.improve(reached, ways, room, 2000);
            for (const found of [reached, best, one.fewest(ways)])
              expect(peakOf(found)).toBeLessThanOrEqual(found.peakBytes);
            expect(best.peakBytes).toBeLessThanOrEqual(room);
          }
        },
      ),
      soaked(60),
    );
  });

  test('ends where nothing has bytes of its own', () => {
    // A program that clears what outlives it, as that which clears the sums of gradients.
    const write = { reads: [], writes: [0], pairs: [], seconds: 1 };
    const steps = [{ ...write, repeatable: false, checkpoint: false }];
    const values = withUses(steps, [{ name: 'sum', bytes: 256, kind: 'persistent' }]);
    const one = search({ name: 'clear', steps, values, turn: 1 });
    for (const ways of [RECOMPUTE, COPY, BOTH]) {
      expect(one.fewest(ways).peakBytes).toBe(0);
      expect(one.reach(ways, 0)?.peakBytes).toBe(0);
    }
  });

  test('is never slower with more room, as it remembers what it met', () => {
    fc.assert(
      fc.property(networks, (program) => {
        const one = search(program);
        const { peakBytes } = one.fewest({ mayRecompute: false, mayCopy: false });
        let fastest = Number.POSITIVE_INFINITY;
        const shares = [0.5, 0.6, 0.7, 0.8, 0.9, 1];
        for (const share of shares) one.reach(BOTH, Math.floor(share * peakBytes));
        for (const share of shares) {
          const found = one.reach(BOTH, Math.floor(share * peakBytes));
          if (!found) continue;
          expect(found.seconds).toBeLessThanOrEqual(fastest);
          fastest = found.seconds;
        }
        expect(fastest).toBe(program.steps.reduce((sum, { seconds }) => sum + seconds, 0));
      }),
      soaked(40),
    );
  });

  test('finds the floor that it names, whatever was asked before, and the same plan each time', () => {
    fc.assert(
      fc.property(networks, fc.constantFrom(BOTH, RECOMPUTE, COPY), (program, ways) => {
        const floor = search(program).fewest(ways).peakBytes;
        const module = {
          programs: [program],
          persistentOf: [new Int32Array(program.values.length).fill(-1)],
          persistentBytes: new Float64Array(),
        };
        const choose = () => new ModuleSearch(module, COSTS).choose(ways, floor);
        const choice = choose();
        expect(choice.bytes).toBeLessThanOrEqual(floor);
        expect(choose().applied(0)).toEqual(choice.applied(0));
        // Nothing is named that the largest step alone could not have.
        const largest = program.steps.map(({ reads, writes }) =>
          [...reads, ...writes].reduce((sum, value) => sum + program.values[value].bytes, 0),
        );
        expect(floor).toBeGreaterThanOrEqual(Math.max(...largest));
      }),
      soaked(25),
    );
  });
});
