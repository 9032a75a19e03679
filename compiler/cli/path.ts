import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import { type ContractionTree, createProblem } from '../contract/problem.ts';
import { contractionOrder, treeWork } from '../contract/tree.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';

export interface PathCommandOptions {
  /** `a=8,b=20` */
  readonly sizes: string;
  /** Counts gradients in: of all operands, or of all but the first. */
  readonly train?: 'all' | 'no-input';
  readonly json?: boolean;
}

/** What `btc path --json` prints. */
export interface PathReport {
  readonly equation: string;
  readonly method: 'exact' | 'heuristic';
  readonly macs: number;
  readonly trainMacs: number | null;
  readonly tree: ContractionTree;
  readonly largestIntermediate: number;
  readonly leftToRightMacs: number;
  readonly seconds: number;
}

/** Finds the cheapest order of an einsum, without a model. Exit code 1 for an equation or sizes that do not fit. */
export function pathCommand(equation: string, options: PathCommandOptions): number {
  const report = findPath(equation, options);
  if ('code' in report) {
    console.error(formatPlain(fromBtc(report)));
    return 1;
  }
  console.log(options.json ? JSON.stringify(report, null, 2) : describe(report, options));
  return 0;
}

export function findPath(
  equation: string,
  { sizes, train }: PathCommandOptions,
): PathReport | Diagnostic {
  const refuse = (reason: string) => diagnostic(2006, null, { equation, reason });
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return refuse(parsed.reason);
  const { operands, output } = parsed;
  const given = parseSizes(sizes);
  if (typeof given === 'string') return diagnostic(6004, null, { text: given });
  const letters = new Set(operands.join(''));
  const missing = [...letters].filter((letter) => !given.has(letter));
  if (missing.length > 0) return refuse(`no size is given for '${missing.join("', '")}'`);
  const stray = [...output].find((letter) => !letters.has(letter));
  if (stray) return diagnostic(2005, null, { equation, letter: stray });
  const shapes = operands.map((term) => [...term].map((letter) => given.get(letter)!));
  const extents = letterExtents(parsed, shapes) as Map<string, number>;
  const wanted = operands.map((_, k) => train === 'all' || (train === 'no-input' && k > 0));
  const started = performance.now();
  const order = contractionOrder(operands, output, extents, { wanted });
  const seconds = (performance.now() - started) / 1000;
  const leftToRight = operands
    .map((_, k): ContractionTree => k)
    .reduce((left, right): ContractionTree => [left, right]);
  return {
    equation,
    method: order.method,
    macs: order.macs,
    trainMacs: train ? order.trainMacs : null,
    tree: order.tree,
    largestIntermediate: order.largestIntermediate,
    leftToRightMacs: treeWork(createProblem(operands, output, extents), leftToRight).macs,
    seconds,
  };
}

/** Extents by letter, or the part that is not of the form `letter=size`. */
function parseSizes(text: string): Map<string, number> | string {
  const sizes = new Map<string, number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\p{L})\s*=\s*(\d+)\s*$/u.exec(part);
    if (!match || Number(match[2]) === 0 || !Number.isSafeInteger(Number(match[2]))) return part;
    sizes.set(match[1], Number(match[2]));
  }
  return sizes;
}

function describe(report: PathReport, { train }: PathCommandOptions): string {
  const number = (value: number) => value.toLocaleString('en');
  const times = report.leftToRightMacs / report.macs;
  const lines = [
    style.bold(report.equation),
    `  ${style.bold(number(report.macs))} multiply-adds, ${report.method === 'exact' ? 'the least of all orders' : 'the least that was found'} (${(1000 * report.seconds).toFixed(1)} ms)`,
    `  ${number(report.leftToRightMacs)} from left to right${times > 1 ? `, ${times.toPrecision(3)} times as many` : ''}`,
  ];
  if (report.trainMacs !== null) {
    const which = train === 'all' ? 'all gradients' : "all gradients but the first operand's";
    lines.push(`  ${number(report.trainMacs)} to train, with ${which}`);
  }
  lines.push(`  largest intermediate: ${number(report.largestIntermediate)} elements`, '');
  return [...lines, ...steps(report)].join('\n');
}

/** One line per pairwise contraction, in the order in which they can run. */
function steps({ equation, tree }: PathReport): string[] {
  const parsed = parseEquation(equation);
  if ('reason' in parsed || typeof tree === 'number') return [];
  const { operands, output } = parsed;
  const terms = new Map<ContractionTree, string>(operands.map((term, k) => [k, term]));
  const names = new Map<ContractionTree, string>(operands.map((_, k) => [k, `#${k}`]));
  const lines: string[] = [];
  const carriers = [...operands];
  const visit = (node: ContractionTree) => {
    if (typeof node === 'number') return;
    for (const side of node) visit(side);
    const [left, right] = node.map((side) => terms.get(side)!);
    carriers.splice(carriers.indexOf(left), 1);
    carriers.splice(carriers.indexOf(right), 1);
    const all = [...new Set(left + right)];
    const kept =
      node === tree
        ? output
        : all
            .filter((c) => output.includes(c) || carriers.some((term) => term.includes(c)))
            .join('');
    carriers.push(kept);
    terms.set(node, kept);
    names.set(node, `t${lines.length}`);
    const [a, b] = node.map((side) => names.get(side)!);
    const product = `${names.get(node)} = ${a} · ${b}`;
    lines.push(`  ${product.padEnd(20)}${left},${right}->${kept}`);
  };
  visit(tree);
  return lines;
}
