import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { givenOptions, withOptions } from '../../compiler/frontend/option.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import { elementCount } from '../../ir/tensor.ts';
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
    const { result, diagnostics } = await withOptions(givenOptions(set), async () =>
      traceModel(await importNetwork(name)),
    );
    expect([...diagnostics, ...result.diagnostics]).toEqual([]);
    const trained = result.parameters.filter(({ declaration }) => declaration.role === 'parameter');
    const counts = trained.map(({ declaration }) => elementCount(declaration.type.shape));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(parameters);
  });
});
