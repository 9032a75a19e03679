import type { Plan } from '../../ir/plan.ts';
import { RuntimeError } from '../errors.ts';
import { kindOf } from '../values.ts';
import {
  type BatchOptions,
  BatchRunner,
  type PartialReport,
  programOf,
  type RunsPrograms,
} from './batch-runner.ts';
import { Means, numbersOf } from './means.ts';
import type { Batch } from './partial-batch.ts';
import type { Schedule } from './schedules.ts';

/** One update. */
export interface FitStep {
  /** Counted from 0. */
  readonly epoch: number;
  /** Updates so far, with this one. */
  readonly step: number;
  /** Of the whole training, where the number of updates is known. */
  readonly steps: number | null;
  /** Mean of the batches of this update, as are metrics that are single numbers. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Null where the plan's own is used. */
  readonly learningRate: number | null;
  /** Rows of the batches of this update that were no whole ones; null where all were whole. */
  readonly partialRows: number | null;
  /** Since the training began. */
  readonly seconds: number;
}

/** What `fit` takes. */
export interface FitOptions extends BatchOptions {
  /** Default `train`; among several trainings the name of one. */
  readonly program?: string;
  /** Times that the batches are gone through; default 1. */
  readonly epochs?: number;
  /** Ends after so many updates; batches may be endless then. */
  readonly steps?: number;
  /**
   * Batches of one update; default 1. With more, the model's training is declared with `accumulate: true`. What is left at the end of an
   * epoch is an update too.
   */
  readonly accumulate?: number;
  /** The learning rate of each update; default the optimiser's. */
  readonly schedule?: Schedule;
  /** Updates that were made before, as after `loadCheckpoint`: the schedule and `step` count on from there. Default 0. */
  readonly from?: number;
  /** Told of each update; the next one begins when it has returned. */
  readonly onStep?: (step: FitStep) => unknown;
  /** Takes a line of JSON for each update, without the newline: `{ epoch, step, loss, …metrics, learningRate, seconds }`. */
  readonly log?: (line: string) => unknown;
  /** After every `every` updates and at the end, also when it was ended early: what to do with the session then, as saving it. */
  readonly checkpoint?: { readonly every: number; readonly save: (step: FitStep) => unknown };
}

/** What became of a training. */
export interface FitResult {
  /** Updates, with those of before. */
  readonly steps: number;
  readonly epochs: number;
  /** Mean over the updates of the last epoch; NaN where there was none. */
  readonly loss: number;
  readonly seconds: number;
  /** Batches that were not whole, and what became of them. */
  readonly partial: PartialReport;
  /** Whether the signal ended it. */
  readonly isAborted: boolean;
}

/** One training: what has been done, and what is under way. */
export class Loop {
  readonly #runner: BatchRunner;
  readonly #options: FitOptions;
  readonly #names: { readonly batch: string; readonly update: string | null };
  /** The program that forgets what was accumulated; null where nothing is, or in plans of before there was one. */
  readonly #clear: string | null;
  readonly #from: number;
  readonly #started = performance.now();
  #step: number;
  #epoch = 0;
  /** Of the batches of the update that is under way. */
  #means = new Means();
  #batches = 0;
  #partialRows: number | null = null;
  #ofEpoch = new Means();
  #last: FitStep | null = null;
  #loss = Number.NaN;
  #saved = true;

