import { beforeAll, describe, expect, test } from 'vitest';
import { type CompiledPlan, compile } from '../../compiler/index.ts';
import * as btc from '../../compiler/language.ts';
import type { IndexRange } from '../../ir/index-range.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import type { Session } from '../../runtime/index.ts';
import { openSession } from '../support/agreement.ts';
import { checkSchema } from '../support/check-schema.ts';

const model = btc.defineModel({
  name: 'm',
  inputs: {
    tokens: btc.tensor([2, 3], 'i32'),
    label: btc.tensor([2], 'i32'),
    code: btc.tensor([2]),
    row: btc.tensor([], 'i32'),
  },
  build: ({ tokens, code, row }) => {
    const words = btc.embedding(10, 4, { name: 'words' });
    const rows = words(tokens.slice(1, 0, 2));
    const others = btc.gather(words.table(), btc.cast(code, 'i32'));
    return { logits: btc.add(btc.add(rows.sum(1), others), btc.gather(words.table(), row)) };
  },
  train: {
    loss: ({ logits }, { label }) => btc.crossEntropy(logits, label, { ignoreIndex: -1 }),
    optimizer: btc.sgd({ learningRate: 0.1 }),
  },
});

const RIGHT = { tokens: [0, 9, 77, 3, 3, -5], label: [3, -1], code: [9.5, 0], row: 4 };

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  let session: Session;
  beforeAll(async () => {
    const { plan, module, parameters, diagnostics } = await compile(model, { target });
    expect(diagnostics).toEqual([]);
    session = await openSession({ plan, module, parameters } as CompiledPlan);
  });

  test('right indices run, whatever stands beside them', async () => {
    const { loss } = await session.run('train', RIGHT);
    expect(loss[0]).toBeGreaterThan(0);
  });

  test.each<[Partial<Record<keyof typeof RIGHT, unknown>>, string]>([
    [
      { tokens: [0, 10, 0, 3, 3, 0] },
      "input 'tokens' of program 'train' is 10 at [0, 1], but it is used as an index from 0 to 9",
    ],
    [
      {
        tokens: [
          [0, 1, 0],
          [-1, 3, 0],
        ],
      },
      "input 'tokens' of program 'train' is -1 at [1, 0], but it is used as an index from 0 to 9",
    ],
    [
      { label: Int32Array.of(0, 4) },
      "input 'label' of program 'train' is 4 at [1], but it is used as an index from 0 to 3 or -1",
    ],
    [
      { label: [-100, 0] },
      "input 'label' of program 'train' is -100 at [0], but it is used as an index from 0 to 3 or -1",
    ],
    [
      { code: [1, 10] },
      "input 'code' of program 'train' is 10 at [1], but it is used as an index from 0 to 9",
    ],
    [
      { code: Float32Array.of(1, Number.NaN) },
      "input 'code' of program 'train' is NaN at [1], but it is used as an index from 0 to 9",
    ],
    [
      { row: 2 ** 30 },
      "input 'row' of program 'train' is 1073741824, but it is used as an index from 0 to 9",
    ],
  ])('refuses %j before anything runs', async (wrong, message) => {
    const before = await session.saveCheckpoint();
    const run = session.run('train', { ...RIGHT, ...wrong } as never);
    await expect(run).rejects.toMatchObject({ code: 'invalid-input', message });
    expect(await session.saveCheckpoint()).toEqual(before);
  });
});

describe('a plan by hand', () => {
  let plan: Plan;
  beforeAll(async () => {
    plan = (await compile(model, { target: 'wasm' })).plan!;
  });

  /** What is wrong with the plan when an input of `train` has those ranges, and that default. */
  const problems = (
    name: string,
    ranges: readonly unknown[],
    changes: Partial<Plan['programs'][string]['inputs'][number]> = {},
  ): string[] => {
    const { inputs } = plan.programs.train;
    const changed = inputs.map((input) =>
      input.name === name ? { ...input, ...changes, ranges: ranges as IndexRange[] } : input,
    );
    const train = { ...plan.programs.train, inputs: changed };
    const tampered = { ...plan, programs: { ...plan.programs, train } };
    const inWords = verifyPlan(tampered).map((problem) => problem.replace(/^.*ranges/, 'ranges'));
    // What the schema refuses the verifier refuses, too.
    if (checkSchema(tampered).length > 0) expect(inWords).not.toEqual([]);
    return inWords;
  };

  test('is sound as it is made', () => {
    expect(verifyPlan(plan)).toEqual([]);
    expect(problems('label', [{ low: 0, high: 4, except: [-1] }])).toEqual([]);
    expect(
      problems('tokens', [
        {
          low: 0,
          high: 4,
          part: [
            [1, 1, 1],
            [0, 2, 2],
          ],
        },
      ]),
    ).toEqual([]);
    expect(problems('label', [{ low: 0, high: 4 }], { default: 3 })).toEqual([]);
    expect(problems('label', [{ low: 0, high: 4, except: [9] }], { default: 9 })).toEqual([]);
  });

  test.each<[string, readonly unknown[], string]>([
    ['label', [{ low: 4, high: 4 }], 'ranges[0]: from 4 to 3 there is no value'],
    [
      'label',
      [
        { low: 0, high: 4 },
        { low: 1, high: 0 },
      ],
      'ranges[1]: from 1 to -1 there is no value',
    ],
    ['label', [{ low: 0, high: 4, except: [2] }], 'ranges[0]: the exception 2 is in the range'],
    ['label', [{ low: 0, high: 4, except: [7, 7] }], 'ranges[0]: an exception is named twice'],
    ['label', [{ low: 0, high: 4, part: [] }], 'ranges[0]: the part has 0 axes, the input 1'],
    [
      'label',
      [{ low: 0, high: 4, part: [[0, 3, 1]] }],
      'ranges[0]: the part does not lie along axis 0 of extent 2',
    ],
    [
      'label',
      [{ low: 0, high: 4, part: [[0, 2, 2]] }],
      'ranges[0]: the part does not lie along axis 0 of extent 2',
    ],
    [
      'label',
      [{ low: 0, high: 4, part: [[0, 0, 1]] }],
      'ranges[0]: the part does not lie along axis 0 of extent 2',
    ],
    [
      'label',
      [{ low: 0, high: 4, part: [[0, 1, 0]] }],
      'ranges[0]: the part does not lie along axis 0 of extent 2',
    ],
    [
      'label',
      [{ low: 0.5, high: 4 }],
      'ranges[0].low: must be a whole number from -9007199254740991 to 9007199254740991',
    ],
    [
      'label',
      [{ low: 0 }],
      'ranges[0].high: must be a whole number from -9007199254740991 to 9007199254740991',
    ],
    ['label', [], 'ranges: must be an array'],
    ['label', [7], 'ranges[0]: must be an object'],
  ])('%s %j is refused', (name, ranges, problem) => {
    expect(problems(name, ranges)[0]).toBe(problem);
  });

  test('a default lies in the range, and a counter has none', () => {
    const refused = 'ranges[0]: the default 4 is not from 0 to 3';
    expect(problems('label', [{ low: 0, high: 4 }], { default: 4 })).toEqual([refused]);
    const counted = { default: 0, counter: true };
    expect(problems('row', [{ low: 0, high: 4 }], counted)).toEqual([
      'ranges[0]: the session counts this input, so that nobody gives its values',
    ]);
  });
});
