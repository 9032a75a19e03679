import type { Plan, PlanProgram } from '../../ir/plan.ts';
import { RuntimeError } from '../errors.ts';
import type { TensorData } from '../executor.ts';
import { unknownName } from '../names.ts';
import type { StopSignal } from './batches.ts';
import { type Batch, maskInput, ones, paddedBatch, partialRows } from './partial-batch.ts';

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
   * The input that is 1 for rows that count. With it batches may be partial: they are filled up with their last row, for which it is 0.
   * Whole batches that leave it out get ones.
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

/** Runs batches, whole or not. */
export class BatchRunner {
  readonly partial = { masked: 0, dropped: 0, elsewhere: 0 };
  readonly #run: Run;
  readonly #plan: Plan;
  readonly #options: BatchOptions;

  constructor(session: RunsPrograms, options: BatchOptions) {
    this.#plan = session.plan;
    this.#run = (program, inputs) => (session.run as Run).call(session, program, inputs);
    this.#options = options;
  }

  /** What a program makes of a batch; null where that is left out. `rows` where it was not whole. */
  async run(
    name: string,
    batch: Batch,
    more: Batch = {},
  ): Promise<{ outputs: Record<string, TensorData>; rows: number | null } | null> {
    const program = programOf(this.#plan, name);
    const { mask, partial = 'drop' } = this.#options;
    const given = typeof batch === 'object' && batch !== null ? batch : {};
    const missing = partialRows(name, program, given);
    if (!missing) {
      const masked = mask === undefined ? given : withMask(name, program, given, mask);
      return { outputs: await this.#run(name, { ...masked, ...more }), rows: null };
    }
    const { rows, size } = missing;
    if (mask !== undefined) {
      maskInput(name, program, mask);
      this.partial.masked++;
      const padded = paddedBatch(program, given, missing, mask);
      return { outputs: await this.#run(name, { ...padded, ...more }), rows };
    }
    if (partial === 'refuse')
      throw new RuntimeError(
        'invalid-input',
        `a batch has ${rows} of the ${size} rows that program '${name}' takes; leave it out ('drop'), or name the input by which the loss leaves out rows ('mask')`,
      );
    const other = typeof partial === 'function' ? partial(given, rows) : null;
    if (other === null) this.partial.dropped++;
    else this.partial.elsewhere++;
    return other && { outputs: await this.#run(other.program, { ...other.inputs, ...more }), rows };
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

function withMask(name: string, program: PlanProgram, batch: Batch, mask: string): Batch {
  const input = maskInput(name, program, mask);
  if (Object.hasOwn(batch, mask)) return batch;
  return { ...batch, [mask]: ones(input, input.shape[0], input.shape[0]) };
}
