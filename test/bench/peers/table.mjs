// Rows as text and as a page.

const number = (value, digits) => (value === null ? '-' : value.toFixed(digits));
/** Three digits that count. */
export function milliseconds(value) {
  if (value === null) return '-';
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

const COLUMNS = [
  ['row', ({ model }) => model],
  ['system', ({ system }) => system],
  ['ms', ({ ms }) => milliseconds(ms)],
  ['quartiles', ({ spread }) => (spread ? spread.map(milliseconds).join(' - ') : '-')],
  ['x btc', ({ ratio }) => number(ratio, 2)],
  ['GFLOP/s', ({ gflops }) => number(gflops, 1)],
  ['GB/s', ({ gbs }) => number(gbs, 1)],
  ['% of ceiling', ({ share }) => (share === null ? '-' : number(100 * share, 0))],
  ['dispatches', ({ dispatches }) => number(dispatches, 0)],
  ['submits', ({ submits }) => number(submits, 0)],
  ['MiB', ({ deviceBytes }) => (deviceBytes === null ? '-' : number(deviceBytes / 2 ** 20, 1))],
  ['first step, ms', ({ firstStepMs }) => milliseconds(firstStepMs)],
];
const LEFT = 2;

const cellsOf = (row) =>
  row.reason ? [row.model, row.system, row.reason] : COLUMNS.map(([, cell]) => cell(row));

/** Lines of a table in columns; a row that could not be measured has its reason. */
export function textTable(rows) {
  const lines = [COLUMNS.map(([name]) => name), ...rows.map(cellsOf)];
  const widths = COLUMNS.map((_, k) =>
    Math.max(
      ...lines.filter((line) => line.length === COLUMNS.length).map((line) => line[k].length),
      k < LEFT ? Math.max(...lines.map((line) => line[k].length)) : 0,
    ),
  );
  return lines.map((line) =>
    line
      .map((cell, k) => {
        if (k >= LEFT && line.length < COLUMNS.length) return `  ${cell}`;
        return k < LEFT ? cell.padEnd(widths[k]) : cell.padStart(widths[k]);
      })
      .join('  ')
      .trimEnd(),
  );
}

function markdownTable(rows) {
  const escaped = (cell) => cell.replaceAll('|', '\\|');
  const head = COLUMNS.map(([name]) => name);
  const rule = COLUMNS.map((_, k) => (k < LEFT ? '---' : '---:'));
  const line = (cells) => `| ${cells.map(escaped).join(' | ')} |`;
  const measured = rows.filter(({ reason }) => !reason).map(cellsOf);
  return [line(head), line(rule), ...measured.map(line)];
}

/** What could not be measured: each reason once, with the rows that it is of. */
function reasonLines(rows) {
  const models = new Map();
  for (const { model, system, reason } of rows) {
    if (!reason) continue;
    const key = `${system}: ${reason}`;
    models.set(key, [...(models.get(key) ?? []), model]);
  }
  return [...models].map(([key, names]) => {
    const [system, ...reason] = key.split(': ');
    return `- ${names.join(', ')} with ${system}: ${reason.join(': ')}`;
  });
}

const list = (entries) => entries.map(([name, text]) => `- ${name}: ${text}`);

/** The page BENCHMARKS.md of a report: { date, node, cpu, cores, load, versions, options, targets, rows }. */
export function markdownPage({ date, node, cpu, cores, load, versions, options, targets, rows }) {
  const lines = [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --markdown BENCHMARKS.md`; [CONTRIBUTING.md](CONTRIBUTING.md) says how to run it.',
    '',
    ...list([
      ['date', date],
      ['machine', `${cpu}, ${cores} cores, Node ${node}`],
      ['load before', `${load.toFixed(1)} processes; on a quiet machine it is near 0`],
      [
        'versions',
        Object.entries(versions)
          .map(([name, version]) => `${name} ${version ?? 'not installed'}`)
          .join(', '),
      ],
      [
        'rounds',
        `${options.rounds}, in each of them one process of each system, one after the other`,
      ],
      ['clock', options.cpu ? "the processor's: other programs had the machine too" : "the wall's"],
    ]),
    '',
    'A row is a training step (with a fresh batch from the host, gradient descent, the loss read) or one call of a kernel on operands that',
    'are there. All systems have the same weights and data. Their losses, or results of kernels, agreed to one part in a thousand with',
    "btc's before anything was timed. `ms` is the median over the rounds of each process's median, then come the quartiles of the rounds.",
    "`x btc` is the time over btc's in the same round, as a median: above 1, btc is faster. Ceilings are measured here too: a loop of",
    "multiplications and additions, and a copy of 64 MiB; a share is that of the nearer one, and above 100 % where operands stay in caches. FLOPs of a model are those of btc's plan, bytes of a kernel",
    'its operands and its result once. `MiB` are GPU buffers at their peak or memories of WebAssembly; for btc what the plan says.',
    'The first step is what it takes from weights and code on the host to a loss, compilation of kernels included; btc has built its plan before.',
  ];
  for (const { target, about, adapter, driver, ceilings } of targets) {
    const own = rows.filter((row) => row.target === target);
    if (own.length === 0) continue;
    const where = [
      about,
      adapter && `adapter ${adapter}`,
      driver && driver !== adapter && `driver ${driver}`,
    ];
    const limits =
      ceilings &&
      `ceilings ${ceilings.gflops.toFixed(1)} GFLOP/s and ${ceilings.gbs.toFixed(1)} GB/s`;
    lines.push(
      '',
      `## ${target}`,
      '',
      `${[...where, limits].filter(Boolean).join('; ')}.`,
      '',
      ...markdownTable(own),
    );
    const reasons = reasonLines(own);
    if (reasons.length > 0) lines.push('', 'Not measured:', '', ...reasons);
  }
  return `${lines.join('\n')}\n`;
}
