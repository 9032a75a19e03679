import { type Diagnostic, diagnostic, type MessageNumber } from '../../diagnostics.ts';

/** Why a file of ONNX is not taken: a numbered message, which names the node or the tensor. */
export class OnnxError extends Error {
  readonly diagnostic: Diagnostic;
  /** Graph inputs whose values would have to be known. */
  readonly wanted: readonly string[];
  /** Of the node that it is about: domain and operator. */
  readonly operator: string | null;

  constructor(
    number: MessageNumber,
    args: Readonly<Record<string, string | number>>,
    about: { readonly wanted?: readonly string[]; readonly operator?: string } = {},
  ) {
    const made = diagnostic(number, null, args);
    super(`${made.code}: ${made.message}`);
    this.name = 'OnnxError';
    this.diagnostic = made;
    this.wanted = about.wanted ?? [];
    this.operator = about.operator ?? null;
  }
}

const MOST_LETTERS = 80;

/** A name out of a file as a message may show it. */
export function shown(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > MOST_LETTERS ? `${clean.slice(0, MOST_LETTERS)}…` : clean;
}
