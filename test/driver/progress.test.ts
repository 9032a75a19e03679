import { describe, expect, it } from 'vitest';
import { progressText } from '../../compiler/cli/build-progress.ts';
import type { CompileProgress } from '../../compiler/driver/progress.ts';
import { compile, type ModelSource } from '../../compiler/index.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';

const { model, set } = SMALL_NETWORKS.gpt;

async function progressOf(budget: number | null) {
  const seen: CompileProgress[] = [];
  const result = await compile(model as ModelSource, {
    ...{ target: 'webgpu', set, planSeconds: 0 },
    ...(budget === null ? {} : { budgetBytes: budget }),
    onProgress: (progress) => seen.push(progress),
  });
  return { seen, plan: result.plan };
}

describe('the progress of a compilation', () => {
  it('names passes as they begin, and the initial values', async () => {
    const { seen } = await progressOf(null);
    const texts = seen.map(progressText);
    for (const one of ['trace', 'gradient', 'fuse', 'order', 'initial values', 'codegen'])
      expect(texts).toContain(one);
    expect(texts.indexOf('trace')).toBeLessThan(texts.indexOf('codegen'));
    expect(seen.filter(({ kind }) => kind === 'search')).toEqual([]);
  });

  it('says what a search within a budget has met', async () => {
    const whole = (await progressOf(null)).plan!.memory.deviceBytes;
    const budget = Math.floor(whole * 0.8);
    const { seen, plan } = await progressOf(budget);
    const met = seen.flatMap((one) => (one.kind === 'search' ? [one] : []));
    expect(met.length).toBeGreaterThan(0);
    expect(met.every(({ budgetBytes }) => budgetBytes === budget)).toBe(true);
    expect(met.map(({ deviceBytes }) => deviceBytes)).toContain(plan!.memory.deviceBytes);
  });

  it.each([
    [{ kind: 'pass', pass: 'fuse' }, 'fuse'],
    [{ kind: 'initial' }, 'initial values'],
    [
      { kind: 'search', budgetBytes: 2 ** 20, deviceBytes: 2 ** 21, seconds: 0.5 },
      'searching: 2.00 MiB, over the budget of 1.00 MiB',
    ],
    [
      { kind: 'search', budgetBytes: 2 ** 21, deviceBytes: 2 ** 20, seconds: 0.5 },
      'searching: 500 ms a run within 2.00 MiB',
    ],
  ] as [CompileProgress, string][])('%o is said in few words', (progress, text) => {
    expect(progressText(progress)).toBe(text);
  });
});
