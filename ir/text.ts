// Names, numbers and lines of the text forms.

/** A name as it stands in text: bare when it is a plain word, else a JSON string. */
export function formatName(name: string): string {
  return /^[A-Za-z_][\w./+-]*$/.test(name) ? name : JSON.stringify(name);
}

/** Pattern of what {@link formatName} prints, for use inside a larger pattern (no capture groups). */
export const NAME_PATTERN = '(?:[A-Za-z_][\\w./+-]*|"(?:[^"\\\\]|\\\\.)*")';

/** Inverse of {@link formatName}. */
export function parseName(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/** A number so that {@link parseNumber} gives it back, -0 and infinities included. */
export function formatNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Inverse of {@link formatNumber}. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || (Number.isNaN(value) && text !== 'NaN'))
    throw new Error(`'${text}' is not a number`);
  return value;
}

/** Reads lines one at a time and reports errors with the line's number. */
export class LineReader {
  private readonly lines: readonly string[];
  private position = 0;

  constructor(text: string) {
    this.lines = text.split('\n');
  }

  /** The next line that is neither blank nor a `#` comment, trimmed, or undefined at the end. */
  next(): string | undefined {
    while (this.position < this.lines.length) {
      const line = this.lines[this.position++].trim();
      if (line !== '' && !line.startsWith('#')) return line;
    }
    return undefined;
  }

  /** Runs `parse` on behalf of the current line. */
  at<T>(parse: () => T): T {
    const line = this.position;
    try {
      return parse();
    } catch (error) {
      if (error instanceof Error && /^line \d+: /.test(error.message)) throw error;
      throw new Error(`line ${line}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