  constructor(session: RunsPrograms, options: FitOptions) {
    this.#runner = new BatchRunner(session, options);
    const { program = 'train', accumulate = 1, from = 0 } = options;
    const part = (suffix: string) => (program === 'train' ? suffix : `${program}.${suffix}`);
    this.#names =
      accumulate > 1
        ? { batch: part('accumulate'), update: part('update') }
        : { batch: program, update: null };
    checkTraining(session.plan, options, Object.values(this.#names));
    const clear = part('clear');
    this.#clear = accumulate > 1 && Object.hasOwn(session.plan.programs, clear) ? clear : null;
    const updates = this.#names.update ?? this.#names.batch;
    const { inputs } = programOf(session.plan, updates);
    if (inputs.every(({ name }) => name !== 'learningRate'))
      throw new RuntimeError(
        'invalid-input',
        `program '${updates}' trains nothing; 'program' names a training`,
      );
    this.#options = options;
    this.#from = from;
    this.#step = from;
  }

  get isDone(): boolean {
    const { steps, signal } = this.#options;
    return signal?.aborted === true || (steps !== undefined && this.#step - this.#from >= steps);
  }

  beginEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#ofEpoch = new Means();
  }

  async take(batch: Batch): Promise<void> {
    const { batch: name, update } = this.#names;
    const rate = update === null ? this.#rate() : null;
    const made = await this.#runner.run(name, batch, rateInput(rate));
    if (!made) return;
    this.#means.add(numbersOf(made.outputs), 1);
    this.#batches++;
    if (made.rows !== null) this.#partialRows = (this.#partialRows ?? 0) + made.rows;
    if (update === null) await this.#tell(rate);
    else if (this.#batches >= (this.#options.accumulate ?? 1)) await this.flush();
  }

  /** Updates by what has been accumulated, if anything. */
  async flush(): Promise<void> {
    const { update } = this.#names;
    if (update === null || this.#batches === 0) return;
    const rate = this.#rate();
    const outputs = await this.#runner.update(update, rateInput(rate));
    const metrics = numbersOf(outputs);
    await this.#tell(rate, metrics);
  }

  /** After an error: forgets batches that no update has used, if the session still can. */
  async clear(): Promise<void> {
    if (this.#clear === null || this.#batches === 0) return;
    this.#batches = 0;
    await this.#runner.update(this.#clear, {}).catch(() => {});
  }

  async finish(epochs: number): Promise<FitResult> {
    if (!this.#saved && this.#last) await this.#save(this.#last);
    return {
      ...{ steps: this.#step, epochs, loss: this.#ofEpoch.values().loss ?? Number.NaN },
      ...{ seconds: this.#seconds(), partial: this.#runner.partial },
      isAborted: this.#options.signal?.aborted === true,
    };
  }

  #rate(): number | null {
    const { schedule } = this.#options;
    if (!schedule) return null;
    const rate = schedule(this.#step, { epoch: this.#epoch, loss: this.#loss });
    if (typeof rate === 'number' && Number.isFinite(rate) && rate >= 0) return rate;
    throw new RuntimeError(
      'invalid-input',
      `the schedule gives ${typeof rate === 'number' ? rate : kindOf(rate)} as the learning rate of step ${this.#step}`,
    );
  }

  async #tell(learningRate: number | null, more: Readonly<Record<string, number>> = {}) {
    const { onStep, log, checkpoint, steps } = this.#options;
    const { loss = Number.NaN, ...metrics } = this.#means.values();
    this.#step++;
    this.#loss = loss;
    const step: FitStep = {
      ...{
        epoch: this.#epoch,
        step: this.#step,
        steps: steps === undefined ? null : this.#from + steps,
      },
      ...{ loss, metrics: { ...metrics, ...more }, learningRate },
      ...{ partialRows: this.#partialRows, seconds: this.#seconds() },
    };
    this.#ofEpoch.add({ loss, ...step.metrics }, 1);
    [this.#means, this.#batches, this.#partialRows] = [new Means(), 0, null];
    [this.#last, this.#saved] = [step, false];
    await log?.(lineOf(step));
    await onStep?.(step);
    if (checkpoint && (this.#step - this.#from) % checkpoint.every === 0) await this.#save(step);
  }

  async #save(step: FitStep): Promise<void> {
    await this.#options.checkpoint?.save(step);
    this.#saved = true;
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }
}

/** Errors: `unknown-name`, which says what trains here where that is not called `train`. */
function checkTraining(
  plan: Plan,
  { program }: FitOptions,
  names: readonly (string | null)[],
): void {
  const trainings = Object.entries(plan.programs).flatMap(([name, { inputs }]) =>
    !name.includes('.') && inputs.some((input) => input.name === 'learningRate') ? [name] : [],
  );
  const [batch, update] = names;
  if (program === undefined && batch === 'train' && !Object.hasOwn(plan.programs, batch)) {
    const hint =
      trainings.length > 0
        ? `; the option 'program' names the training: ${trainings.map((name) => `'${name}'`).join(' or ')}`
        : ': its model has no training';
    throw new RuntimeError('unknown-name', `plan '${plan.name}' has no program 'train'${hint}`);
  }
  const training = program ?? 'train';
  const isTraining = trainings.includes(training);
  if (isTraining && update && !Object.hasOwn(plan.programs, update))
    throw new RuntimeError(
      'unknown-name',
      `plan '${plan.name}' has no program '${update}'; to accumulate, the model's training says 'accumulate: true'`,
    );
  for (const name of names) if (name !== null) programOf(plan, name);
}

function lineOf({ epoch, step, loss, metrics, learningRate, partialRows: rows, seconds }: FitStep) {
  return JSON.stringify({
    ...{ epoch, step, loss, ...metrics },
    ...(learningRate === null ? {} : { learningRate }),
    ...(rows === null ? {} : { partialRows: rows }),
    seconds: Number(seconds.toFixed(3)),
  });
}

const rateInput = (rate: number | null): Batch => (rate === null ? {} : { learningRate: rate });
