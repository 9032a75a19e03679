// Measures the rows of one group on one target: built, checked, then timed round by round.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runScript } from './processes.mjs';
import { disagreement, summarise } from './rows.mjs';
import { SYSTEMS } from './systems.mjs';
import { TARGETS } from './targets.mjs';
import { KERNELS } from './workloads.mjs';

/** Seconds of one kernel in a process: each group has several. */
const secondsOf = (row, seconds) => (KERNELS[row] ? seconds / 4 : seconds);

/** What one process of a system says of rows: by row, { ms, … } or { reason }. */
async function runSystem(system, rows, { target, environment, options, artifacts, seconds }) {
  const { gpu, threads } = TARGETS[target];
  const { timeout, cpu } = options;
  const job = { system: SYSTEMS[system].module, gpu, threads, rows, seconds, artifacts, cpu };
  const { lines, reason } = await runScript('worker.mjs', [JSON.stringify(job)], {
    environment,
    timeout,
  });
  const whole = lines.find((line) => line.row === undefined)?.reason ?? reason;
  return new Map(
    rows.map((row) => {
      const said = lines.find((line) => line.row === row && !line.started);
      return [row, said ?? { reason: whole ?? 'said nothing' }];
    }),
  );
}

async function build(rows, { target, environment, options, artifacts }) {
  const kind = TARGETS[target].gpu ? 'webgpu' : 'wasm';
  const profile = target === 'swiftshader' ? 'swiftshader' : 'default';
  const { reason } = await runScript('build.mjs', [artifacts, kind, profile, ...rows], {
    environment,
    timeout: options.timeout,
  });
  return reason;
}

async function workOf(row, target, artifacts) {
  if (KERNELS[row]) return KERNELS[row];
  const kind = TARGETS[target].gpu ? 'webgpu' : 'wasm';
  const { flops } = JSON.parse(await readFile(join(artifacts, `${row}.${kind}.json`), 'utf8'));
  return { flops, bytes: null };
}

/** Losses, or results of kernels, of all systems before anything is timed; gives for each what speaks against it. */
async function check(rows, run) {
  const { options, missing, say } = run;
  const checks = new Map();
  for (const system of options.systems) {
    say(`${run.target} ${run.group}: ${system} is checked`);
    const said = missing.has(system)
      ? new Map(rows.map((row) => [row, { reason: missing.get(system) }]))
      : await runSystem(system, rows, { ...run, seconds: 0 });
    checks.set(system, said);
  }
  const reasons = new Map(options.systems.map((system) => [system, new Map()]));
  for (const row of rows) {
    const other = options.systems.find((system) => checks.get(system).get(row).values);
    const reference = other && checks.get(other).get(row).values;
    for (const system of options.systems) {
      const { values, reason } = checks.get(system).get(row);
      const differs = values && reference ? disagreement(values, reference, other) : null;
      const against = reason ?? (differs && `differs: ${differs}`);
      if (against) reasons.get(system).set(row, against);
    }
  }
  return { checks, reasons };
}

/**
 * Rows of the table for one group. `run` is { target, environment, group, options, artifacts, ceilings, missing, say }: the folder of
 * built models, and by system why its package is missing.
 */
export async function measureGroup(rows, run) {
  const { options, target, group, artifacts, ceilings, say } = run;
  const failed = await build(rows, run);
  if (failed) {
    const reason = `btc did not build it: ${failed}`;
    return rows.flatMap((model) =>
      options.systems.map((system) => ({ ...emptyRow(model, system, target), reason })),
    );
  }
  const { checks, reasons } = await check(rows, run);
  const measured = new Map(options.systems.map((system) => [system, new Map()]));
  for (let round = 1; round <= options.rounds; round++)
    for (const system of options.systems) {
      const open = rows.filter((row) => !reasons.get(system).has(row));
      if (open.length === 0) continue;
      say(`${target} ${group}: ${system}, round ${round} of ${options.rounds}`);
      const seconds = secondsOf(rows[0], options.seconds);
      for (const [row, said] of await runSystem(system, open, { ...run, seconds })) {
        if (said.ms === undefined) reasons.get(system).set(row, said.reason);
        else
          measured
            .get(system)
            .set(row, (measured.get(system).get(row) ?? new Map()).set(round, said));
      }
    }
  const table = [];
  for (const model of rows) {
    const work = await workOf(model, target, artifacts);
    const baseline = measured.get('btc')?.get(model) ?? new Map();
    for (const system of options.systems)
      table.push(
        summarise({
          model,
          system,
          target,
          check: checks.get(system).get(model),
          rounds: measured.get(system).get(model) ?? new Map(),
          baseline,
          work,
          ceilings,
          reason: reasons.get(system).get(model) ?? null,
        }),
      );
  }
  return table;
}

const emptyRow = (model, system, target) =>
  summarise({
    model,
    system,
    target,
    check: null,
    rounds: new Map(),
    baseline: new Map(),
    work: { flops: null, bytes: null },
    ceilings: null,
    reason: null,
  });

/** { gflops, gbs } of a target, with the adapter's driver; null where they cannot be measured. */
export async function measureCeilings({ target, environment }, { timeout, cpu, say }) {
  const { gpu, threads } = TARGETS[target];
  const given = [gpu ? 'gpu' : 'wasm', String(threads), cpu ? 'cpu' : 'wall'];
  const { lines, reason } = await runScript('ceilings.mjs', given, { environment, timeout });
  if (reason) say(`${target}: the ceilings were not measured: ${reason}`);
  return lines[0] ?? null;
}
