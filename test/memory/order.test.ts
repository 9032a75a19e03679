import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProgramAccess, StepAccess } from '../../compiler/liveness/access.ts';
import { programAccess } from '../../compiler/liveness/access.ts';
import { takeHandovers } from '../../compiler/liveness/handovers.ts';
import {
  type MemoryModel,
  memoryModel,
  peakOfOrder,
  reverseModel,
} from '../../compiler/liveness/program-model.ts';
import { reverseGraph, stepDependencies } from '../../compiler/memory/dependencies.ts';
import { listSchedule, orderProgram } from '../../compiler/memory/order.ts';
import { ReadySteps } from '../../compiler/memory/ready-steps.ts';
import { soaked } from '../support/soak.ts';
import { randomBelow, randomSchedule } from './random-schedule.ts';

const compareAll = (a: readonly number[], b: readonly number[]) =>
  a.map((value, k) => value - b[k]).find((difference) => difference !== 0) ?? 0;

/**
 * List scheduling by its definition: at each place every step that is ready is priced from what is open and what is still to come.
 * Quadratic, with nothing of the compiler's own but the pairs that may share a place.
 */
function plainSchedule(
  model: MemoryModel,
  edges: readonly (readonly [number, number])[],
  allowedPeak: number,
  latestFirst: boolean,
): number[] {
  const usesOf = (step: number) => [
    ...model.uses.slice(model.useOffsets[step], model.useOffsets[step + 1]),
  ];
  const all = Array.from({ length: model.stepCount }, (_, step) => step);
  const open = new Set([...model.bytes.keys()].filter((tensor) => model.openAtStart[tensor]));
  const left = new Set(all);
  const arrivals = new Map<number, number>();
  const order: number[] = [];
  const bytesIn = (tensors: Iterable<number>) =>
    [...tensors].reduce((sum, tensor) => sum + model.bytes[tensor], 0);
  let peak = Math.max(allowedPeak, bytesIn(open));
  const arrive = (step: number) => {
    const waits = edges.some(([before, after]) => after === step && left.has(before));
    if (!waits && !arrivals.has(step)) arrivals.set(step, arrivals.size);
  };
  all.forEach(arrive);
  while (left.size > 0) {
    const closes = (step: number) => (tensor: number) =>
      !model.neverCloses[tensor] &&
      [...left].every((other) => other === step || !usesOf(other).includes(tensor));
    const priced = [...arrivals.keys()].flatMap((step) => {
      if (!left.has(step)) return [];
      const isLast = closes(step);
      const opened = usesOf(step).filter((tensor) => !open.has(tensor));
      const freed = usesOf(step).filter(isLast);
      let shared = 0;
      const take = ({ to }: { to: number }) => {
        shared = model.bytes[to];
      };
      takeHandovers(model.pairs[step], isLast, (tensor) => !open.has(tensor), take, 1);
      const allocated = bytesIn(opened);
      const tie = latestFirst ? -arrivals.get(step)! : step;
      return [{ step, tie, transient: allocated - shared, change: allocated - bytesIn(freed) }];
    });
    const room = peak - bytesIn(open);
    const fitting = priced.filter(({ transient }) => transient <= room);
    const [best] =
      fitting.length > 0
        ? fitting.sort((a, b) => compareAll([a.change, a.tie], [b.change, b.tie]))
        : priced.sort((a, b) =>
            compareAll([a.transient, a.change, a.tie], [b.transient, b.change, b.tie]),
          );
    peak = Math.max(peak, bytesIn(open) + best.transient);
    const freed = usesOf(best.step).filter(closes(best.step));
    for (const tensor of usesOf(best.step)) open.add(tensor);
    for (const tensor of freed) open.delete(tensor);
    left.delete(best.step);
    order.push(best.step);
    edges.forEach(([before, after]) => {
      if (before === best.step) arrive(after);
    });
  }
  return order;
}

describe('listSchedule', () => {
  it('gives the order that its definition gives, forwards and backwards', () => {
    let givenUp = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 25 }),
        fc.double({ min: 0, max: 1.2, noNaN: true }),
        fc.boolean(),
        (seed, steps, share, latestFirst) => {
          const schedule = randomSchedule(seed, steps, 1);
          const use = programAccess(schedule, schedule.programs[0], 256);
          const graph = stepDependencies(use.steps);
          const forward = memoryModel(use);
          const allowed = share * forward.bytes.reduce((sum, bytes) => sum + bytes, 0);
          for (const [model, successors] of [
            [forward, graph],
            [reverseModel(forward), reverseGraph(graph)],
          ] as const) {
            const edges = use.steps.flatMap((_, step) =>
              [
                ...successors.targets.slice(successors.offsets[step], successors.offsets[step + 1]),
              ].map((after): [number, number] => [step, after]),
            );
            const order = listSchedule(model, successors, allowed, latestFirst)!;
            expect([...order]).toEqual(plainSchedule(model, edges, allowed, latestFirst));
            // Only what would be too high is given up.
            const isReversed = model !== forward;
            const peak = peakOfOrder(forward, isReversed ? order.toReversed() : order);
            const within = (below: number) =>
              listSchedule(model, successors, allowed, latestFirst, below);
            expect(within(peak + 1)).toEqual(order);
            if (within(peak) === null) givenUp++;
          }
        },
      ),
      soaked(60),
    );
    expect(givenUp).toBeGreaterThan(0);
  });
});

/** How often the work on `count` steps, all ready at once, goes past the logarithm of their number. */
function workPerStep(count: number): number {
  const ready = new ReadySteps(count);
  const below = randomBelow(count);
  for (let step = 0; step < count; step++) ready.add(step, below(1000), below(1000) - 500, step);
  // Room that comes and goes: each time the other half of the steps fits.
  for (let step = 0; step < count; step++) ready.take(step % 2 === 0 ? 1000 : 0);
  return ready.work / count;
}

describe('ReadySteps', () => {
  it('does the work of a few logarithms for each step, while the room comes and goes', () => {
    expect(workPerStep(2_000)).toBeLessThan(10 * Math.log2(2_000));
    expect(workPerStep(64_000)).toBeLessThan(10 * Math.log2(64_000));
  });
});

/** Layers forward, each keeping its result, and their gradients backward with an update for each, which may run at any time. */
function chain(layers: number): ProgramAccess {
  const steps: StepAccess[] = [];
  const step = (reads: readonly number[], writes: readonly number[]) =>
    steps.push({ reads, writes, pairs: [] });
  for (let layer = 0; layer < layers; layer++) step([layer], [layer + 1]);
  for (let layer = layers; layer > 0; layer--) {
    const gradient = 2 * layers + 1 - layer;
    step([gradient - 1, layer], [gradient]);
    step([gradient, layer - 1], [2 * layers + layer]);
  }
  return {
    steps,
    inputs: [0],
    bytesOf: (tensor) => (tensor > 2 * layers ? 64 : 256),
    isOutput: (tensor) => tensor > 2 * layers,
  };
}

describe('orderProgram', () => {
  it('orders a training step of two thousand layers and of ten times as many, never above the order given', () => {
    for (const layers of [2_000, 20_000]) {
      const use = chain(layers);
      const { order, peakBytes } = orderProgram(use);
      expect(order.length).toBe(3 * layers);
      expect(peakBytes).toBeLessThanOrEqual(256 * (layers + 2) + 64 * layers);
    }
  });
});
