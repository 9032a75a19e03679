import { type Diagnostic, diagnostic, MESSAGES, type MessageNumber } from '../diagnostics.ts';
import { NUMBERS, type PageExample, type PageFile, pageOf } from '../explain/page.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';

export interface ExplainCommandOptions {
  readonly json?: boolean;
}

/** Columns of the text where the terminal does not say, and at most. */
const WIDTH = 100;

/** `btc explain BTC2003`. Exit code 1 where a number is none; the others are explained all the same. */
export function explainCommand(
  codes: readonly string[],
  { json }: ExplainCommandOptions,
  write: (text: string) => void = (text) => process.stdout.write(text),
): number {
  const asked = codes.length === 0 ? NUMBERS : codes.map(numberOf);
  const known = asked.filter((one) => typeof one === 'number');
  for (const one of asked)
    if (typeof one !== 'number') console.error(formatPlain(fromBtc(one), null));
  if (json) write(`${JSON.stringify(known.map(record), null, 2)}\n`);
  else if (codes.length === 0) write(listing());
  else if (known.length > 0) write(known.map(formatPage).join('\n'));
  return known.length === asked.length ? 0 : 1;
}

const record = (number: MessageNumber) => ({
  ...{ code: `BTC${number}`, message: MESSAGES[number] as string, ...pageOf(number) },
});

/** The number that a text names, or BTC6090. */
function numberOf(given: string): MessageNumber | Diagnostic {
  const digits = /^(?:btc)?(\d{1,9})$/i.exec(given.trim())?.[1];
  const found = NUMBERS.find((number) => String(number) === digits);
  if (found !== undefined) return found;
  const names = nearNumbers(digits).map((number) => `BTC${number}`);
  const near =
    digits === undefined ? 'btc explain lists all' : `the nearest are ${names.join(', ')}`;
  return diagnostic(6090, null, { given, names: near });
}

/** Numbers with the digits in another order or one of them changed, else the nearest by value. */
function nearNumbers(digits: string | undefined): MessageNumber[] {
  const MOST = 5;
  if (digits === undefined) return NUMBERS.slice(0, MOST);
  const sorted = [...digits].sort().join('');
  const likeness = (number: number) => {
    const own = String(number);
    const isShuffled = [...own].sort().join('') === sorted;
    const changed = [...own].filter((digit, k) => digit !== digits[k]).length;
    return isShuffled || (own.length === digits.length && changed === 1) ? 0 : 1;
  };
  const value = Number(digits);
  return NUMBERS.map((number) => [likeness(number), Math.abs(number - value), number] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .slice(0, MOST)
    .map(([, , number]) => number)
    .sort((a, b) => a - b);
}

function listing(): string {
  const lines = NUMBERS.map((number) => `  BTC${number}  ${pageOf(number).title}`);
  return `${lines.join('\n')}\n`;
}

function formatPage(number: MessageNumber): string {
  const { title, means, wrong, prints, right } = pageOf(number);
  const width = Math.min(process.stdout.columns ?? WIDTH, WIDTH);
  const parts = [
    `${style.bold(`BTC${number}`)}  ${style.bold(title)}`,
    wrapped(MESSAGES[number], width, '  '),
    wrapped(means.replaceAll('`', ''), width, ''),
    style.red('Wrong'),
    formatExample(wrong),
    indented(prints).replace(/.+/g, (line) => style.gray(line)),
    style.cyan('Right'),
    formatExample(right),
  ];
  return `${parts.join('\n\n')}\n`;
}

function formatExample({ text, files = [], where }: PageExample): string {
  const before = where === undefined ? [] : [`  ${where}:`.replaceAll('`', '')];
  return [...files.map(formatFile), ...before, indented(text)].join('\n\n');
}

function formatFile({ name, text, is }: PageFile): string {
  return text === undefined ? `  ${name} is ${is}` : `  ${name}:\n\n${indented(text, '    ')}`;
}

function indented(text: string, by = '  '): string {
  return text.trimEnd().replace(/^(?=.)/gm, by);
}

/** Breaks lines between words, so that none is longer than the width where a word is not. */
function wrapped(text: string, width: number, indent: string): string {
  const lines = [indent];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    const longer = line === indent ? `${indent}${word}` : `${line} ${word}`;
    if (longer.length > width && line !== indent) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = longer;
  }
  return lines.join('\n');
}
