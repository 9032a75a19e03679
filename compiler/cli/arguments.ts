import type { Target } from '../../ir/plan.ts';
import { TARGET_NAMES } from '../../ir/targets.ts';
import { parseBytes } from '../format.ts';
import type { OptionValue } from '../frontend/option.ts';
import { didYouMean } from '../nearest.ts';
import { MICRO_BATCH_CHOICES, type MicroBatches } from '../plan-search/actions/choices.ts';
import { UsageError } from './usage.ts';

/** How the text behind an option of the command line becomes a value. @throws UsageError */
type Parser<T> = (text: string) => T;

function refuse(option: string, given: string, wanted: string, near = ''): never {
  throw new UsageError(6011, { option, given, wanted, near });
}

/** A text that is not empty. */
export function text(option: string, wanted: string): Parser<string> {
  return (given) => (given.trim() === '' ? refuse(option, given, wanted) : given);
}

export const filePath = (option: string) => text(option, 'the name of a file');

export function choice<T extends string>(option: string, choices: readonly T[]): Parser<T> {
  return (given) =>
    choices.find((one) => one === given) ??
    refuse(option, given, `one of ${choices.join(', ')}`, didYouMean(given, choices));
}

/** An integer in decimal digits within bounds. */
export function integer(
  option: string,
  wanted: string,
  least: number,
  most: number,
): Parser<number> {
  return (given) => {
    const number = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    return Number.isSafeInteger(number) && number >= least && number <= most
      ? number
      : refuse(option, given, wanted);
  };
}

export function count(
  option: string,
  wanted = 'a positive integer',
  most = Number.MAX_SAFE_INTEGER,
): Parser<number> {
  return integer(option, wanted, 1, most);
}

/** `none`, `auto`, or into how many parts. */
export function microBatches(given: string): MicroBatches {
  const known = MICRO_BATCH_CHOICES.find((one) => one === given);
  return known ?? count('--micro-batch', 'none, auto or a number of parts')(given);
}

/** `batch=8`: into how many devices the batch is split. */
export function meshDevices(given: string): number {
  const wanted = 'batch=DEVICES, as in batch=8';
  const [, devices] = /^batch=(\d+)$/.exec(given) ?? refuse('--mesh', given, wanted);
  return count('--mesh', wanted)(devices);
}

/** A list of positive integers: `8,20,20,18`. */
export function counts(option: string): Parser<number[]> {
  const one = count(option, 'positive integers, separated by commas');
  return (given) => given.split(',').map((part) => one(part.trim()));
}

/** `4,4,4`, or one such list per block: `4,4,4;2,2,2`. */
export function rankLists(option: string): Parser<number[] | number[][]> {
  const list = counts(option);
  return (given) => (given.includes(';') ? given.split(';').map(list) : list(given));
}

const decimal = (given: string): number =>
  /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given) ? Number(given) : Number.NaN;

export function positive(option: string): Parser<number> {
  return (given) => {
    const number = decimal(given);
    return Number.isFinite(number) && number > 0
      ? number
      : refuse(option, given, 'a positive number');
  };
}

/** From 0 to before `end`. */
export function notNegative(option: string, end: number): Parser<number> {
  return (given) => {
    const number = decimal(given);
    return number < end ? number : refuse(option, given, `a number, 0 or more and below ${end}`);
  };
}

/** One of the words that select a stream of random numbers. */
export function seed(option: string): Parser<number> {
  return integer(option, 'an integer from 0 to 4294967295', 0, 2 ** 32 - 1);
}

export function targetList(given: string): Target[] {
  return given.split(',').map((name) => {
    const known = TARGET_NAMES.find((target) => target === name.trim());
    if (!known) throw new UsageError(6001, { target: name, near: didYouMean(name, TARGET_NAMES) });
    return known;
  });
}

export function byteSize(given: string): number {
  const bytes = parseBytes(given);
  if (bytes === null) throw new UsageError(4004, { text: given });
  return bytes;
}

/** `pattern=replacement`, of which each is applied in turn. */
export function replacement(
  given: string,
  previous: readonly (readonly [RegExp, string])[] = [],
): readonly (readonly [RegExp, string])[] {
  const at = given.lastIndexOf('=');
  if (at < 1) throw new UsageError(6004, { text: given, form: 'pattern=replacement' });
  try {
    return [...previous, [new RegExp(given.slice(0, at)), given.slice(at + 1)]];
  } catch {
    throw new UsageError(6011, {
      ...{ option: '--rename', given, wanted: 'a regular expression, =, and what replaces it' },
      near: '',
    });
  }
}

export function assignment(
  given: string,
  previous: Record<string, OptionValue> = {},
): Record<string, OptionValue> {
  const at = given.indexOf('=');
  if (at < 1) throw new UsageError(6004, { text: given, form: 'name=value' });
  return { ...previous, [given.slice(0, at)]: given.slice(at + 1) };
}
