import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concat,
  convolution,
  defineModel,
  maxPool2d,
  mean,
  mul,
  relu,
  sgd,
  sub,
  tensor,
  transposedConvolution,
} from '../../compiler/index.ts';
import { type ProgramAccess, programAccess } from '../../compiler/liveness/access.ts';
import { memoryModel, peakOfOrder } from '../../compiler/liveness/program-model.ts';
import { fuse } from '../../compiler/lower/fuse.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { LoopNestMemory } from '../../compiler/lower/loop-nest-access.ts';
import { fuseInOrder } from '../../compiler/lower/ordered-fusion.ts';
import { lowerProgram, TensorTable } from '../../compiler/lower/program.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { expandFolds } from '../../compiler/window/folds.ts';
import type { Module } from '../../ir/graph.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { MODELS } from '../support/models.ts';
import { moduleOf } from '../support/module-of.ts';
import { graphsOf } from '../support/passes.ts';
import { graphCases } from '../support/random-graph.ts';
import { soaked } from '../support/soak.ts';

const ALIGNMENT = 256;

/** The peak of the steps as they stand. */
function tracedPeak(use: ProgramAccess): number {
  return peakOfOrder(
    memoryModel(use),
    Int32Array.from(use.steps, (_, step) => step),
  );
}

const peaks = (schedule: Schedule, alignment: number) =>
  schedule.programs.map((program) => tracedPeak(programAccess(schedule, program, alignment)));

/** What fusion in a chosen order and free fusion in the traced one make of each program of a module. */
function candidates(module: Module) {
  const table = new TensorTable(module);
  return module.programs.map((graph, program) => {
    const { nests, inputs } = lowerProgram(expandFolds(graph), program, table);
    const limits = {
      maxBindings: 8,
      isTemporary: (tensor: number) => table.tensors[tensor].role === 'activation',
      isPersistent: (tensor: number) => table.tensors[tensor].program === null,
    };
    const inputTensors = inputs.map(({ tensor }) => tensor);
    const memory = new LoopNestMemory(table.tensors, inputTensors, ALIGNMENT);
    const free = memory.programUse(fuse(nests, limits, null).nests);
    const chosen = memory.programUse(fuseInOrder(nests, limits, memory, orderProgram).nests);
    return {
      unfused: tracedPeak(memory.programUse(nests)),
      free: { steps: free.steps.length, peak: orderProgram(free).peakBytes },
      chosen: { steps: chosen.steps.length, peak: tracedPeak(chosen) },
    };
  });
}

function moduleFor(model: ReturnType<typeof defineModel>): Module {
  return graphsOf(model).module;
}

describe('kernels are fused in an order whose peak', () => {
  test('is never above that of the traced order, whatever the program', () => {
    fc.assert(
      fc.property(graphCases, fc.constantFrom(1, 16), ({ graph }, offsetAlignment) => {
        const [plain, fused] = [null, orderProgram].map((fusion) =>
          peaks(
            lowerModule(moduleOf(graph), { maxStorageBuffers: 8, offsetAlignment, fusion }),
            offsetAlignment,
          ),
        );
        expect(fused[0]).toBeLessThanOrEqual(plain[0]);
      }),
      { seed: 7, ...soaked(150) },
    );
  });

  test.each(Object.entries(MODELS))('is never above that of free fusion: %s', (_, model) => {
    for (const { unfused, free, chosen } of candidates(moduleFor(model()))) {
      expect(chosen.peak).toBeLessThanOrEqual(unfused);
      expect(chosen.peak).toBeLessThanOrEqual(free.peak);
    }
  });

  test('is below it where skip connections wait for the way back', () => {
    const [, { free, chosen }] = candidates(moduleFor(hourglass()));
    expect(chosen.peak).toBeLessThan(0.9 * free.peak);
    expect(chosen.steps).toBeLessThanOrEqual(free.steps + 3);
  });
});

/** Convolutions down and up again with skip connections, as a U-Net has them. */
function hourglass() {
  const widths = [8, 16];
  return defineModel({
    name: 'hourglass',
    inputs: { image: tensor([2, 32, 32, 3]), mask: tensor([2, 32, 32, 8]) },
    build: ({ image }) => {
      let features = image;
      let channels = 3;
      const skips = widths.map((width) => {
        const level = relu(convolution(channels, width, { kernel: 3, padding: 'same' })(features));
        features = maxPool2d(level, 2);
        channels = width;
        return level;
      });
      for (const width of widths.toReversed()) {
        const wider = transposedConvolution(channels, width, { kernel: 2, stride: 2 })(features);
        const joined = concat([wider, skips.pop()!], 3);
        features = relu(convolution(2 * width, width, { kernel: 3, padding: 'same' })(joined));
        channels = width;
      }
      return { out: features };
    },
    train: {
      loss: ({ out }, { mask }) => {
        const difference = sub(out, mask);
        return mean(mul(difference, difference));
      },
      optimizer: sgd({ learningRate: 0.1 }),
    },
  });
}
