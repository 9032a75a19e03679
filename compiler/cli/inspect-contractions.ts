import { shortName } from '../../ir/shorten.ts';
import { formatCount } from '../format.ts';
import type { InspectedContraction, Inspection } from '../inspect/index.ts';
import { style } from './style.ts';
import { table } from './table.ts';

const MAX_CONTRACTIONS = 3;

/** The order of every einsum, those that take most first; equal ones of several programs once. */
export function formatContractions({ programs }: Inspection, all: boolean): string[] {
  const shown = new Map<string, { contraction: InspectedContraction; places: string[] }>();
  for (const { name, contractions } of programs)
    for (const contraction of contractions) {
      const { equation, sizes, order, times } = contraction;
      const key = JSON.stringify([equation, sizes, order]);
      const entry = shown.get(key) ?? { contraction, places: [] };
      if (contraction.trainMacs !== null) entry.contraction = contraction;
      entry.places.push(times > 1 ? `${name} (${times} times)` : name);
      shown.set(key, entry);
    }
  if (shown.size === 0) return [];
  const ordered = [...shown.values()].sort((a, b) => b.contraction.macs - a.contraction.macs);
  const count = all ? ordered.length : MAX_CONTRACTIONS;
  const more = ordered.length - count;
  return [
    [
      style.bold('contractions'),
      ...ordered.slice(0, count).map((entry) => formatContraction(entry, all)),
      ...(more > 0 ? [`  and ${more} more (--all)\n`] : []),
    ].join('\n'),
  ];
}

function formatContraction(
  {
    contraction,
    places,
  }: {
    readonly contraction: InspectedContraction;
    readonly places: readonly string[];
  },
  all: boolean,
): string {
  const { equation, macs, trainMacs, leftToRightMacs, denseMacs, source, scope, method } =
    contraction;
  const beside = (other: number) =>
    `${formatCount(other).trim()} (${(other / macs).toPrecision(3)} times)`;
  const where = [`in ${places.join(', ')}`, scope, source]
    .filter((part) => part !== null)
    .join(', ');
  return [
    `  ${style.bold(all ? equation : shortName(equation))}  ${style.dim(where)}`,
    ...table([
      ['this order', `${formatCount(macs).trim()} multiply-adds, ${METHODS[method]}`],
      ...(trainMacs === null ? [] : [['with gradients', formatCount(trainMacs).trim()]]),
      ['left to right', beside(leftToRightMacs)],
      ['dense', beside(denseMacs)],
    ])
      .split('\n')
      .map((line) => `  ${line}`),
    ...firstLines(formatTree(contraction), all).map((line) => `    ${line}`),
    '',
  ].join('\n');
}

const METHODS = {
  exact: 'the best of all orders',
  heuristic: 'the best that was found',
  bounded: 'the best that was found within the budget',
} as const;

const MAX_LINES = 60;

function firstLines(lines: readonly string[], all: boolean): readonly string[] {
  const more = lines.length - MAX_LINES;
  return all || more <= 0 ? lines : [...lines.slice(0, MAX_LINES), `and ${more} more (--all)`];
}

/** Columns of branches; below that depth the inner ones are drawn. */
const MAX_LEAD = 60;

/** The tree from the result down, each contraction with its multiply-adds; operands by number and letters. */
function formatTree({ operands, steps, windows = [] }: InspectedContraction): string[] {
  const lines: string[] = [];
  const pending = [{ part: operands.length + steps.length - 1, lead: '', branch: '', below: '' }];
  while (pending.length > 0) {
    const { part, lead, branch, below } = pending.pop()!;
    const step = steps[part - operands.length];
    const text = step
      ? `${step.result || 'scalar'}  ${style.dim(step.macs === 0 ? 'a view' : formatCount(step.macs).trim())}`
      : style.dim(`${windows.includes(part) ? 'window' : '#'}${part} ${operands[part]}`);
    lines.push(`${lead}${branch}${text}`);
    if (!step) continue;
    const whole = lead + below;
    const inner = whole.length > MAX_LEAD ? `⋯${whole.slice(1 - MAX_LEAD)}` : whole;
    pending.push({ part: step.right, lead: inner, branch: '└─ ', below: '   ' });
    pending.push({ part: step.left, lead: inner, branch: '├─ ', below: '│  ' });
  }
  return lines;
}
