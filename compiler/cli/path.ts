import { DTYPES } from '../../ir/dtypes.ts';
import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type ContractionTree, createProblem, keptLetters } from '../contract/problem.ts';
import { denseMacs, leftToRight } from '../contract/record.ts';
import type { Slice } from '../contract/slice-program.ts';
import { pairwiseSteps } from '../contract/steps.ts';
import { type ContractionOrder, treeWork } from '../contract/tree.ts';
import { orderWithin } from '../contract/within.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatBytes } from '../format.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';

/** A path is searched for equations whose operands are f32. */
const ELEMENT_BYTES = DTYPES.f32.bytes;

export interface PathCommandOptions {
  /** `a=8,b=20` */
  readonly sizes: string;
  /** Counts gradients in: of all operands, or of all but the first. */
  readonly train?: 'all' | 'no-input';
  /** Limit on the bytes of operands, intermediates and the result. */
  readonly budget?: number;
  readonly json?: boolean;
}

/** What `btc path --json` prints. */
export interface PathReport {
  readonly equation: string;
  readonly method: ContractionOrder['method'];
  readonly macs: number;
  readonly trainMacs: number | null;
  readonly tree: ContractionTree;
  readonly largestIntermediate: number;
  /** Peak live bytes: operands, intermediates (with `--train` those that gradients read to the end) and the result. */
  readonly peakBytes: number;
  /** Indices that are run in parts to keep the budget. */
  readonly slices: readonly Slice[];
  readonly leftToRightMacs: number;
  /** Of the first operand by the dense tensor that the others make. */
  readonly denseMacs: number;
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
  { sizes, train, budget = Number.POSITIVE_INFINITY }: PathCommandOptions,
): PathReport | Diagnostic {
  const refuse = (reason: string) => diagnostic(2006, null, { equation, reason });
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return refuse(parsed.reason);
  const { operands, output } = parsed;
  const given = parseSizes(sizes);
  if (!(given instanceof Map)) return given;
  const letters = new Set(operands.join(''));
  const missing = [...letters].filter((letter) => !given.has(letter));
  if (missing.length > 0) return refuse(`no size is given for '${missing.join("', '")}'`);
  const stray = [...output].find((letter) => !letters.has(letter));
  if (stray)
    return diagnostic(2005, null, { equation, letter: stray, letters: [...letters].join(', ') });
  const shapes = operands.map((term) => [...term].map((letter) => given.get(letter)!));
  const extents = letterExtents(parsed, shapes) as Map<string, number>;
  const wanted = operands.map((_, k) => train === 'all' || (train === 'no-input' && k > 0));
  const started = performance.now();
  const operandElements = shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
  const bytes = (elements: number) => ELEMENT_BYTES * (operandElements + elements);
  const most = budget / ELEMENT_BYTES - operandElements;
  const order = orderWithin(operands, output, extents, most, { wanted });
  const peakBytes = bytes(order.peak);
  if (peakBytes > budget)
    return diagnostic(6007, null, {
      equation,
      budget: formatBytes(budget),
      smallest: formatBytes(peakBytes),
      exact: peakBytes,
    });
  const seconds = (performance.now() - started) / 1000;
  return {
    equation,
    method: order.method,
    macs: order.macs,
    trainMacs: train ? order.trainMacs : null,
    tree: order.tree,
    largestIntermediate: order.largestIntermediate,
    peakBytes,
    slices: order.slices,
    leftToRightMacs: treeWork(createProblem(operands, output, extents), leftToRight(operands)).macs,
    denseMacs: denseMacs(operands, output, extents),
    seconds,
  };
}

/** Extents by letter, or what is wrong with a part of `text`. */
function parseSizes(text: string): Map<string, number> | Diagnostic {
  const sizes = new Map<string, number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\p{L})\s*=\s*(\d+)\s*$/u.exec(part);
    const extent = Number(match?.[2]);
    if (!match || extent === 0 || !Number.isSafeInteger(extent))
      return diagnostic(6004, null, { text: part, form: 'letter=size, as in a=16' });
    const [, letter] = match;
    const first = sizes.get(letter);
    if (first !== undefined && first !== extent)
      return diagnostic(6021, null, { letter, first, second: extent });
    sizes.set(letter, extent);
  }
  return sizes;
}

/** What is known of the order beside others. */
function claim({ method }: PathReport, { budget }: PathCommandOptions): string {
  if (method === 'exact') return 'the least of all orders';
  const least = 'the least that was found';
  return budget === undefined ? least : `${least} within ${formatBytes(budget)}`;
}

function describe(report: PathReport, options: PathCommandOptions): string {
  const { train } = options;
  const number = (value: number) => value.toLocaleString('en');
  const times = report.leftToRightMacs / report.macs;
  const lines = [
    style.bold(report.equation),
    `  ${style.bold(number(report.macs))} multiply-adds, ${claim(report, options)} (${(1000 * report.seconds).toFixed(1)} ms)`,
    `  ${number(report.leftToRightMacs)} from left to right${times > 1 ? `, ${times.toPrecision(3)} times as many` : ''}`,
    `  ${number(report.denseMacs)} for the first operand by the dense tensor that the others make`,
  ];
  if (report.trainMacs !== null) {
    const which = train === 'all' ? 'all gradients' : "all gradients but the first operand's";
    lines.push(`  ${number(report.trainMacs)} to train, with ${which}`);
  }
  lines.push(
    `  largest intermediate: ${number(report.largestIntermediate)} elements; at the peak ${formatBytes(report.peakBytes)} with operands and result`,
  );
  for (const { letter, chunks } of report.slices)
    lines.push(`  to keep the budget, '${letter}' runs in ${chunks} parts, one after the other`);
  lines.push('');
  return [...lines, ...steps(report)].join('\n');
}

/** One line per pairwise contraction, in the order in which they can run. */
function steps({ equation, tree }: PathReport): string[] {
  const parsed = parseEquation(equation);
  if ('reason' in parsed) return [];
  const { operands, output } = parsed;
  const name = (part: number) =>
    part < operands.length ? `#${part}` : `t${part - operands.length}`;
  return pairwiseSteps(keptLetters(operands, output), output, tree).map(
    ({ left, right, terms, result }, step) => {
      const product = `t${step} = ${name(left)} · ${name(right)}`;
      return `  ${product.padEnd(20)}${terms.join()}->${result}`;
    },
  );
}
