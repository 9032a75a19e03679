import type { Plan, PlanProgram } from '../../ir/plan.ts';
import { RuntimeError } from '../errors.ts';
import type { TensorData } from '../executor.ts';
import { unknownName } from '../names.ts';
import { kindOf } from '../values.ts';
import type { StopSignal } from './batches.ts';
import {
  type Batch,
  countedRows,
  maskInput,
  ones,
  paddedBatch,
  partialRows,
} from './partial-batch.ts';

/** What `fit` and `evaluate` need of a session; one that a generated loader gives has it, in a worker too. */
export interface RunsPrograms {
  readonly plan: Plan;
  // A method, so that sessions whose programs are known by type fit.
  run(program: never, inputs: never, options?: never): Promise<unknown>;
}

/** What becomes of a batch with fewer rows than the program takes. */
export type PartialBatches =
  | 'drop'
  | 'refuse'
  | ((batch: Batch, rows: number) => { readonly program: string; readonly inputs: Batch } | null);

/** What `fit` and `evaluate` share. */
export interface BatchOptions {
  /**
   * The input that is 1 for rows that count and 0 for others; other numbers are refused. With it batches may be partial: they are filled up
   * with their last row, for which it is 0. Whole batches that leave it out get ones.
   */
  readonly mask?: string;
  /**
   * Partial batches where there is no `mask`: left out and reported (`drop`, the default), an error, or what a function makes of them,
   * as inputs of another program; null leaves one out.
   */
  readonly partial?: PartialBatches;
  /** Ends early, between two batches. */
  readonly signal?: StopSignal;
}

/** Batches with fewer rows than their program takes. */
export interface PartialReport {
  readonly masked: number;
  readonly dropped: number;
  /** Run by a program that the option `partial` chose. */
  readonly elsewhere: number;
}

type Run = (program: string, inputs: Batch) => Promise<Record<string, TensorData>>;

/** What was made of a batch. */
export interface RanBatch {
  readonly outputs: Record<string, TensorData>;
  readonly rows: number | null;
  readonly counted: number | null;
}

/** Options that both take, and the session. Error: `invalid-input`. */
function checkGiven(session: RunsPrograms, options: BatchOptions): void {
  const isSession = typeof session === 'object' && session !== null && 'run' in session;
  if (!isSession || typeof session.plan?.programs !== 'object')
    throw new RuntimeError(
      'invalid-input',
      `a session is wanted first, but ${kindOf(session)} was given`,
    );
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `options are an object, but ${kindOf(options)} was given`,
    );
  const { partial = 'drop', signal } = options;
  if (typeof partial !== 'function' && partial !== 'drop' && partial !== 'refuse')
    throw new RuntimeError('invalid-input', "'partial' is 'drop', 'refuse' or a function");
  if (signal !== undefined && typeof signal?.aborted !== 'boolean')
    throw new RuntimeError('invalid-input', "'signal' is an AbortSignal");
}

/** Runs batches, whole or not. */
export class BatchRunner {
  readonly partial = { masked: 0, dropped: 0, elsewhere: 0 };
  readonly #run: Run;
  readonly #plan: Plan;
  readonly #options: BatchOptions;

  constructor(session: RunsPrograms, options: BatchOptions) {
    checkGiven(session, options);
    this.#plan = session.plan;
    this.#run = (program, inputs) => (session.run as Run).call(session, program, inputs);
    this.#options = options;
  }

  /**
   * What a program makes of a batch; null where that is left out. `rows` where it was not whole; `counted`: rows that a mask lets count,
   * null without one.
   */
  async run(name: string, given: Batch, more: Batch = {}): Promise<RanBatch | null> {
    const program = programOf(this.#plan, name);
    const { mask, partial = 'drop' } = this.#options;
    if (typeof given !== 'object' || given === null || given instanceof Promise)
      throw new RuntimeError(
        'invalid-input',
        `a batch is an object of inputs by name, but ${kindOf(given)} was given`,
      );
    const missing = partialRows(name, program, given);
    const rows = missing?.rows ?? null;
    if (mask !== undefined) {
      const input = maskInput(name, program, mask);
      const [size] = input.shape;
      const filled = missing
        ? paddedBatch(program, given, missing, mask)
        : { ...given, [mask]: Object.hasOwn(given, mask) ? given[mask] : ones(input, size, size) };
      const counted = countedRows(input, filled[mask], size);
      const outputs = await this.#run(name, { ...filled, ...more });
      if (missing) this.partial.masked++;
      return { outputs, rows, counted };
    }
    if (!missing)
      return { outputs: await this.#run(name, { ...given, ...more }), rows, counted: null };
    if (partial === 'refuse')
      throw new RuntimeError(
        'invalid-input',
        `a batch has ${rows} of the ${missing.size} rows that program '${name}' takes; leave it out ('drop'), or name the input by which the loss leaves out rows ('mask')`,
      );
    const other = (typeof partial === 'function' && partial(given, missing.rows)) || null;
    if (other === null) this.partial.dropped++;
    else this.partial.elsewhere++;
    if (!other) return null;
    const outputs = await this.#run(other.program, { ...other.inputs, ...more });
    return { outputs, rows, counted: null };
  }

  /** A program that takes no batch. */
  update(name: string, inputs: Batch): Promise<Record<string, TensorData>> {
    return this.#run(name, inputs);
  }
}

/** Error: `unknown-name`. */
export function programOf(plan: Plan, name: string): PlanProgram {
  const { programs } = plan;
  if (Object.hasOwn(programs, name)) return programs[name];
  throw unknownName('program', name, `plan '${plan.name}'`, Object.keys(programs));
}
