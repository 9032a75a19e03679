import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/site/*.tools.ts'],
    testTimeout: 120_000,
    hookTimeout: 1_800_000,
    maxWorkers: 1,
  },
});
