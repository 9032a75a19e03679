import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { testGpu } from '../support/gpu.ts';

// Run where a GPU can be had for minutes only: it has to work then.
it('times every variant of a contraction, and marks the one that is taken', async () => {
  await testGpu();
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['test/bench/wgsl.mjs', 'contractions', '2,64,4'],
    { encoding: 'utf8', env: { ...process.env, PROFILE: 'swiftshader' } },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const [, title, ...rows] = stdout.trim().split('\n');
  expect(title).toBe('2x64x4 (* chosen by swiftshader)');
  expect(rows.filter((row) => row.endsWith('*'))).toHaveLength(1);
  const variants = rows.map((row) => row.match(/GFLOP\/s +\d+ us {2}(.*?)( \*)?$/)?.[1]);
  expect(variants.every((text) => text !== undefined)).toBe(true);
  expect(new Set(variants.map((text) => text!.split(' ')[0]))).toEqual(
    new Set(['reduction', 'blocks']),
  );
});
