import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { ACTIONS, GRAPH_ACTIONS, SCHEDULE_ACTIONS } from '../../compiler/plan-search/index.ts';

describe('the table of actions', () => {
  test('has one row a name, and schedule actions stand at their method', () => {
    expect(new Set(ACTIONS.map(({ name }) => name)).size).toBe(ACTIONS.length);
    SCHEDULE_ACTIONS.forEach(({ method, level }, place) => {
      expect(method).toBe(place);
      expect(level).toBe('schedule');
    });
    for (const { level } of GRAPH_ACTIONS) expect(level).toBe('graph');
  });

  test('says which are exact: what runs the same kernels on the same values', () => {
    const exact = ACTIONS.filter((action) => action.exact).map(({ name }) => name);
    expect(exact).toEqual(['separate', 'keep', 'recompute', 'swap']);
  });

  test.each(ACTIONS.flatMap(({ option }) => (option ? [option] : [])))(
    'gives the option $name its choices',
    async ({ name, choices }) => {
      const model = btc.defineModel({
        name: 'm',
        inputs: { x: btc.tensor([2]) },
        build: ({ x }) => ({ y: btc.square(x) }),
      });
      for (const choice of choices)
        expect((await btc.compile(model, { [name]: choice })).diagnostics, choice).toEqual([]);
      const { diagnostics } = await btc.compile(model, { [name]: 'sometimes' });
      expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
        ['BTC4006', expect.stringContaining(choices.join(', '))],
      ]);
    },
  );

  test.each([-1, 1e6, Number.NaN])(
    'and a limit of %s seconds on the search says which ones there are',
    async (planSeconds) => {
      const model = btc.defineModel({
        name: 'm',
        inputs: { x: btc.tensor([2]) },
        build: ({ x }) => ({ y: btc.square(x) }),
      });
      const { diagnostics } = await btc.compile(model, { planSeconds });
      expect(diagnostics.map(({ message }) => message)).toEqual([
        `'planSeconds' is '${planSeconds}'; it must be a number of seconds, 0 or more and below 1000000`,
      ]);
    },
  );

  test('and the order of contractions takes one of its two objectives', async () => {
    const model = btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([2]) },
      build: ({ x }) => ({ y: btc.square(x) }),
    });
    const { diagnostics } = await btc.compile(model, { contractions: 'bytes' as 'macs' });
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC4006']);
  });
});
