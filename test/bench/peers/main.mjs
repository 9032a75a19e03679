// Measures btc beside its peers: npm run bench -- --help
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArguments, USAGE, UsageError } from './arguments.mjs';
import { installPeers } from './install.mjs';
import { runScript } from './processes.mjs';
import { disagreement, summarise } from './rows.mjs';
import { installedVersion, SYSTEMS } from './systems.mjs';
import { markdownPage, textTable } from './table.mjs';
import { resolveTargets, TARGETS } from './targets.mjs';
import { GROUPS, KERNELS } from './workloads.mjs';

const say = (text) => process.stderr.write(`${text}\n`);

function readCommand() {
  try {
    const known = { groups: GROUPS, targets: Object.keys(TARGETS), systems: Object.keys(SYSTEMS) };
    return parseArguments(process.argv.slice(2), known);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`bench: ${error.message}`);
    process.exit(2);
  }
}

/** Seconds of one kernel in a process: each group has several. */
const secondsOf = (row, seconds) => (KERNELS[row] ? seconds / 4 : seconds);

/** What one process of a system says of rows: by row, { ms, … } or { reason }. */
async function runSystem(system, rows, { target, environment, options, artifacts, seconds }) {
  const { gpu, threads } = TARGETS[target];
  const job = { system: SYSTEMS[system].module, gpu, threads, rows, seconds, artifacts };
  const { timeout } = options;
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
  const { options, missing } = run;
  const checks = new Map();
  for (const system of options.systems) {
    say(`${run.target} ${run.group}: ${system}, checked`);
    const said = missing.has(system)
      ? new Map(rows.map((row) => [row, { reason: missing.get(system) }]))
      : await runSystem(system, rows, { ...run, seconds: 0 });
    checks.set(system, said);
  }
  const reasons = new Map(options.systems.map((system) => [system, new Map()]));
  for (const row of rows) {
    const reference = checks.get(options.systems[0]).get(row).values;
    for (const system of options.systems) {
      const { values, reason } = checks.get(system).get(row);
      const differs = values && reference ? disagreement(values, reference) : null;
      const against = reason ?? (differs && `differs: ${differs}`);
      if (against) reasons.get(system).set(row, against);
    }
  }
  return { checks, reasons };
}

/** Rows of the table for one group on one target. */
async function measureGroup(rows, run) {
  const { options, target, group, artifacts, ceilings } = run;
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

async function measureCeilings({ target, environment }, timeout) {
  const { gpu, threads } = TARGETS[target];
  const given = [gpu ? 'gpu' : 'wasm', String(threads)];
  const { lines, reason } = await runScript('ceilings.mjs', given, { environment, timeout });
  if (reason) say(`${target}: the ceilings were not measured: ${reason}`);
  return lines[0] ?? null;
}

async function main() {
  const options = readCommand();
  if (options.help) return console.log(USAGE);
  if (options.list)
    return console.log(
      Object.entries(GROUPS)
        .map(([group, rows]) => (rows.length > 1 ? `${group}: ${rows.join(', ')}` : group))
        .join('\n'),
    );
  const peers = options.systems.filter((system) => SYSTEMS[system].package);
  const notInstalled = peers.length > 0 ? installPeers(say) : null;
  if (notInstalled)
    say(`bench: ${notInstalled}; peers that are not there have this as their reason`);
  const missing = new Map(
    peers
      .filter((system) => !installedVersion(system))
      .map((system) => [system, `not installed (${notInstalled})`]),
  );
  const artifacts = await mkdtemp(join(tmpdir(), 'btc-bench-'));
  const [targets, rows] = [[], []];
  try {
    for (const found of await resolveTargets(options.targets)) {
      const { target, reason } = found;
      if (TARGETS[target].gpu && !found.adapter) {
        say(`bench: target '${target}' cannot be measured: ${reason}`);
        process.exitCode = 1;
        continue;
      }
      const ceilings = await measureCeilings(found, options.timeout);
      targets.push({
        target,
        about: TARGETS[target].about,
        adapter: found.adapter,
        driver: ceilings?.driver ?? null,
        ceilings,
      });
      const own = [];
      for (const [group, groupRows] of Object.entries(options.groups)) {
        const run = { ...found, group, options, artifacts, ceilings, missing };
        own.push(...(await measureGroup(groupRows, run)));
      }
      rows.push(...own);
      if (!options.json) {
        const at = found.adapter ? ` (${found.adapter})` : '';
        const limits = ceilings
          ? `; ceilings ${ceilings.gflops.toFixed(1)} GFLOP/s, ${ceilings.gbs.toFixed(1)} GB/s`
          : '';
        console.log(`\n${TARGETS[target].about}${at}${limits}\n${textTable(own).join('\n')}`);
      }
    }
  } finally {
    await rm(artifacts, { recursive: true, force: true });
  }
  const report = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    versions: Object.fromEntries(
      options.systems.map((system) => [system, installedVersion(system)]),
    ),
    options: { rounds: options.rounds, seconds: options.seconds },
    targets,
    rows,
  };
  if (options.json) console.log(JSON.stringify(report, null, 2));
  if (options.markdown) await writeFile(options.markdown, markdownPage(report));
}

await main();
