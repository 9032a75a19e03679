import { readFileSync } from 'node:fs';
import { MESSAGES, type MessageNumber } from '../diagnostics.ts';

/** A file beside an example: its text, or what it is. */
export interface PageFile {
  readonly name: string;
  readonly text?: string;
  readonly is?: string;
}

/** Code or a command line, as a reader would write it. */
export interface PageExample {
  readonly language: 'ts' | 'sh';
  readonly text: string;
  /** What has to be so, where it is not everywhere. */
  readonly where?: string;
  /** Files that a command reads, beside `model.ts` and what a build makes of it. */
  readonly files?: readonly PageFile[];
}

/** What is told of one message. */
export interface Page {
  readonly title: string;
  /** What it means and what to do, with code between backticks. */
  readonly means: string;
  readonly wrong: PageExample;
  /** What btc says of the wrong example, and what TypeScript does where the mistake is one of types: a line each. */
  readonly prints: string;
  readonly right: PageExample;
}

export type Pages = Readonly<Record<MessageNumber, Page>>;

/** All numbers, in their order. */
export const NUMBERS = Object.keys(MESSAGES).map(Number) as MessageNumber[];

let pages: Pages | null = null;

/** The page of a message. They are read when the first is asked for: made by `npm run explain`. */
export function pageOf(number: MessageNumber): Page {
  pages ??= JSON.parse(
    readFileSync(new URL('../explain/pages.json', import.meta.url), 'utf8'),
  ) as Pages;
  return pages[number];
}
