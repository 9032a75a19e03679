// How long after the last key `btc lsp` shows what is wrong, by model: node test/bench/typescript.mjs test/bench/editor.ts [FILE…]
// `cpu` is the processor time of the server per key, over all of its threads, where the system tells it (Linux): hardly any of it depends on
// what else the machine does. The 95th percentile of 40 keys leaves out the slowest.
// Each key adds a character to a comment and the whole model is looked at anew; a mistake is typed in between, and must be shown.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEditor } from '../editor/client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/compiler/cli/main.js');
const KEYS = 40;
const OWN = [
  ...readdirSync(join(ROOT, 'examples/networks'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `examples/networks/${name}`),
  ...['digits/model', 'rows/model', 'captions/model', 'video/model'].map(
    (name) => `examples/${name}.ts`,
  ),
  ...['gpt', 'resnet', 'transformer'].map((name) => `examples/finetune/${name}.ts`),
];

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** Milliseconds of processor time that a process has taken; NaN where nobody tells. */
function processorTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    // In hundredths of a second.
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Number.NaN;
  }
}

const given = process.argv.slice(2);
console.log('milliseconds from the last key to the diagnostics');
console.log(`${'model'.padEnd(36)}  first    p50    p95    cpu`);
for (const name of given.length > 0 ? given : OWN) {
  const file = resolve(ROOT, name);
  const text = readFileSync(file, 'utf8');
  const editor = await startEditor(MAIN, { cwd: ROOT });
  const timed = async (act: () => void) => {
    const started = performance.now();
    act();
    const { diagnostics } = await editor.shown(file);
    return { milliseconds: performance.now() - started, diagnostics };
  };
  const first = await timed(() => editor.open(file, text));
  const times: number[] = [];
  const before = processorTime(editor.child.pid!);
  for (let key = 0; key < KEYS; key++) {
    const isWrong = key % 4 === 3;
    const typed = isWrong
      ? `${text}\nimport { tensor as t${key} } from 'btc-compiler';\nt${key}([-1]).nothing.here;\n`
      : `${text}\n// ${'x'.repeat(key)}`;
    const { milliseconds, diagnostics } = await timed(() => editor.type(file, typed));
    if (diagnostics.length > 0 !== isWrong)
      throw new Error(`${name}: ${JSON.stringify(diagnostics)}`);
    times.push(milliseconds);
  }
  // With what comes behind the diagnostics.
  await editor.hover(file, { line: 0, character: 0 });
  const cpu = (processorTime(editor.child.pid!) - before) / KEYS;
  await editor.end();
  const sorted = times.toSorted((a, b) => a - b);
  const figures = [first.milliseconds, quantile(sorted, 0.5), quantile(sorted, 0.95), cpu];
  console.log(
    `${name.padEnd(36)} ${figures.map((value) => value.toFixed(0).padStart(6)).join(' ')}`,
  );
}
