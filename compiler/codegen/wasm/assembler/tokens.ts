/** What stands in WebAssembly text, one after the other: parentheses, and words up to white space or a parenthesis. */
export class Tokens {
  private readonly pattern = /[()]|"[^"]*"|[^\s()"]+/g;
  private readonly text: string;
  private ahead: string | null;
  private second: string | null;

  constructor(text: string) {
    this.text = text;
    this.ahead = this.read();
    this.second = this.read();
  }

  /** The next one, which stays; null at the end. */
  peek(): string | null {
    return this.ahead;
  }

  /** The next one. */
  next(): string {
    const token = this.ahead;
    if (token === null) throw this.problem('the text ends too early');
    this.ahead = this.second;
    this.second = this.read();
    return token;
  }

  /** Whether these two come next. */
  follows(first: string, second: string): boolean {
    return this.ahead === first && this.second === second;
  }

  /** Takes the next one where it is `token`. */
  take(token: string): boolean {
    if (this.ahead !== token) return false;
    this.next();
    return true;
  }

  /** Takes `token`. */
  expect(token: string): void {
    const found = this.next();
    if (found !== token) throw this.problem(`'${found}' where '${token}' is expected`);
  }

  problem(reason: string): Error {
    const before = this.text.slice(0, this.pattern.lastIndex || this.text.length);
    return new Error(`internal error: kernels, line ${before.split('\n').length}: ${reason}`);
  }

  private read(): string | null {
    return this.pattern.exec(this.text)?.[0] ?? null;
  }
}
