import type { DType } from '../../../ir/dtypes.ts';
import type { Kernel } from '../../../ir/kernel.ts';
import { append } from '../../../ir/lists.ts';
import type { Analysis } from './analysis.ts';
import { HALF_LOCALS } from './halves.ts';
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
}

/** The locals and instructions of a function, in the order of writing. */
export class FunctionBody {
  private readonly lines: string[] = [];
  private readonly locals: string[] = [];

  /** Appends instructions. */
  push(...lines: readonly string[]): void {
    append(this.lines, lines);
  }

  /** Sets a new local to the value of `text`; returns its name, which starts with `hint`. */
  assign(type: WasmType, hint: string, text: string): string {
    const local = `$${hint}_${this.locals.length}`;
    this.locals.push(`(local ${local} ${type})`);
    this.push(`(local.set ${local} ${text})`);
    return local;
  }

  /** A label of no other loop, if a line follows before the next is made. */
  label(): string {
    return `$l${this.lines.length}`;
  }

  /** The function `$name` of this body, exported as `name`. */
  text(name: string, parameters: string): string {
    const head = `func $${name} (export "${name}") ${parameters}`;
    const inlined = new Set<string>();
    const lines = this.lines.map((line) => inliner.expand(line, inlined));
    const used = HALF_LOCALS.filter((local) => this.lines.some((line) => line.includes(local)));
    const shared = [...used, ...inlined].map((local) => `(local ${local} v128)`);
    return `(${head}\n${[...this.locals, ...shared].join(' ')}\n${lines.join('\n')})`;
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
