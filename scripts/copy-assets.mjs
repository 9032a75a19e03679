// Completes dist/ with what the TypeScript compiler leaves behind: the schemas and the executable bit of the command line.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const assets = [
  'ir/plan.schema.json',
  'compiler/profile/profile.schema.json',
  'compiler/explain/pages.json',
  'runtime/import-module.js',
  'runtime/import-module.d.ts',
];

for (const asset of assets) {
  const target = new URL(`dist/${asset}`, root);
  mkdirSync(new URL('.', target), { recursive: true });
  copyFileSync(new URL(asset, root), target);
}
chmodSync(new URL('dist/compiler/cli/main.js', root), 0o755);
