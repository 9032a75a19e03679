import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findNodeGpu } from '../../../node/index.ts';
import { casesIn } from './cases.ts';
import { type Outcome, type RunOptions, runCase, type Witness } from './run-case.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', multiple: true },
    only: { type: 'string', default: '' },
    rtol: { type: 'string', default: '1e-3' },
    atol: { type: 'string', default: '1e-7' },
    verbose: { type: 'boolean', default: false },
  },
});
const [folder] = positionals;
if (!folder) throw new Error('name the folder: npm run onnx -- FOLDER');
const witnesses = (values.target ?? ['interpreter', 'wasm']) as Witness[];
const options: RunOptions = {
  rtol: Number(values.rtol),
  atol: Number(values.atol),
  ...(witnesses.includes('webgpu') ? { gpu: (await findNodeGpu()).gpu as never } : {}),
};

/** Where the machine has no GPU of its own, one in software is started with: its settings are those of a process. */
if (witnesses.includes('webgpu') && !options.gpu) {
  if (process.env['BTC_ONNX_GPU']) throw new Error((await findNodeGpu()).reason ?? '');
  const { softwareGpuEnvironment } = await import('../../support/software-gpu.mjs');
  const script = fileURLToPath(new URL('../typescript.mjs', import.meta.url));
  const { status } = spawnSync(
    process.execPath,
    [script, fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...(await softwareGpuEnvironment()), BTC_ONNX_GPU: 'software' } },
  );
  process.exit(status ?? 1);
}

const cases = casesIn(folder, new RegExp(values.only));
const byWitness = new Map(witnesses.map((witness) => [witness, new Map<string, Outcome>()]));
for (const one of cases) {
  const outcomes = await runCase(one, witnesses, options);
  for (const [witness, outcome] of outcomes) {
    byWitness.get(witness)!.set(one.name, outcome);
    if (outcome.kind === 'failed' || (values.verbose && outcome.kind === 'refused'))
      console.log(`${witness}: ${one.name} (${one.operators}): ${outcome.kind}: ${outcome.reason}`);
  }
}

/** By the operator that is to blame: of a refusal the one that says so. */
for (const [witness, outcomes] of byWitness) {
  const all = [...outcomes.values()];
  const count = (kind: Outcome['kind']) => all.filter((outcome) => outcome.kind === kind).length;
  const known = all.filter((outcome) => outcome.kind === 'passed' && outcome.known.length > 0);
  console.log(
    `\n${witness}: ${all.length} cases: ${count('passed')} passed (${known.length} with inputs that are known at the build), ${count('failed')} failed, ${count('refused')} refused`,
  );
  const refused = new Map<string, { count: number; reasons: Set<string> }>();
  for (const outcome of all) {
    if (outcome.kind !== 'refused') continue;
    const known = refused.get(outcome.operator) ?? { count: 0, reasons: new Set() };
    known.count++;
    known.reasons.add(outcome.reason.replace(/node '[^']*'/, 'node'));
    refused.set(outcome.operator, known);
  }
  for (const [operator, { count, reasons }] of [...refused].sort((a, b) => b[1].count - a[1].count))
    console.log(`  ${operator}: ${count} refused: ${[...reasons].slice(0, 2).join(' / ')}`);
}
process.exit(
  [...byWitness.values()].some((outcomes) =>
    [...outcomes.values()].some(({ kind }) => kind === 'failed'),
  )
    ? 1
    : 0,
);
