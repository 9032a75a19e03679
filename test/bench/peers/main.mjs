// Measures btc beside its peers: npm run bench -- --help
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArguments, USAGE, UsageError } from './arguments.mjs';
import { installPeers } from './install.mjs';
import { measureCeilings, measureGroup } from './measure.mjs';
import { installedVersion, SYSTEMS } from './systems.mjs';
import { markdownPage, textTable } from './table.mjs';
import { resolveTargets, TARGETS } from './targets.mjs';
import { GROUPS } from './workloads.mjs';

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

/** By system, why its package is not there. */
function missingPeers(systems) {
  const peers = systems.filter((system) => SYSTEMS[system].package);
  const reason = peers.length > 0 ? installPeers(say) : null;
  if (reason) say(`bench: ${reason}`);
  return new Map(
    peers
      .filter((system) => !installedVersion(system))
      .map((system) => [system, `not installed (${reason})`]),
  );
}

/** A folder that goes with this process. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'btc-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Measures one target, prints it group by group, and adds what is there to the report after each. */
async function measureTarget(found, options, shared, report) {
  const { target, adapter } = found;
  const { about } = TARGETS[target];
  const ceilings = await measureCeilings(found, { ...options, say });
  report.targets.push({ target, about, adapter, driver: ceilings?.driver ?? null, ceilings });
  const limits = ceilings
    ? `; ceilings ${ceilings.gflops.toFixed(1)} GFLOP/s, ${ceilings.gbs.toFixed(1)} GB/s`
    : '';
  if (!options.json) console.log(`\n${about}${adapter ? ` (${adapter})` : ''}${limits}`);
  for (const [group, members] of Object.entries(options.groups)) {
    const run = { ...found, group, options, ceilings, say, ...shared };
    const rows = await measureGroup(members, run);
    report.rows.push(...rows);
    if (!options.json) console.log(`\n${textTable(rows).join('\n')}`);
    // After each group: an hour of measuring may be interrupted.
    if (options.markdown) writeFileSync(options.markdown, markdownPage(report));
  }
}

const printNames = () => {
  for (const [group, rows] of Object.entries(GROUPS))
    console.log(rows.length > 1 ? `${group}: ${rows.join(', ')}` : group);
};

async function main() {
  const options = readCommand();
  if (options.help) return console.log(USAGE);
  if (options.list) return printNames();
  const shared = { missing: missingPeers(options.systems), artifacts: temporaryFolder() };
  const versions = options.systems.map((system) => [system, installedVersion(system)]);
  const report = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    load: loadavg()[0],
    versions: Object.fromEntries(versions),
    options: { rounds: options.rounds, seconds: options.seconds, cpu: options.cpu },
    targets: [],
    rows: [],
  };
  for (const found of await resolveTargets(options.targets)) {
    if (TARGETS[found.target].gpu && !found.adapter) {
      say(`bench: target '${found.target}' cannot be measured: ${found.reason}`);
      process.exitCode = 1;
    } else await measureTarget(found, options, shared, report);
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
}

await main();
