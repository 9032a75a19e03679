import { describe, expect, test } from 'vitest';
import { exportStableHlo } from '../../compiler/index.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { graphsOf } from '../support/passes.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';
import { expectClose, runMain, validModule } from '../support/stablehlo/agreement.ts';

describe('small networks', () => {
  test.each(Object.keys(SMALL_NETWORKS))('%s', async (name) => {
    const { model, set } = SMALL_NETWORKS[name];
    const result = await exportStableHlo(model, { set });
    expect(result.diagnostics).toEqual([]);
    const exported = result as any;
    validModule(exported);
    expect(exported.text).not.toContain('gather');
  });
});
