import type { DType } from '../../../ir/dtypes.ts';
import type { Kernel } from '../../../ir/kernel.ts';
import type { Analysis } from './analysis.ts';
import { HALF_LOCALS } from './halves.ts';
import { firstMark, hasInline } from './inline.ts';
import { inliner } from './library.ts';
import type { Nest, Segment } from './nest.ts';
import { WASM_TYPES, type WasmType } from './types.ts';

/** Neighbouring points that an instruction works on. */
export type LaneCount = Segment['lanes'];

/** A kernel on its way to a WebAssembly function: what is written, how, and where to. */
export interface Translation {
  readonly kernel: Kernel;
  readonly nest: Nest;
  readonly analysis: Analysis;
  readonly body: FunctionBody;
  /** Nodes known to be 0 at most, or NaN. */
  readonly below: ReadonlySet<number>;
}

/** The locals and instructions of a function, in the order of writing. */
export class FunctionBody {
  private lines: string[] = [];
  private readonly locals: string[] = [];
  /** Locals of functions that are written in place. */
  private readonly inlined = new Set<string>();
  private strand = 0;

  /** Appends instructions. */
  push(...lines: readonly string[]): void {
    for (const line of lines) this.lines.push(this.withoutMarks(line));
  }

  /** Sets a new local to the value of `text`; returns its name, which starts with `hint`. */
  assign(type: WasmType, hint: string, text: string): string {
    const local = `$${hint}_${this.locals.length}`;
    this.locals.push(`(local ${local} ${type})`);
    this.push(`(local.set ${local} ${text})`);
    return local;
  }

  /**
   * Writes what each of `strands` writes, a line of each in turns: none of them reads what another one sets. A processor looks ahead
   * over few instructions, and where these are one long chain it waits.
   */
  together(strands: readonly (() => void)[]): void {
    const { lines, strand } = this;
    const written = strands.map((write, i) => {
      this.lines = [];
      this.strand = i;
      write();
      return this.lines;
    });
    this.lines = lines;
    this.strand = strand;
    const longest = Math.max(0, ...written.map(({ length }) => length));
    for (let i = 0; i < longest; i++)
      for (const strand of written) if (i < strand.length) lines.push(strand[i]);
  }

  /** A text whose marks are values of locals, set by the functions that the marks stand for. */
  private withoutMarks(text: string): string {
    if (!hasInline(text)) return text;
    const { before, name, operand, after } = firstMark(text);
    const { parameter, locals, statements, value } = inliner.form(name, this.strand);
    for (const local of locals) this.inlined.add(local);
    this.push(`(local.set ${parameter} ${operand})`, ...statements);
    return this.withoutMarks(`${before}${get(this.assign('v128', name, value))}${after}`);
  }

  /** A label of no other loop, if a line follows before the next is made. */
  label(): string {
    return `$l${this.lines.length}`;
  }

  /** The function `$name` of this body, exported as `name`. */
  text(name: string, parameters: string): string {
    const head = `func $${name} (export "${name}") ${parameters}`;
    const used = HALF_LOCALS.filter((local) => this.lines.some((line) => line.includes(local)));
    const shared = [...used, ...this.inlined].map((local) => `(local ${local} v128)`);
    return `(${head}\n${[...this.locals, ...shared].join(' ')}\n${this.lines.join('\n')})`;
  }
}

/** The address of a buffer, a parameter of the function. */
export const bufferLocal = (buffer: number) => `$b${buffer}`;

/** The value of a local. */
export const get = (local: string) => `(local.get ${local})`;

/** An i32 constant; wraps. */
export const integer = (value: number) => `(i32.const ${value | 0})`;

/** A constant, rounded to its dtype. */
export const constantText = (dtype: DType, value: number) => WASM_TYPES[dtype].constant(value);

/** One value on all lanes. */
export const splat = (dtype: DType, scalar: string) =>
  `(${WASM_TYPES[dtype].vector}.splat ${scalar})`;

/** The value of one lane. */
export const extractLane = (dtype: DType, lane: number, vector: string) =>
  `(${WASM_TYPES[dtype].vector}.extract_lane ${lane} ${vector})`;

/** Combines neighbours pairwise, so that the depth is logarithmic. */
export function tree(texts: readonly string[], combine: (a: string, b: string) => string): string {
  let level = texts;
  while (level.length > 1) {
    level = level.flatMap((text, i) =>
      i % 2 === 1 ? [] : i + 1 < level.length ? [combine(text, level[i + 1])] : [text],
    );
  }
  return level[0];
}
