import { randomUUID } from 'node:crypto';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { printableLines } from '../../ir/printable.ts';

// Everything that btc prints goes through `guardOutput`, which lets no character through that a terminal obeys, but for line
// breaks, tabs and the sequences that btc itself makes. Those begin with a mark that no file can know, in place of the escape.

const ESCAPE = '\u001b';
/** The same in all threads of the process. */
const MARK = (getEnvironmentData('btc:mark') as string | undefined) ?? `<${randomUUID()}>`;
setEnvironmentData('btc:mark', MARK);

/** A sequence of btc's own, `[2K`, as it may stand in output. */
export function sequence(text: string): string {
  return MARK + text;
}

/** Erases the line, and goes to its start. */
export const CLEAR_LINE = sequence('[2K') + sequence('[1G');

/** Output as it goes to the terminal. */
export function guarded(text: string): string {
  return text.split(MARK).map(printableLines).join(ESCAPE);
}

/** The characters of a piece of output that take a column. */
export function visibleLength(text: string): number {
  const [first, ...marked] = text.split(MARK);
  return marked.reduce(
    (sum, part) => sum + part.replace(/^\[[\d;]*[A-Za-z]/, '').length,
    first.length,
  );
}

/**
 * From here on, all text for the streams of the process is guarded. Bytes are not: what a model of the user's own prints in its
 * thread comes as such.
 */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (chunk: unknown, ...rest: unknown[]) =>
      write(typeof chunk === 'string' ? guarded(chunk) : chunk, ...rest);
  }
}
