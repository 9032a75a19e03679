import { describe, expect, test } from 'vitest';
import { variantsOf, variantWork } from '../../compiler/codegen/gpu/index.ts';
import { stageModel } from '../../compiler/driver/stage-model.ts';
import * as btc from '../../compiler/index.ts';
import type { Cluster } from '../../compiler/lower/cluster.ts';
import { ClusterStaging, type Staged } from '../../compiler/lower/cluster-staging.ts';
import { bindTensors } from '../../compiler/lower/finalise.ts';
import type { LoopNest } from '../../compiler/lower/loop-nest.ts';
import { loadsOf, storesOf } from '../../compiler/lower/sequence.ts';
import { workSeconds } from '../../compiler/profile/seconds.ts';
import { H100 } from '../../compiler/profile/shipped/h100.ts';
import { printKernel } from '../../ir/kernel-text.ts';
import { type ScheduleTensor, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { driverOf, graphsOf } from '../support/passes.ts';

const MODEL = stageModel('webgpu', WEBGPU_DEFAULT_LIMITS);

/** Blocks of one form, but for the width of one and a second reader in another. */
const blocks = () =>
  btc.defineModel({
    name: 'blocks',
    inputs: { x: btc.tensor([16, 64]) },
    build: ({ x }) => {
      let sum: btc.Tensor | null = null;
      const widths = [64, 64, 64, 48, 64, 64];
      const last = widths.reduce((from, width, block) => {
        const wide = btc.linear(64, width)(from);
        const normal = btc.layerNorm(width)(btc.relu(wide));
        if (block === 2) sum = wide;
        return btc.softmax(btc.linear(width, 64)(normal));
      }, x);
      return { y: last.add(sum!) };
    },
    train: { loss: ({ y }) => btc.mean(btc.square(y)), optimizer: btc.sgd() },
  });

interface Found {
  readonly cluster: Cluster;
  readonly tensors: readonly ScheduleTensor[];
}

/** Every reduction of the model with everything that reads its result, as clusters of two. */
function clusters(): Found[] {
  const driver = driverOf();
  const lowered = driver.run('lower', graphsOf(blocks(), driver), false);
  const { programs, tensors } = driver.run('fuse', driver.run('join-reductions', lowered));
  return programs.flatMap(({ nests }) => {
    const readersOf = (tensor: number) => nests.filter((nest) => loadsOf(nest).has(tensor));
    return nests.flatMap((nest, position) => {
      const [tensor, ...others] = storesOf(nest);
      if (nest.reductions.length !== 1 || others.length > 0) return [];
      if (tensors[tensor].role !== 'activation') return [];
      const readers = readersOf(tensor).filter((reader) => nests.indexOf(reader) > position);
      const isKept = readers.length > 1;
      return readers.map((consumer): Found => {
        return { cluster: { producers: [{ nest, tensor, isKept }], consumer }, tensors };
      });
    });
  });
}

const staging = (tensors: readonly ScheduleTensor[], maxBindings: number) =>
  new ClusterStaging({ model: MODEL, tensors, maxBindings });

const kernelOf = (nest: LoopNest, tensors: readonly ScheduleTensor[]) => ({
  name: 'k',
  ...bindTensors(nest, tensors).kernel,
});

/** What was decided, as a text. */
const textOf = (staged: Staged, tensors: readonly ScheduleTensor[]) =>
  'reason' in staged
    ? staged.reason
    : `${staged.time}\n${printKernel(kernelOf(staged.nest(), tensors))}`;

describe('clusters', () => {
  const all = clusters();

  test('are decided as each is alone, whatever was decided before', () => {
    const shared = staging(all[0].tensors, 8);
    const texts = all.map(({ cluster, tensors }) => {
      const text = textOf(shared.stage(cluster, false), tensors);
      expect(text).toBe(textOf(staging(tensors, 8).stage(cluster, false), tensors));
      return text;
    });
    // Some repeat, some differ, and some of each kind can be one kernel.
    const distinct = new Set(texts);
    expect(distinct.size).toBeGreaterThan(4);
    expect(distinct.size).toBeLessThan(texts.length);
    expect(texts.filter((text) => text.includes('kernel')).length).toBeGreaterThan(4);
  });

  test('are refused for their bindings only where they have as many', () => {
    let refused = 0;
    for (const { cluster, tensors } of all) {
      const whole = staging(tensors, Number.POSITIVE_INFINITY).stage(cluster, false);
      if ('reason' in whole) continue;
      const { length } = kernelOf(whole.nest(), tensors).buffers;
      expect('reason' in staging(tensors, length).stage(cluster, false)).toBe(false);
      const fewer = staging(tensors, length - 1).stage(cluster, false);
      expect(fewer).toEqual({ reason: `one kernel would have ${length} bindings` });
      refused++;
    }
    expect(refused).toBeGreaterThan(4);
  });

  test('take no less where invocations compute alone than is said of their multiply-adds', () => {
    let alone = 0;
    for (const { cluster, tensors } of all) {
      const staged = staging(tensors, Number.POSITIVE_INFINITY).stage(cluster, false);
      if ('reason' in staged) continue;
      const nest = staged.nest();
      const kernel = kernelOf(nest, tensors);
      for (const variant of variantsOf(kernel, WEBGPU_DEFAULT_LIMITS)) {
        if (variant.form !== 'private') continue;
        const work = variantWork(kernel, variant, WEBGPU_DEFAULT_LIMITS);
        const seconds = H100.dispatchSeconds + workSeconds(kernel, work, H100);
        expect(seconds).toBeGreaterThanOrEqual(MODEL.leastAlone!(nest.macs ?? 0));
        alone++;
      }
    }
    expect(alone).toBeGreaterThan(0);
  });
});
