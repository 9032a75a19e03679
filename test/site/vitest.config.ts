import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/site/*.tools.ts'],
    testTimeout: 120_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
  },
});
