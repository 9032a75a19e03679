import pc from 'picocolors';

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const integer = (count) => count.toLocaleString('en');

/** One column per run, one row per figure. */
export function printTable(runs, { steps, width, train, heldOut }) {
  const figures = [
    ['input-to-hidden parameters', ({ inputParameters }) => integer(inputParameters)],
    ['all parameters', ({ parameters }) => integer(parameters)],
    ['device memory', ({ deviceBytes }) => `${(deviceBytes / 2 ** 20).toFixed(1)} MiB`],
    ['seconds of training', ({ seconds }) => seconds.toFixed(0)],
    [`${heldOut} held-out pictures`],
    ...figuresOf('heldOut', width),
    [`${train} of the training pictures`],
    ...figuresOf('training', width),
  ];
  const cells = figures.map(([title, text]) => [title, ...(text ? runs.map(text) : [])]);
  const first = Math.max(...cells.map(([title]) => title.length)) + 2;
  const others = Math.max(...runs.map(({ name }) => name.length), 10) + 2;
  const line = ([title, ...texts]) =>
    title.padEnd(first) + texts.map((text) => text.padStart(others)).join('');
  console.log(`\non ${runs[0].device}, ${integer(steps)} steps each`);
  console.log(pc.bold(line(['', ...runs.map(({ name }) => name)])));
  for (const row of cells) console.log(row.length === 1 ? pc.dim(row[0]) : line(row));
}

function figuresOf(part, width) {
  const searches = [
    ['greedy', 'greedy'],
    ['beam', `beam of ${width}`],
  ];
  return [
    ['  loss per token', (run) => run[part].loss.toFixed(3)],
    ['  token accuracy', (run) => percent(run[part].tokenAccuracy)],
    ...searches.flatMap(([search, title]) => [
      [`  BLEU-4, ${title}`, (run) => (100 * run[part][search].bleu).toFixed(1)],
      [`  whole name right, ${title}`, (run) => percent(run[part][search].exact)],
    ]),
  ];
}

/** The first so many of the held-out pictures, whose order is that of a shuffle: they are not chosen. */
export function printExamples(runs, count) {
  console.log(
    `\n${pc.bold('Held-out pictures')}, the first ${count} of a shuffle; ${pc.green('green')}: a word of the name`,
  );
  const width = Math.max(...runs.map(({ name }) => `${name}, greedy and beam`.length)) + 2;
  for (let k = 0; k < count; k++) {
    const { emoji, reference } = runs[0].heldOut.said[k];
    console.log(`\n  ${emoji}  ${pc.bold(reference.join(' '))}`);
    for (const { name, heldOut } of runs)
      for (const [search, words] of distinct(heldOut.said[k])) {
        const shown = words.map((word) => (reference.includes(word) ? pc.green(word) : word));
        console.log(`      ${pc.dim(`${name}, ${search}`.padEnd(width))}${shown.join(' ') || '-'}`);
      }
  }
}

/** Both searches often say the same. */
function distinct({ greedy, beam }) {
  const same = greedy.join(' ') === beam.join(' ');
  return same
    ? [['greedy and beam', greedy]]
    : [
        ['greedy', greedy],
        ['beam', beam],
      ];
}
