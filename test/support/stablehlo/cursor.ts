/** A place in a text of MLIR. Spaces and comments are passed over before everything that is read. */
export class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** @throws Error with the line and what is there */
  fail(wanted: string): never {
    const line = this.text.slice(0, this.at).split('\n').length;
    const found = JSON.stringify(this.text.slice(this.at, this.at + 40));
    throw new Error(`line ${line}: ${wanted} is wanted, not ${found}`);
  }

  skip(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  get isAtEnd(): boolean {
    this.skip();
    return this.at >= this.text.length;
  }

  /** Whether the next characters are these; then they are read. Words end where a word ends. */
  take(token: string): boolean {
    this.skip();
    if (!this.text.startsWith(token, this.at)) return false;
    const end = this.at + token.length;
    if (/\w$/.test(token) && /\w/.test(this.text[end] ?? '')) return false;
    this.at = end;
    return true;
  }

  sees(token: string): boolean {
    const { at } = this;
    const is = this.take(token);
    this.at = at;
    return is;
  }

  expect(token: string): void {
    if (!this.take(token)) this.fail(`'${token}'`);
  }

  /** What a sticky expression matches. */
  match(pattern: RegExp): string | null {
    this.skip();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return null;
    this.at = pattern.lastIndex;
    return found[0];
  }

  need(pattern: RegExp, wanted: string): string {
    return this.match(pattern) ?? this.fail(wanted);
  }

  /** `open`, parts between commas, `close`. */
  list<T>(open: string, close: string, part: () => T): T[] {
    this.expect(open);
    const parts: T[] = [];
    if (this.take(close)) return parts;
    do parts.push(part());
    while (this.take(','));
    this.expect(close);
    return parts;
  }

  /** Parts between commas, one or more. */
  many<T>(part: () => T): T[] {
    const parts = [part()];
    while (this.take(',')) parts.push(part());
    return parts;
  }

  integer(): number {
    return Number(this.need(/-?\d+/y, 'an integer'));
  }

  integers(): number[] {
    return this.list('[', ']', () => this.integer());
  }

  /** `%name`, without the sign. */
  value(): string {
    return this.need(/%[\w$.-]+/y, 'a value').slice(1);
  }

  /** `@name` or `@"name"`. */
  symbol(): string {
    this.expect('@');
    return this.sees('"') ? this.string() : this.need(/[A-Za-z_][\w$.]*/y, 'a symbol');
  }

  string(): string {
    const text = this.need(/"(?:[^"\\\n]|\\(?:[0-9A-Fa-f]{2}|["\\nt]))*"/y, 'a string');
    const bytes: number[] = [];
    for (const [part] of text.slice(1, -1).matchAll(/\\[0-9A-Fa-f]{2}|\\.|[^\\]+/g)) {
      const code = /^\\[0-9A-Fa-f]{2}$/.test(part);
      if (code) bytes.push(Number.parseInt(part.slice(1), 16));
      else bytes.push(...new TextEncoder().encode(ESCAPES[part] ?? part));
    }
    return new TextDecoder().decode(Uint8Array.from(bytes));
  }
}

const SPACE = /(?:\s|\/\/[^\n]*)*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\n': '\n',
  '\\t': '\t',
  '\\"': '"',
  '\\\\': '\\',
};
