import type { ElementRange } from './kernel-access.ts';

/** `length` bytes of the value of a symbol, from its byte `from` on. */
export interface Part {
  readonly symbol: number;
  readonly from: number;
  readonly length: number;
}

type Term =
  | { readonly kind: 'leaf'; readonly text: string }
  /** Parts of values, one behind the other. */
  | { readonly kind: 'joined'; readonly parts: readonly Part[] }
  /** What a step makes: its code, which of its results, and what it read. */
  | { readonly kind: 'step'; readonly made: readonly number[]; readonly place: string }
  /** A result that does not fill its range, and what was there before. */
  | {
      readonly kind: 'over';
      readonly value: number;
      readonly before: number;
      readonly range: ElementRange;
    };

/** Symbols as numbers: equal terms are one number. */
export class Terms {
  readonly #terms: Term[] = [];
  readonly #numbers = new Map<string, number>();
  /** What no step has written. */
  readonly nothing = this.leaf('nothing that a step has written');

  get count(): number {
    return this.#terms.length;
  }

  #intern(key: string, term: Term): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#terms.push(term) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  leaf(text: string): number {
    return this.#intern(`leaf ${text}`, { kind: 'leaf', text });
  }

  step(made: readonly number[], place: string): number {
    return this.#intern(`step ${made.join()}`, { kind: 'step', made, place });
  }

  over(value: number, before: number, range: ElementRange): number {
    const { start, end } = range;
    const term = { kind: 'over', value, before, range } as const;
    return this.#intern(`over ${value},${before},${start},${end}`, term);
  }

  /** Whether a symbol is `value` over something, in the same range. */
  isOver(symbol: number, value: number, { start, end }: ElementRange): boolean {
    const term = this.#terms[symbol];
    if (term.kind !== 'over' || term.value !== value) return false;
    return term.range.start === start && term.range.end === end;
  }

  joined(parts: readonly Part[]): number {
    let key = 'joined';
    for (const { symbol, from, length } of parts) key += ` ${symbol},${from},${length}`;
    return this.#intern(key, { kind: 'joined', parts });
  }

  /** Where two symbols part: `came of step 3 'add', and now comes of step 4 'mul'`. */
  difference(before: number, after: number): string {
    let [a, b] = [before, after];
    for (;;) {
      const next = firstDifference(this.#terms[a], this.#terms[b]);
      if (!next) break;
      [a, b] = next;
    }
    return `came of ${this.#describe(a)}, and now comes of ${this.#describe(b)}`;
  }

  #describe(symbol: number): string {
    let term = this.#terms[symbol];
    while (term.kind === 'over' || (term.kind === 'joined' && term.parts.length === 1))
      term = this.#terms[term.kind === 'over' ? term.value : term.parts[0].symbol];
    if (term.kind === 'leaf') return term.text;
    if (term.kind === 'step') return term.place;
    const first = term.parts.slice(0, 3).map((part) => this.#describePart(part.symbol));
    return `${term.parts.length} parts (${first.join(', ')}${term.parts.length > 3 ? ', …' : ''})`;
  }

  #describePart(symbol: number): string {
    const term = this.#terms[symbol];
    if (term.kind === 'over') return this.#describePart(term.value);
    return term.kind === 'step' ? term.place : term.kind === 'leaf' ? term.text : 'parts';
  }
}

/** The first two symbols in which two terms of one form differ; null where the terms themselves do. */
function firstDifference(a: Term, b: Term): readonly [number, number] | null {
  if (a.kind === 'joined' && b.kind === 'joined') {
    if (a.parts.length !== b.parts.length) return null;
    const at = a.parts.findIndex(
      ({ symbol, from, length }, i) =>
        symbol !== b.parts[i].symbol || from !== b.parts[i].from || length !== b.parts[i].length,
    );
    if (at < 0 || a.parts[at].symbol === b.parts[at].symbol) return null;
    return [a.parts[at].symbol, b.parts[at].symbol];
  }
  if (a.kind === 'step' && b.kind === 'step') {
    // Not the same code, or not the same of its results.
    if (a.made[0] !== b.made[0] || a.made[1] !== b.made[1]) return null;
    const at = a.made.findIndex((one, i) => one !== b.made[i]);
    return at < 0 ? null : [a.made[at], b.made[at]];
  }
  if (a.kind === 'over' && b.kind === 'over')
    return a.value === b.value
      ? a.before === b.before
        ? null
        : [a.before, b.before]
      : [a.value, b.value];
  return null;
}
