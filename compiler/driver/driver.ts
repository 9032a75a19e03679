import { type SchedulePasses, verified } from '../plan-search/placement.ts';
import { checksMeaning } from './checks.ts';
import type { PassOptions } from './pass.ts';
import { PASS_NAMES, type PassName } from './pass-names.ts';
import { PASSES } from './passes.ts';
import type { PassTiming } from './result.ts';

type Row<Name extends PassName> = (typeof PASSES)[Name];
type Input<Name extends PassName> = Parameters<Row<Name>['run']>[0];
type Output<Name extends PassName> = ReturnType<Row<Name>['run']>;
type Knobs<Name extends PassName> =
  Parameters<Row<Name>['run']> extends [unknown, unknown, infer Turned] ? Turned : null;

/** The rows without the types that tell them apart. */
interface AnyPass {
  readonly name: PassName;
  readonly tried?: true;
  run(value: unknown, options: PassOptions, knobs: unknown): unknown;
  print(made: unknown): string;
  verify(made: unknown, options: PassOptions): readonly string[];
  sameMeaning?(before: unknown, after: unknown): string | null;
}

/** Something that a pass made. */
interface Made {
  readonly pass: AnyPass;
  readonly from: unknown;
  readonly value: object;
  /** Whether it is what the pass was given. */
  readonly isSame: boolean;
  isVerified: boolean;
}

/**
 * Runs the passes of one compilation. What a pass makes is verified and kept; what a search tries is verified once it is chosen. For
 * the same input and knobs the driver gives the same object, so that a search reruns only what its knobs touch.
 */
export class Driver {
  readonly options: PassOptions;
  /** What a search over schedules runs. */
  readonly schedulePasses: SchedulePasses = {
    order: (schedule) => this.run('order', schedule),
    shareParts: (ordered) => this.run('share-parts', ordered),
    act: (ordered, chosen) => this.run('actions', ordered, chosen),
    inPlace: (schedule) => this.run('in-place', schedule),
    allocate: (merged, options) => this.run('allocate', merged, options),
    known: new WeakMap(),
  };
  /** By object that passes made or were given: what made it. */
  readonly #made = new WeakMap<object, Made>();
  /** By input, pass and knobs: what was made of it. */
  readonly #results = new WeakMap<object, Map<string, unknown>>();
  readonly #identities = new WeakMap<object, number>();
  #identityCount = 0;
  readonly #timings = new Map<
    PassName,
    { runs: number; reused: number; seconds: number; verificationSeconds: number }
  >();

  constructor(options: PassOptions) {
    this.options = options;
  }

  /**
   * What a pass makes of a value.
   * @throws Error that names the pass where its result is not valid: a defect of btc, not of the model
   */
  run<Name extends PassName>(
    name: Name,
    value: Input<Name>,
    ...[knobs]: Knobs<Name> extends null ? [] : [Knobs<Name>]
  ): Output<Name> {
    const key = `${name} ${this.#keyOf(knobs ?? null)}`;
    const results = this.#results.get(value as object) ?? new Map<string, unknown>();
    this.#results.set(value as object, results);
    const timing = this.#timingOf(name);
    const known = results.get(key);
    if (known !== undefined) {
      timing.reused++;
      return known as Output<Name>;
    }
    const pass = PASSES[name] as unknown as AnyPass;
    if (!pass.tried) this.options.onPass?.(name);
    const started = performance.now();
    const running = pass.run(value, this.options, knobs ?? null);
    const finished = (made: unknown) => {
      timing.runs++;
      timing.seconds += (performance.now() - started) / 1e3;
      return this.#keep(pass, value, made as object);
    };
    const made = running instanceof Promise ? running.then(finished) : finished(running);
    results.set(key, made);
    return made as Output<Name>;
  }

  /**
   * What a search has chosen, with all that led to it verified.
   * @throws Error as {@link run}
   */
  chosen<Value>(value: Value): Value {
    for (const made of this.#wayTo(value)) this.#verify(made);
    return value;
  }

  /** The texts of what led to a value, from the first pass on. */
  *history(value: unknown): Generator<readonly [PassName, () => string]> {
    for (const { pass, value: made } of this.#wayTo(value))
      yield [pass.name, () => pass.print(made)];
  }

  #wayTo(value: unknown): Made[] {
    const steps: Made[] = [];
    for (let at = this.#made.get(value as object); at; at = this.#made.get(at.from as object))
      steps.push(at);
    return steps.reverse();
  }

  /** Of the passes that ran, in their order. */
  timings(): readonly PassTiming[] {
    return PASS_NAMES.flatMap((pass) => {
      const timing = this.#timings.get(pass);
      return timing ? [{ pass, ...timing }] : [];
    });
  }

  #keep(pass: AnyPass, from: unknown, result: object): object {
    // One object is the result of one pass, or the way back would be lost.
    const value = result === from || this.#made.has(result) ? { ...result } : result;
    const made = { pass, from, value, isSame: result === from, isVerified: false };
    this.#made.set(value, made);
    if (!pass.tried || checksMeaning()) this.#verify(made);
    return value;
  }

  #verify(made: Made): void {
    if (made.isVerified || this.options.isUnverified) return;
    made.isVerified = true;
    if (this.#isAsBefore(made)) return;
    const { pass, from, value } = made;
    const started = performance.now();
    const problems = pass.verify(value, this.options);
    const difference = checksMeaning() ? pass.sameMeaning?.(from, value) : null;
    this.#timingOf(pass.name).verificationSeconds += (performance.now() - started) / 1e3;
    verified(pass.name, value, problems);
    if (difference)
      throw new Error(`internal error: '${pass.name}' changed what is computed: ${difference}`);
  }

  /** Whether a pass changed nothing of what another one made, which was verified in the same way. */
  #isAsBefore({ pass, from, isSame }: Made): boolean {
    const before = isSame ? this.#made.get(from as object) : undefined;
    return before?.isVerified === true && before.pass.verify === pass.verify;
  }

  #timingOf(pass: PassName) {
    const known = this.#timings.get(pass);
    if (known) return known;
    const timing = { runs: 0, reused: 0, seconds: 0, verificationSeconds: 0 };
    this.#timings.set(pass, timing);
    return timing;
  }

  /** Numbers and texts count by value, objects without a plain form by identity. */
  #keyOf(knobs: unknown): string {
    return JSON.stringify(knobs, (key, value) => {
      if (key === '' || typeof value !== 'object' || value === null) return textOf(value);
      return isPlain(value) ? value : `#${this.#identityOf(value)}`;
    });
  }

  #identityOf(value: object): number {
    let identity = this.#identities.get(value);
    if (identity === undefined) {
      identity = this.#identityCount++;
      this.#identities.set(value, identity);
    }
    return identity;
  }
}

/** JSON has no infinity and no functions. */
const textOf = (value: unknown) =>
  typeof value === 'object' || value === null ? value : String(value);

/** Whether all that an object holds are numbers, texts and the like. */
const isPlain = (value: object) =>
  Object.values(value).every((field) => typeof field !== 'object' || field === null);
