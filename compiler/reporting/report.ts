import type { SourceSpan } from '../../ir/source.ts';
import { type Choice, type Diagnostic, diagnostic, type MessageNumber } from '../diagnostics.ts';
import { currentCall, currentSpan, spanOfError, thrower } from './call-sites.ts';

/** Where mistakes in the user's program are written down while it is evaluated. */
export interface Reporter {
  readonly diagnostics: Diagnostic[];
  /** Where in the model values are computed now: the scope, and the layer in it. */
  readonly place: string;
}

/** A mistake that cannot be recorded because no trace is in progress, or that leaves nothing to go on with. */
export class MisuseError extends Error {
  readonly number: MessageNumber;
  readonly args: Record<string, string | number>;
  readonly choice: Choice | undefined;
  readonly source: SourceSpan | null;

  constructor(number: MessageNumber, args: Record<string, string | number>, choice?: Choice) {
    const { code, message, source } = diagnostic(number, currentSpan(), args, asExtra(choice));
    super(`${code}: ${message}`);
    this.number = number;
    this.args = args;
    this.choice = choice;
    this.source = source;
  }
}

const asExtra = (choice: Choice | undefined) => (choice ? { choice } : {});

let current: Reporter | null = null;

/** Runs `fn` with `reporter` receiving every mistake. */
export function withReporter<T>(reporter: Reporter, fn: () => T): T {
  const outer = current;
  current = reporter;
  try {
    return fn();
  } finally {
    current = outer;
  }
}

/**
 * Reports a mistake at the user's expression. `op` in the message is the function that the user called; `choice` is the name that is none
 * of those that there are.
 *
 * @throws MisuseError of the same number where no function of a model runs, as beside a layer that is made at the top of a file
 */
export function report(
  number: MessageNumber,
  args: Record<string, string | number>,
  choice?: Choice,
): void {
  const { span, callee } = currentCall();
  const named = callee !== null && 'op' in args ? { ...args, op: callee } : args;
  if (!current) throw new MisuseError(number, named, choice);
  const extra = { scope: current.place, ...asExtra(choice) };
  current.diagnostics.push(diagnostic(number, span, named, extra));
}

/**
 * Reports something that is allowed but probably not meant.
 *
 * @throws MisuseError BTC1009 outside of the functions of a model
 */
export function warn(number: MessageNumber, args: Record<string, string | number>): void {
  if (!current) throw new MisuseError(1009, { what: 'btc operations' });
  const { diagnostics, place } = current;
  const extra = { category: 'warning', scope: place } as const;
  diagnostics.push(diagnostic(number, currentSpan(), args, extra));
}

/**
 * The evaluation of the user's functions ended with an exception: BTC1002 at the line that threw it, or BTC2056 at the call of btc's that
 * was given what it does not take, in `place` where that is known.
 */
export function evaluationDiagnostic(error: unknown, place?: string): Diagnostic {
  const extra = place === undefined ? {} : { scope: place };
  if (error instanceof MisuseError)
    return diagnostic(error.number, error.source, error.args, {
      ...extra,
      ...asExtra(error.choice),
    });
  const op = thrower(error);
  // What btc's own code stumbles over is what it was given.
  if (op !== null)
    return diagnostic(2056, spanOfError(error), { op, reason: textOf(error) }, extra);
  return diagnostic(1002, spanOfError(error), { reason: textOf(error) }, extra);
}

/** Characters of what is shown of a value that is no error. */
const MOST_SHOWN = 120;

/** Of whatever a model throws. */
function textOf(error: unknown): string {
  try {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
    if (typeof error === 'string' && error.trim() !== '') return error;
    const shown = JSON.stringify(error) ?? String(error);
    return `it threw ${shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown}`;
  } catch {
    return 'it threw something that has no text';
  }
}
