import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Tests that replace modules need modules of their own. `test/clocks.test.ts` holds that all are named. */
const MOCKING = ['test/cli/outputs.test.ts', 'test/cli/run.test.ts'];

/**
 * Chromium has stopped answering, which on a busy machine it does once in some thousand pages, or it has crashed: a test is tried once more with a
 * page of its own. All other failures are final.
 */
const BROWSER_IS_SILENT =
  /'protocolTimeout' setting|^Waiting for selector .* failed$|Page crashed|Target closed|Session closed/;

/**
 * V8 11 spends half of the processor time of tests on optimising code that hardly runs again, as it does of builds: see
 * compiler/cli/engine.ts. What tests compile and compare dies young.
 */
const ENGINE = [
  ...(process.versions.v8.startsWith('11.') ? ['--interrupt-budget=2000000'] : []),
  '--max-semi-space-size=64',
];

export default defineConfig({
  resolve: {
    // Tests see the sources under the names that a user imports, so that a failure points at a source line.
    alias: [
      { find: /^btc-compiler\/runtime$/, replacement: path('./runtime/index.ts') },
      {
        find: /^btc-compiler\/runtime\/weights$/,
        replacement: path('./runtime/weights/index.ts'),
      },
      { find: /^btc-compiler\/node$/, replacement: path('./node/index.ts') },
      { find: /^btc-compiler\/ir$/, replacement: path('./ir/index.ts') },
      { find: /^btc-compiler\/view$/, replacement: path('./view/index.ts') },
      { find: /^btc-compiler$/, replacement: path('./compiler/index.ts') },
    ],
  },
  test: {
    // Ten times what the longest test takes: a machine may be slow and busy.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
    retry: { count: 1, condition: BROWSER_IS_SILENT },
    // Most of the time is the compiler's, in one thread: two at a time use two cores.
    maxWorkers: 2,
    execArgv: ENGINE,
    sequence: { sequencer: LongestFirst },
    setupFiles: [
      'test/support/check-meanings.ts',
      'test/support/seeds.ts',
      'test/support/patient-polls.ts',
    ],
    // Files of one worker share its modules: the compiler, TypeScript, the GPU and the command line start once, not 100 times.
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: MOCKING, isolate: false },
      },
      { extends: true, test: { name: 'mocking', include: MOCKING, isolate: true } },
    ],
  },
});
