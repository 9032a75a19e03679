// Runs a script in TypeScript without a build: node test/bench/typescript.mjs test/bench/remat/main.ts ARGUMENTS…
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [script] = process.argv.splice(2, 1);
if (!script) throw new Error('which script?');
await runnerImport(resolve(script), {
  configFile: false,
  root: fileURLToPath(new URL('../..', import.meta.url)),
  logLevel: 'silent',
});
