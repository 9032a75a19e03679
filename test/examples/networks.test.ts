import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { withOptions } from '../../compiler/frontend/option.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import { type Classifier, imageClassifier } from '../../examples/networks/blocks/classifier.ts';
import { denseNetwork } from '../../examples/networks/blocks/dense.ts';
import { inceptionNetwork } from '../../examples/networks/blocks/inception.ts';
import { invertedResidualNetwork } from '../../examples/networks/blocks/inverted-residual.ts';
import { residualNetwork } from '../../examples/networks/blocks/residual.ts';
import { vgg } from '../../examples/networks/blocks/vgg.ts';
import { elementCount } from '../../ir/tensor.ts';
import { expectWitnessesToAgree } from '../support/agreement.ts';
import { importNetwork, NETWORKS } from '../support/networks.ts';

test('every network is counted', () => {
  const files = readdirSync(new URL('../../examples/networks', import.meta.url));
  expect(files.filter((file) => file.endsWith('.ts')).sort()).toEqual(
    Object.keys(NETWORKS)
      .map((name) => `${name}.ts`)
      .sort(),
  );
});

describe('at the size of its paper it has the published number of parameters', () => {
  test.each(Object.entries(NETWORKS))('%s', async (name, { set, parameters }) => {
    const { result, diagnostics } = await withOptions(set, async () =>
      traceModel(await importNetwork(name)),
    );
    expect([...diagnostics, ...result.diagnostics]).toEqual([]);
    const trained = result.parameters.filter(({ declaration }) => declaration.role === 'parameter');
    const counts = trained.map(({ declaration }) => elementCount(declaration.type.shape));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(parameters);
  });
});

const shallow = (network: Classifier['network']) => () =>
  imageClassifier({ name: 'shallow', network });
const TINY = { batch: 4, classes: 5, width: 0.01 };

describe('of a few layers and channels it is trained alike by all witnesses', () => {
  test.each([
    ['alexnet', () => importNetwork('alexnet'), TINY],
    ['vgg', shallow(vgg([1, 1, 1, 1, 2])), TINY],
    ['resnet', shallow(residualNetwork([1, 2, 1])), TINY],
    ['densenet', shallow(denseNetwork([2, 2])), TINY],
    [
      'mobilenet',
      shallow(
        invertedResidualNetwork([
          { expansion: 1, channels: 16, blocks: 1, stride: 1 },
          { expansion: 2, channels: 24, blocks: 2, stride: 2 },
        ]),
      ),
      TINY,
    ],
    ['u-net', () => importNetwork('u-net'), { ...TINY, depth: 2, image: 16, batch: 2 }],
  ])('%s', (_, network, set) => expectWitnessesToAgree(network, 2, { set }));

  test('inception', () =>
    expectWitnessesToAgree(shallow(inceptionNetwork({ a: 1, b: 0, c: 1 })), 2, {
      set: { ...TINY, image: 75 },
      // Where two elements under a window are equal but for rounding, pooling gives its gradient to either.
      error: 2e-2,
    }));

  test('gpt', () =>
    expectWitnessesToAgree(() => importNetwork('gpt'), 2, {
      set: { batch: 2, length: 6, vocabulary: 9, layers: 1, heads: 2, features: 8 },
      // The softmax over keys does not see what all of them share.
      settles: (parameter) => !parameter.endsWith('key.bias'),
    }));
});
