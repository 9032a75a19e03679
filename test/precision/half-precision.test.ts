import { describe, expect, it } from 'vitest';
import {
  adam,
  compile,
  crossEntropy,
  defineModel,
  linear,
  type Model,
  relu,
  sgd,
  square,
  tensor,
} from '../../compiler/index.ts';
import digits from '../../examples/digits/model.ts';
import rows from '../../examples/rows/model.ts';
import { halfValue } from '../../ir/half.ts';
import { load } from '../../runtime/index.ts';
import { expectAgreement, openSession } from '../support/agreement.ts';
import { MODELS } from '../support/models.ts';
import { compileWitnessed } from '../support/reference.ts';

/** The interpreter rounds float64, targets f32: now and then to different neighbours, 2^-11 apart. */
const HALF_ERROR = 8e-3;

describe('with precision f16, wasm computes what the interpreter does behind the pass that rounds', () => {
  const models: Record<string, () => Model> = { ...MODELS, digits: () => digits, rows: () => rows };
  it.each(Object.entries(models))('%s', async (_, make) => {
    const options = { target: 'wasm', precision: 'f16' } as const;
    const { reference, ...made } = await compileWitnessed(make(), options, 'halve');
    expect(made.plan.precision).toBe('f16');
    expect(made.plan.tensors.filter(({ dtype }) => dtype === 'f16')).not.toEqual([]);
    const session = await openSession(made);
    await expectAgreement([session], reference, 2, { error: HALF_ERROR });
    session.destroy();
  });
});
